"""Successive halving: all trials for a few epochs, the best of them for more, and so on.

Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization",
2016. Each rung begins when the one before it has ended, so its result does not depend on which
trial was the quickest.
"""

from mlpcli.config.schema.sweep import HalvingConfig


def rungs(halving: HalvingConfig | None, epochs: int) -> list[int]:
    """Return the epochs after which trials are compared, the last of all epochs included."""
    ends = []
    if halving is not None:
        end = halving.first
        while end < epochs:
            ends.append(end)
            end *= halving.factor
    return [*ends, epochs]


def promoted(halving: HalvingConfig | None, entered: int) -> int:
    """Return how many of the trials that entered a rung go on to the next."""
    return entered if halving is None else max(1, entered // halving.factor)


def planned_epochs(halving: HalvingConfig | None, epochs: int, trials: int) -> int:
    """Return the number of epochs that so many trials train together."""
    total, before = 0, 0
    for end in rungs(halving, epochs):
        total += trials * (end - before)
        before = end
        trials = promoted(halving, trials)
    return total
