"""Losses: how wrong the network's output is, and in which direction each output should move.

`value` (B,) is the loss of each example, and `delta` (B, n_out) its derivative with respect to the
network's output, where backpropagation begins. The loss of a batch is the mean over its examples.
The target t (B, n_out) is 1 for the example's class and 0 elsewhere. `probabilities` (B, n_out)
turns the output into a probability for each class.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.arrays import Array, row_maxima, row_sums


class Loss(Protocol):
    """The interface of every loss.

    `z` is the network's output (B, n_out), after its output activation, usually the identity. The
    formulae are for people to read: of one example, with {z} for the symbol of the output; four
    spaces separate their parts.
    """

    unit: str
    """the unit of `value`"""
    prediction_formula: str
    """empty where the prediction is the output itself"""
    prediction_name: str
    """what predictions are called where they are not the outputs"""
    has_kink: bool
    """whether the derivative jumps where an output is 0"""

    @property
    def formula(self) -> str:
        """The formula of `value`."""
        ...

    @property
    def delta_formula(self) -> str:
        """The formula of `delta`."""
        ...

    @property
    def target_formula(self) -> str:
        """The formula of `target`; empty where it is t itself."""
        ...

    def value(self, z: Array, t: Array) -> Array:
        """Return the loss of each example (B,)."""
        ...

    def delta(self, z: Array, t: Array, out: Array) -> None:
        """Write d(loss of the example)/dz (B, n_out) into `out`."""
        ...

    def prediction(self, z: Array) -> Array:
        """Return what is compared with `target` (B, n_out)."""
        ...

    def target(self, t: Array) -> Array:
        """Return what the prediction should become (B, n_out): t, or what the loss makes of it."""
        ...

    def probabilities(self, z: Array) -> Array:
        """Return the probability of each class (B, n_out); each row sums to 1."""
        ...


class CrossEntropy:
    """Softmax and cross-entropy in one: L = -Σ_j t_j log softmax(z)_j, in nats.

    Together they are simpler than apart: dL/dz = softmax(z) - t, with no division by a probability
    that may be 0 (Bishop 2006, section 4.3.4).

    With label smoothing (Szegedy et al. 2016, section 7) t becomes t' = (1 - ε) t + ε / n_out: a
    fraction ε is spread over all classes, the right one included. The best logits are then finite
    instead of ever further apart, and L is never below the entropy of t'.

    Args:
        label_smoothing: ε, at least 0 and below 1.

    Raises:
        ValueError: ε is out of range.
    """

    unit = "nats"
    prediction_formula = "p = softmax({z})    pⱼ = exp(zⱼ) / Σ exp(z)"
    prediction_name = "probabilities"
    has_kink = False

    def __init__(self, label_smoothing: float = 0.0) -> None:
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing is {label_smoothing}")
        self.label_smoothing = label_smoothing

    @property
    def formula(self) -> str:
        return f"L = −Σ {self._t} log p"

    @property
    def delta_formula(self) -> str:
        return f"p − {self._t}"

    @property
    def target_formula(self) -> str:
        epsilon = self.label_smoothing
        return f"t′ = (1 − {epsilon:g}) t + {epsilon:g} / n" if epsilon else ""

    @property
    def _t(self) -> str:
        return "t′" if self.label_smoothing else "t"

    def value(self, z: Array, t: Array) -> Array:
        """log Σ exp(z) - Σ t z; without the row's maximum, so that exp cannot overflow."""
        shifted = z - row_maxima(z)
        value: Array = np.log(row_sums(np.exp(shifted))[:, 0])
        value -= np.einsum("bj,bj->b", self.target(t), shifted)
        return value

    def delta(self, z: Array, t: Array, out: Array) -> None:
        """softmax(z) - t."""
        _softmax(z, out)
        out -= self.target(t)

    def target(self, t: Array) -> Array:
        """(1 - ε) t + ε / n_out."""
        if not self.label_smoothing:
            return t
        smooth: Array = (1 - self.label_smoothing) * t + self.label_smoothing / t.shape[1]
        return smooth

    def prediction(self, z: Array) -> Array:
        """softmax(z)."""
        return self.probabilities(z)

    def probabilities(self, z: Array) -> Array:
        """softmax(z)."""
        p = np.empty_like(z)
        _softmax(z, p)
        return p


