"""The computational graph of one example as a document, with the chain rule as products."""

from collections.abc import Sequence
from typing import Any

from mlpcli.explaining.documents.document import Document, Quantity, Section, Subsection
from mlpcli.explaining.graph import Edge, Graph, Node, product
from mlpcli.nn.arrays import Array
from mlpcli.text import count, number

MOST_PATHS = 12
"""number of paths of a parameter that are written out"""
ITEMS = {
    "operations": "each operation is a node",
    "units": "each unit and each parameter is a node",
    "layers": "the network is too large to print each number, so each layer is a node, shown by "
    "its shape and norm",
}
GIVEN = {"input": "given", "parameter": "learned"}
DROPOUT = (
    " Dropout multiplies by m: by 0 what it switches off, and by 1 / (1 − rate) what stays on; here"
    " as the first step draws it."
)


def graph_document(graph: Graph) -> Document:
    """Return the nodes, the edges and, unless nodes are layers, the chain rule as products."""
    sizes = "-".join(map(str, graph.sizes))
    nodes, edges = count(len(graph.nodes), "node"), count(len(graph.edges), "edge")
    words = f"{sizes}: {ITEMS[graph.detail]}. {nodes}, {edges}."
    if graph.has_dropout:
        words += DROPOUT
    node_rows = [["node", "computed by", "value", "∂L/∂node"]]
    for node in graph.nodes:
        operation = node.operation or GIVEN[node.kind]
        node_rows.append([node.name, operation, _written(node.value), _written(node.gradient)])
    edge_rows = [["from", "to", "derivative", "is"]]
    for edge in graph.edges:
        derivative = _written(edge.derivative)
        edge_rows.append([edge.start.name, edge.end.name, edge.symbol, derivative])
    sections = [
        Section("The graph", words=words),
        Section("The nodes", rows=node_rows),
        Section(
            "The edges",
            words="The local derivative of the end of an edge with respect to its start.",
            rows=edge_rows,
        ),
    ]
    if graph.detail != "layers":
        sections.append(
            Section(
                "The chain rule",
                words="The gradient of a parameter is the product of the derivatives along its "
                "path to L, summed over the paths. Beside each sum is what backpropagation found.",
            )
        )
        sections += [_products(graph, node) for node in graph.nodes if node.kind == "parameter"]
    title = f"The computational graph of {graph.name}, example {graph.example}"
    return Document(title, sections)


def graph_facts(graph: Graph) -> dict[str, Any]:
    """Return the same for JSON, with every digit."""
    return {
        "config": graph.name,
        "example": graph.example,
        "network": list(graph.sizes),
        "detail": graph.detail,
        "nodes": [
            {
                "name": node.name,
                "kind": node.kind,
                "operation": node.operation,
                "value": _fact(node.value),
                "gradient": _fact(node.gradient),
            }
            for node in graph.nodes
        ],
        "edges": [
            {
                "start": edge.start.name,
                "end": edge.end.name,
                "symbol": edge.symbol,
                "derivative": _fact(edge.derivative),
            }
            for edge in graph.edges
        ],
    }


def _fact(values: Array) -> Any:
    return values.item() if values.ndim == 0 else Quantity("", "", values).facts()


def _products(graph: Graph, node: Node) -> Section:
    title = f"∂L/∂{node.name}"
    paths = list(graph.paths(node))
    total = f"{number(sum(map(product, paths)))}; by backpropagation {_written(node.gradient)}."
    if len(paths) == 1:
        return Subsection(title, words=f"{_steps(paths[0])}: {_factors(paths[0])} = {total}")
    words = f"The sum over {len(paths)} paths is {total}"
    if len(paths) > MOST_PATHS:
        words += f" The first {MOST_PATHS} of {len(paths)} paths:"
    rows = [["path", "product of the derivatives"]]
    for path in paths[:MOST_PATHS]:
        rows.append([_steps(path), f"{_factors(path)} = {number(product(path))}"])
    return Subsection(title, words=words, rows=rows)


def _steps(path: Sequence[Edge]) -> str:
    return " → ".join([path[0].start.name, *(edge.end.name for edge in path)])


def _factors(path: Sequence[Edge]) -> str:
    return " · ".join(f"{float(edge.derivative) + 0.0:.6g}" for edge in path)


def _written(values: Array) -> str:
    if values.size == 1:
        return number(values.item())
    shape = "×".join(map(str, values.shape))
    return f"{shape}, norm {Quantity('', '', values).summary()['norm']:.4g}"
