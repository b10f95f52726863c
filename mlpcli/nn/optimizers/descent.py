"""Gradient descent: the base of every optimizer, and those that remember a velocity at most."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from mlpcli.nn.arrays import Array


class SGD:
    """Stochastic gradient descent (Robbins and Monro 1951).

    θ ← θ - η g

    Args:
        weight_decay: λ, the strength of the L2 penalty.
        l1: κ, the strength of the L1 penalty, which keeps many weights at about 0.
    """

    formula: ClassVar[str] = "θ ← θ − η g"
    """of a step, for people to read; four spaces separate its parts"""
    said: ClassVar[str] = ""
    """what a reader of the formula must know"""
    symbols: ClassVar[Mapping[str, str]] = {}
    """setting → its symbol in the formula"""
    vectors: ClassVar[Mapping[str, str]] = {}
    """name of each remembered vector → its symbol in the formula, in the order of `update`"""
    never_negative: ClassVar[frozenset[str]] = frozenset()
    """the remembered vectors of which a root is taken"""
    decay_formula: ClassVar[str] = ""
    """the formula by which weights decay apart from the gradient; empty where λ is part of it"""
    begins_at_theta: ClassVar[frozenset[str]] = frozenset()
    """the remembered vectors that are a copy of θ before the first step; all others are zeros"""
    evaluated: ClassVar[str | None] = None
    """the remembered vector that is validated and used to predict; None for θ itself"""

    def __init__(self, *, weight_decay: float = 0.0, l1: float = 0.0) -> None:
        self.weight_decay, self.l1 = weight_decay, l1

    def penalize(self, w: Array, g: Array, learning_rate: float, *vectors: Array) -> None:
        """g ← g + λ w + κ sign(w), for weights w and their gradient g, in place.

        `vectors` are what is remembered of these weights.
        """
        if self.weight_decay:
            self.decay_weights(w, g, learning_rate, *vectors)
        if self.l1:
            g += self.l1 * np.sign(w)

    def decay_weights(self, w: Array, g: Array, learning_rate: float, *vectors: Array) -> None:
        """g ← g + λ w, in place."""
        g += self.weight_decay * w

    def update(self, theta: Array, g: Array, learning_rate: float, t: int, *vectors: Array) -> None:
        """Change `theta` and `vectors` in place, by the formula.

        It works number by number, so it may be called for slices of the vectors.

        Args:
            theta: θ (P,), the parameters.
            g: their gradient (P,).
            learning_rate: η.
            t: the number of the step, from 1 on.
            vectors: (P,) each, as `vectors` names them; before the first step all zeros, or θ
                where `begins_at_theta` says so.
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


class DecaysApart(SGD):
    """An optimizer whose weights decay apart from the gradient (Loshchilov and Hutter 2019).

    w ← (1 - η λ) w, for weights w, before the step

    What rescales the gradient would rescale an L2 penalty with it. That λ is multiplied by η is
    PyTorch's way; in the paper it is multiplied by the schedule alone.
    """

    decay_formula = "W ← (1 − η λ) W"

    def decay_weights(self, w: Array, g: Array, learning_rate: float, *vectors: Array) -> None:
        """w ← (1 - η λ) w, in place."""
        w *= 1 - learning_rate * self.weight_decay


class Lion(DecaysApart):
    """Chen et al. 2023: the sign of a momentum, found by a search through programs.

    c = β₁ m + (1 - β₁) g
    θ ← θ - η sign(c)
    m ← β₂ m + (1 - β₂) g

    Every parameter moves by η, up or down, so η is a third to a tenth of Adam's, and λ as many
    times larger. β₁ < β₂: the newest gradient weighs more in the step than in the memory.

    Args:
        beta1: β₁.
        beta2: β₂.
    """

    formula = "c = β₁ m + (1 − β₁) g    θ ← θ − η sign(c)    m ← β₂ m + (1 − β₂) g"
    symbols: ClassVar[Mapping[str, str]] = {"beta1": "β₁", "beta2": "β₂"}
    vectors: ClassVar[Mapping[str, str]] = {"mean": "m"}

    def __init__(self, *, beta1: float = 0.9, beta2: float = 0.99, **penalties: float) -> None:
        super().__init__(**penalties)
        self.beta1, self.beta2 = beta1, beta2

    def update(self, theta: Array, g: Array, learning_rate: float, t: int, *vectors: Array) -> None:
        (m,) = vectors
        theta -= learning_rate * np.sign(m + (1 - self.beta1) * (g - m))
        m += (1 - self.beta2) * (g - m)
