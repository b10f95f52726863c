"""The computational graph of one example: its nodes, and the local derivative along each edge.

Values and gradients are those of a step of training, so they verify the chain rule: a node's
gradient is the sum, over every path from it to the loss, of the product of the derivatives along
the path.
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
"""A chain of more layers is shown by its units, not its operations; a network with more units or
weights in a layer, or more layers, is shown layer by layer."""


@dataclass(frozen=True)
class Node:
    """A number in the graph, or all numbers of a layer."""

    name: str
    operation: str
    """how it is computed; empty for an input or a parameter"""
    kind: Kind
    stage: int
    """number of operations between the input and it; a parameter has that of the node it enters"""
    value: Array
    """a number (), or the numbers of a layer"""
    gradient: Array
    """dL/d(value) by backpropagation, in the shape of `value`"""


@dataclass(frozen=True)
class Edge:
    """The dependence of one node on another."""

    start: Node
    end: Node
    symbol: str
    """symbol of the derivative"""
    derivative: Array
    """d(end)/d(start): a number (); between layers the Jacobian (n_end, n_start); of a weighted sum
    with respect to its weights, the layer's input (n_in,)"""
    weight: Node | None = None
    """the parameter whose value the derivative is"""


@dataclass(frozen=True)
class Graph:
    """A computational graph, its nodes in the order in which they are computed."""

    name: str
    """name of the config"""
    example: int
    """from 1 on"""
    sizes: tuple[int, ...]
    detail: Detail
    has_dropout: bool
    nodes: list[Node]
    edges: list[Edge]

    @property
    def is_chain(self) -> bool:
        """Whether every layer is one unit, so that a single path leads from each node to L."""
        return max(self.sizes) == 1

    def node(self, name: str) -> Node:
        """Return the node of this name."""
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
    """Return the graph of a training example, from 1 on, through the untrained network.

    Raises:
        ConfigError: there are fewer examples, or the examples of a batch depend on each other.
        DataError: the data cannot be loaded.
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
    detail = _detail(network.sizes)
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        step = trace_step(network, setup.loss, SGD(), {}, x, t, 0.0, differences=False)
        stages = list(_stages(network, step, config.loss.name))
        if detail == "layers":
            nodes, edges = _by_layers(stages)
        else:
            nodes, edges = _by_numbers(stages, products=detail == "operations")
    _refuse_unless_finite(nodes, edges)
    has_dropout = any(layer.mask is not None for layer in step.layers)
    name = config.name or "network"
    return Graph(name, example, network.sizes, detail, has_dropout, nodes, edges)


def _detail(sizes: Sequence[int]) -> Detail:
    layers = len(sizes) - 1
    weights = max(a * b for a, b in itertools.pairwise(sizes))
    if max(sizes) == 1:
        return "operations" if layers <= MOST_OPERATIONS else "units"
    if max(sizes) <= MOST_UNITS and weights <= MOST_WEIGHTS and layers <= MOST_LAYERS:
        return "units"
    return "layers"


@dataclass(frozen=True)
class _Stage:
    """Numbers of one kind that are computed together, each from the one before it.

    A weighted sum has its `layer` instead of a slope, and is computed from all before it.
    """

    kind: Kind
    symbol: str
    operation: str
    """{0} stands for the name of the number before, {1} for a place such as [2]"""
    value: Array
    """(n,)"""
    gradient: Array
    """(n,)"""
    slope: Array | None = None
    """(n,), the derivative of each; of the loss (n_before,), with respect to all before it"""
    slope_symbol: str = ""
    layer: LayerTrace | None = None

    def places(self) -> list[str]:
        """Return [1], [2] and so on; a single number has an empty place."""
        if len(self.value) == 1:
            return [""]
        return [f"[{i + 1}]" for i in range(len(self.value))]


def _stages(network: MLP, step: StepTrace, loss: str) -> Iterator[_Stage]:
    """Yield the stages from the input to the loss."""
    into_layers = [layer.backward(layer.delta)[0].copy() for layer in network.dense]
    dx, mask = into_layers[0], step.layers[0].mask
    yield _Stage("input", "x", "", step.x[0], dx if mask is None else dx * mask[0])
    before = "x"
    for layer, da_in in zip(step.layers, into_layers, strict=True):
        if layer.mask is not None:
            m = subscript("m", layer.number - 1) + "{1}"
            yield _Stage(
                "operation", f"{before}′", f"{{0}} · {m}", layer.a_in[0], da_in, layer.mask[0], m
            )
        before = subscript("z", layer.number)
        yield _Stage("operation", before, "", layer.z[0], layer.delta[0], layer=layer)
        if layer.activation != "identity":
            before = subscript("a", layer.number)
            sigma, slope = f"{layer.activation}({{0}})", layer.slope[0]
            yield _Stage("operation", before, sigma, layer.a[0], layer.da[0], slope, "σ′({0})")
    end, error = np.array([step.loss]), step.layers[-1].da[0]
    yield _Stage("loss", "L", f"{loss}({before}, t)", end, np.ones(1), error, "∂L/∂{0}")


def _by_numbers(stages: Sequence[_Stage], *, products: bool) -> tuple[list[Node], list[Edge]]:
    """Make a node of each number and each parameter, and on request of each product."""
    nodes: list[Node] = []
    edges: list[Edge] = []
    before: list[Node] = []
    for at, stage in enumerate(stages):
        here = []
        for i, place in enumerate(stage.places()):
            if stage.layer is not None:
                operation = _sum(stage.layer, i, before, products)
            elif before:
                operation = stage.operation.format(before[i].name, place)
            else:
                operation = ""
            value, gradient = np.array(stage.value[i]), np.array(stage.gradient[i])
            here.append(Node(stage.symbol + place, operation, stage.kind, at, value, gradient))
        if stage.layer is not None:
            for j, end in enumerate(here):
                _add_weights(stage.layer, j, before, end, nodes, edges, products)
        elif stage.slope is not None:
            for i, (start, slope) in enumerate(zip(before, stage.slope, strict=True)):
                end = here[0] if stage.kind == "loss" else here[i]
                symbol = stage.slope_symbol.format(start.name, end.name.removeprefix(stage.symbol))
                edges.append(Edge(start, end, symbol, np.array(slope)))
        nodes += here
        before = here
    return nodes, edges


def _sum(layer: LayerTrace, j: int, before: Sequence[Node], products: bool) -> str:
    """Return the weighted sum of unit j as it is written."""
    terms = []
    for i, start in enumerate(before):
        weighted = f"{start.name} {_weight_name('W', layer, i, j)}"
        terms.append(_weight_name("u", layer, i, j) if products else weighted)
    return " + ".join([*terms, _bias_name(layer, j)])


def _add_weights(
    layer: LayerTrace,
    j: int,
    before: Sequence[Node],
    end: Node,
    nodes: list[Node],
    edges: list[Edge],
    products: bool,
) -> None:
    """Add the weights and the bias of unit j, the products if asked for, and their edges."""
    one = np.ones(())
    for i, start in enumerate(before):
        value, gradient = np.array(layer.W.value[i, j]), np.array(layer.W.gradient[i, j])
        name = _weight_name("W", layer, i, j)
        weight = Node(name, "", "parameter", end.stage, value, gradient)
        nodes.append(weight)
        target = end
        if products:
            name, operation = _weight_name("u", layer, i, j), f"{start.name} · {weight.name}"
            result = np.array(start.value * value)
            # a sum passes its own gradient to each of its terms
            target = Node(name, operation, "operation", end.stage, result, end.gradient)
            nodes.append(target)
        edges.append(Edge(start, target, weight.name, weight.value, weight))
        edges.append(Edge(weight, target, start.name, start.value))
        if products:
            edges.append(Edge(target, end, "1", one))
    value, gradient = np.array(layer.b.value[j]), np.array(layer.b.gradient[j])
    bias = Node(_bias_name(layer, j), "", "parameter", end.stage, value, gradient)
    nodes.append(bias)
    edges.append(Edge(bias, end, "1", one))


def _weight_name(symbol: str, layer: LayerTrace, i: int, j: int) -> str:
    """Return W₁[2,1] for the places 1 and 0, or W₁ if it is the layer's only weight."""
    name = subscript(symbol, layer.number)
    return name if layer.W.value.size == 1 else f"{name}[{i + 1},{j + 1}]"


