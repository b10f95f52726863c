"""The multilayer perceptron: its layers, and one flat vector that holds every parameter."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.arrays import EVERY_ROW, Array, shared_zeros
from mlpcli.nn.initializers import Initializer, zeros
from mlpcli.nn.layers import Dense, Elementwise


@dataclass(frozen=True)
class Block:
    """Parameters whose gradient is found, and which are updated, in one go."""

    part: slice
    """of theta and grad"""
    weights: tuple[tuple[Dense, slice], ...] = ()
    """each layer whose weights they are, with the rows of its W"""
    biases: tuple[Dense, ...] = ()
    """each layer whose biases they are"""

    def joined(self, other: "Block") -> "Block":
        """This block and the one that follows it."""
        part = slice(self.part.start, other.part.stop)
        return Block(part, self.weights + other.weights, self.biases + other.biases)


class MLP:
    """Dense layers with an activation between them.

    Every W and b is a view into `theta` (P,), and every gradient one into `grad` (P,), weights
    first and biases after them. So an optimizer works on two vectors and knows nothing of layers,
    and what is meant for weights alone works on `theta[:n_weights]`. Both vectors are allocated
    once and only ever written in place: a view must not be orphaned.

    Args:
        sizes: the number of units of each layer, from the input's to the output's.
        activation: the name of σ between the layers, or a list with one for each hidden layer.
        output_activation: the name of the activation after the last layer.
        dtype: float32 or float64.
        theta: parameters (P,) to share with another network; None for some of its own.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str | Sequence[str],
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
        self.theta = shared_zeros(n_parameters, self.dtype) if theta is None else theta
        self.grad = shared_zeros(n_parameters, self.dtype)
        self.dense = [
            Dense(W, b, dW, db)
            for (W, b), (dW, db) in zip(
                self._weights_and_biases(self.theta, shapes),
                self._weights_and_biases(self.grad, shapes),
                strict=True,
            )
        ]
        self.layers: list[Dense | Elementwise] = []
        hidden = [activation] * (len(shapes) - 1) if isinstance(activation, str) else activation
        names = [*hidden, output_activation]
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

    def initialize(
        self, initializer: Initializer, rng: Generator, bias_initializer: Initializer = zeros
    ) -> None:
        """Draw every weight, then every bias, so that the weights do not depend on the biases."""
        with np.errstate(over="ignore"):  # too large for float32: infinite, and so diverging
            for layer in self.dense:
                layer.W[...] = initializer(rng, *layer.W.shape)
            for layer in self.dense:
                layer.b[...] = bias_initializer(rng, 1, len(layer.b))[0]

    def forward(self, x: Array, rows: slice = EVERY_ROW) -> Array:
        """x (B, n_in) -> output (B, n_out), logits if there is no output activation.

        The result is a view of a buffer: the next call overwrites it. With `rows` only those of it
        are computed.
        """
        a = x
        for layer in self.layers:
            a = layer.forward(a, rows)
        return a

    def backward(self, delta: Array) -> None:
        """Backpropagation (Rumelhart, Hinton and Williams 1986); fills `grad`.

        Args:
            delta: dL/d(output) (B, n_out) of the last `forward`; it may be overwritten.
        """
        self.send_back(delta)
        for layer in self.dense:
            layer.weight_gradient()
            layer.bias_gradient()

    def send_back(self, delta: Array, rows: slice = EVERY_ROW) -> None:
        """The first half of backpropagation: every layer gets its error, `grad` stays as it is."""
        for layer in reversed(self.layers[1:]):
            delta = layer.backward(delta, rows)
        self.dense[0].delta = delta

    def gradient(self, block: Block) -> None:
        """The second half, for one block of `grad`: from the inputs and errors of every row."""
        for layer, inputs in block.weights:
            layer.weight_gradient(inputs)
        for layer in block.biases:
            layer.bias_gradient()

    def blocks(self, members: int, most: int) -> list[list[Block]]:
        """Every parameter in one block, dealt out to `members` of a team in about equal parts.

        Args:
            members: how many get a list.
            most: parameters a block should have; a row of a W is not divided.
        """
        dealt: list[list[Block]] = [[] for _ in range(members)]
        end = 0
        for layer in self.dense:
            n_in, n_out = layer.W.shape
            start, end = end, end + n_in * n_out
            number = min(n_in, members * math.ceil(n_in * n_out / (members * most)))
            for i in range(number):
                rows = slice(n_in * i // number, n_in * (i + 1) // number)
                part = slice(start + rows.start * n_out, start + rows.stop * n_out)
                dealt[i * members // number].append(Block(part, weights=((layer, rows),)))
        everything_else = slice(self.n_weights, len(self.theta))
        dealt[-1].append(Block(everything_else, biases=tuple(self.dense)))
        return [_joined_where_small(blocks, most) for blocks in dealt]


def _joined_where_small(blocks: list[Block], most: int) -> list[Block]:
    """The same blocks, neighbours in one where that has at most `most` parameters."""
    joined: list[Block] = []
    for block in blocks:
        last = joined[-1] if joined else None
        if (
            last
            and last.part.stop == block.part.start
            and block.part.stop - last.part.start <= most
        ):
            joined[-1] = last.joined(block)
        else:
            joined.append(block)
    return joined
