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


def exponential(factor: float) -> Schedule:
    """Multiplied by `factor` over each epoch, in many small steps: factor^t."""
    return lambda t, epochs: factor**t


def inverse_time(decay: float) -> Schedule:
    """1 / (1 + decay t): falls fast, then ever more slowly.

    The steps add up to infinity, so they can go any distance, but their squares do not, so the
    noise of the batches dies away (Robbins and Monro 1951).
    """
    return lambda t, epochs: 1 / (1 + decay * t)


def cosine(final_fraction: float = 0.0) -> Schedule:
    """Half a cosine wave from 1 down to `final_fraction` (Loshchilov and Hutter 2017)."""

    def share(t: float, epochs: float) -> float:
        wave = (1 + math.cos(math.pi * min(t / epochs, 1.0))) / 2
        return final_fraction + (1 - final_fraction) * wave

    return share


def one_cycle(rise: float, initial_fraction: float, final_fraction: float) -> Schedule:
    """Up along half a cosine wave, then down along another, further than where it began.

    The large rate in the middle keeps the network from the first narrow valley (Smith 2018). As in
    PyTorch's OneCycleLR with two cosine phases and no cycle of the momentum; but there the wave
    passes through T points from the first step to the last, and here through all the time.

    Args:
        rise: the share of the epochs before the peak, where the learning rate is as it is.
        initial_fraction: the share of the learning rate at the start.
        final_fraction: the share of it at the end.
    """
    backwards, down = cosine(initial_fraction), cosine(final_fraction)

    def share(t: float, epochs: float) -> float:
        peak = rise * epochs
        if t < peak:
            return backwards(peak - t, peak)
        return down(t - peak, epochs - peak)

    return share


def with_warmup(schedule: Schedule, warmup_epochs: float) -> Schedule:
    """Rise in a straight line from 0 to the start of `schedule`, then follow it from there.

    Large steps at the very start, where the gradients are largest, can throw a network off
    (Goyal et al. 2017).
    """
    if warmup_epochs == 0:
        return schedule

    def share(t: float, epochs: float) -> float:
        if t < warmup_epochs:
            return schedule(0.0, epochs) * t / warmup_epochs
        return schedule(t - warmup_epochs, epochs - warmup_epochs)

    return share
