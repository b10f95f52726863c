"""The computational graph of one example: what follows from what, and each local derivative.

Values and gradients are those of a step of training, so the chain rule can be checked on it: the
gradient of a node is the sum, over every path from it to the loss, of the product of the
derivatives along the path.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from mlpcli.config.schema.config import Config
from mlpcli.data.augmentation import Augmenter
from mlpcli.errors import ConfigError, DivergedError
from mlpcli.explaining.notation import subscript
from mlpcli.explaining.trace import LayerTrace, StepTrace, trace_step
from mlpcli.nn.arrays import Array
from mlpcli.nn.network import MLP
from mlpcli.nn.optimizers import SGD
from mlpcli.parallel.processors import one_blas_thread
from mlpcli.randomness import Purpose, generator
from mlpcli.reporting import Reporter
from mlpcli.training.setup import prepare

Detail = Literal["operations", "units", "layers"]
Kind = Literal["input", "parameter", "operation", "loss"]
MOST_OPERATIONS, MOST_UNITS, MOST_WEIGHTS, MOST_LAYERS = 8, 6, 12, 3
"""A longer chain is shown by its units; more units or weights in a layer, or more layers, by whole
layers."""


@dataclass(frozen=True)
class Node:
    """A number in the graph, or a whole layer's."""

    name: str
    operation: str
    """the formula that computes it; empty for an input or a parameter"""
    kind: Kind
    stage: int
    """number of operations between it and the input; a parameter has the stage of its user"""
    value: Array
    """a number (), or the numbers of a layer"""
    gradient: Array
    """dL/d(node), by backpropagation; shaped as the value"""


@dataclass(frozen=True)
class Edge:
    """The influence of one node on another."""

    start: Node
    end: Node
    symbol: str
    """of the derivative"""
    derivative: Array
    """d(end)/d(start): a number (); between layers the Jacobian (n_end, n_start), and of a weighted
    sum with respect to its weights the inputs (n_in,)"""
    weight: Node | None = None
    """the parameter whose value the derivative is"""


@dataclass(frozen=True)
class Graph:
    """The nodes in the order in which they are computed."""

    name: str
    """of the config"""
    example: int
    """from 1 on"""
    sizes: tuple[int, ...]
    detail: Detail
    nodes: list[Node]
    edges: list[Edge]

    @property
    def is_chain(self) -> bool:
        """Whether every layer is one unit, so that a single path leads from each node to L."""
        return max(self.sizes) == 1

    @property
    def has_dropout(self) -> bool:
        """Whether some numbers are multiplied by what dropout drew."""
        return any("′" in node.name for node in self.nodes)

    def node(self, name: str) -> Node:
        """Return the node of that name."""
        return next(node for node in self.nodes if node.name == name)

    def paths(self, start: Node) -> Iterator[list[Edge]]:
        """Yield every path from a node to the loss."""
        if start.kind == "loss":
            yield []
        for edge in self.edges:
            if edge.start is start:
                for rest in self.paths(edge.end):
                    yield [edge, *rest]


def product(path: Sequence[Edge]) -> float:
    """Return the product of the derivatives along a path of numbers."""
    return math.prod(float(edge.derivative) for edge in path)


def explain_graph(
    config: Config, example: int, *, data_dir: Path | None = None, reporter: Reporter | None = None
) -> Graph:
    """Return the graph of a training example in the network at its start.

    Args:
        config: of the run.
        example: its number, from 1 on.
        data_dir: the cache of datasets; None for the usual one.
        reporter: follows a download.

    Raises:
        ConfigError: there are fewer examples, or the examples of a batch depend on each other.
        DataError: the data cannot be had.
        DivergedError: a number is not finite.
    """
    if config.network.batch_norm:
        raise ConfigError(
            "network.batch_norm: every example of a batch has a part in the mean and variance of "
            "the others, so there is no graph of one example; leave it out with "
            "network.batch_norm=false, or see the whole batch without --graph."
        )
    setup = prepare(config, data_dir, reporter or Reporter())
    if example > len(setup.training):
        raise ConfigError(f"--example {example}: there are {len(setup.training):,} of them.")
    network = setup.network
    x = np.empty((1, network.sizes[0]), network.dtype)
    t = np.empty((1, network.sizes[-1]), network.dtype)
    augmenter = Augmenter.from_config(config, setup.training.image_shape)
    setup.batches.fill(np.array([example - 1]), 1, augmenter, x, t)
    network.draw_dropout(1, generator(config.seed, Purpose.DROPOUT, 1))
    still = SGD()
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        step = trace_step(network, setup.loss, still, {}, x, t, 0.0, differences=False)
        stages = list(_stages(network, step, config.loss.name))
        detail = _detail(network.sizes)
        if detail == "layers":
            nodes, edges = _by_layers(stages)
        else:
            nodes, edges = _by_numbers(stages, products=detail == "operations")
    for symbol, values in _figures(nodes, edges):
        if not np.isfinite(values).all():
            raise DivergedError(
                f"{symbol} is not finite for this example; begin with smaller weights."
            )
    return Graph(config.name or "network", example, network.sizes, detail, nodes, edges)


