"""Optimizers that divide the gradient by the size of past ones, number by number."""

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from mlpcli.nn.arrays import Array
from mlpcli.nn.optimizers.descent import SGD, DecaysApart
from mlpcli.nn.optimizers.running import Running

_HAT = "\N{COMBINING CIRCUMFLEX ACCENT}"


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


def corrected_root(s: Array, g: Array, beta2: float, epsilon: float, t: int) -> tuple[Array, float]:
    """s ← β₂ s + (1 - β₂) g², in place; return √s + c ε (P,) and c = √(1 - β₂ᵗ).

    √ŝ + ε = (√s + c ε) / c. So two numbers are corrected, and not all of s (Kingma and Ba 2015, end
    of section 2).
    """
    s += (1 - beta2) * (g * g - s)
    c = math.sqrt(1 - beta2**t)
    root: Array = np.sqrt(s)
    root += c * epsilon
    return root, c


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
        root, c = corrected_root(s, g, self.beta2, self.epsilon, t)
        step = self.corrected_mean(m, g, t, learning_rate * c)
        step /= root
        theta -= step

    def corrected_mean(self, m: Array, g: Array, t: int, factor: float) -> Array:
        """Return m̂ (P,) after step `t`, times `factor`."""
        m_hat: Array = factor / (1 - self.beta1**t) * m
        return m_hat


class AdamW(DecaysApart, Adam):
    """Adam whose weights decay apart from the gradient (Loshchilov and Hutter 2019).

    w ← (1 - η λ) w, for weights w, before Adam's step

    An L2 penalty inside Adam would be divided by √ŝ, so that weights with large gradients would
    hardly decay.
    """


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
        self._product = Running(1.0, lambda product, t: product * self.mu(t))

    def mu(self, t: int) -> float:
        """Return μ_t."""
        return float(self.beta1 * (1 - 0.5 * 0.96 ** (0.004 * t)))

    def corrected_mean(self, m: Array, g: Array, t: int, factor: float) -> Array:
        """Return m̂ (P,) after step `t`, times `factor`."""
        product, following = self._product.up_to(t), self.mu(t + 1)
        m_hat: Array = factor * following / (1 - product * following) * m
        m_hat += factor * (1 - self.mu(t)) / (1 - product) * g
        return m_hat
