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
from mlpcli.explaining.notation import Symbols
from mlpcli.explaining.trace import LayerTrace, StepTrace, trace_step
from mlpcli.nn.arrays import Array
from mlpcli.nn.network import MLP
from mlpcli.nn.optimizers import SGD
from mlpcli.parallel.processors import one_blas_thread
from mlpcli.randomness import Purpose, generator
from mlpcli.reporting import Reporter
from mlpcli.runs.starting import read_start
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
            "network.batch_norm: the mean and variance depend on every example of a batch, so "
            "there is no graph of one example; leave it out with network.batch_norm=false, or see "
            "the whole batch without --graph."
        )
    start = read_start(config, data_dir)
    setup = prepare(config, data_dir, reporter or Reporter(), start=start)
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
        graph = BUILDERS[detail]()
        _build(graph, network, step, config.loss.name)
    _refuse_unless_finite(graph.nodes, graph.edges)
    has_dropout = any(layer.mask is not None for layer in step.layers)
    name = config.name or "network"
    return Graph(name, example, network.sizes, detail, has_dropout, graph.nodes, graph.edges)


def _detail(sizes: Sequence[int]) -> Detail:
    layers = len(sizes) - 1
    weights = max(a * b for a, b in itertools.pairwise(sizes))
    if max(sizes) == 1:
        return "operations" if layers <= MOST_OPERATIONS else "units"
    if max(sizes) <= MOST_UNITS and weights <= MOST_WEIGHTS and layers <= MOST_LAYERS:
        return "units"
    return "layers"


def _build(builder: "_ByUnits | _ByLayers", network: MLP, step: StepTrace, loss: str) -> None:
    """Add every stage from the input to the loss."""
    into_layers = [layer.backward(layer.delta)[0].copy() for layer in network.dense]
    dx, mask = into_layers[0], step.layers[0].mask
    builder.input(step.x[0], dx if mask is None else dx * mask[0])
    for layer, dx in zip(step.layers, into_layers, strict=True):
        symbols = Symbols(layer)
        if layer.mask is not None:
            m = symbols.mask + "{1}"
            builder.function(symbols.input, f"{{0}} · {m}", layer.a_in[0], dx, layer.mask[0], m)
        builder.weighted_sum(symbols, layer)
        if layer.activation != "identity":
            operation, a, da, slope = f"{layer.activation}({{0}})", layer.a, layer.da, layer.slope
            builder.function(symbols.a, operation, a[0], da[0], slope[0], "σ′({0})")
    builder.loss(f"{loss}({symbols.output}, t)", step.loss, layer.da[0])


class _Builder:
    """Nodes and edges that are added stage by stage, each computed from the one before."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []
        self._before: list[Node] = []
        self._stage = 0

    def _node(self, kind: Kind, name: str, operation: str, value: Array, gradient: Array) -> Node:
        return Node(name, operation, kind, self._stage, np.array(value), np.array(gradient))

    def _end_stage(self, nodes: list[Node]) -> None:
        self.nodes += nodes
        self._before = nodes
        self._stage += 1


class _ByUnits(_Builder):
    """Makes a node of each unit's numbers and of each parameter."""

    def input(self, x: Array, dx: Array) -> None:
        """Add the input (n,)."""
        names = [f"x{place}" for place in _places(len(x))]
        self._end_stage(
            [self._node("input", name, "", x[i], dx[i]) for i, name in enumerate(names)]
        )

    def function(
        self, symbol: str, operation: str, a: Array, da: Array, slope: Array, slope_symbol: str
    ) -> None:
        """Add an elementwise function (n,).

        In `operation` and `slope_symbol`, {0} is the name of what it is applied to, and {1} the
        place of its result, such as [2].
        """
        nodes = []
        for i, (place, start) in enumerate(zip(_places(len(a)), self._before, strict=True)):
            written = operation.format(start.name, place)
            node = self._node("operation", symbol + place, written, a[i], da[i])
            derivative = slope_symbol.format(start.name, place)
            self.edges.append(Edge(start, node, derivative, np.array(slope[i])))
            nodes.append(node)
        self._end_stage(nodes)

    def weighted_sum(self, symbols: Symbols, layer: LayerTrace) -> None:
        """Add the weighted sums of a layer, with its parameters."""
        W, b = layer.W, layer.b
        sums = []
        for j, place in enumerate(_places(len(b.value))):
            weights, terms = [], []
            for i, start in enumerate(self._before):
                name = f"{symbols.W}[{i + 1},{j + 1}]" if W.value.size > 1 else symbols.W
                weights.append(self._node("parameter", name, "", W.value[i, j], W.gradient[i, j]))
                terms.append(f"{start.name} {name}")
            bias = self._node("parameter", symbols.b + place, "", b.value[j], b.gradient[j])
            written = " + ".join([*terms, bias.name])
            z, delta = layer.z[0, j], layer.delta[0, j]
            end = self._node("operation", symbols.z + place, written, z, delta)
            for start, weight in zip(self._before, weights, strict=True):
                self.edges.append(Edge(start, end, weight.name, weight.value, weight))
                self.edges.append(Edge(weight, end, start.name, start.value))
            self.edges.append(Edge(bias, end, "1", np.ones(())))
            self.nodes += [*weights, bias]
            sums.append(end)
        self._end_stage(sums)

    def loss(self, operation: str, loss: float, error: Array) -> None:
        """Add the loss, with its derivative (n,) with respect to the output."""
        end = self._node("loss", "L", operation, np.array(loss), np.ones(()))
        for start, derivative in zip(self._before, error, strict=True):
            self.edges.append(Edge(start, end, f"∂L/∂{start.name}", np.array(derivative)))
        self._end_stage([end])