@dataclass(frozen=True)
class _Stage:
    """The numbers of one kind that are computed together."""

    symbol: str
    operation: str
    """{0} stands for its argument, and {1} for its place, such as [2]"""
    value: Array
    """(n,)"""
    gradient: Array
    """(n,)"""
    slope: Array | None = None
    """derivative (n,) of each number with respect to the one before it; of the loss, to all"""
    slope_symbol: str = ""
    layer: LayerTrace | None = None
    """the weights that lead to it, of a weighted sum"""

    def places(self) -> list[str]:
        """Return the place of each of its numbers; a single number has none."""
        return [f"[{i + 1}]" if len(self.value) > 1 else "" for i in range(len(self.value))]


def _detail(sizes: Sequence[int]) -> Detail:
    layers = len(sizes) - 1
    weights = max(a * b for a, b in itertools.pairwise(sizes))
    if max(sizes) == 1:
        return "operations" if layers <= MOST_OPERATIONS else "units"
    if max(sizes) <= MOST_UNITS and weights <= MOST_WEIGHTS and layers <= MOST_LAYERS:
        return "units"
    return "layers"


def _stages(network: MLP, step: StepTrace, loss: str) -> Iterator[_Stage]:
    """Yield the stages from the input to the loss."""
    came_in = [layer.backward(layer.delta)[0].copy() for layer in network.dense]
    before = "x"
    first = step.layers[0]
    yield _Stage(
        "x", "", step.x[0], came_in[0] if first.mask is None else came_in[0] * first.mask[0]
    )
    for layer, dx in zip(step.layers, came_in, strict=True):
        if layer.mask is not None:
            slope_symbol = subscript("m", layer.number - 1) + "{1}"
            symbol, what = f"{before}′", f"{{0}} · {slope_symbol}"
            yield _Stage(symbol, what, layer.a_in[0], dx, layer.mask[0], slope_symbol)
        before = subscript("z", layer.number)
        yield _Stage(before, "", layer.z[0], layer.delta[0], layer=layer)
        if layer.activation != "identity":
            slope, da = layer.slope[0], layer.da[0]
            before = subscript("a", layer.number)
            yield _Stage(before, f"{layer.activation}({{0}})", layer.a[0], da, slope, "σ′({0})")
    error = step.layers[-1].da[0]
    end = np.array([step.loss])
    yield _Stage("L", f"{loss}({before}, t)", end, np.ones(1), error, "∂L/∂{0}")


def _by_numbers(stages: Sequence[_Stage], *, products: bool) -> tuple[list[Node], list[Edge]]:
    """Return a node for each number and parameter, and also for each product if `products`."""
    nodes: list[Node] = []
    edges: list[Edge] = []
    before: list[Node] = []
    for at, stage in enumerate(stages):
        kind = _kind(at, stages)
        here = []
        for i, place in enumerate(stage.places()):
            name = stage.symbol + place
            operation = stage.operation.format(
                before[i % len(before)].name if before else "", place
            )
            if stage.layer is not None:
                operation = _sum(stage.layer, i, before, products)
            here.append(_number(name, operation, kind, at, stage.value[i], stage.gradient[i]))
        if stage.layer is not None:
            for j, end in enumerate(here):
                _weigh(stage.layer, j, before, end, nodes, edges, products=products)
        elif stage.slope is not None:
            ends = here * len(before) if kind == "loss" else here
            for start, end, slope in zip(before, ends, stage.slope, strict=True):
                symbol = stage.slope_symbol.format(start.name, end.name.removeprefix(stage.symbol))
                edges.append(Edge(start, end, symbol, np.array(slope)))
        nodes += here
        before = here
    return nodes, edges


