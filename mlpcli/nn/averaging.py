"""Averaged parameters: a running mean over the steps, which jumps about less than the last one."""

from mlpcli.nn.arrays import Array, parts_in_cache, shared_zeros


class MovingAverage:
    """An exponential moving average of theta (Polyak and Juditsky 1992).

    θ̄ ← d θ̄ + (1 - d) θ after each step, with d = min(decay, (1 + t) / (10 + t)) after t steps: the
    mean of few steps forgets fast, so that the random start is not in it for long.

    Args:
        theta: the parameters (P,) at the start.
        decay: d in the long run.

    Attributes:
        theta: the mean (P,).
    """

    def __init__(self, theta: Array, decay: float) -> None:
        self.decay = decay
        self.theta: Array = shared_zeros(theta.shape, theta.dtype)
        self.theta[...] = theta

    def update(self, theta: Array, part: slice, steps: int) -> None:
        """Take in some of the parameters as they are after `steps` steps."""
        share = 1 - min(self.decay, (1 + steps) / (10 + steps))
        for here in parts_in_cache(part):
            step = theta[here] - self.theta[here]
            step *= share
            self.theta[here] += step
