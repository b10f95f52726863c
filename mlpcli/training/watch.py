"""Watching a metric from epoch to epoch: is this the best so far, and how long ago was the best?"""

import math
from dataclasses import dataclass

from mlpcli.training.metrics import EpochMetrics


@dataclass
class Watch:
    """The best value of one column of metrics.csv; a loss is better lower, an accuracy higher.

    `epoch` is better higher: where there is nothing to choose by, the last is the best.
    """

    monitor: str
    min_delta: float = 0.0
    """how much better a value must be to count"""
    best: float | None = None
    best_epoch: int = 0
    epochs_without_improvement: int = 0

    def improves(self, row: EpochMetrics) -> bool:
        """Take in an epoch; True if it is the best so far. NaN never is."""
        value: float = getattr(row, self.monitor)
        if self.best is None:
            better = not math.isnan(value)
        elif self.monitor.endswith("loss"):
            better = value < self.best - self.min_delta
        else:
            better = value > self.best + self.min_delta
        if better:
            self.best, self.best_epoch, self.epochs_without_improvement = value, row.epoch, 0
        else:
            self.epochs_without_improvement += 1
        return better
