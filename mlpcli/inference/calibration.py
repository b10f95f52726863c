"""Does the network know how sure it may be? Measuring that, and mending it by one number.

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
from mlpcli.storage.checkpoint import load_checkpoint, save_checkpoint
from mlpcli.training.building import build_loss
from mlpcli.training.evaluation import outputs

BINS = 10
WIDEST = math.log(100)
"""Temperatures are looked for from 1/100 to 100: beyond, an answer is either 0 or 1, or a guess."""
_GOLDEN = (math.sqrt(5) - 1) / 2
_STEPS = 60
"""each leaves 0.62 of the interval; after these, a millionth of a millionth"""
_WORTH_IT = 1e-9
"""nats by which T must make the labels likelier: less is rounding, which any T may win by"""


@dataclass(frozen=True)
class Calibration:
    """The examples in bins by the probability of the predicted class; bin b is ((b-1)/n, b/n]."""

    counts: NDArray[np.intp]
    """(n,)"""
    confidence: NDArray[np.float64]
    """mean probability of each bin (n,); nan where it is empty"""
    accuracy: NDArray[np.float64]
    """share of each bin that was right (n,); nan where it is empty"""

    @property
    def expected_error(self) -> float:
        """Σ counts_b / N |accuracy_b - confidence_b|, the expected calibration error."""
        full = self.counts > 0
        gaps = np.abs(self.accuracy - self.confidence)[full]
        return float((self.counts[full] * gaps).sum() / max(self.counts.sum(), 1))


def calibration(probabilities: Array, labels: Labels, n_bins: int = BINS) -> Calibration:
    """Sort examples, by their probabilities (N, n_classes), into bins of equal width."""
    belief = probabilities.max(axis=1, initial=0).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    bins = np.clip(np.ceil(belief * n_bins).astype(np.intp) - 1, 0, n_bins - 1)
    counts = np.bincount(bins, minlength=n_bins)
    with np.errstate(invalid="ignore"):  # 0/0 in an empty bin
        return Calibration(
            counts=counts,
            confidence=np.bincount(bins, belief, minlength=n_bins) / counts,
            accuracy=np.bincount(bins, right, minlength=n_bins) / counts,
        )


def fit_temperature(loss: Loss, z: Array, labels: Labels) -> float:
    """The T that makes the probabilities of z / T the likeliest for these labels.

    Dividing the outputs by T changes no answer, only how sure the network is of it: less if T is
    above 1. Where nothing depends on T, as with squared errors, or no T is better, it is 1; so it
    is where every answer is right, for then these labels would be the likelier the smaller T is.
    The mean of -log p is convex in 1/T for softmax, so it has one minimum, found by golden section
    (Kiefer, 1953).

    Args:
        loss: how outputs become probabilities.
        z: the network's outputs (N, n_out), of examples that it was not trained on.
        labels: their classes (N,).
    """
    if np.array_equal(z.argmax(axis=1), labels):
        return 1.0
    outputs = z.astype(np.float64)
    right = np.arange(len(labels)), labels
    smallest = np.finfo(np.float64).tiny

    def surprise(log_temperature: float) -> float:
        """The mean of -log p of the right class, in nats."""
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


def calibrate(path: Path, validation: Dataset | None) -> None:
    """Fit the temperature of a checkpoint and save it there; where nothing is held out, do nothing.

    Raises:
        CheckpointError: it cannot be read.
        WriteError: it cannot be saved; it is then as it was.
    """
    if validation is None or validation.targets is not None:
        return
    checkpoint = load_checkpoint(path)
    found = outputs(checkpoint.for_prediction(), validation, checkpoint.normalization)
    z = np.concatenate([z.copy() for z, _ in found])
    temperature = fit_temperature(build_loss(checkpoint.config["loss"]), z, validation.labels)
    save_checkpoint(path, dataclasses.replace(checkpoint, temperature=temperature))
