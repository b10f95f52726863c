"""Evaluating a network on a whole dataset."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mlpcli.data.batches import BLOCK_IMAGES, blocks
from mlpcli.data.dataset import Dataset
from mlpcli.data.normalization import Normalization
from mlpcli.nn.arrays import Array, Labels
from mlpcli.nn.losses import Loss
from mlpcli.nn.network import MLP


@dataclass(frozen=True)
class Evaluation:
    """A network's answers for a dataset, and their loss."""

    loss: float
    labels: Labels
    """(N,)"""
    predictions: Labels
    """the class of the largest output (N,)"""
    probabilities: Array
    """(N, n_classes)"""
    class_names: tuple[str, ...]
    temperature: float = 1.0
    """divides the outputs before they become probabilities"""
    uncalibrated: Array | None = None
    """the probabilities (N, n_classes) at temperature 1, where `temperature` is another"""
    outputs: Array | None = None
    """the network's (N, n_out) in a regression, which has no classes: what the loss compares with
    the targets"""
    targets: Array | None = None
    """what the outputs should be (N, n_out)"""
    inputs: Array | None = None
    """the rows of a table (N, n_in), where they are of interest"""
    input_names: tuple[str, ...] = ()
    """a name for each column of them"""
    loss_is: str = ""
    """in words, what the loss of a regression is; empty for the network's own, of `targets`"""

    @property
    def accuracy(self) -> float | None:
        """Fraction of examples that are right; None in a regression."""
        if self.targets is not None:
            return None
        return float(np.mean(self.predictions == self.labels))


def outputs(
    network: MLP, dataset: Dataset, normalization: Normalization
) -> Iterator[tuple[Array, Labels]]:
    """Yield the network's outputs (n, n_out) and the labels (n,), a block of examples at a time.

    The next block overwrites them.
    """
    order = np.arange(len(dataset))
    for x, y in blocks(dataset, order, BLOCK_IMAGES, normalization, network.dtype):
        with np.errstate(over="ignore", invalid="ignore"):  # seen in the loss
            yield network.forward(x), y


def evaluate(
    network: MLP,
    loss: Loss,
    dataset: Dataset,
    normalization: Normalization,
    temperature: float = 1.0,
) -> Evaluation:
    """Run every example of `dataset` through `network`.

    The loss is of the outputs themselves, as in training; it is nan where an output is not finite.
    The probabilities are of the outputs divided by `temperature`.
    """
    n = len(dataset)
    predictions = np.empty(n, np.intp)
    probabilities = np.empty((n, network.sizes[-1]), network.dtype)
    uncalibrated = None if temperature == 1 else np.empty_like(probabilities)
    regression = None if dataset.targets is None else np.empty_like(probabilities)
    t = np.empty((min(n, BLOCK_IMAGES), network.sizes[-1]), network.dtype)
    loss_sum = 0.0
    done = 0
    for z, y in outputs(network, dataset, normalization):
        here = slice(done, done + len(y))
        with np.errstate(over="ignore", invalid="ignore"):
            dataset.write_targets(np.arange(done, done + len(y)), t[: len(y)])
            loss_sum += float(loss.value(z, t[: len(y)]).sum(dtype=np.float64))
            probabilities[here] = loss.probabilities(z / temperature)
            if uncalibrated is not None:
                uncalibrated[here] = loss.probabilities(z)
        if not np.isfinite(z).all():
            loss_sum = math.nan  # a sigmoid hides it
        predictions[here] = z.argmax(axis=1)
        if regression is not None:
            regression[here] = loss.prediction(z)
        done += len(y)
    return Evaluation(
        loss_sum / max(n, 1),
        dataset.labels,
        predictions,
        probabilities,
        dataset.class_names,
        temperature,
        uncalibrated,
        regression,
        dataset.targets,
    )
