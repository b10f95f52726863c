"""Arrows in documents: up where a number should rise, down where it should fall."""


def arrow(way: float, largest: float, longest: int) -> str:
    """Return an arrow for the way in which a number should go.

    It has `longest` heads where the way is as long as `largest`, and fewer in proportion.
    """
    if not largest or abs(way) < 5e-5 * largest:
        return "stay"
    length = max(1, round(min(abs(way) / largest, 1) * longest))
    return length * ("↑" if way > 0 else "↓")
