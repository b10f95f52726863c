"""What is measured: loss and accuracy while training, and the full report of an evaluation."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.batches import BLOCK_IMAGES
from mlpcli.nn.arrays import Array, Labels
from mlpcli.nn.losses import Loss

Counts = NDArray[np.intp]


@dataclass(frozen=True)
class EpochMetrics:
    """One row of metrics.csv. The val_ columns are None where nothing was held out."""

    epoch: int
    seconds: float
    learning_rate: float
    train_loss: float
    train_accuracy: float
    val_loss: float | None
    val_accuracy: float | None


class RunningMetrics:
    """The mean loss and the accuracy of an epoch, from the outputs that each step computed anyway.

    The outputs are put aside and reduced a block at a time: doing it each step costs as much as the
    softmax itself. They were computed while the weights changed, so these are means over the epoch,
    not the figures of its final weights.
    """

    def __init__(self, loss: Loss, n_out: int, batch_size: int, dtype: np.dtype[Any]) -> None:
        self._loss = loss
        self._z = np.empty((max(BLOCK_IMAGES, batch_size), n_out), dtype)
        self._y = np.empty(len(self._z), np.intp)
        self._waiting = 0
        self._seen = 0
        self._loss_sum = 0.0
        self._correct = 0

    def add(self, z: Array, y: Labels) -> bool:
        """Take in outputs (B, n_out) and labels (B,); True when the figures were renewed."""
        renewed = self._waiting + len(y) > len(self._z)
        if renewed:
            self.renew()
        stop = self._waiting + len(y)
        self._z[self._waiting : stop] = z
        self._y[self._waiting : stop] = y
        self._waiting = stop
        return renewed

    def renew(self) -> None:
        """Reduce what is waiting."""
        z, y = self._z[: self._waiting], self._y[: self._waiting]
        self._loss_sum += float(self._loss.value(z, y).sum(dtype=np.float64))
        self._correct += int(np.count_nonzero(z.argmax(axis=1) == y))
        self._seen += len(y)
        self._waiting = 0

    @property
    def loss(self) -> float:
        """The mean loss of the examples reduced so far."""
        return self._loss_sum / max(self._seen, 1)

    @property
    def accuracy(self) -> float:
        """The share of them that were right."""
        return self._correct / max(self._seen, 1)


def confusion_matrix(labels: Labels, predictions: Labels, n_classes: int) -> Counts:
    """How often each class (row) was taken for each (column): (n_classes, n_classes)."""
    pairs = labels * n_classes + predictions
    return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)


@dataclass(frozen=True)
class ClassMetrics:
    """Precision, recall and F1 of one class; 0 where the denominator is 0, as is usual."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


def class_metrics(confusion: Counts, class_names: tuple[str, ...]) -> list[ClassMetrics]:
    """Each class's figures from a confusion matrix (rows true, columns predicted)."""
    report = []
    for i, name in enumerate(class_names):
        right = int(confusion[i, i])
        predicted, support = int(confusion[:, i].sum()), int(confusion[i].sum())
        report.append(
            ClassMetrics(
                name=name,
                precision=right / predicted if predicted else 0.0,
                recall=right / support if support else 0.0,
                f1=2 * right / (predicted + support) if predicted + support else 0.0,
                support=support,
            )
        )
    return report


def most_confused(confusion: Counts, most: int) -> list[tuple[int, int, int]]:
    """The commonest mistakes: (true class, predicted class, how often), the commonest first."""
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    rows, columns = np.unravel_index(order, wrong.shape)
    return [
        (int(i), int(j), int(wrong[i, j]))
        for i, j in zip(rows, columns, strict=True)
        if wrong[i, j]
    ]