def _sum(layer: LayerTrace, j: int, before: Sequence[Node], products: bool) -> str:
    """Return the formula of a weighted sum."""
    terms = [
        _element("u", layer, (i, j)) if products else f"{start.name} {_element('W', layer, (i, j))}"
        for i, start in enumerate(before)
    ]
    return " + ".join([*terms, _element("b", layer, (j,))])


def _weigh(
    layer: LayerTrace,
    j: int,
    before: Sequence[Node],
    end: Node,
    nodes: list[Node],
    edges: list[Edge],
    *,
    products: bool,
) -> None:
    """Add the parameters of a weighted sum, and the edges that lead to it."""
    at = end.stage
    for i, start in enumerate(before):
        value, gradient = layer.W.value[i, j], layer.W.gradient[i, j]
        weight = _number(_element("W", layer, (i, j)), "", "parameter", at, value, gradient)
        nodes.append(weight)
        target = end
        if products:  # a sum hands the error on as it is
            what = f"{start.name} · {weight.name}"
            result = start.value * value
            name = _element("u", layer, (i, j))
            target = _number(name, what, "operation", at, result, end.gradient)
            nodes.append(target)
        edges.append(Edge(start, target, weight.name, weight.value, weight))
        edges.append(Edge(weight, target, start.name, start.value))
        if products:
            edges.append(Edge(target, end, "1", np.ones(())))
    value, gradient = layer.b.value[j], layer.b.gradient[j]
    bias = _number(_element("b", layer, (j,)), "", "parameter", at, value, gradient)
    nodes.append(bias)
    edges.append(Edge(bias, end, "1", np.ones(())))


def _by_layers(stages: Sequence[_Stage]) -> tuple[list[Node], list[Edge]]:
    """Return a node for each stage and each array of parameters, and their Jacobians."""
    first = stages[0]
    before = Node(first.symbol, "", "input", 0, first.value, first.gradient)
    nodes = [before]
    edges: list[Edge] = []
    for at, stage in enumerate(stages[1:], 1):
        kind = _kind(at, stages)
        what = stage.operation.format(before.name, "")
        if stage.layer is not None:
            layer = stage.layer
            W, b = (subscript(each, layer.number) for each in "Wb")
            weight = Node(W, "", "parameter", at, layer.W.value, layer.W.gradient)
            bias = Node(b, "", "parameter", at, layer.b.value, layer.b.gradient)
            node = Node(
                stage.symbol, f"{before.name} {W} + {b}", kind, at, stage.value, stage.gradient
            )
            nodes += [weight, bias]
            edges += [
                Edge(before, node, f"{W}ᵀ", layer.W.value.T, weight),
                Edge(weight, node, before.name, before.value),
                Edge(bias, node, "I", np.eye(len(stage.value))),
            ]
        elif stage.slope is not None:
            node = Node(stage.symbol, what, kind, at, stage.value, stage.gradient)
            symbol = stage.slope_symbol.format(before.name, "")
            if kind == "loss":
                edges.append(Edge(before, node, symbol, stage.slope[np.newaxis]))
            else:
                edges.append(Edge(before, node, f"diag {symbol}", np.diag(stage.slope)))
        nodes.append(node)
        before = node
    return nodes, edges


def _figures(nodes: Sequence[Node], edges: Sequence[Edge]) -> Iterator[tuple[str, Array]]:
    """Yield every number of a graph with its symbol, in the order of computation."""
    for node in nodes:
        yield node.name, node.value
    for node in reversed(nodes):
        yield f"∂L/∂{node.name}", node.gradient
    for edge in edges:
        yield f"∂{edge.end.name}/∂{edge.start.name}", edge.derivative


def _kind(at: int, stages: Sequence[_Stage]) -> Kind:
    if at == 0:
        return "input"
    return "loss" if at == len(stages) - 1 else "operation"


def _number(
    name: str,
    operation: str,
    kind: Kind,
    stage: int,
    value: float | Array,
    gradient: float | Array,
) -> Node:
    return Node(name, operation, kind, stage, np.array(value), np.array(gradient))


def _element(symbol: str, layer: LayerTrace, at: tuple[int, ...]) -> str:
    """Return W₁[2,1] for the place (1, 0), or W₁ where it is the only one."""
    name = subscript(symbol, layer.number)
    values = layer.b.value if len(at) == 1 else layer.W.value
    return name if values.size == 1 else f"{name}[{','.join(str(i + 1) for i in at)}]"
