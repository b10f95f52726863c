"""The multilayer perceptron: its layers, and one flat vector that holds every parameter."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.arrays import Array
from mlpcli.nn.initializers import Initializer, zeros
from mlpcli.nn.layers import BatchNorm, Dense, Dropout, Elementwise
from mlpcli.nn.stack import Stack, Stage


@dataclass(frozen=True)
class Layout:
    """Where the parameters of each layer lie in a vector (P,).

    All weights come first, then all biases, then every γ and every β of batch normalisation. So
    what is meant for weights alone works on the first `n_weights` numbers.
    """

    sizes: tuple[int, ...]
    """number of units of each layer, from the input's to the output's"""
    batch_norm: bool

    @property
    def n_weights(self) -> int:
        """The number of weights."""
        return sum(n_in * n_out for n_in, n_out in itertools.pairwise(self.sizes))

    @property
    def n_weights_before_the_last(self) -> int:
        """The number of weights in all matrices but the last."""
        return self.n_weights - self.sizes[-2] * self.sizes[-1]

    @property
    def n_parameters(self) -> int:
        """P."""
        return self.n_weights + sum(self.sizes[1:]) + 2 * self.n_running

    @property
    def n_running(self) -> int:
        """R, the number of running means."""
        return sum(self.sizes[1:-1]) if self.batch_norm else 0

    def views(self, vector: Array) -> list[dict[str, Array]]:
        """Return the arrays W, b and, in hidden layers with batch normalisation, gamma and beta.

        Args:
            vector: laid out as `theta` (P,); the arrays are views into it.
        """
        views: list[dict[str, Array]] = [{} for _ in self.sizes[1:]]
        normalised = views[:-1] if self.batch_norm else []
        start = 0
        for name, layers in {
            "W": views,
            "b": views,
            "gamma": normalised,
            "beta": normalised,
        }.items():
            for i, layer in enumerate(layers):
                n_in, n_out = self.sizes[i : i + 2]
                shape = (n_in, n_out) if name == "W" else (n_out,)
                stop = start + math.prod(shape)
                layer[name] = vector[start:stop].reshape(shape)
                start = stop
        return views


class MLP(Stack):
    """Dense layers with an activation between them.

    Every parameter is a view into `theta` (P,), and every gradient a view into `grad` (P,), both in
    the order of `Layout`. So an optimizer works on two vectors and knows no layers. The running
    means and variances of batch normalisation are views into the rows of `running` (2, R). All
    three are allocated once and only ever written in place: a view must not be orphaned.

    Args:
        sizes: number of units of each layer, from the input's to the output's.
        activation: name of σ between the layers, or a list with one name for each hidden layer.
        output_activation: name of the activation after the last layer.
        dtype: float32 or float64.
        theta: parameters (P,) to use; None allocates them.
        grad: where `backward` writes the gradient (P,); None allocates it.
        running: running means and variances (2, R) to use; None allocates them.
        dropout: the rates of dropout for the inputs and for each hidden layer.
        batch_norm: whether each hidden layer is normalised over the batch, before σ.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str | Sequence[str],
        output_activation: str = "identity",
        dtype: DTypeLike = np.float32,
        theta: Array | None = None,
        grad: Array | None = None,
        running: Array | None = None,
        *,
        dropout: tuple[float, float] = (0.0, 0.0),
        batch_norm: bool = False,
    ) -> None:
        self.sizes = tuple(sizes)
        self.activation, self.output_activation = activation, output_activation
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.dropout, self.batch_norm = dropout, batch_norm
        self.layout = Layout(self.sizes, batch_norm)
        n = self.layout.n_parameters
        self.theta: Array = np.zeros(n, self.dtype) if theta is None else theta
        self.grad: Array = np.zeros(n, self.dtype) if grad is None else grad
        if running is None:
            running = np.zeros((2, self.layout.n_running), self.dtype)
            running[1] = 1
        self.running = running
        super().__init__(self._stages())
        if theta is None:
            for batch_norm_layer in self.batch_norms:
                batch_norm_layer.gamma.fill(1)

    def _stages(self) -> Iterator[Stage]:
        views = zip(self.layout.views(self.theta), self.layout.views(self.grad), strict=True)
        for i, ((value, slope), name) in enumerate(zip(views, self.activations, strict=True)):
            n_in, n_out = self.sizes[i : i + 2]
            rate = self.dropout[0] if i == 0 else self.dropout[1]
            batch_norm = None
            if "gamma" in value:
                start = sum(self.sizes[1 : i + 1])
                mean, variance = self.running[:, start : start + n_out]
                batch_norm = BatchNorm(
                    value["gamma"], value["beta"], slope["gamma"], slope["beta"], mean, variance
                )
            yield Stage(
                dropout=Dropout(rate, n_in, self.dtype) if rate else None,
                dense=Dense(value["W"], value["b"], slope["W"], slope["b"]),
                batch_norm=batch_norm,
                activation=None
                if name == "identity"
                else Elementwise(ACTIVATIONS[name], n_out, self.dtype),
            )

    @property
    def activations(self) -> list[str]:
        """The name of σ after each dense layer."""
        names, n_hidden = self.activation, len(self.sizes) - 2
        hidden = [names] * n_hidden if isinstance(names, str) else list(names)
        return [*hidden, self.output_activation]

    @property
    def n_weights(self) -> int:
        """The number of weights, which are the first numbers of theta."""
        return self.layout.n_weights

    def for_prediction(self) -> "MLP":
        """Return the same function without what only training needs, with buffers of its own.

        It has no dropout. Batch normalisation is folded into weights and biases, which are then
        copies; otherwise it uses the same parameters.
        """
        theta = None if self.batch_norms else self.theta
        network = MLP(self.sizes, self.activation, self.output_activation, self.dtype, theta)
        if self.batch_norms:
            for stage, dense in zip(self.stages, network.dense, strict=True):
                W, b = stage.dense.W, stage.dense.b
                if stage.batch_norm:
                    W, b = stage.batch_norm.folded(W, b)
                dense.W[...], dense.b[...] = W, b
        return network

    def without_dropout(self) -> "MLP":
        """Return the same network over the same `theta`, without dropout, with buffers of its own.

        Its batch normalisation is that of training, with running means of its own.
        """
        return MLP(
            self.sizes,
            self.activation,
            self.output_activation,
            self.dtype,
            self.theta,
            batch_norm=self.batch_norm,
        )

    def with_parameters(self, theta: Array, running: Array | None = None) -> "MLP":
        """Return the same network over other numbers, in their dtype.

        Args:
            theta: parameters (P,).
            running: running means and variances (2, R); None for those of this network.
        """
        return MLP(
            self.sizes,
            self.activation,
            self.output_activation,
            theta.dtype,
            theta,
            running=self.running if running is None else running,
            dropout=self.dropout,
            batch_norm=self.batch_norm,
        )

    def initialize(
        self, initializer: Initializer, rng: Generator, bias_initializer: Initializer = zeros
    ) -> None:
        """Draw every weight, then every bias, so that the weights do not depend on the biases."""
        with np.errstate(over="ignore"):  # infinite in float32, which is refused as diverged
            for layer in self.dense:
                layer.W[...] = initializer(rng, *layer.W.shape)
            for layer in self.dense:
                layer.b[...] = bias_initializer(rng, 1, len(layer.b))[0]
