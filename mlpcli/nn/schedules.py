"""Learning-rate schedules: pure functions of the time, as shares of the optimizer's learning rate.

Time `t` is counted in epochs, with fractions inside an epoch, so that no schedule depends on the
batch size; `epochs` is the length of the whole run.
"""

import math
from collections.abc import Callable

Schedule = Callable[[float, float], float]
"""(t, epochs) -> share of the learning rate"""


def constant(t: float, epochs: float) -> float:
    """The learning rate as it is."""
    return 1.0


def step(every_epochs: int, factor: float) -> Schedule:
    """Multiplied by `factor` after each `every_epochs` epochs."""
    return lambda t, epochs: factor ** (t // every_epochs)


def cosine(final_fraction: float = 0.0) -> Schedule:
    """Half a cosine wave from 1 down to `final_fraction` (Loshchilov and Hutter 2017)."""

    def share(t: float, epochs: float) -> float:
        wave = (1 + math.cos(math.pi * min(t / epochs, 1.0))) / 2
        return final_fraction + (1 - final_fraction) * wave

    return share


def with_warmup(schedule: Schedule, warmup_epochs: float) -> Schedule:
    """Rise in a straight line from 0 over the first epochs, then follow `schedule` from its start.

    Large steps at the very start, where the gradients are largest, can throw a network off
    (Goyal et al. 2017).
    """
    if warmup_epochs == 0:
        return schedule

    def share(t: float, epochs: float) -> float:
        if t < warmup_epochs:
            return t / warmup_epochs
        return schedule(t - warmup_epochs, epochs - warmup_epochs)

    return share
