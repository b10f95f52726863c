"""Calibration: how far a network's probabilities can be trusted, and a temperature that helps.

Naeini, Cooper and Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning",
2015; Guo et al., "On Calibration of Modern Neural Networks", 2017.
"""

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.dataset import Dataset
from mlpcli.nn.arrays import Array, Labels
from mlpcli.nn.losses import Loss
from mlpcli.storage.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from mlpcli.training.building import build_loss
from mlpcli.training.evaluation import outputs

BINS = 10
WIDEST = math.log(100)
"""Temperatures from 1/100 to 100 are tried; beyond, probabilities are all 0 or 1, or all equal."""
_GOLDEN = (math.sqrt(5) - 1) / 2
_STEPS = 60
"""Each leaves 0.62 of the interval, all of them together 1e-12."""
_WORTH_IT = 1e-9
"""smallest gain in nats that is more than rounding"""


@dataclass(frozen=True)
class Calibration:
    """Examples in n bins by the probability of the predicted class; bin b is ((b-1)/n, b/n]."""

    counts: NDArray[np.intp]
    """(n,)"""
    confidence: NDArray[np.float64]
    """mean probability in each bin (n,); nan where it is empty"""
    accuracy: NDArray[np.float64]
    """accuracy in each bin (n,); nan where it is empty"""

    @property
    def expected_error(self) -> float:
        """Σ counts_b / N |accuracy_b - confidence_b|, the expected calibration error."""
        full = self.counts > 0
        gaps = np.abs(self.accuracy - self.confidence)[full]
        return float((self.counts[full] * gaps).sum() / max(self.counts.sum(), 1))


def calibration(probabilities: Array, labels: Labels, n_bins: int = BINS) -> Calibration:
    """Return examples with these probabilities (N, n_classes) in bins of equal width."""
    confidence = probabilities.max(axis=1, initial=0).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    bins = np.clip(np.ceil(confidence * n_bins).astype(np.intp) - 1, 0, n_bins - 1)
    counts = np.bincount(bins, minlength=n_bins)
    with np.errstate(invalid="ignore"):  # 0/0 in an empty bin
        return Calibration(
            counts=counts,
            confidence=np.bincount(bins, confidence, minlength=n_bins) / counts,
            accuracy=np.bincount(bins, right, minlength=n_bins) / counts,
        )


def fit_temperature(loss: Loss, z: Array, labels: Labels) -> float:
    """Return the temperature T with the least mean of -log p, p the probabilities of z / T.

    Dividing the outputs by T changes no prediction, only its probability: a T above 1 lowers it.
    T is 1 where no other T is better, as with squared errors, and where every prediction is right,
    for then the best T would be 0.

    For softmax the mean of -log p is convex in 1/T, so it has one minimum, found by golden section
    (Kiefer, 1953).

    Args:
        loss: whose probabilities they are.
        z: outputs (N, n_out) of the network for examples that it was not trained on.
        labels: their classes (N,).
    """
    if np.array_equal(z.argmax(axis=1), labels):
        return 1.0
    outputs = z.astype(np.float64)
    right = np.arange(len(labels)), labels
    smallest = np.finfo(np.float64).tiny

    def surprise(log_temperature: float) -> float:
        """Return the mean of -log p of the right class, in nats."""
        with np.errstate(over="ignore", invalid="ignore"):  # then no temperature is better
            p = loss.probabilities(outputs / math.exp(log_temperature))[right]
        return float(-np.log(np.maximum(p, smallest)).mean())

    low, high = -WIDEST, WIDEST
    colder, hotter = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_colder, at_hotter = surprise(colder), surprise(hotter)
    for _ in range(_STEPS):
        if at_colder < at_hotter:
            high, hotter, at_hotter = hotter, colder, at_colder
            colder = high - _GOLDEN * (high - low)
            at_colder = surprise(colder)
        else:
            low, colder, at_colder = colder, hotter, at_hotter
            hotter = low + _GOLDEN * (high - low)
            at_hotter = surprise(hotter)
    found = (low + high) / 2
    return math.exp(found) if surprise(found) < surprise(0) - _WORTH_IT else 1.0


def calibrate(path: Path, held_out: Dataset | None) -> None:
    """Fit the temperature of a saved checkpoint, if there are classes held out to fit it to."""
    if held_out is not None and held_out.targets is None:
        save_checkpoint(path, calibrated(load_checkpoint(path), held_out))


def calibrated(checkpoint: Checkpoint, held_out: Dataset) -> Checkpoint:
    """Return the checkpoint with the temperature that fits these images and their classes."""
    found = outputs(checkpoint.for_prediction(), held_out, checkpoint.normalization)
    z = np.concatenate([z.copy() for z, _ in found])
    temperature = fit_temperature(build_loss(checkpoint.config["loss"]), z, held_out.labels)
    return dataclasses.replace(checkpoint, temperature=temperature)
