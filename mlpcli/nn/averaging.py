"""An average over the steps: it jumps about less than the last parameters do."""

from mlpcli.nn.arrays import Array


def move_average(mean: Array, theta: Array, decay: float, t: int) -> None:
    """θ̄ ← d θ̄ + (1 - d) θ, with d = min(decay, (1 + t) / (10 + t)), in place.

    An exponential moving average; Polyak and Juditsky 1992 take the plain mean of all steps. The
    average of the first steps forgets fast, so that it soon loses the random start.

    Averaged parameters produce other sums than the latest ones, so the running means and variances
    of batch normalisation are averaged in the same way.

    Args:
        mean: θ̄ (P,), the average so far.
        theta: θ (P,), the numbers after step `t`.
        decay: d in the long run.
        t: the number of the step, from 1 on.
    """
    d = min(decay, (1 + t) / (10 + t))
    mean += (1 - d) * (theta - mean)
