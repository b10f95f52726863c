"""Optimizers, in rising complexity: how the gradient moves the parameters.

An optimizer knows flat vectors and no layers. It holds the settings; the vectors that it remembers
from step to step are handed in, so that they can live anywhere and be saved by their names.

Each adds the gradient of the penalties to that of the loss: λ/2 · Σ w² (L2; AdamW lets the weights
decay in another way) and κ · Σ |w| (L1, Tibshirani 1996), over the weights. Biases are left out:
they shift the function and do not make it steeper.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from mlpcli.nn.arrays import Array

_HAT = "\N{COMBINING CIRCUMFLEX ACCENT}"


class SGD:
    """Stochastic gradient descent (Robbins and Monro 1951).

    θ ← θ - η g

    Args:
        weight_decay: λ, the strength of the L2 penalty.
        l1: κ, the strength of the L1 penalty, which keeps many weights at about 0.
    """

    formula: ClassVar[str] = "θ ← θ − η g"
    """of a step, for people to read; four spaces separate its parts"""
    symbols: ClassVar[Mapping[str, str]] = {}
    """setting → its symbol in the formula"""
    vectors: ClassVar[Mapping[str, str]] = {}
    """name of each remembered vector → its symbol in the formula, in the order of `update`"""
    never_negative: ClassVar[frozenset[str]] = frozenset()
    """the remembered vectors of which a root is taken"""
    decays_apart: ClassVar[bool] = False
    """whether weight decay is kept out of the gradient"""

    def __init__(self, *, weight_decay: float = 0.0, l1: float = 0.0) -> None:
        self.weight_decay, self.l1 = weight_decay, l1

    def penalize(self, w: Array, g: Array, learning_rate: float) -> None:
        """g ← g + λ w + κ sign(w), for weights w and their gradient g, in place."""
        if self.weight_decay:
            g += self.weight_decay * w
        if self.l1:
            g += self.l1 * np.sign(w)

    def update(self, theta: Array, g: Array, learning_rate: float, t: int, *vectors: Array) -> None:
        """Change `theta` and `vectors` in place, by the formula.

        It works number by number, so it may be called for slices of the vectors.

        Args:
            theta: θ (P,), the parameters.
            g: their gradient (P,).
            learning_rate: η.
            t: the number of the step, from 1 on.
            vectors: (P,) each, as `vectors` names them; all zeros before the first step.
        """
        theta -= learning_rate * g


class Momentum(SGD):
    """Momentum (Polyak 1964), as Sutskever et al. 2013 write it.

    v ← μ v - η g
    θ ← θ + v

    Args:
        momentum: μ.
    """

    formula = "v ← μ v − η g    θ ← θ + v"
    symbols: ClassVar[Mapping[str, str]] = {"momentum": "μ"}
    vectors: ClassVar[Mapping[str, str]] = {"velocity": "v"}

    def __init__(self, *, momentum: float = 0.9, **penalties: float) -> None:
        super().__init__(**penalties)
        self.momentum = momentum

    def update(self, theta: Array, g: Array, learning_rate: float, t: int, *vectors: Array) -> None:
        (v,) = vectors
        v *= self.momentum
        v -= learning_rate * g
        theta += v


class Nesterov(Momentum):
    """Nesterov's accelerated gradient (1983), with the gradient taken where θ is.

    v ← μ v - η g
    θ ← θ + μ v - η g

    Sutskever et al. 2013 take the gradient at the point ahead, θ + μ v. Here θ is that point
    itself (Bengio et al. 2013).
    """

    formula = "v ← μ v − η g    θ ← θ + μ v − η g"

    def update(self, theta: Array, g: Array, learning_rate: float, t: int, *vectors: Array) -> None:
        (v,) = vectors
        step = learning_rate * g
        v *= self.momentum
        v -= step
        theta -= step
        theta += self.momentum * v


class AdaGrad(SGD):
    """Duchi, Hazan and Singer 2011.

    s ← s + g²
    θ ← θ - η g / (√s + ε)

    Parameters with small past gradients take larger steps; no parameter's steps grow again.

    Args:
        epsilon: ε, against a division by zero.
    """

    formula = "s ← s + g²    θ ← θ − η g / (√s + ε)"
    symbols: ClassVar[Mapping[str, str]] = {"epsilon": "ε"}
    vectors: ClassVar[Mapping[str, str]] = {"square_sum": "s"}
    never_negative = frozenset({"square_sum"})

    def __init__(self, *, epsilon: float = 1e-10, **penalties: float) -> None:
        super().__init__(**penalties)
        self.epsilon = epsilon

    def update(self, theta: Array, g: Array, learning_rate: float, t: int, *vectors: Array) -> None:
        (s,) = vectors
        s += g * g
        theta -= learning_rate * (g / (np.sqrt(s) + self.epsilon))


class RMSprop(SGD):
    """Tieleman and Hinton 2012, lecture 6.5: AdaGrad that forgets, so that its steps don't dwindle.

    s ← ρ s + (1 - ρ) g²
    θ ← θ - η g / (√s + ε)

    Args:
        decay: ρ.
        epsilon: ε.
    """

    formula = "s ← ρ s + (1 − ρ) g²    θ ← θ − η g / (√s + ε)"
    symbols: ClassVar[Mapping[str, str]] = {"decay": "ρ", "epsilon": "ε"}
    vectors: ClassVar[Mapping[str, str]] = {"square_mean": "s"}
    never_negative = frozenset({"square_mean"})

    def __init__(self, *, decay: float = 0.9, epsilon: float = 1e-7, **penalties: float) -> None:
        super().__init__(**penalties)
        self.decay, self.epsilon = decay, epsilon

    def update(self, theta: Array, g: Array, learning_rate: float, t: int, *vectors: Array) -> None:
        (s,) = vectors
        s += (1 - self.decay) * (g * g - s)
        theta -= learning_rate * (g / (np.sqrt(s) + self.epsilon))


class Adam(SGD):
    """Kingma and Ba 2015: m and s, running means of g and g², each corrected for its start at 0.

    m ← β₁ m + (1 - β₁) g        m̂ = m / (1 - β₁ᵗ)
    s ← β₂ s + (1 - β₂) g²       ŝ = s / (1 - β₂ᵗ)
    θ ← θ - η m̂ / (√ŝ + ε)

    Args:
        beta1: β₁.
        beta2: β₂.
        epsilon: ε.
    """

    formula = (
        "m ← β₁ m + (1 − β₁) g    s ← β₂ s + (1 − β₂) g²    "
        f"m{_HAT} = m / (1 − β₁ᵗ)    s{_HAT} = s / (1 − β₂ᵗ)    θ ← θ − η m{_HAT} / (√s{_HAT} + ε)"
    )
    symbols: ClassVar[Mapping[str, str]] = {"beta1": "β₁", "beta2": "β₂", "epsilon": "ε"}
    vectors: ClassVar[Mapping[str, str]] = {"mean": "m", "square_mean": "s"}
    never_negative = frozenset({"square_mean"})

    def __init__(
        self,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        **penalties: float,
    ) -> None:
        super().__init__(**penalties)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon

    def update(self, theta: Array, g: Array, learning_rate: float, t: int, *vectors: Array) -> None:
        m, s = vectors
        m += (1 - self.beta1) * (g - m)
        s += (1 - self.beta2) * (g * g - s)
        m_hat = self.corrected_mean(m, g, t)
        s_hat = s / (1 - self.beta2**t)
        theta -= learning_rate * m_hat / (np.sqrt(s_hat) + self.epsilon)

    def corrected_mean(self, m: Array, g: Array, t: int) -> Array:
        """Return m̂ (P,) after step `t`."""
        m_hat: Array = m / (1 - self.beta1**t)
        return m_hat


class AdamW(Adam):
    """Adam whose weights decay apart from the gradient (Loshchilov and Hutter 2019).

    w ← (1 - η λ) w, for weights w, before Adam's step

    An L2 penalty inside Adam would be divided by √ŝ, so that weights with large gradients would
    hardly decay. That λ is multiplied by η is PyTorch's way; in the paper it is multiplied by the
    schedule alone.
    """

    decays_apart = True

    def penalize(self, w: Array, g: Array, learning_rate: float) -> None:
        """w ← (1 - η λ) w and g ← g + κ sign(w), in place."""
        if self.weight_decay:
            w *= 1 - learning_rate * self.weight_decay
        if self.l1:
            g += self.l1 * np.sign(w)


class NAdam(Adam):
    """Adam with Nesterov's look ahead (Dozat 2016), as PyTorch and Keras have it.

    With μ_t = β₁ (1 - ½ 0.96^(0.004 t)) and π_t = μ_1 μ_2 ... μ_t, Adam's m̂ becomes

        m̂ = μ_{t+1} m / (1 - π_{t+1}) + (1 - μ_t) g / (1 - π_t)

    m is weighted as in the next step, and g by what m has not absorbed yet. m itself moves by β₁,
    as in Adam; in the paper it moves by μ_t.
    """

    formula = (
        "m ← β₁ m + (1 − β₁) g    s ← β₂ s + (1 − β₂) g²    "
        "μₜ = β₁ (1 − ½ 0.96^(0.004 t))    πₜ = μ₁ μ₂ … μₜ    "
        f"m{_HAT} = μₜ₊₁ m / (1 − πₜ₊₁) + (1 − μₜ) g / (1 − πₜ)    s{_HAT} = s / (1 − β₂ᵗ)    "
        f"θ ← θ − η m{_HAT} / (√s{_HAT} + ε)"
    )

    def __init__(self, **settings: float) -> None:
        super().__init__(**settings)
        self._products = [1.0]

    def mu(self, t: int) -> float:
        """Return μ_t."""
        return float(self.beta1 * (1 - 0.5 * 0.96 ** (0.004 * t)))

    def product(self, t: int) -> float:
        """Return π_t; those up to t are remembered, for there is no closed form."""
        while len(self._products) <= t:
            self._products.append(self._products[-1] * self.mu(len(self._products)))
        return self._products[t]

    def corrected_mean(self, m: Array, g: Array, t: int) -> Array:
        """Return m̂ (P,) after step `t`."""
        m_hat: Array = self.mu(t + 1) / (1 - self.product(t + 1)) * m
        m_hat += (1 - self.mu(t)) / (1 - self.product(t)) * g
        return m_hat


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
