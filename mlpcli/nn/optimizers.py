"""Optimizers, in rising complexity: how the gradient moves the parameters.

They see flat vectors, never layers. A step may be taken part by part: members of a team update
different ones, and a part that fits the processor's caches is read and written once.

They add the gradient of the penalties to that of the loss: weight_decay/2 · Σ w² (L2; AdamW lets
the weights decay in another way) and l1 · Σ |w|, over the weights. The biases are left out: they
shift the function and do not make it steeper.
"""

import copy
import math
from typing import Any, Self

import numpy as np

from mlpcli.nn.arrays import Array, parts_in_cache, shared_zeros


class SGD:
    """Stochastic gradient descent (Robbins and Monro 1951): θ ← θ - η g.

    Args:
        n_parameters: P, the length of theta.
        n_weights: how many of them, from the start, are weights: no biases and the like.
        dtype: of theta.
        weight_decay: the strength of the L2 penalty.
        l1: the strength of the L1 penalty (Tibshirani 1996), which keeps many weights at about 0.
        clip_value: the most that a number of the gradient of the loss may be, up and down.
    """

    def __init__(
        self,
        n_parameters: int,
        n_weights: int,
        dtype: np.dtype[Any],
        *,
        weight_decay: float = 0.0,
        l1: float = 0.0,
        clip_value: float | None = None,
    ) -> None:
        self.n_parameters, self.n_weights = n_parameters, n_weights
        self.weight_decay, self.l1, self.clip_value = weight_decay, l1, clip_value
        self.steps = 0
        self.learning_rate = 0.0
        self.gradient_scale = 1.0

    def step(self, theta: Array, grad: Array, learning_rate: float) -> None:
        """One step: theta (P,) is changed in place; grad (P,) is used up as scratch."""
        grad *= self.begin_step(learning_rate)
        self.update(theta, grad, slice(0, self.n_parameters))

    def begin_step(self, learning_rate: float) -> float:
        """Count a step; returns the factor with which `update` expects the gradient.

        Where a step is linear in the gradient the factor is η. The gradient is linear in the error
        at the output: multiplied there, η costs a product for each of B · n_out numbers instead of
        for each parameter.
        """
        self.steps += 1
        self.learning_rate = learning_rate
        self.gradient_scale = self._prepare(learning_rate)
        return self.gradient_scale

    def update(self, theta: Array, grad: Array, part: slice) -> None:
        """The part of the step that concerns some of the parameters.

        Args:
            theta: all the parameters (P,).
            grad: their gradient (P,), times the factor; used up as scratch.
            part: which of them are updated.
        """
        for here in parts_in_cache(part):
            self._change_gradient(theta, grad, here)
            self._move(theta[here], grad[here], here)

    def changed_gradient(self, theta: Array, grad: Array, learning_rate: float) -> Array:
        """The gradient (P,) that a step would take: clipped, with the penalties', in a copy."""
        changed, twin = grad.copy(), self.twin()
        twin.learning_rate, twin.gradient_scale = learning_rate, 1.0
        twin._change_gradient(theta.copy(), changed, slice(0, self.n_parameters))
        return changed

    def state(self) -> dict[str, Array]:
        """The vectors (P,) a checkpoint must hold to go on as if never stopped, by name.

        The number of steps belongs to it too.
        """
        return {}

    def twin(self) -> Self:
        """An optimizer of the same vectors, not copies, that counts its steps by itself."""
        return copy.copy(self)

    def _prepare(self, learning_rate: float) -> float:
        """What is the same for every parameter; returns the factor for the gradient."""
        return learning_rate

    def _change_gradient(self, theta: Array, grad: Array, part: slice) -> None:
        if self.clip_value is not None:
            most = self.clip_value * self.gradient_scale
            np.clip(grad[part], -most, most, out=grad[part])
        if part.start < self.n_weights and (self.weight_decay or self.l1):
            weights = slice(part.start, min(part.stop, self.n_weights))
            self._penalize(theta[weights], grad[weights])

    def _penalize(self, w: Array, g: Array) -> None:
        if self.weight_decay:
            g += self.gradient_scale * self.weight_decay * w
        if self.l1:
            g += self.gradient_scale * self.l1 * np.sign(w)

    def _move(self, theta: Array, g: Array, part: slice) -> None:
        theta -= g


