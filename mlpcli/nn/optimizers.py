"""Optimizers, in rising complexity: how the gradient moves the parameters.

They see flat vectors, never layers. Each step walks them block by block: a block of every vector
fits the processor's caches together, so a step of several operations reads and writes memory once.

All add the gradient of the L2 penalty, weight_decay/2 · Σ w² over the weights, to the gradient of
the loss; the biases are left out, for they do not make the function steeper (Bishop 2006, 5.5).
"""

import itertools
from typing import Any

import numpy as np

from mlpcli.nn.arrays import Array

BLOCK = 65_536
"""Parameters; three float32 vectors of it take 768 KiB. Of 16,384, 32,768 and 65,536 the largest
was the fastest at 784-512-512-10 with two threads (by 0.3 s of 2.3 s an epoch), for each operation
waits for the interpreter's lock; to small networks with one thread it made no difference."""


class SGD:
    """Stochastic gradient descent (Robbins and Monro 1951): θ ← θ - η g.

    Args:
        n_parameters: P, the length of theta.
        n_weights: how many of them, from the start, are weights and not biases.
        dtype: of theta.
        weight_decay: the strength of the L2 penalty.
    """

    def __init__(
        self, n_parameters: int, n_weights: int, dtype: np.dtype[Any], *, weight_decay: float = 0.0
    ) -> None:
        self.weight_decay = weight_decay
        self.n_weights = n_weights
        self._blocks = _blocks(0, n_weights) + _blocks(n_weights, n_parameters)

    def step(self, theta: Array, grad: Array, learning_rate: float) -> None:
        """One step: theta (P,) is changed in place; grad (P,) is used up as scratch."""
        for block in self._blocks:
            self.update(theta, grad, learning_rate, block)

    def stretches(self, number: int) -> list[list[slice]]:
        """All the blocks of a step, dealt out into `number` stretches of about the same length."""
        ends = [len(self._blocks) * i // number for i in range(number + 1)]
        return [self._blocks[start:stop] for start, stop in itertools.pairwise(ends)]

    def update(self, theta: Array, grad: Array, learning_rate: float, block: slice) -> None:
        """The part of a step that concerns one block; blocks do not depend on each other."""
        w, g = theta[block], grad[block]
        if self.weight_decay and block.stop <= self.n_weights:
            g += self.weight_decay * w
        self._move(w, g, learning_rate, block)

    def state(self) -> dict[str, Array]:
        """The vectors (P,) a checkpoint must hold to go on as if never stopped, by name."""
        return {}

    def _move(self, theta: Array, g: Array, learning_rate: float, block: slice) -> None:
        g *= learning_rate
        theta -= g


class Momentum(SGD):
    """Momentum (Polyak 1964), as Sutskever et al. 2013 write it: v ← μ v - η g; θ ← θ + v."""

    def __init__(
        self,
        n_parameters: int,
        n_weights: int,
        dtype: np.dtype[Any],
        *,
        weight_decay: float = 0.0,
        momentum: float = 0.9,
    ) -> None:
        super().__init__(n_parameters, n_weights, dtype, weight_decay=weight_decay)
        self.momentum = momentum
        self.v = np.zeros(n_parameters, dtype)

    def state(self) -> dict[str, Array]:
        """The velocity."""
        return {"velocity": self.v}

    def _move(self, theta: Array, g: Array, learning_rate: float, block: slice) -> None:
        v = self.v[block]
        g *= learning_rate
        v *= self.momentum
        v -= g
        theta += v


class Nesterov(Momentum):
    """Nesterov's accelerated gradient (1983), with the gradient taken where theta is.

    Sutskever et al. 2013 take it at the point ahead, θ + μ v. Keeping that point itself as theta
    (Bengio et al. 2013) gives v ← μ v - η g; θ ← θ + μ v - η g.
    """

    def _move(self, theta: Array, g: Array, learning_rate: float, block: slice) -> None:
        v = self.v[block]
        g *= learning_rate
        v *= self.momentum
        v -= g
        theta -= g
        np.multiply(v, self.momentum, out=g)
        theta += g


OPTIMIZERS: dict[str, type[SGD]] = {"sgd": SGD, "momentum": Momentum, "nesterov": Nesterov}


def _blocks(start: int, stop: int) -> list[slice]:
    return [slice(at, min(at + BLOCK, stop)) for at in range(start, stop, BLOCK)]
