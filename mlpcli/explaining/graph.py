"""The computational graph of one example: its nodes, and the local derivative along each edge.

Values and gradients are those of a step of training, so they verify the chain rule: a node's
gradient is the sum, over every path from it to the loss, of the product of the derivatives along
the path.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mlpcli.config.schema.config import Config
from mlpcli.config.schema.data import ColumnNames
from mlpcli.data.augmentation import Augmenter
from mlpcli.errors import ConfigError, DivergedError
from mlpcli.explaining.notation import ROWS, Notation, Symbols
from mlpcli.explaining.trace import LayerTrace, StepTrace, draw_dropout_of, trace_step
from mlpcli.nn.arrays import Array
from mlpcli.nn.losses import (
    BinaryCrossEntropy,
    Brier,
    CrossEntropy,
    Loss,
    Perceptron,
    QuadraticError,
)
from mlpcli.nn.network import MLP
from mlpcli.nn.optimizers import SGD
from mlpcli.parallel.processors import one_blas_thread
from mlpcli.reporting import Reporter
from mlpcli.runs.starting import read_start
from mlpcli.training.setup import Setup, prepare

Detail = Literal["operations", "units", "layers"]
Kind = Literal["input", "target", "parameter", "operation", "loss"]
MOST_OPERATIONS, MOST_UNITS, MOST_WEIGHTS, MOST_LAYERS = 8, 6, 12, 3
"""A chain of more layers is shown by its units, not its operations; a network with more units or
weights in a layer, or more layers, is shown layer by layer."""


NUDGE = 0.01
MOST_EXAMPLES = 8
"""number of graphs that are shown together"""
WIDEST = 4096
"""number of units of a layer up to which its Jacobians, of as many rows and columns, are made"""
MOST_COMPARED = 10_000
"""number of examples whose losses are compared for the one that is shown by default"""


@dataclass(frozen=True)
class Node:
    """A number in the graph, or all numbers of a layer."""

    name: str
    operation: str
    """how it is computed; empty for an input, a target or a parameter"""
    kind: Kind
    stage: int
    """number of operations between the input and it; a parameter has that of the node it enters"""
    value: Array
    """a number (), or the numbers of a layer"""
    gradient: Array
    """dL/d(value) by backpropagation, in the shape of `value`"""
    label: str = ""
    """the name of the table's column that it is, if that has one"""


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
    """from 1 on; 0 for inputs that are no training example"""
    sizes: tuple[int, ...]
    detail: Detail
    has_dropout: bool
    notation: Notation
    nodes: list[Node]
    edges: list[Edge]
    nudged: dict[str, Array] = field(default_factory=dict)
    """how much each number changes where the first weight is `NUDGE` larger, by its node's name;
    empty where nodes are layers"""

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


def forward_mode(graph: Graph, seed: Node) -> dict[str, float]:
    """Return d(node)/d(seed) of every node of numbers, by its name.

    This is forward mode: from the seed, whose own derivative is 1, along the edges to the loss.
    """
    found = {node.name: 0.0 for node in graph.nodes}
    found[seed.name] = 1.0
    for node in graph.nodes:
        for edge in graph.edges:
            if edge.end is node:
                found[node.name] += float(edge.derivative) * found[edge.start.name]
    return found


