"""Optimizers, in rising complexity: how the gradient moves the parameters.

They see flat vectors, never layers. Each step walks them block by block: a block of every vector
fits the processor's second-level cache together, so a step of several operations reads and writes
memory once.

All add the gradient of the L2 penalty, weight_decay/2 · Σ w² over the weights, to the gradient of
the loss; the biases are left out, for they do not make the function steeper (Bishop 2006, 5.5).
"""

from typing import Any

import numpy as np

from mlpcli.nn.arrays import Array

BLOCK = 16_384  # parameters; four float32 vectors of it take 256 KiB, half of a common L2 cache


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
        self._blocks = [(block, True) for block in _blocks(0, n_weights)]
        self._blocks += [(block, False) for block in _blocks(n_weights, n_parameters)]
        self._penalty = np.empty(BLOCK, dtype)

    def step(self, theta: Array, grad: Array, learning_rate: float) -> None:
        """One step: theta (P,) is changed in place; grad (P,) is used up as scratch."""
        for block, is_weights in self._blocks:
            w, g = theta[block], grad[block]
            if is_weights and self.weight_decay:
                penalty = self._penalty[: len(w)]
                np.multiply(w, self.weight_decay, out=penalty)
                g += penalty
            self._update(w, g, learning_rate, block)

    def state(self) -> dict[str, Array]:
        """The vectors (P,) a checkpoint must hold to go on as if never stopped, by name."""
        return {}

    def _update(self, theta: Array, g: Array, learning_rate: float, block: slice) -> None:
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

    def _update(self, theta: Array, g: Array, learning_rate: float, block: slice) -> None:
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

    def _update(self, theta: Array, g: Array, learning_rate: float, block: slice) -> None:
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