class BinaryCrossEntropy:
    """A sigmoid and a cross-entropy for each output: is it this class, yes or no?

    L = -Σ_j [t_j log σ(z_j) + (1 - t_j) log(1 - σ(z_j))] in nats, summed over the outputs as in
    Nielsen 2015, chapter 3. PyTorch's BCEWithLogitsLoss with reduction="sum", divided by B, is its
    mean over a batch; its reduction="mean" is n_out times smaller. With p = σ(z), dL/dp is
    (p - t) / (p (1 - p)), whose denominator is σ'(z): so dL/dz = p - t, as with softmax.
    """

    unit = "nats"
    formula = "L = −Σ (t log p + (1 − t) log(1 − p))"
    delta_formula = "p − t"
    prediction_formula = "p = 1 / (1 + exp(−{z}))"
    prediction_name = "probabilities"
    has_kink = False
    target_formula = ""

    def value(self, z: Array, t: Array) -> Array:
        """Σ_j t_j log(1 + exp(-z_j)) + (1 - t_j) log(1 + exp(z_j)), as 1 - σ(z) = σ(-z)."""
        value: Array = (t * _softplus(-z) + (1 - t) * _softplus(z)).sum(axis=1)
        return value

    def delta(self, z: Array, t: Array, out: Array) -> None:
        """σ(z) - t."""
        ACTIVATIONS["sigmoid"].value(z, out)
        out -= t

    def prediction(self, z: Array) -> Array:
        """σ(z)."""
        a = np.empty_like(z)
        ACTIVATIONS["sigmoid"].value(z, a)
        return a

    def target(self, t: Array) -> Array:
        """Return t."""
        return t

    def probabilities(self, z: Array) -> Array:
        """Return σ(z), scaled to sum to 1, because every example belongs to one class.

        Computed as softmax(log σ(z)), because every σ(z) of a row may underflow.
        """
        log_sigmoid = -_softplus(-z)
        _softmax(log_sigmoid, log_sigmoid)
        return log_sigmoid


class MeanSquaredError:
    """L = mean over the outputs of (z - t)²."""

    unit = "mean squared error"
    formula = "L = Σ ({z} − t)² / n"
    delta_formula = "2 ({z} − t) / n"
    prediction_formula = ""
    prediction_name = ""
    has_kink = False
    target_formula = ""

    def value(self, z: Array, t: Array) -> Array:
        """Return the mean squared distance from the target (B,)."""
        error = z - t
        mean: Array = (error * error).mean(axis=1)
        return mean

    def delta(self, z: Array, t: Array, out: Array) -> None:
        """2 (z - t) / n_out."""
        np.subtract(z, t, out=out)
        out *= 2 / z.shape[1]

    def prediction(self, z: Array) -> Array:
        """Return a copy of the outputs."""
        return z.copy()

    def target(self, t: Array) -> Array:
        """Return t."""
        return t

    def probabilities(self, z: Array) -> Array:
        """Return the outputs, cut off at 0 and scaled to sum to 1.

        Squared error makes the outputs estimates of the class probabilities (Richard and Lippmann
        1991), but nothing keeps an estimate inside 0..1. Where no output is above 0, nothing is
        known, and all classes are equally probable.
        """
        return _shares(z)


class QuadraticError(MeanSquaredError):
    """L = ½ Σ_j (z_j - t_j)², so that its derivative is z - t.

    The quadratic cost of Nielsen 2015, chapter 1; n_out / 2 times the mean squared error.
    """

    unit = "half squared error"
    formula = "L = ½ Σ ({z} − t)²"
    delta_formula = "{z} − t"

    def value(self, z: Array, t: Array) -> Array:
        """Return half the squared distance from the target (B,)."""
        error = z - t
        half: Array = (error * error).sum(axis=1)
        half *= 0.5
        return half

    def delta(self, z: Array, t: Array, out: Array) -> None:
        """z - t."""
        np.subtract(z, t, out=out)


