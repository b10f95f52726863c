"""The computational graph of one example as a document, with the chain rule as products."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mlpcli.explaining.documents.document import Document, Quantity, Section, Subsection
from mlpcli.explaining.graph import NUDGE, Edge, Graph, Node, forward_mode, mean_gradients, product
from mlpcli.explaining.notation import SYMBOLS
from mlpcli.language import N_, _, counted, joined
from mlpcli.nn.arrays import Array
from mlpcli.text import number

MOST_PATHS = 12
"""number of paths of a parameter that are written out"""
ITEMS = {
    "operations": N_("each operation is a node"),
    "units": N_("each unit and each parameter is a node"),
    "layers": N_(
        "the network is too large to print each number, so each layer is a node, shown by its "
        "shape and norm"
    ),
}
GIVEN = {"input": N_("given"), "target": N_("given"), "parameter": N_("learned")}
DROPOUT = N_(
    "Dropout multiplies by m: by 0 what it switches off, and by 1 / (1 − rate) what stays on; here "
    "as the first epoch draws it."
)


def graph_document(graphs: Sequence[Graph]) -> Document:
    """Return the nodes, the edges and, unless nodes are layers, the chain rule as products.

    Of several examples each has its own graph, and the gradient of a batch is the mean of theirs.
    """
    first = graphs[0]
    notation = first.notation
    sizes = "-".join(map(str, first.sizes))
    words = _(
        "{sizes}: {items}. {nodes}, {edges}.",
        sizes=sizes,
        items=_(ITEMS[first.detail]),
        nodes=counted("{n} node", "{n} nodes", len(first.nodes)),
        edges=counted("{n} edge", "{n} edges", len(first.edges)),
    )
    if first.detail != "layers" and not first.is_chain:
        indices = _(
            "In brackets is the number of a unit, from 1 on; {indices}.",
            indices=_(notation.index_words),
        )
        words = joined(words, indices)
    if first.has_dropout:
        words = joined(words, _(DROPOUT))
    sections = [Section(_("The graph"), words=words)]
    for graph in graphs:
        if len(graphs) > 1:
            sections.append(Section(_("Example {n}", n=graph.example)))
        sections += _sections(graph, Section if len(graphs) == 1 else Subsection)
    if len(graphs) > 1:
        sections.append(_means(graphs))
    elif first.detail != "layers":
        sections.append(_two_modes(first))
    which = ", ".join(str(graph.example) for graph in graphs)
    if first.example == 0:
        title = _("The computational graph of {name}", name=first.name)
    elif len(graphs) == 1:
        title = _("The computational graph of {name}, example {n}", name=first.name, n=which)
    else:
        title = _(
            "The computational graphs of {name}, examples {numbers}", name=first.name, numbers=which
        )
    return Document(title, sections, opening=_(notation.words), see=SYMBOLS)


def _sections(graph: Graph, kind: type[Section]) -> Iterator[Section]:
    node_rows = [[_("node"), _("computed by"), _("value"), _("∂L/∂node")]]
    for node in graph.nodes:
        operation = node.operation or _(GIVEN[node.kind])
        if node.label:
            operation = f"{operation}: {node.label}"
        node_rows.append([node.name, operation, _written(node.value), _written(node.gradient)])
    edge_rows = [[_("from"), _("to"), _("derivative"), _("is")]]
    for edge in graph.edges:
        derivative = _written(edge.derivative)
        edge_rows.append([edge.start.name, edge.end.name, edge.symbol, derivative])
    yield kind(_("The nodes"), rows=node_rows)
    yield kind(
        _("The edges"),
        words=_("The local derivative of the end of an edge with respect to its start."),
        rows=edge_rows,
    )
    if graph.detail == "layers":
        return
    yield kind(
        _("The chain rule"),
        words=_(
            "The gradient of a parameter is the product of the derivatives along its path to L, "
            "summed over the paths. Beside each sum is what backpropagation found."
        ),
    )
    for node in graph.nodes:
        if node.kind == "parameter":
            yield _products(graph, node)


def _means(graphs: Sequence[Graph]) -> Section:
    """Return the gradients of all examples and their mean, which a step of the batch takes."""
    means = mean_gradients(graphs)
    rows = [[_("parameter"), *(_("example {n}", n=graph.example) for graph in graphs), _("mean")]]
    for name, mean in means.items():
        own = [_written(graph.node(name).gradient) for graph in graphs]
        rows.append([name, *own, _written(mean)])
    losses = [graph.node("L").value for graph in graphs]
    rows.append(["L", *map(_written, losses), _written(np.mean(losses, axis=0))])
    return Section(
        _("The mean over the examples"),
        words=_(
            "The loss of a batch is the mean of its examples' losses, so its gradient, the one "
            "that a step takes, is the mean of theirs. In the last row are the losses."
        ),
        rows=rows,
    )


def _two_modes(graph: Graph) -> Section:
    """Return forward mode beside reverse mode, with what each costs."""
    seed, edges = _seed(graph), len(graph.edges)
    forward = forward_mode(graph, seed)
    rows = [
        [
            _("node"),
            _("forward: ∂node/∂{seed}", seed=seed.name),
            _("reverse: ∂L/∂node"),
            _("nudged: Δnode"),
        ]
    ]
    for node in graph.nodes:
        if node.kind == "operation" or node is seed or node.kind == "loss":
            changes = forward[node.name], node.gradient, graph.nudged[node.name]
            rows.append([node.name, *(_written(np.asarray(each)) for each in changes)])
    n = sum(node.kind == "parameter" for node in graph.nodes)
    return Section(
        _("Forward mode and reverse mode"),
        words=_(
            "Forward mode carries the derivatives with respect to one parameter along the edges, "
            "from {seed} to L: below, its column ends in ∂L/∂{seed}. It multiplies once an edge, "
            "{edges} times, and begins again for each of the {n} parameters: {products:,} "
            "products. Reverse mode carries the derivatives of L back along the same edges: one "
            "pass of {edges} products gives ∂L/∂node for every node, so for every parameter. That "
            "is backpropagation. Forward mode is the cheaper one where a function has more "
            "outputs than inputs. Nudged: {seed} is made {nudge:g} larger, and each node changes "
            "by about {nudge:g} times its derivative.",
            seed=seed.name,
            edges=edges,
            n=n,
            products=edges * n,
            nudge=NUDGE,
        ),
        rows=rows,
    )


def _seed(graph: Graph) -> Node:
    """Return the first parameter, from which forward mode goes."""
    return next(node for node in graph.nodes if node.kind == "parameter")


def graph_facts(graphs: Sequence[Graph]) -> dict[str, Any]:
    """Return the same for JSON, with every digit."""
    first = graphs[0]
    if len(graphs) == 1 and first.detail == "layers":
        return _facts(first)
    if len(graphs) == 1:
        seed = _seed(first)
        nudged = {name: _fact(change) for name, change in first.nudged.items()}
        modes = {"parameter": seed.name, "forward": forward_mode(first, seed)}
        return _facts(first) | modes | {"nudge": NUDGE, "nudged": nudged}
    return {
        "config": first.name,
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
    total = _(
        "{sum}; by backpropagation {gradient}.",
        sum=number(sum(map(product, paths))),
        gradient=_written(node.gradient),
    )
    if len(paths) == 1:
        return Subsection(title, words=f"{_steps(paths[0])}: {_factors(paths[0])} = {total}")
    words = _("The sum over {n} paths is {total}", n=len(paths), total=total)
    if len(paths) > MOST_PATHS:
        words = joined(words, _("The first {first} of {n} paths:", first=MOST_PATHS, n=len(paths)))
    rows = [[_("path"), _("product of the derivatives")]]
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
    norm = Quantity("", "", values).summary()["norm"]
    return _("{shape}, norm {norm:.4g}", shape=shape, norm=norm)
