"""Losses: how wrong the network's output is, and which way each output should move.

Both sides are of one example each: `value` (B,), the loss, and `delta` (B, n_out), its derivative
with respect to the network's output, where backpropagation begins. The loss of a batch is the mean
of its examples'. The target t (B, n_out) is 1 for the example's class and 0 elsewhere.
`probabilities` (B, n_out) reads the output as a share for each class.
"""

from typing import Protocol

import numpy as np

from mlpcli.nn.arrays import Array


class Loss(Protocol):
    """What the training loop needs of a loss; `z` is the network's output (B, n_out)."""

    def value(self, z: Array, t: Array) -> Array:
        """The loss of each example (B,)."""
        ...

    def delta(self, z: Array, t: Array, out: Array) -> None:
        """Write d(loss of the example)/dz (B, n_out) into `out`."""
        ...

    def probabilities(self, z: Array) -> Array:
        """The share of each class (B, n_out); each row sums to 1."""
        ...


class CrossEntropy:
    """Softmax and cross-entropy in one: L = -Σ t log softmax(z), in nats.

    Together they are simpler than apart: dL/dz = softmax(z) - t, with no division by a probability
    that may be 0 (Bishop 2006, section 4.3.4).
    """

    def value(self, z: Array, t: Array) -> Array:
        """log Σ exp(z) - Σ t z; the row's maximum is taken out first: exp cannot overflow."""
        shifted = z - z.max(axis=1, keepdims=True)
        value: Array = np.log(np.exp(shifted).sum(axis=1)) - np.einsum("bj,bj->b", t, shifted)
        return value

    def delta(self, z: Array, t: Array, out: Array) -> None:
        """softmax(z) - t."""
        _softmax(z, out)
        out -= t

    def probabilities(self, z: Array) -> Array:
        """softmax(z)."""
        p = np.empty_like(z)
        _softmax(z, p)
        return p


class MeanSquaredError:
    """L = mean over the outputs of (z - t)²."""

    def value(self, z: Array, t: Array) -> Array:
        """Mean squared distance from the target."""
        error = z - t
        mean: Array = (error * error).mean(axis=1)
        return mean

    def delta(self, z: Array, t: Array, out: Array) -> None:
        """2 (z - t) / n_out."""
        np.subtract(z, t, out=out)
        out *= 2 / z.shape[1]

    def probabilities(self, z: Array) -> Array:
        """The outputs, cut off at 0 and scaled to sum to 1.

        Squared error makes the outputs estimates of the class probabilities (Richard and Lippmann
        1991), but nothing keeps an estimate inside 0..1. With every output at or below 0 nothing
        is known, and each class gets the same share.
        """
        p = np.maximum(z, 0)
        total = p.sum(axis=1, keepdims=True)
        return np.where(total > 0, p / np.where(total > 0, total, 1), 1 / z.shape[1])


LOSSES: dict[str, type[Loss]] = {"cross_entropy": CrossEntropy, "mse": MeanSquaredError}


def _softmax(z: Array, out: Array) -> None:
    """exp(z) / Σ exp(z), row by row, after taking out the row's maximum (B, n_out)."""
    np.subtract(z, np.maximum.reduce(z, axis=1, keepdims=True), out=out)
    np.exp(out, out=out)
    out /= np.add.reduce(out, axis=1, keepdims=True)