def _places(n: int) -> list[str]:
    """Return [1], [2] and so on; a single number has an empty place."""
    return [""] if n == 1 else [f"[{i + 1}]" for i in range(n)]


class _ByOperations(_ByUnits):
    """Makes a node of each operation in a chain, so of each product too."""

    def weighted_sum(self, symbols: Symbols, layer: LayerTrace) -> None:
        (before,) = self._before
        W, b, delta = layer.W, layer.b, layer.delta[0, 0]
        weight = self._node("parameter", symbols.W, "", W.value[0, 0], W.gradient[0, 0])
        bias = self._node("parameter", symbols.b, "", b.value[0], b.gradient[0])
        # a sum passes its own gradient to each of its terms
        written, value = f"{before.name} · {symbols.W}", before.value * weight.value
        u = self._node("operation", symbols.u, written, value, delta)
        z = self._node("operation", symbols.z, f"{u.name} + {bias.name}", layer.z[0, 0], delta)
        self.edges.append(Edge(before, u, weight.name, weight.value, weight))
        self.edges.append(Edge(weight, u, before.name, before.value))
        self.edges.append(Edge(u, z, "1", np.ones(())))
        self.edges.append(Edge(bias, z, "1", np.ones(())))
        self.nodes += [weight, u, bias]
        self._end_stage([z])


class _ByLayers(_Builder):
    """Makes a node of each layer's numbers and of each array of parameters, with Jacobians."""

    def input(self, x: Array, dx: Array) -> None:
        self._end_stage([self._node("input", "x", "", x, dx)])

    def function(
        self, symbol: str, operation: str, a: Array, da: Array, slope: Array, slope_symbol: str
    ) -> None:
        (before,) = self._before
        node = self._node("operation", symbol, operation.format(before.name, ""), a, da)
        derivative = f"diag {slope_symbol.format(before.name, '')}"
        self.edges.append(Edge(before, node, derivative, np.diag(slope)))
        self._end_stage([node])

    def weighted_sum(self, symbols: Symbols, layer: LayerTrace) -> None:
        (before,) = self._before
        weight = self._node("parameter", symbols.W, "", layer.W.value, layer.W.gradient)
        bias = self._node("parameter", symbols.b, "", layer.b.value, layer.b.gradient)
        written = f"{before.name} {symbols.W} + {symbols.b}"
        node = self._node("operation", symbols.z, written, layer.z[0], layer.delta[0])
        self.edges.append(Edge(before, node, f"{symbols.W}ᵀ", layer.W.value.T, weight))
        self.edges.append(Edge(weight, node, before.name, before.value))
        self.edges.append(Edge(bias, node, "I", np.eye(len(node.value))))
        self.nodes += [weight, bias]
        self._end_stage([node])

    def loss(self, operation: str, loss: float, error: Array) -> None:
        (before,) = self._before
        end = self._node("loss", "L", operation, np.array([loss]), np.ones(1))
        self.edges.append(Edge(before, end, f"∂L/∂{before.name}", error[np.newaxis]))
        self._end_stage([end])


BUILDERS: dict[Detail, type[_ByUnits] | type[_ByLayers]] = {
    "operations": _ByOperations,
    "units": _ByUnits,
    "layers": _ByLayers,
}


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
