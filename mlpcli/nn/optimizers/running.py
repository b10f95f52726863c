"""A number that each step makes from that of the step before."""

from collections.abc import Callable


class Running:
    """r_t = f(r_{t-1}, t), where there is no closed form.

    It depends on t alone, so nothing of it is saved: a resumed run computes it from r_0. The last r
    is remembered with its t, as a pair that is replaced whole, because threads may ask at once.

    Args:
        start: r_0.
        following: f.
    """

    def __init__(self, start: float, following: Callable[[float, int], float]) -> None:
        self._start, self._following = (0, start), following
        self._last = self._start

    def up_to(self, t: int) -> float:
        """Return r_t."""
        reached, r = self._last if self._last[0] <= t else self._start
        for i in range(reached + 1, t + 1):
            r = self._following(r, i)
        self._last = (t, r)
        return r
