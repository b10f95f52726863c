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
from mlpcli.nn.arrays import WHOLE, Array, Share, part_of, shared_zeros
from mlpcli.nn.initializers import Initializer, zeros
from mlpcli.nn.layers import BatchNorm, Dense, Dropout, Elementwise, Layer

WORTH_MEETINGS = 100_000
"""Weights of a layer, above which the error sent back through it is divided by its inputs instead
of the rows of the batch. BLAS then turns half of W over for each of two members, not all of it: at
800x800 and a batch of 256 the product takes 0.80 ms instead of 0.93, and each of two meetings 0.01.
"""
FEW_ROWS = 1 / 4
"""Rows of a batch for each input of such a layer, up to which it is divided so on the way forward,
too, for the sake of what goes from processor to processor: an epoch of 784-512-512-10, batch 128,
takes 0.98 of the time then, of 784-800-800-10, batch 256, 1.01."""


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

    Every W and b is a view into `theta` (P,), and every gradient one into `grad` (P,): the weights
    first, then the biases, then every γ and every β of batch normalisation. So an optimizer works
    on two vectors and knows nothing of layers, and what is meant for weights alone works on
    `theta[:n_weights]`. Every running mean and variance of batch normalisation is a view into a row
    of `running` (2, R). All three are allocated once and only ever written in place: a view must
    not be orphaned.

    Args:
        sizes: the number of units of each layer, from the input's to the output's.
        activation: the name of σ between the layers, or a list with one for each hidden layer.
        output_activation: the name of the activation after the last layer.
        dtype: float32 or float64.
        theta: parameters (P,) to share with another network; None for some of its own.
        running: running means and variances (2, R) to share; None for some of its own.
        dropout: the shares of the inputs and of each hidden layer that are switched off.
        batch_norm: whether each hidden layer is normalised over the batch, before σ.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str | Sequence[str],
        output_activation: str = "identity",
        dtype: DTypeLike = np.float32,
        theta: Array | None = None,
        running: Array | None = None,
        *,
        dropout: tuple[float, float] = (0.0, 0.0),
        batch_norm: bool = False,
    ) -> None:
        self.sizes = tuple(sizes)
        self.activation, self.output_activation = activation, output_activation
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.dropout, self.batch_norm = dropout, batch_norm
        shapes: list[tuple[int, ...]] = list(itertools.pairwise(self.sizes))
        self.n_weights = sum(map(math.prod, shapes))
        widths = [(n_out,) for n_out in self.sizes[1:]]
        shapes += widths + 2 * batch_norm * widths[:-1]
        n_parameters = sum(map(math.prod, shapes))
        self.theta = shared_zeros(n_parameters, self.dtype) if theta is None else theta
        self.grad = shared_zeros(n_parameters, self.dtype)
        depth = len(widths)
        values, slopes = _views(self.theta, shapes), _views(self.grad, shapes)
        both = list(zip(values, slopes, strict=True))
        weights, biases, norms = both[:depth], both[depth : 2 * depth], both[2 * depth :]
        self.dense = [Dense(W, b, dW, db) for (W, dW), (b, db) in zip(weights, biases, strict=True)]
        gammas, betas = norms[: depth - 1], norms[depth - 1 :]
        ends = list(itertools.accumulate(len(gamma) for gamma, _ in gammas))
        if running is None:
            running = shared_zeros((2, ends[-1] if ends else 0), self.dtype)
            running[1] = 1
        self.running = running
        self.norms = [
            BatchNorm(gamma, beta, dgamma, dbeta, mean, variance)
            for (gamma, dgamma), (beta, dbeta), (mean, variance) in zip(
                gammas, betas, np.split(running, ends, axis=1)[:-1], strict=True
            )
        ]
        for norm in self.norms if theta is None else ():
            norm.gamma.fill(1)
        self.layers: list[Layer] = list(self._layers())
        self._after_the_first_dense = self.layers.index(self.dense[0]) + 1

    def _layers(self) -> Iterator[Layer]:
        """Yield them in the order in which an example goes through them."""
        shares = [self.dropout[0]] + [self.dropout[1]] * (len(self.dense) - 1)
        norms = iter(self.norms)
        for layer, name, share in zip(self.dense, self.activations, shares, strict=True):
            n_in, n_out = layer.W.shape
            if share:
                yield Dropout(share, n_in, self.dtype)
            yield layer
            if self.norms and layer is not self.dense[-1]:
                yield next(norms)
            if name != "identity":
                yield Elementwise(ACTIVATIONS[name], n_out, self.dtype)

    @property
    def activations(self) -> list[str]:
        """The name of σ after each dense layer."""
        names, hidden = self.activation, len(self.sizes) - 2
        each = [names] * hidden if isinstance(names, str) else list(names)
        return [*each, self.output_activation]

    def for_prediction(self) -> "MLP":
        """The same function without what is for training alone, and with buffers of its own.

        There is no dropout in it, and batch normalisation is folded into weights and biases, which
        are then copies; otherwise it shares the parameters.
        """
        theta = None if self.norms else self.theta
        found = MLP(self.sizes, self.activation, self.output_activation, self.dtype, theta)
        if self.norms:
            for norm, layer, folded in zip(
                self.norms, self.dense[:-1], found.dense[:-1], strict=True
            ):
                folded.W[...], folded.b[...] = norm.folded(layer.W, layer.b)
            found.dense[-1].W[...], found.dense[-1].b[...] = self.dense[-1].W, self.dense[-1].b
        return found

    def with_parameters(self, theta: Array, running: Array | None = None) -> "MLP":
        """The same network with other numbers, which it shares; it computes in their dtype.

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
            self.running if running is None else running,
            dropout=self.dropout,
            batch_norm=self.batch_norm,
        )

    def draw_dropout(self, n: int, rng: Generator, share: Share = WHOLE) -> None:
        """Draw which units are switched off for each of the next `n` examples."""
        for layer in self.layers:
            if isinstance(layer, Dropout):
                layer.draw(n, rng, share)

    def initialize(
        self, initializer: Initializer, rng: Generator, bias_initializer: Initializer = zeros
    ) -> None:
        """Draw every weight, then every bias, so that the weights do not depend on the biases."""
        with np.errstate(over="ignore"):  # too large for float32: infinite, and so diverging
            for layer in self.dense:
                layer.W[...] = initializer(rng, *layer.W.shape)
            for layer in self.dense:
                layer.b[...] = bias_initializer(rng, 1, len(layer.b))[0]

    def forward(self, x: Array, share: Share = WHOLE) -> Array:
        """x (B, n_in) -> output (B, n_out), logits if there is no output activation.

        The result is a view of a buffer: the next call overwrites it. With a `share` only its rows
        are computed, and the members meet before they use what others have updated.
        """
        a, is_first = x, True
        for layer in self.layers:
            if (
                share.by_inputs
                and isinstance(layer, Dense)
                and (is_first or _is_large_for(len(x), layer))
            ):
                if not is_first:
                    share.meet()
                a = layer.forward_by_inputs(a, share)
            else:
                if is_first:
                    share.meet()
                a = layer.forward(a, share)
            is_first = False
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

    def send_back(self, delta: Array, share: Share = WHOLE) -> None:
        """The first half of backpropagation: every layer gets its error."""
        for layer in reversed(self.layers[self._after_the_first_dense :]):
            if share.by_inputs and isinstance(layer, Dense) and _is_large(layer):
                share.meet()
                delta = layer.backward_by_inputs(delta, share)
            else:
                delta = layer.backward(delta, share)
        self.dense[0].delta = delta

    def gradient(self, block: Block) -> None:
        """The second half, for one block of `grad`: from the inputs and errors of every row."""
        for layer, inputs in block.weights:
            layer.weight_gradient(inputs)
        for layer in block.biases:
            layer.bias_gradient()

    def blocks(self, members: int, most: int) -> list[list[Block]]:
        """Every parameter in one block, dealt out to `members` of a team in about equal parts.

        The last come first: then the weights, the inputs and the errors of a layer that the way
        back has just used, and the next step's way forward will, are still in the cache. An epoch
        of 784-800-800-10 takes 0.99 of the time.

        Args:
            members: how many get a list.
            most: parameters a block should have; a row of a W is not divided.
        """
        dealt: list[list[Block]] = [[] for _ in range(members)]
        end = 0
        for layer in self.dense:
            n_in, n_out = layer.W.shape
            start, end = end, end + n_in * n_out
            for member, blocks in enumerate(dealt):
                own = part_of(n_in, member, members)
                height = max(1, most // n_out)
                for top in range(own.start, own.stop, height):
                    rows = slice(top, min(top + height, own.stop))
                    part = slice(start + rows.start * n_out, start + rows.stop * n_out)
                    blocks.append(Block(part, weights=((layer, rows),)))
        everything_else = slice(self.n_weights, len(self.theta))
        dealt[-1].append(Block(everything_else, biases=tuple(self.dense)))
        return [_joined_where_small(blocks, most)[::-1] for blocks in dealt]


def _is_large(layer: Dense) -> bool:
    return layer.W.size >= WORTH_MEETINGS


def _is_large_for(n: int, layer: Dense) -> bool:
    return _is_large(layer) and n <= FEW_ROWS * len(layer.W)


def _views(vector: Array, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    """The parts of a vector, one after the other, in these shapes."""
    ends = list(itertools.accumulate(map(math.prod, shapes)))
    parts = np.split(vector, ends[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


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
