"""Loss and accuracy while training, and the rows of metrics.csv and gradients.csv."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlpcli.nn.arrays import Array
from mlpcli.parallel.shared_memory import shared_zeros


@dataclass(frozen=True)
class EpochMetrics:
    """One row of metrics.csv.

    The val_ columns are None where nothing was held out, the accuracies in a regression.
    """

    epoch: int
    seconds: float | None
    """None where it is unknown: the row was restored from a checkpoint"""
    learning_rate: float
    train_loss: float
    train_accuracy: float | None
    val_loss: float | None
    val_accuracy: float | None


@dataclass(frozen=True)
class GradientNorms:
    """One row of gradients.csv; `training/gradient_probe.py` explains what is measured.

    A norm is None where it is too large for a float.
    """

    epoch: int
    layer: int
    """from 1 on, beginning at the input"""
    gradient_norm: float | None
    update_norm: float | None


def optional_columns(kind: type[EpochMetrics | GradientNorms]) -> list[str]:
    """Return the columns of a table that may be empty."""
    return [field.name for field in dataclasses.fields(kind) if field.type == float | None]


def filled_columns(row: EpochMetrics) -> set[str]:
    """Return the optional columns of metrics.csv that a row fills, besides the seconds."""
    filled = {name for name in optional_columns(EpochMetrics) if getattr(row, name) is not None}
    return filled - {"seconds"}


def measured_columns(*, has_validation: bool, has_classes: bool) -> set[str]:
    """Return the optional columns of metrics.csv that a run fills, besides the seconds."""
    columns = {"train_accuracy"} if has_classes else set()
    if has_validation:
        columns |= {"val_loss", "val_accuracy"} if has_classes else {"val_loss"}
    return columns


class RunningMetrics:
    """The mean loss and the accuracy of an epoch, from the outputs that each step computed anyway.

    They were computed while the weights changed, so these are means over the epoch, not the figures
    of its final weights. Each worker adds up its own examples, in a row of its own.
    """

    def __init__(self, workers: int, *, has_classes: bool = True) -> None:
        self._has_classes = has_classes
        self._sums: NDArray[np.float64] = shared_zeros((workers, 3), np.float64)

    @property
    def sums(self) -> tuple[tuple[float, float, float], ...]:
        """Number of examples, sum of their losses, and how many were right, of each worker."""
        return tuple((float(n), float(loss), float(right)) for n, loss, right in self._sums)

    def start_from(self, sums: Sequence[tuple[float, float, float]]) -> None:
        """Begin an epoch with these sums; those of absent workers are spread over the others."""
        self._sums.fill(0)
        for i, row in enumerate(sums):
            self._sums[i % len(self._sums)] += row

    def add(self, rank: int, losses: Array, z: Array, t: Array) -> None:
        """Add a worker's examples: their losses (n,), outputs and targets (n, n_out)."""
        correct = np.count_nonzero(z.argmax(axis=1) == t.argmax(axis=1))
        self._sums[rank] += (len(z), losses.sum(dtype=np.float64), correct)

    @property
    def loss(self) -> float:
        """Mean loss of the examples so far."""
        seen, loss, _ = self._sums.sum(axis=0)
        return float(loss / max(seen, 1))

    @property
    def accuracy(self) -> float | None:
        """Fraction of them that were right; None without classes."""
        if not self._has_classes:
            return None
        seen, _, correct = self._sums.sum(axis=0)
        return float(correct / max(seen, 1))
