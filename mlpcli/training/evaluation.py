"""Judging a network on a whole dataset, every example counted."""

from dataclasses import dataclass

import numpy as np

from mlpcli.data.batches import BLOCK_IMAGES, Normalization, blocks
from mlpcli.data.dataset import Dataset
from mlpcli.nn.arrays import Array, Labels
from mlpcli.nn.losses import Loss
from mlpcli.nn.network import MLP
from mlpcli.training.metrics import Counts, confusion_matrix


@dataclass(frozen=True)
class Evaluation:
    """What a network made of a dataset."""

    loss: float
    accuracy: float
    labels: Labels
    """(N,)"""
    probabilities: Array
    """(N, n_classes)"""
    class_names: tuple[str, ...]

    @property
    def predictions(self) -> Labels:
        """The class of the largest probability (N,)."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @property
    def confusion(self) -> Counts:
        """Rows true, columns predicted (n_classes, n_classes)."""
        return confusion_matrix(self.labels, self.predictions, len(self.class_names))


def evaluate(
    network: MLP, loss: Loss, dataset: Dataset, normalization: Normalization
) -> Evaluation:
    """Run every example of `dataset` through `network`, a block at a time."""
    n = len(dataset)
    probabilities = np.empty((n, network.sizes[-1]), network.dtype)
    loss_sum = 0.0
    done = 0
    for x, y in blocks(dataset, np.arange(n), BLOCK_IMAGES, normalization, network.dtype):
        z = network.forward(x)
        loss_sum += float(loss.value(z, y).sum(dtype=np.float64))
        probabilities[done : done + len(y)] = loss.probabilities(z)
        done += len(y)
    right = np.count_nonzero(probabilities.argmax(axis=1) == dataset.labels)
    return Evaluation(
        loss=loss_sum / n,
        accuracy=float(right / n),
        labels=dataset.labels,
        probabilities=probabilities,
        class_names=dataset.class_names,
    )
