"""Averages over the steps: the parameters' mean jumps about less than the last of them."""

from mlpcli.nn.arrays import Array, parts_in_cache, shared_zeros


class MovingAverage:
    """An exponential moving average of theta, or of what goes with it.

    Polyak and Juditsky 1992 take the plain mean of all steps; this one forgets those of long ago.

    The mean of the parameters sends other sums to batch normalisation than the last ones do, so
    what belongs to it is the mean of the running means and variances.

    θ̄ ← d θ̄ + (1 - d) θ after each step, with d = min(decay, (1 + t) / (10 + t)) after t steps: the
    mean of few steps forgets fast, so that the random start is not in it for long.

    Args:
        theta: the numbers (P, ...) at the start.
        decay: d in the long run.

    Attributes:
        theta: their mean (P, ...).
    """

    def __init__(self, theta: Array, decay: float) -> None:
        self.decay = decay
        self.theta: Array = shared_zeros(theta.shape, theta.dtype)
        self.theta[...] = theta

    def update(self, theta: Array, part: slice, steps: int) -> None:
        """Take in some of the numbers as they are after `steps` steps."""
        share = 1 - min(self.decay, (1 + steps) / (10 + steps))
        for here in parts_in_cache(part):
            step = theta[here] - self.theta[here]
            step *= share
            self.theta[here] += step