def explain_graphs(
    config: Config,
    examples: Sequence[int] | Literal["all"] | None = None,
    *,
    notation: Notation = ROWS,
    data_dir: Path | None = None,
    reporter: Reporter | None = None,
) -> list[Graph]:
    """Return the graphs of training examples, from 1 on, through the untrained network.

    Args:
        config: of the run.
        examples: their numbers, `all` of them, or None for the one of the greatest loss, from which
            the network has most to learn.
        notation: of the names.
        data_dir: the cache of datasets.
        reporter: follows a download.

    Raises:
        ConfigError: there are fewer examples, too many, or those of a batch depend on each other;
            a layer is too wide.
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
    n = len(setup.training)
    if examples == "all":
        examples = range(1, min(n, MOST_EXAMPLES + 1) + 1)
    if examples is None:
        examples = [_of_greatest_loss(setup)]
    if len(examples) > MOST_EXAMPLES:
        raise ConfigError(
            f"--example: at most {MOST_EXAMPLES} graphs are shown together, and {len(examples)} "
            "or more are asked for; name some, such as --example 1-4."
        )
    for example in examples:
        if not 1 <= example <= n:
            raise ConfigError(f"--example {example}: there are {n:,} of them.")
    name = config.name or "network"
    names = config.data.table.names if config.data.table else ColumnNames()
    x, t = _examples(setup, np.array(examples) - 1)
    graphs = []
    for i, example in enumerate(examples):
        draw_dropout_of(setup, example - 1)
        graphs.append(
            graph_of(setup.network, setup.loss, x[i], t[i], name, example, notation, names)
        )
    return graphs


def graph_of(
    network: MLP,
    loss: Loss,
    x: Array,
    t: Array,
    name: str,
    example: int,
    notation: Notation,
    names: ColumnNames,
) -> Graph:
    """Return the graph of one example x (n_in,) with the target t (n_out,).

    Inputs and targets have the names of their columns, if those have any.

    Raises:
        ConfigError: a layer is too wide.
        DivergedError: a number is not finite.
    """
    detail = _detail(network.sizes)
    first = 0 if network.dropout[0] else 1
    if (widest := max(network.sizes[first:])) > WIDEST:
        raise ConfigError(
            f"--graph: a layer of {widest:,} units has Jacobians of {widest:,} × {widest:,} "
            f"numbers; {WIDEST:,} units are the most. Without --graph its numbers are summed up."
        )
    x, t = x[np.newaxis], t[np.newaxis]
    builder = _built(network, loss, x, t, detail, notation, names)
    _refuse_unless_finite(builder.nodes, builder.edges)
    moved: dict[str, Array] = {}
    if detail != "layers":
        before = network.theta[0]
        network.theta[0] += NUDGE
        again = _built(network, loss, x, t, detail, notation, names)
        moved = {node.name: node.value for node in again.nodes}
        network.theta[0] = before
    return Graph(
        name=name,
        example=example,
        sizes=network.sizes,
        detail=detail,
        has_dropout=any(stage.dropout for stage in network.stages),
        notation=notation,
        nodes=builder.nodes,
        edges=builder.edges,
        nudged={node.name: moved[node.name] - node.value for node in builder.nodes if moved},
    )


def _built(
    network: MLP,
    loss: Loss,
    x: Array,
    t: Array,
    detail: Detail,
    notation: Notation,
    names: ColumnNames,
) -> "_ByUnits | _ByLayers":
    builder = BUILDERS[detail](notation, names)
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        step = trace_step(network, loss, SGD(), {}, x, t, 0.0, differences=False)
        _build(builder, network, step, loss)
    return builder


def mean_gradients(graphs: Sequence[Graph]) -> dict[str, Array]:
    """Return the mean over the examples of each parameter's gradient, by its name."""
    names = [node.name for node in graphs[0].nodes if node.kind == "parameter"]
    return {
        name: np.asarray(np.mean([graph.node(name).gradient for graph in graphs], axis=0))
        for name in names
    }


def _examples(setup: Setup, rows: NDArray[np.intp]) -> tuple[Array, Array]:
    """Return x (n, n_in) and t (n, n_out) of training examples, as in the first epoch."""
    network = setup.network
    x = np.empty((len(rows), network.sizes[0]), network.dtype)
    t = np.empty((len(rows), network.sizes[-1]), network.dtype)
    augmenter = Augmenter.from_config(setup.config, setup.training.image_shape)
    setup.batches.fill(rows, 1, augmenter, x, t)
    return x, t


def _of_greatest_loss(setup: Setup) -> int:
    """Return the number of the example of the greatest loss among the first ones, from 1 on."""
    x, t = _examples(setup, np.arange(min(len(setup.training), MOST_COMPARED)))
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        losses = setup.loss.value(setup.network.for_prediction().forward(x), t)
    return int(np.nanargmax(losses)) + 1 if np.isfinite(losses).any() else 1


