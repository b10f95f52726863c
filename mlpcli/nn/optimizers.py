"""Optimizers, in rising complexity: how the gradient moves the parameters.

They see flat vectors, never layers. A step may be taken part by part: a part of every vector that
fits the processor's caches is read and written once, and members of a team update different ones.

All add the gradient of the L2 penalty, weight_decay/2 · Σ w² over the weights, to the gradient of
the loss; the biases are left out, for they do not make the function steeper (Bishop 2006, 5.5).
"""

from typing import Any

import numpy as np

from mlpcli.nn.arrays import Array, shared_zeros


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
        self.n_parameters, self.n_weights = n_parameters, n_weights

    def step(self, theta: Array, grad: Array, learning_rate: float) -> None:
        """One step: theta (P,) is changed in place; grad (P,) is used up as scratch."""
        grad *= self.gradient_scale(learning_rate)
        self.update(theta, grad, learning_rate, slice(0, self.n_parameters))

    def gradient_scale(self, learning_rate: float) -> float:
        """The factor with which `update` expects the gradient: here η.

        The gradient is linear in the error at the output: multiplied there, η costs a product for
        each of B · n_out numbers instead of for each parameter.
        """
        return learning_rate

    def update(self, theta: Array, grad: Array, learning_rate: float, part: slice) -> None:
        """The part of a step that concerns some of the parameters, which is the same for each.

        Args:
            theta: all the parameters (P,).
            grad: their gradient (P,), times `gradient_scale`; used up as scratch.
            learning_rate: η.
            part: which of them are updated.
        """
        if self.weight_decay and part.start < self.n_weights:
            weights = slice(part.start, min(part.stop, self.n_weights))
            scale = self.weight_decay * self.gradient_scale(learning_rate)
            grad[weights] += scale * theta[weights]
        self._move(theta[part], grad[part], part)

    def state(self) -> dict[str, Array]:
        """The vectors (P,) a checkpoint must hold to go on as if never stopped, by name."""
        return {}

    def _move(self, theta: Array, g: Array, part: slice) -> None:
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
        self.v: Array = shared_zeros(n_parameters, dtype)

    def state(self) -> dict[str, Array]:
        """The velocity."""
        return {"velocity": self.v}

    def _move(self, theta: Array, g: Array, part: slice) -> None:
        v = self.v[part]
        v *= self.momentum
        v -= g
        theta += v


class Nesterov(Momentum):
    """Nesterov's accelerated gradient (1983), with the gradient taken where theta is.

    Sutskever et al. 2013 take it at the point ahead, θ + μ v. Keeping that point itself as theta
    (Bengio et al. 2013) gives v ← μ v - η g; θ ← θ + μ v - η g.
    """

    def _move(self, theta: Array, g: Array, part: slice) -> None:
        v = self.v[part]
        v *= self.momentum
        v -= g
        theta -= g
        np.multiply(v, self.momentum, out=g)
        theta += g


OPTIMIZERS: dict[str, type[SGD]] = {"sgd": SGD, "momentum": Momentum, "nesterov": Nesterov}
