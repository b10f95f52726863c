"""Learning-rate schedules: pure functions of time, as fractions of the optimizer's learning rate.

Time `t` is counted in epochs, with fractions inside an epoch, so that no schedule depends on the
batch size; `epochs` is the length of the whole run. Further arguments are a schedule's settings.
"""

import math
from collections.abc import Callable

Schedule = Callable[[float, float], float]
"""(t, epochs) -> fraction of the learning rate"""


def constant(t: float, epochs: float) -> float:
    """1: the learning rate stays as it is."""
    return 1.0


def step(t: float, epochs: float, every_epochs: int, factor: float) -> float:
    """Multiplied by `factor` after each `every_epochs` epochs."""
    return float(factor ** (t // every_epochs))


def exponential(t: float, epochs: float, factor: float) -> float:
    """Multiplied by `factor` over each epoch, in many small steps: factor^t."""
    return float(factor**t)


def inverse_time(t: float, epochs: float, decay: float) -> float:
    """1 / (1 + decay t): falls fast, then ever more slowly.

    The steps add up to infinity, so they can go any distance. Their squares do not, so the noise of
    the batches dies away (Robbins and Monro 1951).
    """
    return 1 / (1 + decay * t)


def cosine(t: float, epochs: float, final_fraction: float = 0.0) -> float:
    """Half a cosine wave from 1 down to `final_fraction` (Loshchilov and Hutter 2017)."""
    wave = (1 + math.cos(math.pi * min(t / epochs, 1.0))) / 2
    return final_fraction + (1 - final_fraction) * wave


def one_cycle(
    t: float, epochs: float, rise: float, initial_fraction: float, final_fraction: float
) -> float:
    """Up along half a cosine wave, then down along another, further than where it began.

    The large rate in the middle keeps the network from the first narrow valley (Smith 2018). As in
    PyTorch's OneCycleLR with two cosine phases and no cycle of the momentum; but there the wave
    passes through T points from the first step to the last, and here through all the time.

    Args:
        t: time in epochs.
        epochs: length of the run.
        rise: fraction of the epochs before the peak, where the learning rate is as it is.
        initial_fraction: fraction of the learning rate at the start.
        final_fraction: fraction of it at the end.
    """
    peak = rise * epochs
    if t < peak:
        return cosine(peak - t, peak, initial_fraction)
    return cosine(t - peak, epochs - peak, final_fraction)


def with_warmup(schedule: Schedule, warmup_epochs: float) -> Schedule:
    """Return a schedule that rises in a straight line from 0 to `schedule`, and then follows it.

    Large steps at the very start, where the gradients are largest, can throw a network off
    (Goyal et al. 2017).
    """
    if warmup_epochs == 0:
        return schedule

    def warmed_up(t: float, epochs: float) -> float:
        if t < warmup_epochs:
            return schedule(0.0, epochs) * t / warmup_epochs
        return schedule(t - warmup_epochs, epochs - warmup_epochs)

    return warmed_up


SCHEDULES: dict[str, Callable[..., float]] = {
    "constant": constant,
    "step": step,
    "exponential": exponential,
    "inverse_time": inverse_time,
    "cosine": cosine,
    "one_cycle": one_cycle,
}
