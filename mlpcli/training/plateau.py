"""Lowering the learning rate when a metric has stopped getting better."""

from collections.abc import Sequence
from dataclasses import dataclass

from mlpcli.training.metrics import EpochMetrics
from mlpcli.training.watch import Watch


@dataclass(frozen=True)
class Plateau:
    """After `patience` epochs without improvement the learning rate is multiplied by `factor`.

    The count then starts again. As what is done follows from the epochs so far, a run that was
    interrupted goes on as if it had not been.
    """

    monitor: str
    factor_of_a_fall: float
    patience: int
    min_delta: float

    def factor(self, history: Sequence[EpochMetrics]) -> float:
        """What the learning rate of the epoch after `history` is multiplied by."""
        watch = Watch(self.monitor, self.min_delta)
        factor = 1.0
        for row in history:
            watch.improves(row)
            if watch.epochs_without_improvement == self.patience:
                factor *= self.factor_of_a_fall
                watch.epochs_without_improvement = 0
        return factor
