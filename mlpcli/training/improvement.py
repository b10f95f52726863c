"""Whether a metric still improves: for the best epoch, early stopping and the learning rate."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mlpcli.training.metrics import EpochMetrics


def monitored_column(chosen: str | None, measured: Collection[str]) -> str:
    """Return the column of metrics.csv by which an epoch is the best.

    Args:
        chosen: `training.monitor`.
        measured: the columns that the run fills.
    """
    for column in (chosen, "val_accuracy", "val_loss"):
        if column in measured:
            return str(column)
    return "epoch"


@dataclass
class BestSoFar:
    """The best value of one column of metrics.csv; a loss is better lower, an accuracy higher.

    `epoch` is better higher: where there is nothing to choose by, the last is the best.
    """

    monitor: str
    """the column"""
    min_delta: float = 0.0
    """how much better a value must be to count"""
    best: float | None = None
    best_epoch: int = 0
    epochs_without_improvement: int = 0

    def improves(self, row: EpochMetrics) -> bool:
        """Add an epoch; return whether it is the best so far, which NaN never is."""
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


@dataclass(frozen=True)
class ReduceOnPlateau:
    """Multiplies the learning rate by `factor` after `patience` epochs without improvement.

    The count then starts again. The learning rate follows from the epochs so far, so a resumed run
    needs no other state.
    """

    monitor: str
    factor: float
    patience: int
    min_delta: float

    def after(self, history: Sequence[EpochMetrics]) -> "PlateauRate":
        """Return what follows from these epochs; the next ones can be added to it."""
        rate = PlateauRate(self)
        for row in history:
            rate.add(row)
        return rate


class PlateauRate:
    """How far `ReduceOnPlateau` has lowered the learning rate.

    Attributes:
        factor: what multiplies the learning rate of the next epoch.
    """

    def __init__(self, plateau: ReduceOnPlateau) -> None:
        self._plateau = plateau
        self._metric = BestSoFar(plateau.monitor, plateau.min_delta)
        self.factor = 1.0

    def add(self, row: EpochMetrics) -> None:
        """Add an epoch."""
        self._metric.improves(row)
        if self._metric.epochs_without_improvement == self._plateau.patience:
            self.factor *= self._plateau.factor
            self._metric.epochs_without_improvement = 0
