"""How far chance moves the mean of some values: what several seeds are for."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """The mean of some values, and how far chance moves it."""

    mean: float
    deviation: float | None
    """standard deviation of the values, from two on"""
    low: float | None
    high: float | None
    """interval that holds the true mean in 95 of 100 such samples, by Student's t"""

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Return the spread of at least one value."""
        mean = statistics.fmean(values)
        if len(values) < 2:
            return cls(mean, None, None, None)
        deviation = statistics.stdev(values)
        half = t_quantile(len(values) - 1) * deviation / math.sqrt(len(values))
        return cls(mean, deviation, mean - half, mean + half)


def t_quantile(freedom: int) -> float:
    """Return the bound that Student's t stays within, up and down, in 95 of 100 cases.

    `freedom` is its number of degrees of freedom.

    Found by bisection of the probability, a finite sum for whole degrees of freedom (Abramowitz and
    Stegun, 1964, 26.7.3 and 26.7.4).
    """
    low, high = 0.0, 16.0
    for _ in range(60):
        middle = (low + high) / 2
        if _within(middle, freedom) < 0.95:
            low = middle
        else:
            high = middle
    return high


def _within(t: float, freedom: int) -> float:
    """Return the probability that Student's t lies between -t and t."""
    angle = math.atan(t / math.sqrt(freedom))
    cosine = math.cos(angle)
    is_odd = freedom % 2 == 1
    term, total = (cosine, cosine) if is_odd else (1.0, 1.0)
    if freedom == 1:
        total = 0.0
    for k in range(3 if is_odd else 2, freedom, 2):
        term *= cosine**2 * (k - 1) / k
        total += term
    if is_odd:
        return 2 / math.pi * (angle + math.sin(angle) * total)
    return math.sin(angle) * total