class Momentum(SGD):
    """Momentum (Polyak 1964), as Sutskever et al. 2013 write it: v ← μ v - η g; θ ← θ + v.

    Args:
        momentum: μ.
    """

    def __init__(
        self,
        n_parameters: int,
        n_weights: int,
        dtype: np.dtype[Any],
        *,
        momentum: float = 0.9,
        **penalties: Any,
    ) -> None:
        super().__init__(n_parameters, n_weights, dtype, **penalties)
        # As an array: NumPy multiplies by it sooner than by a Python number, by 0.3 µs a step.
        self.momentum: Array = np.array(momentum, dtype)
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


class AdaGrad(SGD):
    """Duchi, Hazan and Singer 2011: s ← s + g²; θ ← θ - η g / (√s + ε).

    A parameter whose gradients were small so far moves further; what g is multiplied by never
    grows.

    Args:
        epsilon: ε, against a division by zero.
    """

    def __init__(
        self,
        n_parameters: int,
        n_weights: int,
        dtype: np.dtype[Any],
        *,
        epsilon: float = 1e-10,
        **penalties: Any,
    ) -> None:
        super().__init__(n_parameters, n_weights, dtype, **penalties)
        self.epsilon = epsilon
        self.s: Array = shared_zeros(n_parameters, dtype)

    def state(self) -> dict[str, Array]:
        """The sum of the squared gradients."""
        return {"square_sum": self.s}

    def _prepare(self, learning_rate: float) -> float:
        return 1.0

    def _move(self, theta: Array, g: Array, part: slice) -> None:
        s = self.s[part]
        scratch = g * g
        s += scratch
        np.sqrt(s, out=scratch)
        scratch += self.epsilon
        g /= scratch
        g *= self.learning_rate
        theta -= g


class RMSprop(SGD):
    """Tieleman and Hinton 2012, lecture 6.5: s ← ρ s + (1 - ρ) g²; θ ← θ - η g / (√s + ε).

    AdaGrad that forgets, so that its steps do not dwindle.

    Args:
        decay: ρ.
        epsilon: ε.
    """

    def __init__(
        self,
        n_parameters: int,
        n_weights: int,
        dtype: np.dtype[Any],
        *,
        decay: float = 0.9,
        epsilon: float = 1e-7,
        **penalties: Any,
    ) -> None:
        super().__init__(n_parameters, n_weights, dtype, **penalties)
        self.decay, self.epsilon = decay, epsilon
        self.s: Array = shared_zeros(n_parameters, dtype)

    def state(self) -> dict[str, Array]:
        """The mean of the squared gradients."""
        return {"square_mean": self.s}

    def _prepare(self, learning_rate: float) -> float:
        return 1.0

    def _move(self, theta: Array, g: Array, part: slice) -> None:
        s = self.s[part]
        scratch = g * g
        _move_toward(scratch, s, 1 - self.decay)
        np.sqrt(s, out=scratch)
        scratch += self.epsilon
        g /= scratch
        g *= self.learning_rate
        theta -= g


