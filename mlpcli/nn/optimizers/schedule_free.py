"""Schedule-free learning (Defazio et al. 2024): an average in the place of a schedule.

A rate that falls makes the last steps small; so does an average over the steps. But the plain
average of the points where gradients are taken is slow, and lags behind. Here are three points:

    z ← z - η g                    goes on in full steps
    x ← (1 - c_t) x + c_t z        the average of all z so far, which is validated and used
    θ ← (1 - β) z + β x            where the gradient is taken, most of the way to x

with c_t = f_t² / (f_1² + ... + f_t²), and f_t the share of the learning rate that a warm-up leaves
to step t: 1/t without one. The length of the run is in none of them, so it may end at any time.
"""

from collections.abc import Callable, Mapping
from typing import ClassVar

from mlpcli.nn.arrays import Array
from mlpcli.nn.optimizers.adaptive import corrected_root
from mlpcli.nn.optimizers.descent import SGD
from mlpcli.nn.optimizers.running import Running

_HAT = "\N{COMBINING CIRCUMFLEX ACCENT}"
_AVERAGES = "cₜ = fₜ² / (f₁² + … + fₜ²)    x ← (1 − cₜ) x + cₜ z"


class ScheduleFreeSGD(SGD):
    """Gradient descent without a schedule; with β, the average takes the place of momentum.

    Args:
        momentum: β.
        fraction: f, a function of the number of the step, from 1 on.
    """

    formula = f"z ← z − η g    {_AVERAGES}    θ ← (1 − β) z + β x"
    symbols: ClassVar[Mapping[str, str]] = {"momentum": "β"}
    vectors: ClassVar[Mapping[str, str]] = {"base": "z", "average": "x"}
    begins_at_theta = frozenset({"base", "average"})
    evaluated = "average"

    def __init__(
        self,
        *,
        momentum: float = 0.9,
        fraction: Callable[[int], float] = lambda t: 1.0,
        **penalties: float,
    ) -> None:
        super().__init__(**penalties)
        self.momentum, self._fraction = momentum, fraction
        self._squares = Running(0.0, lambda squares, t: squares + fraction(t) ** 2)

    def update(self, theta: Array, g: Array, learning_rate: float, t: int, *vectors: Array) -> None:
        z, x, *others = vectors
        z -= learning_rate * self.direction(g, t, *others)
        c = self._fraction(t) ** 2 / self._squares.up_to(t)
        x += c * (z - x)
        theta[...] = z + self.momentum * (x - z)

    def direction(self, g: Array, t: int, *vectors: Array) -> Array:
        """Return the step (P,) that is taken from z at a learning rate of 1."""
        return g


class ScheduleFreeAdamW(ScheduleFreeSGD):
    """AdamW without a schedule: the average takes the place of Adam's m.

    s ← β₂ s + (1 - β₂) g²       ŝ = s / (1 - β₂ᵗ)
    z ← z - η g / (√ŝ + ε)       and z ← z - η λ w before it, for weights w

    Args:
        beta1: β₁, which is β above.
        beta2: β₂.
        epsilon: ε.
    """

    formula = (
        f"s ← β₂ s + (1 − β₂) g²    s{_HAT} = s / (1 − β₂ᵗ)    z ← z − η g / (√s{_HAT} + ε)    "
        f"{_AVERAGES}    θ ← (1 − β₁) z + β₁ x"
    )
    symbols: ClassVar[Mapping[str, str]] = {"beta1": "β₁", "beta2": "β₂", "epsilon": "ε"}
    vectors: ClassVar[Mapping[str, str]] = {"base": "z", "average": "x", "square_mean": "s"}
    never_negative = frozenset({"square_mean"})
    decay_formula = "z ← z − η λ W"

    def __init__(
        self,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        fraction: Callable[[int], float] = lambda t: 1.0,
        **penalties: float,
    ) -> None:
        super().__init__(momentum=beta1, fraction=fraction, **penalties)
        self.beta2, self.epsilon = beta2, epsilon

    def decay_weights(self, w: Array, g: Array, learning_rate: float, *vectors: Array) -> None:
        """z ← z - η λ w, in place."""
        z, *_ = vectors
        z -= learning_rate * self.weight_decay * w

    def direction(self, g: Array, t: int, *vectors: Array) -> Array:
        """Return g / (√ŝ + ε) (P,)."""
        (s,) = vectors
        root, c = corrected_root(s, g, self.beta2, self.epsilon, t)
        stretched: Array = c * g / root
        return stretched