def _detail(sizes: Sequence[int]) -> Detail:
    layers = len(sizes) - 1
    weights = max(a * b for a, b in itertools.pairwise(sizes))
    if max(sizes) == 1:
        return "operations" if layers <= MOST_OPERATIONS else "units"
    if max(sizes) <= MOST_UNITS and weights <= MOST_WEIGHTS and layers <= MOST_LAYERS:
        return "units"
    return "layers"


def _build(builder: "_ByUnits | _ByLayers", network: MLP, step: StepTrace, loss: Loss) -> None:
    """Add every stage from the input to the loss."""
    into_layers = [layer.backward(layer.delta)[0].copy() for layer in network.dense]
    dx, mask = into_layers[0], step.layers[0].mask
    builder.input(step.x[0], dx if mask is None else dx * mask[0])
    for layer, dx in zip(step.layers, into_layers, strict=True):
        symbols = builder.notation.of(layer)
        if layer.mask is not None:
            m = symbols.mask + "{1}"
            builder.function(symbols.input, f"{{0}} · {m}", layer.a_in[0], dx, layer.mask[0], m)
        builder.weighted_sum(symbols, layer)
        if layer.activation != "identity":
            operation, a, da, slope = f"{layer.activation}({{0}})", layer.a, layer.da, layer.slope
            builder.function(symbols.a, operation, a[0], da[0], slope[0], "σ′({0})")
    _build_loss(builder, step, loss)


def _build_loss(builder: "_ByUnits | _ByLayers", step: StepTrace, loss: Loss) -> None:
    """Add the stages of a loss: softmax, logarithm, error and sum, each with its derivative."""
    last, t, target = step.layers[-1], step.t[0], step.target[0]
    t_node = "t"
    z = last.a[0]
    p = step.prediction[0]
    one = np.ones_like(z)
    if isinstance(loss, CrossEntropy):
        log_p = z - z.max() - np.log(np.exp(z - z.max()).sum())
        symbol = builder.notation.prediction(step)
        builder.softmax(symbol, p, -target / p)
        builder.function(f"log {symbol}", "log {0}", log_p, -target, one / p, "1 / {0}")
        if loss.label_smoothing:
            t_node = "t′"
        builder.given(t_node, target, -log_p)
        builder.total("−Σ {1} {0}", step.loss, -target, "−{1}", -log_p, "−{0}")
    elif isinstance(loss, BinaryCrossEntropy):
        log_p, log_q = -np.logaddexp(0, -z), -np.logaddexp(0, z)
        symbol = builder.notation.prediction(step)
        slope = p * (1 - p)
        builder.function(symbol, "sigmoid({0})", p, (p - t) / slope, slope, "σ′({0})")
        builder.given("t", t, log_q - log_p)
        builder.total(
            "−Σ ({1} log {0} + (1 − {1}) log(1 − {0}))",
            step.loss,
            (p - t) / slope,
            "({0} − {1}) / ({0} (1 − {0}))",
            log_q - log_p,
            "log(1 − {0}) − log {0}",
        )
    elif isinstance(loss, Brier):
        error = p - t
        builder.softmax(builder.notation.prediction(step), p, 2 * error)
        builder.given("t", t, -2 * error)
        builder.difference("e", error, 2 * error)
        builder.total("Σ {0}²", step.loss, 2 * error, "2 {0}")
    elif isinstance(loss, Perceptron):
        builder.given("t", t, -z)
        written, by_output = "Σ (step({0}) − {1}) {0}", "step({0}) − {1}"
        builder.total(written, step.loss, p - t, by_output, -z, "−{0}")
    else:
        is_half = isinstance(loss, QuadraticError)
        factor = 1.0 if is_half else 2 / len(z)
        error = z - t
        builder.given("t", t, -factor * error)
        builder.difference("e", error, factor * error)
        name = "½ Σ {0}²" if is_half else "Σ {0}² / n"
        builder.total(name, step.loss, factor * error, "{0}" if is_half else "2 {0} / n")


