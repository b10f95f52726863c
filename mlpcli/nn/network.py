"""The multilayer perceptron: its layers, and one flat vector that holds every parameter."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.arrays import Array
from mlpcli.nn.initializers import Initializer
from mlpcli.nn.layers import Dense, Elementwise


class MLP:
    """Dense layers with an activation between them.

    Every W and b is a view into `theta` (P,), and every gradient one into `grad` (P,), weights
    first and biases after them. So an optimizer works on two vectors and knows nothing of layers,
    and what is meant for weights alone works on `theta[:n_weights]`. Both vectors are allocated
    once and only ever written in place: a view must not be orphaned.

    Args:
        sizes: the number of units of each layer, from the input's to the output's.
        activation: the name of σ between the layers.
        output_activation: the name of the activation after the last layer.
        dtype: float32 or float64.
        theta: parameters (P,) to share with another network; None for some of its own.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str,
        output_activation: str = "identity",
        dtype: DTypeLike = np.float32,
        theta: Array | None = None,
    ) -> None:
        self.sizes = tuple(sizes)
        self.activation, self.output_activation = activation, output_activation
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        shapes = list(itertools.pairwise(self.sizes))
        self.n_weights = sum(n_in * n_out for n_in, n_out in shapes)
        n_parameters = self.n_weights + sum(n_out for _, n_out in shapes)
        self.theta = np.zeros(n_parameters, self.dtype) if theta is None else theta
        self.grad = np.zeros(n_parameters, self.dtype)
        self.dense = [
            Dense(W, b, dW, db)
            for (W, b), (dW, db) in zip(
                self._weights_and_biases(self.theta, shapes),
                self._weights_and_biases(self.grad, shapes),
                strict=True,
            )
        ]
        self.layers: list[Dense | Elementwise] = []
        names = [activation] * (len(self.dense) - 1) + [output_activation]
        for layer, name, width in zip(self.dense, names, self.sizes[1:], strict=True):
            self.layers.append(layer)
            if name != "identity":
                self.layers.append(Elementwise(ACTIVATIONS[name], width, self.dtype))

    def _weights_and_biases(
        self, vector: Array, shapes: Sequence[tuple[int, int]]
    ) -> list[tuple[Array, Array]]:
        """The views of each layer: its matrix from the first part, its row from the second."""
        weights = np.split(
            vector[: self.n_weights],
            list(itertools.accumulate(n_in * n_out for n_in, n_out in shapes))[:-1],
        )
        biases = np.split(
            vector[self.n_weights :], list(itertools.accumulate(n_out for _, n_out in shapes))[:-1]
        )
        return [(w.reshape(shape), b) for w, shape, b in zip(weights, shapes, biases, strict=True)]

    def twin(self) -> "MLP":
        """A network of the same parameters, not a copy, with buffers and a gradient of its own."""
        return MLP(self.sizes, self.activation, self.output_activation, self.dtype, self.theta)

    def initialize(self, initializer: Initializer, rng: Generator) -> None:
        """Draw every weight; the biases start at 0, where no unit prefers a side."""
        self.theta.fill(0)
        for layer in self.dense:
            with np.errstate(over="ignore"):  # too large for float32: infinite, and so diverging
                layer.W[...] = initializer(rng, *layer.W.shape)

    def forward(self, x: Array) -> Array:
        """x (B, n_in) -> output (B, n_out), logits if there is no output activation.

        The result is a view of a buffer: the next call overwrites it.
        """
        a = x
        for layer in self.layers:
            a = layer.forward(a)
        return a

    def backward(self, delta: Array) -> None:
        """Backpropagation (Rumelhart, Hinton and Williams 1986); fills `grad`.

        Args:
            delta: dL/d(output) (B, n_out) of the last `forward`; it may be overwritten.
        """
        for layer in reversed(self.layers[1:]):
            delta = layer.backward(delta)
        self.dense[0].parameter_gradients(delta)
