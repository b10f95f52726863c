"""The computational graph of one example as a document, with the chain rule as products."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mlpcli.explaining.documents.document import Document, Quantity, Section, Subsection
from mlpcli.explaining.graph import NUDGE, Edge, Graph, Node, forward_mode, mean_gradients, product
from mlpcli.explaining.notation import SYMBOLS
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
GIVEN = {"input": "given", "target": "given", "parameter": "learned"}
DROPOUT = (
    " Dropout multiplies by m: by 0 what it switches off, and by 1 / (1 − rate) what stays on; here"
    " as the first step draws it."
)


def graph_document(graphs: Sequence[Graph]) -> Document:
    """Return the nodes, the edges and, unless nodes are layers, the chain rule as products.

    Of several examples each has its own graph, and the gradient of a batch is the mean of theirs.
    """
    first = graphs[0]
    notation = first.notation
    sizes = "-".join(map(str, first.sizes))
    nodes, edges = count(len(first.nodes), "node"), count(len(first.edges), "edge")
    words = f"{sizes}: {ITEMS[first.detail]}. {nodes}, {edges}."
    if first.detail != "layers":
        words += f" In brackets is the number of a unit, from 1 on; {notation.index_words}."
    if first.has_dropout:
        words += DROPOUT
    sections = [Section("The graph", words=words)]
    for graph in graphs:
        if len(graphs) > 1:
            sections.append(Section(f"Example {graph.example}"))
        sections += _sections(graph, Section if len(graphs) == 1 else Subsection)
    if len(graphs) > 1:
        sections.append(_means(graphs))
    elif first.detail != "layers":
        sections.append(_two_modes(first))
    which = ", ".join(str(graph.example) for graph in graphs)
    if first.example == 0:
        title = f"The computational graph of {first.name}"
    elif len(graphs) == 1:
        title = f"The computational graph of {first.name}, example {which}"
    else:
        title = f"The computational graphs of {first.name}, examples {which}"
    return Document(title, sections, opening=notation.words, see=SYMBOLS)


def _sections(graph: Graph, kind: type[Section]) -> Iterator[Section]:
    node_rows = [["node", "computed by", "value", "∂L/∂node"]]
    for node in graph.nodes:
        operation = node.operation or GIVEN[node.kind]
        if node.label:
            operation = f"{operation}: {node.label}"
        node_rows.append([node.name, operation, _written(node.value), _written(node.gradient)])
    edge_rows = [["from", "to", "derivative", "is"]]
    for edge in graph.edges:
        derivative = _written(edge.derivative)
        edge_rows.append([edge.start.name, edge.end.name, edge.symbol, derivative])
    yield kind("The nodes", rows=node_rows)
    yield kind(
        "The edges",
        words="The local derivative of the end of an edge with respect to its start.",
        rows=edge_rows,
    )
    if graph.detail == "layers":
        return
    yield kind(
        "The chain rule",
        words="The gradient of a parameter is the product of the derivatives along its "
        "path to L, summed over the paths. Beside each sum is what backpropagation found.",
    )
    for node in graph.nodes:
        if node.kind == "parameter":
            yield _products(graph, node)


def _means(graphs: Sequence[Graph]) -> Section:
    """Return the gradients of all examples and their mean, which a step of the batch takes."""
    means = mean_gradients(graphs)
    rows = [["parameter", *(f"example {graph.example}" for graph in graphs), "mean"]]
    for name, mean in means.items():
        own = [_written(graph.node(name).gradient) for graph in graphs]
        rows.append([name, *own, _written(mean)])
    losses = [graph.node("L").value for graph in graphs]
    rows.append(["L", *map(_written, losses), _written(np.mean(losses, axis=0))])
    return Section(
        "The mean over the examples",
        words="The loss of a batch is the mean of its examples' losses, so its gradient, the one "
        "that a step takes, is the mean of theirs. In the last row are the losses.",
        rows=rows,
    )


def _two_modes(graph: Graph) -> Section:
    """Return forward mode beside reverse mode, with what each costs."""
    parameters = [node for node in graph.nodes if node.kind == "parameter"]
    seed, edges = parameters[0], len(graph.edges)
    forward = forward_mode(graph, seed)
    rows = [["node", f"forward: ∂node/∂{seed.name}", "reverse: ∂L/∂node", "nudged: Δnode"]]
    for node in graph.nodes:
        if node.kind == "operation" or node is seed or node.kind == "loss":
            changes = forward[node.name], node.gradient, graph.nudged[node.name]
            rows.append([node.name, *(_written(np.asarray(each)) for each in changes)])
    n = len(parameters)
    return Section(
        "Forward mode and reverse mode",
        words="Forward mode carries the derivatives with respect to one parameter along the "
        f"edges, from {seed.name} to L: below, its column ends in ∂L/∂{seed.name}. It multiplies "
        f"once an edge, {edges} times, and begins again for each of the {n} parameters: "
        f"{edges * n:,} products. Reverse mode carries the derivatives of L back along the same "
        f"edges: one pass, {edges} products, has ∂L/∂ every node, so of every parameter. That is "
        "backpropagation. Forward mode is the cheaper one where a function has more outputs than "
        f"inputs. Nudged: {seed.name} is made {NUDGE:g} larger, and each node changes by about "
        f"{NUDGE:g} times its derivative.",
        rows=rows,
    )


def graph_facts(graphs: Sequence[Graph]) -> dict[str, Any]:
    """Return the same for JSON, with every digit."""
    if len(graphs) == 1:
        return _facts(graphs[0])
    return {
        "config": graphs[0].name,
        "examples": [_facts(graph) for graph in graphs],
        "mean_gradients": {name: _fact(mean) for name, mean in mean_gradients(graphs).items()},
    }


def _facts(graph: Graph) -> dict[str, Any]:
    return {
        "config": graph.name,
        "notation": graph.notation.name,
        "example": graph.example or None,
        "network": list(graph.sizes),
        "detail": graph.detail,
        "nodes": [
            {
                "name": node.name,
                "label": node.label,
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