class _Builder:
    """Nodes and edges that are added stage by stage, each computed from the one before."""

    def __init__(self, notation: Notation, names: ColumnNames) -> None:
        self.notation, self.names = notation, names
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []
        self._before: list[Node] = []
        self._targets: list[Node] = []
        self._stage = 0

    def _node(self, kind: Kind, name: str, operation: str, value: Array, gradient: Array) -> Node:
        stage = self._stage - (kind == "target")  # beside what they are compared with
        return Node(name, operation, kind, stage, np.array(value), np.array(gradient))

    def _edge(self, start: Node, end: Node, symbol: str, derivative: Array | float) -> None:
        self.edges.append(Edge(start, end, symbol, np.array(derivative)))

    def _end_stage(self, nodes: list[Node]) -> None:
        self.nodes += nodes
        self._before = nodes
        self._stage += 1


class _ByUnits(_Builder):
    """Makes a node of each unit's numbers and of each parameter."""

    def input(self, x: Array, dx: Array) -> None:
        """Add the input (n,)."""
        names = [f"{self.notation.x}{place}" for place in _places(len(x))]
        nodes = [self._node("input", name, "", x[i], dx[i]) for i, name in enumerate(names)]
        self._end_stage(_labelled(nodes, self.names.inputs))

    def given(self, symbol: str, t: Array, dt: Array) -> None:
        """Add the targets (n,), with dL/dt."""
        names = [f"{symbol}{place}" for place in _places(len(t))]
        nodes = [self._node("target", name, "", t[i], dt[i]) for i, name in enumerate(names)]
        self._targets = _labelled(nodes, self.names.targets)
        self.nodes += self._targets

    def softmax(self, symbol: str, p: Array, dp: Array) -> None:
        """Add the probabilities (n,), with dL/dp; each depends on every output."""
        nodes = []
        for j, place in enumerate(_places(len(p))):
            written = f"softmax({_without_place(self._before[0].name)}){place}"
            node = self._node("operation", symbol + place, written, p[j], dp[j])
            for i, start in enumerate(self._before):
                mine = f"{symbol}{_places(len(p))[i]}"
                formula = f"{node.name} (1 − {mine})" if i == j else f"−{node.name} {mine}"
                self._edge(start, node, formula, p[j] * ((i == j) - p[i]))
            nodes.append(node)
        self._end_stage(nodes)

    def difference(self, symbol: str, error: Array, derror: Array) -> None:
        """Add the output minus the target (n,)."""
        nodes = []
        places = _places(len(error))
        for i, (start, t) in enumerate(zip(self._before, self._targets, strict=True)):
            written = f"{start.name} − {t.name}"
            node = self._node("operation", symbol + places[i], written, error[i], derror[i])
            self._edge(start, node, "1", 1.0)
            self._edge(t, node, "−1", -1.0)
            nodes.append(node)
        self._end_stage(nodes)

    def total(
        self,
        operation: str,
        loss: float,
        derivative: Array,
        symbol: str,
        by_target: Array | None = None,
        target_symbol: str = "",
    ) -> None:
        """Add the loss, a sum over what came before (n,) and perhaps the targets (n,).

        In the operation and the symbols, {0} is the name of one of the first and {1} of the target.
        """
        names = [_without_place(each[0].name) if each else "" for each in self._pair()]
        end = self._node("loss", "L", operation.format(*names), np.array(loss), np.ones(()))
        targets = self._targets if by_target is not None else []
        for i, start in enumerate(self._before):
            t = targets[i].name if targets else ""
            self._edge(start, end, symbol.format(start.name, t), derivative[i])
        for i, t_node in enumerate(targets):
            written = target_symbol.format(self._before[i].name, t_node.name)
            self._edge(t_node, end, written, np.asarray(by_target)[i])
        self._end_stage([end])

    def _pair(self) -> tuple[list[Node], list[Node]]:
        return self._before, self._targets

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
                index = self.notation.place(i + 1, j + 1) if W.value.size > 1 else ""
                name = symbols.W + index
                weights.append(self._node("parameter", name, "", W.value[i, j], W.gradient[i, j]))
                terms.append(self.notation.product(start.name, name))
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


