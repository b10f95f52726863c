"""Where an activation saturates, and its mean output: both decide how well a network learns.

Where σ is flat, backpropagation multiplies the error by almost 0, and the layers before learn
almost nothing (Glorot and Bengio 2010). If all outputs are positive, a step on one example moves
all weights of a unit in the next layer the same way; a mean other than 0 does so in part (LeCun,
Bottou, Orr and Müller, "Efficient BackProp", 1998).
"""

import math
from dataclasses import dataclass

import numpy as np

from mlpcli.nn.activations import Activation
from mlpcli.nn.arrays import Array
from mlpcli.training.saturated_start import FLAT

FAR = 40.0
"""a z beyond which no activation changes its character"""
CENTRED = 1e-6
"""mean output below which the rest is rounding"""


@dataclass(frozen=True)
class Character:
    """The saturation, range and mean output of an activation."""

    saturates_below: float | None
    """σ is flat everywhere below this z; None if it does not saturate on this side"""
    saturates_above: float | None
    lowest: float
    """infimum of σ, perhaps -inf"""
    highest: float
    mean_output: float
    """mean of σ(z) for z from the standard normal distribution"""

    @property
    def is_centred(self) -> bool:
        """Whether the mean output is 0."""
        return abs(self.mean_output) < CENTRED


def curves(activation: Activation, z: Array) -> tuple[Array, Array]:
    """Return σ(z) and σ'(z), each (n,), from the code that trains."""
    a, slope = np.empty_like(z), np.empty_like(z)
    activation.value(z, a)
    activation.derivative(z, a, slope)
    return a, slope


def character(activation: Activation) -> Character:
    """Measure an activation by calling it."""
    z = np.linspace(-FAR, FAR, 80_001)
    a, slope = curves(activation, z)
    middles = (z[:-1] + z[1:]) / 2  # none at 0, where σ may jump
    density = np.exp(-middles * middles / 2) / math.sqrt(2 * math.pi)
    return Character(
        saturates_below=_edge(activation, z, slope),
        saturates_above=_edge(activation, z[::-1], slope[::-1]),
        lowest=-math.inf if slope[0] >= FLAT else float(a.min()),
        highest=math.inf if slope[-1] >= FLAT else float(a.max()),
        mean_output=float((curves(activation, middles)[0] * density).sum() * (z[1] - z[0])),
    )


def _edge(activation: Activation, z: Array, slope: Array) -> float | None:
    """Return the last flat z, found by bisection; `z` (n,) comes from far out."""
    steep = np.abs(slope) >= FLAT
    if not steep.any():
        return 0.0  # flat on both sides of its jump
    if steep[0]:
        return None
    first = int(steep.argmax())
    flat, not_flat = float(z[first - 1]), float(z[first])
    for _ in range(60):
        middle = (flat + not_flat) / 2
        if abs(float(curves(activation, np.array([middle]))[1][0])) < FLAT:
            flat = middle
        else:
            not_flat = middle
    return round(not_flat, 12)
