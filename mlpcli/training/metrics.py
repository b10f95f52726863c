"""Loss and accuracy while training, and the rows of metrics.csv and gradients.csv."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlpcli.nn.arrays import Array, shared_zeros
from mlpcli.nn.losses import Loss


@dataclass(frozen=True)
class EpochMetrics:
    """One row of metrics.csv.

    The val_ columns are None where nothing was held out, the accuracies in a regression.
    """

    epoch: int
    seconds: float | None
    """None where it is not known: the row was put back from a checkpoint"""
    learning_rate: float
    train_loss: float
    train_accuracy: float | None
    val_loss: float | None
    val_accuracy: float | None


@dataclass(frozen=True)
class LayerNorms:
    """One row of gradients.csv; `training/gradient_probe.py` says what is measured.

    A norm is None where it is too large to be a number.
    """

    epoch: int
    layer: int
    """from 1 on, that next to the input"""
    gradient_norm: float | None
    update_norm: float | None


class RunningMetrics:
    """The mean loss and the accuracy of an epoch, from the outputs that each step computed anyway.

    They were computed while the weights changed, so these are means over the epoch, not the figures
    of its final weights. Each member of a team adds up its own examples, in a row of its own.
    """

    def __init__(self, loss: Loss, members: int, *, has_classes: bool = True) -> None:
        self._loss, self._has_classes = loss, has_classes
        self._sums: NDArray[np.float64] = shared_zeros((members, 3), np.float64)

    def reset(self) -> None:
        """Begin a new epoch."""
        self._sums.fill(0)

    @property
    def sums(self) -> tuple[tuple[float, float, float], ...]:
        """Examples, sum of their losses, and how many were right, of each member."""
        return tuple((float(n), float(loss), float(right)) for n, loss, right in self._sums)

    def go_on_from(self, sums: Sequence[tuple[float, float, float]]) -> None:
        """Begin with these sums; those of members that are not there fall to the others."""
        self.reset()
        for i, row in enumerate(sums):
            self._sums[i % len(self._sums)] += row

    def add(self, member: int, z: Array, t: Array) -> None:
        """Take in outputs and targets (n, n_out)."""
        correct = np.count_nonzero(z.argmax(axis=1) == t.argmax(axis=1))
        self._sums[member] += (len(z), self._loss.value(z, t).sum(dtype=np.float64), correct)

    @property
    def loss(self) -> float:
        """The mean loss of the examples so far."""
        seen, loss, _ = self._sums.sum(axis=0)
        return float(loss / max(seen, 1))

    @property
    def accuracy(self) -> float | None:
        """The share of them that were right; None without classes."""
        if not self._has_classes:
            return None
        seen, _, correct = self._sums.sum(axis=0)
        return float(correct / max(seen, 1))