class Adam(SGD):
    """Kingma and Ba 2015: m and s, running means of g and g², each freed of its start at 0.

    m ← β₁ m + (1 - β₁) g; s ← β₂ s + (1 - β₂) g²; θ ← θ - η m̂ / (√ŝ + ε), where after t steps
    m̂ = m / (1 - β₁ᵗ) and ŝ = s / (1 - β₂ᵗ).

    Args:
        beta1: β₁.
        beta2: β₂.
        epsilon: ε.
    """

    def __init__(
        self,
        n_parameters: int,
        n_weights: int,
        dtype: np.dtype[Any],
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        **penalties: Any,
    ) -> None:
        super().__init__(n_parameters, n_weights, dtype, **penalties)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.m: Array = shared_zeros(n_parameters, dtype)
        self.s: Array = shared_zeros(n_parameters, dtype)

    def state(self) -> dict[str, Array]:
        """The means of the gradients and of their squares."""
        return {"mean": self.m, "square_mean": self.s}

    def _prepare(self, learning_rate: float) -> float:
        self._root = math.sqrt(1 - self.beta2**self.steps)
        self._rate = learning_rate / (1 - self.beta1**self.steps)
        return 1.0

    def _move(self, theta: Array, g: Array, part: slice) -> None:
        m, s = self.m[part], self.s[part]
        scratch = g.copy()
        _move_toward(scratch, m, 1 - self.beta1)
        np.multiply(g, g, out=scratch)
        _move_toward(scratch, s, 1 - self.beta2)
        self._take(theta, g, m, s, scratch)

    def _take(self, theta: Array, g: Array, m: Array, s: Array, scratch: Array) -> None:
        """θ ← θ - η m̂ / (√ŝ + ε), with the roots of the corrections taken out of the division."""
        np.sqrt(s, out=scratch)
        scratch += self.epsilon * self._root
        np.divide(m, scratch, out=scratch)
        scratch *= self._rate * self._root
        theta -= scratch


class AdamW(Adam):
    """Adam whose weights decay apart from the gradient (Loshchilov and Hutter 2019).

    θ ← (1 - η λ) θ before the step: an L2 penalty inside Adam would be divided by √ŝ, so that
    weights with large gradients would hardly decay. That λ is multiplied by η is PyTorch's way; in
    the paper it is multiplied by the schedule alone.
    """

    def _penalize(self, w: Array, g: Array) -> None:
        if self.weight_decay:
            w *= 1 - self.learning_rate * self.weight_decay
        if self.l1:
            g += self.l1 * np.sign(w)


class NAdam(Adam):
    """Adam with Nesterov's look ahead (Dozat 2016), as PyTorch and Keras have it.

    With μ_t = β₁ (1 - ½ 0.96^(0.004 t)) and π_t = μ_1 μ_2 ... μ_t, Adam's m̂ becomes

        m̂ = μ_{t+1} m / (1 - π_{t+1}) + (1 - μ_t) g / (1 - π_t)

    which has of m what the next step will, and of g more than m has yet. m itself moves by β₁, as
    in Adam; in the paper it moves by μ_t.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._product = 1.0
        self._counted = 0

    def _mu(self, t: int) -> float:
        return float(self.beta1 * (1 - 0.5 * 0.96 ** (0.004 * t)))

    def _prepare(self, learning_rate: float) -> float:
        super()._prepare(learning_rate)
        while self._counted < self.steps:  # more than one where a checkpoint is gone on from
            self._counted += 1
            self._product *= self._mu(self._counted)
        mu, next_mu = self._mu(self.steps), self._mu(self.steps + 1)
        self._share_of_g = learning_rate * (1 - mu) / (1 - self._product)
        self._share_of_m = learning_rate * next_mu / (1 - self._product * next_mu)
        return 1.0

    def _take(self, theta: Array, g: Array, m: Array, s: Array, scratch: Array) -> None:
        g *= self._share_of_g
        np.multiply(m, self._share_of_m, out=scratch)
        g += scratch
        np.sqrt(s, out=scratch)
        scratch += self.epsilon * self._root
        g /= scratch
        g *= self._root
        theta -= g


OPTIMIZERS: dict[str, type[SGD]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adagrad": AdaGrad,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
    "nadam": NAdam,
}


def _move_toward(new: Array, mean: Array, share: float) -> None:
    """mean ← (1 - share) mean + share new; `new` is used up."""
    new -= mean
    new *= share
    mean += new