class Brier:
    """The squared error of a softmax: L = Σ_j (p_j - t_j)², with p = softmax(z) (Brier 1950).

    Every p_j depends on every z_k, so the derivative of softmax is a matrix, the Jacobian

        J_jk = dp_j/dz_k = p_j ([j = k] - p_k)      J = diag(p) - pᵀ p

    which is symmetric, and dL/dz = dL/dp J = 2 (p - t) J. Where softmax is sure and wrong, p is
    near 0 or 1 for each class, and J near 0: the error hardly comes through. Cross-entropy divides
    by p and takes that out again.
    """

    unit = "Brier score"
    formula = "L = Σ (p − t)²"
    delta_formula = "2 (p − t) J    J = diag(p) − pᵀ p"
    prediction_formula = "p = softmax({z})    pⱼ = exp(zⱼ) / Σ exp(z)"
    prediction_name = "probabilities"
    has_kink = False
    target_formula = ""

    def value(self, z: Array, t: Array) -> Array:
        """Return the squared distance of the probabilities from the target (B,)."""
        error = self.probabilities(z) - t
        value: Array = (error * error).sum(axis=1)
        return value

    def delta(self, z: Array, t: Array, out: Array) -> None:
        """2 (p - t) J = 2 p ⊙ (e - Σ p e), with e = p - t."""
        _softmax(z, out)
        error = out - t
        error -= np.einsum("bj,bj->b", out, error)[:, np.newaxis]
        out *= error
        out *= 2

    def jacobian(self, z: Array) -> Array:
        """Return J (n_out, n_out) of a single example's outputs (n_out,)."""
        p = self.probabilities(z[np.newaxis])[0]
        matrix: Array = np.diag(p) - np.outer(p, p)
        return matrix

    def prediction(self, z: Array) -> Array:
        """softmax(z)."""
        return self.probabilities(z)

    def target(self, t: Array) -> Array:
        """Return t."""
        return t

    def probabilities(self, z: Array) -> Array:
        """softmax(z)."""
        p = np.empty_like(z)
        _softmax(z, p)
        return p


class Perceptron:
    """The perceptron criterion: L = Σ_j (p_j - t_j) z_j, where p_j is 1 if z_j > 0, and 0 else.

    Only a wrong output costs, as much as it is away from 0. Between the jumps p is constant, so
    dL/dz = p - t, and a step of gradient descent on one example is Rosenblatt's rule (1958):
    w ← w + η (t - p) x, which leaves the weights alone where the answer is right. For the step
    itself dp/dz is 0: no gradient of p - t goes through it, and no hidden layer learns from it.

    An output of exactly 0 costs nothing even where it should be 1, so begin with other weights than
    zeros.
    """

    unit = "perceptron criterion"
    formula = "L = Σ (p − t) {z}"
    delta_formula = "p − t"
    prediction_formula = "p = step({z})    pⱼ = 1 if zⱼ > 0, 0 else"
    prediction_name = "decisions"
    has_kink = True
    target_formula = ""

    def value(self, z: Array, t: Array) -> Array:
        """Return the sum of the wrong outputs' distances from 0 (B,)."""
        value: Array = ((self.prediction(z) - t) * z).sum(axis=1)
        return value

    def delta(self, z: Array, t: Array, out: Array) -> None:
        """step(z) - t."""
        ACTIVATIONS["step"].value(z, out)
        out -= t

    def prediction(self, z: Array) -> Array:
        """step(z)."""
        p = np.empty_like(z)
        ACTIVATIONS["step"].value(z, p)
        return p

    def target(self, t: Array) -> Array:
        """Return t."""
        return t

    def probabilities(self, z: Array) -> Array:
        """Return the outputs, cut off at 0 and scaled to sum to 1: a perceptron knows no others."""
        return _shares(z)


LOSSES: dict[str, Callable[..., Loss]] = {
    "cross_entropy": CrossEntropy,
    "binary_cross_entropy": BinaryCrossEntropy,
    "mse": MeanSquaredError,
    "quadratic": QuadraticError,
    "brier": Brier,
    "perceptron": Perceptron,
}


def _shares(z: Array) -> Array:
    """Return z (B, n_out), cut off at 0 and scaled to sum to 1; all alike where none is above 0."""
    p = np.maximum(z, 0)
    total = p.sum(axis=1, keepdims=True)
    return np.where(total > 0, p / np.where(total > 0, total, 1), 1 / z.shape[1])


def _softplus(z: Array) -> Array:
    """log(1 + exp(z)) (B, n_out)."""
    a = np.empty_like(z)
    ACTIVATIONS["softplus"].value(z, a)
    return a


def _softmax(z: Array, out: Array) -> None:
    """exp(z) / Σ exp(z) (B, n_out), after subtracting the row's maximum."""
    np.subtract(z, row_maxima(z), out=out)
    np.exp(out, out=out)
    out /= row_sums(out)
