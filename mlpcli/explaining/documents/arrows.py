"""Arrows and signs in documents: up where a number should rise, down where it should fall."""

from mlpcli.language import _

LEAST = 5e-5
"""part of the largest below which a number has no arrow"""


def arrow(way: float, largest: float, longest: int) -> str:
    """Return an arrow for the way in which a number should go.

    It has `longest` heads where the way is as long as `largest`, and fewer in proportion.
    """
    if not largest or abs(way) < LEAST * largest:
        return _("stay")
    length = max(1, round(min(abs(way) / largest, 1) * longest))
    return length * ("↑" if way > 0 else "↓")


def signed(value: float) -> str:
    """Return a number with its sign: four decimals, or a power of ten where they say nothing."""
    return f"{value + 0.0:+.4f}" if abs(value) >= 5e-5 or value == 0 else f"{value:+.0e}"