def _places(n: int) -> list[str]:
    """Return [1], [2] and so on; a single number has an empty place."""
    return [""] if n == 1 else [f"[{i + 1}]" for i in range(n)]


def _labelled(nodes: list[Node], names: Sequence[str] | None) -> list[Node]:
    """Return the nodes with the names of their columns, if they have any."""
    if not names:
        return nodes
    return [replace(node, label=name) for node, name in zip(nodes, names, strict=True)]


def _without_place(name: str) -> str:
    return name.partition("[")[0]


class _ByOperations(_ByUnits):
    """Makes a node of each operation in a chain, so of each product too."""

    def weighted_sum(self, symbols: Symbols, layer: LayerTrace) -> None:
        (before,) = self._before
        W, b, delta = layer.W, layer.b, layer.delta[0, 0]
        weight = self._node("parameter", symbols.W, "", W.value[0, 0], W.gradient[0, 0])
        bias = self._node("parameter", symbols.b, "", b.value[0], b.gradient[0])
        # a sum passes its own gradient to each of its terms
        factors = self.notation.pair(before.name, symbols.W).replace(" ", " · ")
        written, value = factors, before.value * weight.value
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
        self._end_stage([self._node("input", self.notation.x, "", x, dx)])

    def given(self, symbol: str, t: Array, dt: Array) -> None:
        self._targets = [self._node("target", symbol, "", t, dt)]
        self.nodes += self._targets

    def softmax(self, symbol: str, p: Array, dp: Array) -> None:
        (before,) = self._before
        node = self._node("operation", symbol, f"softmax({before.name})", p, dp)
        jacobian = np.diag(p) - np.outer(p, p)
        outer = self.notation.outer(symbol, symbol)
        self.edges.append(Edge(before, node, f"diag {symbol} − {outer}", jacobian))
        self._end_stage([node])

    def difference(self, symbol: str, error: Array, derror: Array) -> None:
        (before,), (t,) = self._before, self._targets
        node = self._node("operation", symbol, f"{before.name} − {t.name}", error, derror)
        self.edges.append(Edge(before, node, "I", np.eye(len(error))))
        self.edges.append(Edge(t, node, "−I", -np.eye(len(error))))
        self._end_stage([node])

    def total(
        self,
        operation: str,
        loss: float,
        derivative: Array,
        symbol: str,
        by_target: Array | None = None,
        target_symbol: str = "",
    ) -> None:
        (before,), (t,) = self._before, self._targets
        names = before.name, t.name
        end = self._node("loss", "L", operation.format(*names), np.array([loss]), np.ones(1))
        self._edge(before, end, symbol.format(*names), derivative[np.newaxis])
        if by_target is not None:
            self._edge(t, end, target_symbol.format(*names), by_target[np.newaxis])
        self._end_stage([end])

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
        W, dW = (self.notation.weights(each) for each in (layer.W.value, layer.W.gradient))
        weight = self._node("parameter", symbols.W, "", W, dW)
        bias = self._node("parameter", symbols.b, "", layer.b.value, layer.b.gradient)
        written = f"{self.notation.product(before.name, symbols.W)} + {symbols.b}"
        node = self._node("operation", symbols.z, written, layer.z[0], layer.delta[0])
        derivative = symbols.W if self.notation.name == "columns" else f"{symbols.W}ᵀ"
        self.edges.append(Edge(before, node, derivative, layer.W.value.T, weight))
        self.edges.append(Edge(weight, node, before.name, before.value))
        self.edges.append(Edge(bias, node, "I", np.eye(len(node.value))))
        self.nodes += [weight, bias]
        self._end_stage([node])


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
