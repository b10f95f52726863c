"""What makes an activation easy or hard to learn through: where it saturates, and its mean output.

Where σ is flat, an error that comes back is multiplied by next to nothing, and what lies in front
learns next to nothing (Glorot and Bengio 2010). Outputs that are all positive push, in a step on
one example, all weights of a unit behind the same way; a mean other than 0 does so in part (LeCun,
Bottou, Orr and Müller, "Efficient BackProp", 1998).
"""

import math
from dataclasses import dataclass

import numpy as np

from mlpcli.nn.activations import Activation
from mlpcli.nn.arrays import Array

FLAT = 0.01
"""A slope below this is saturated: less than a hundredth of an error passes."""
FAR = 40.0
"""Where every activation has long been as it will be."""
CENTRED = 1e-6
"""A mean output nearer to 0 than this is rounding."""


@dataclass(frozen=True)
class Character:
    """What an activation is like."""

    saturates_below: float | None
    """σ is flat everywhere below this z; None where it never is to that side"""
    saturates_above: float | None
    lowest: float
    """of σ; -inf where there is none"""
    highest: float
    mean_output: float
    """of σ(z) for z from the standard normal distribution"""

    @property
    def is_centred(self) -> bool:
        """Whether the mean output is 0."""
        return abs(self.mean_output) < CENTRED


def curves(activation: Activation, z: Array) -> tuple[Array, Array]:
    """σ(z) and σ'(z), each (n,), by the code that trains."""
    a, slope = np.empty_like(z), np.empty_like(z)
    activation.value(z, a)
    activation.derivative(z, a, slope)
    return a, slope


def character(activation: Activation) -> Character:
    """Measured on the activation's own code."""
    z = np.linspace(-FAR, FAR, 80_001)
    a, slope = curves(activation, z)
    density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return Character(
        saturates_below=_edge(activation, z, slope),
        saturates_above=_edge(activation, z[::-1], slope[::-1]),
        lowest=-math.inf if slope[0] >= FLAT else float(a.min()),
        highest=math.inf if slope[-1] >= FLAT else float(a.max()),
        mean_output=float((a * density).sum() * (z[1] - z[0])),
    )


def _edge(activation: Activation, z: Array, slope: Array) -> float | None:
    """Coming from far out, the last z (n,) that is flat, found to the last digits by halving."""
    steep = np.abs(slope) >= FLAT
    if not steep.any() or steep[0]:
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