def _bias_name(layer: LayerTrace, j: int) -> str:
    name = subscript("b", layer.number)
    return name if layer.b.value.size == 1 else f"{name}[{j + 1}]"


def _by_layers(stages: Sequence[_Stage]) -> tuple[list[Node], list[Edge]]:
    """Make a node of each stage and each array of parameters; the edges are Jacobians."""
    x = stages[0]
    before = Node(x.symbol, "", x.kind, 0, x.value, x.gradient)
    nodes = [before]
    edges: list[Edge] = []
    for at, stage in enumerate(stages[1:], 1):
        operation = stage.operation.format(before.name, "")
        layer = stage.layer
        if layer is not None:
            W, b = subscript("W", layer.number), subscript("b", layer.number)
            operation = f"{before.name} {W} + {b}"
        node = Node(stage.symbol, operation, stage.kind, at, stage.value, stage.gradient)
        if layer is not None:
            weight = Node(W, "", "parameter", at, layer.W.value, layer.W.gradient)
            bias = Node(b, "", "parameter", at, layer.b.value, layer.b.gradient)
            nodes += [weight, bias]
            edges.append(Edge(before, node, f"{W}ᵀ", layer.W.value.T, weight))
            edges.append(Edge(weight, node, before.name, before.value))
            edges.append(Edge(bias, node, "I", np.eye(len(stage.value))))
        elif stage.slope is not None:
            symbol = stage.slope_symbol.format(before.name, "")
            if stage.kind == "loss":
                edges.append(Edge(before, node, symbol, stage.slope[np.newaxis]))
            else:
                edges.append(Edge(before, node, f"diag {symbol}", np.diag(stage.slope)))
        nodes.append(node)
        before = node
    return nodes, edges


def _refuse_unless_finite(nodes: Sequence[Node], edges: Sequence[Edge]) -> None:
    """Raise DivergedError with the first number, in the order of computation, that is not."""
    figures = [(node.name, node.value) for node in nodes]
    figures += [(f"∂L/∂{node.name}", node.gradient) for node in reversed(nodes)]
    figures += [(f"∂{edge.end.name}/∂{edge.start.name}", edge.derivative) for edge in edges]
    for symbol, values in figures:
        if not np.isfinite(values).all():
            raise DivergedError(
                f"{symbol} is not finite for this example; begin with smaller weights."
            )
