"""The computational graph of one example as a document, with the chain rule as products."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mlpcli.explaining.documents.document import Document, Quantity, Section, number
from mlpcli.text import count

if TYPE_CHECKING:
    from mlpcli.explaining.graph import Edge, Graph, Node

MOST_PATHS = 12
"""number of paths of one parameter that are written out"""

ITEMS = {
    "operations": "each operation is a node",
    "units": "each unit and each parameter is a node",
    "layers": "the network is too large to print each number, so each layer is a node, told by "
    "its shape and norm",
}

DROPOUT = (
    " Dropout multiplies by m: by 0 what it switches off, and by 1 / (1 − rate) what stays on; here"
    " as a first step draws it."
)


def graph_document(graph: "Graph") -> Document:
    """Return the nodes, the edges and the chain rule."""
    document = Document(f"The computational graph of {graph.name}, example {graph.example}")
    sizes = "-".join(map(str, graph.sizes))
    document.sections = [
        Section(
            "The graph",
            words=f"{sizes}: {ITEMS[graph.detail]}. {count(len(graph.nodes), 'node')}, "
            f"{count(len(graph.edges), 'edge')}.{DROPOUT if graph.has_dropout else ''}",
        ),
        Section("The nodes", rows=list(_node_rows(graph))),
        Section(
            "The edges",
            words="The local derivative of the end of an edge with respect to its start.",
            rows=list(_edge_rows(graph)),
        ),
    ]
    if graph.detail != "layers":
        document.sections += [
            Section(
                "The chain rule",
                words="The gradient of a parameter is the product of the derivatives along its "
                "path to L, summed over the paths. Beside each sum is what backpropagation found.",
            ),
            *(_products(graph, node) for node in graph.nodes if node.kind == "parameter"),
        ]
    return document


def graph_facts(graph: "Graph") -> dict[str, Any]:
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


def _fact(values: Any) -> Any:
    return values.item() if values.ndim == 0 else Quantity("", "", values).facts()


def _node_rows(graph: "Graph") -> Iterator[list[str]]:
    yield ["node", "computed by", "value", "∂L/∂node"]
    for node in graph.nodes:
        yield [
            node.name,
            node.operation or {"input": "given", "parameter": "learned"}[node.kind],
            _shown(node.value),
            _shown(node.gradient),
        ]


def _edge_rows(graph: "Graph") -> Iterator[list[str]]:
    yield ["from", "to", "derivative", "is"]
    for edge in graph.edges:
        yield [edge.start.name, edge.end.name, edge.symbol, _shown(edge.derivative)]


def _products(graph: "Graph", node: "Node") -> Section:
    from mlpcli.explaining.graph import product

    title = f"∂L/∂{node.name}"
    paths = list(graph.paths(node))
    total = f"{number(sum(map(product, paths)))}; by backpropagation {_shown(node.gradient)}."
    if len(paths) == 1:
        (path,) = paths
        return Section(title, 3, words=f"{_way(path)}: {_factors(path)} = {total}")
    shown = paths[:MOST_PATHS]
    some = f" The first {MOST_PATHS} of {len(paths)} paths:" if len(shown) < len(paths) else ""
    return Section(
        title,
        3,
        words=f"The sum over {len(paths)} paths is {total}{some}",
        rows=[
            ["path", "product of the derivatives"],
            *([_way(path), f"{_factors(path)} = {number(product(path))}"] for path in shown),
        ],
    )


def _way(path: "Sequence[Edge]") -> str:
    return " → ".join([path[0].start.name, *(edge.end.name for edge in path)])


def _factors(path: "Sequence[Edge]") -> str:
    return " · ".join(f"{float(edge.derivative) + 0.0:.6g}" for edge in path)


def _shown(values: Any) -> str:
    if values.size == 1:
        return number(values.item())
    figures = Quantity("", "", values).summary()
    return f"{'×'.join(map(str, values.shape))}, norm {figures['norm']:.4g}"
