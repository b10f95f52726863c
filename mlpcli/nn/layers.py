"""Layers: each computes forward, remembers what it needs, and sends the error backward.

Every array has one row an example: (B, n). A layer returns a view of a buffer, which its next call
overwrites.
"""

from typing import Any, Protocol

import numpy as np
from numpy.random import Generator

from mlpcli.nn.activations import Activation
from mlpcli.nn.arrays import Array, Buffer, column_sums, product_over_rows


class Layer(Protocol):
    """The interface of every layer."""

    def forward(self, a: Array) -> Array:
        """Return the output (B, m) for the input (B, n)."""
        ...

    def backward(self, delta: Array) -> Array:
        """Return dL/d(input) (B, n) for `delta` = dL/d(output) (B, m), which may be overwritten."""
        ...


class Dense:
    """Fully connected: z = a W + b.

    Backward, from delta = dL/dz (B, n_out):

        z_nj = Σ_i a_ni W_ij + b_j, so

        dL/dW_ij = Σ_n a_ni delta_nj      dW = aᵀ delta              (n_in, n_out)
        dL/db_j  = Σ_n delta_nj           db = sum over the rows     (n_out,)
        dL/da_ni = Σ_j delta_nj W_ij      da = delta Wᵀ              (B, n_in)

    W, b, dW and db are views into the network's `theta` and `grad`.

    Attributes:
        a: the input (B, n_in) of the last `forward`.
        delta: the error (B, n_out) that reached the layer.
    """

    def __init__(self, W: Array, b: Array, dW: Array, db: Array) -> None:
        self.W, self.b, self.dW, self.db = W, b, dW, db
        n_in, n_out = W.shape
        self._z = Buffer(len(b), W.dtype)
        self._da = Buffer(n_in, W.dtype)
        self.a: Array = np.empty((0, n_in), W.dtype)
        self.delta: Array = np.empty((0, n_out), W.dtype)

    def forward(self, a: Array) -> Array:
        """a (B, n_in) -> z (B, n_out)."""
        self.a = a
        z = self._z.rows(len(a))
        np.dot(a, self.W, out=z)
        z += self.b
        return z

    def backward(self, delta: Array) -> Array:
        """delta (B, n_out) -> dL/da (B, n_in)."""
        self.receive(delta)
        da = self._da.rows(len(delta))
        np.dot(delta, self.W.T, out=da)
        return da

    def receive(self, delta: Array) -> None:
        """Keep delta (B, n_out) for `gradient`."""
        self.delta = delta

    def gradient(self) -> None:
        """Write dW and db, from a and delta."""
        product_over_rows(self.a, self.delta, self.dW)
        column_sums(self.delta, self.db)


class Elementwise:
    """An activation as a layer: a = σ(z).

    Backward, because a_nj depends on z_nj alone: dL/dz_nj = dL/da_nj σ'(z_nj).
    """

    def __init__(self, activation: Activation, width: int, dtype: np.dtype[Any]) -> None:
        self.activation = activation
        self._a = Buffer(width, dtype)
        self._slope = Buffer(width, bool if activation.is_switch else dtype)
        self._z: Array = np.empty((0, width), dtype)

    def some(self, units: slice) -> "Elementwise":
        """Return this layer for some of its units, with buffers of its own."""
        return Elementwise(self.activation, units.stop - units.start, self._z.dtype)

    def forward(self, z: Array) -> Array:
        """z (B, n) -> a (B, n)."""
        self._z = z
        a = self._a.rows(len(z))
        self.activation.value(z, a)
        return a

    def backward(self, da: Array) -> Array:
        """dL/da (B, n) -> dL/dz (B, n), in place."""
        slope = self._slope.rows(len(da))
        self.activation.derivative(self._z, self._a.rows(len(da)), slope)
        da *= slope
        return da


class Dropout:
    """Multiplies each input of a layer by m: 0 with probability `rate`, else 1 / (1 - rate).

        a'_ni = m_ni a_ni, so dL/da_ni = m_ni dL/da'_ni

    No unit can rely on another one (Srivastava et al. 2014). Dividing by the fraction that is kept
    leaves the expected sum unchanged, so prediction needs no dropout and no scaling.
    """

    def __init__(self, rate: float, width: int, dtype: np.dtype[Any]) -> None:
        self.rate, self.width = rate, width
        self._mask = Buffer(width, dtype)
        self._dropped = Buffer(width, dtype)

    def some(self, units: slice) -> "Dropout":
        """Return this layer for some of its units, with masks of its own."""
        return Dropout(self.rate, units.stop - units.start, self._mask.dtype)

    def draw(self, n: int, rng: Generator) -> None:
        """Draw m for the next batch of `n` rows."""
        mask = self._mask.rows(n)
        # 16 random bits a number cost less than a uniform float; the rate is right to 1/65,536.
        dice = np.frombuffer(rng.bytes(2 * mask.size), np.uint16).reshape(mask.shape)
        off = min(round(self.rate * 65_536), 65_535)
        np.greater_equal(dice, off, out=mask, casting="unsafe")
        mask *= 65_536 / (65_536 - off)

    def mask(self, n: int) -> Array:
        """Return m (n, width), as it was drawn last."""
        return self._mask.rows(n)

    def forward(self, a: Array) -> Array:
        """a (B, n) -> a' (B, n)."""
        dropped = self._dropped.rows(len(a))
        np.multiply(a, self._mask.rows(len(a)), out=dropped)
        return dropped

    def backward(self, error: Array) -> Array:
        """dL/da' (B, n) -> dL/da (B, n), in place."""
        error *= self._mask.rows(len(error))
        return error


class BatchNorm:
    """Standardises each unit's sums over the batch, then scales them (Ioffe and Szegedy 2015).

        μ_j = mean over n of z_nj      v_j = mean over n of (z_nj - μ_j)²
        s_nj = (z_nj - μ_j) / √(v_j + ε)      y_nj = γ_j s_nj + β_j

    Subtracting the mean removes the layer's own bias, whose gradient is therefore 0; β replaces it.

    Backward, γ and β act like a weight and a bias of each unit:

        dL/dγ_j = Σ_n dL/dy_nj s_nj      dL/dβ_j = Σ_n dL/dy_nj      dL/ds_nj = γ_j dL/dy_nj

    A z_nj changes its own s_nj and, through μ_j and v_j, those of the whole batch:

        ds_kj/dz_nj = ([k = n] - 1/B - s_kj s_nj / B) / √(v_j + ε)

    where 1/B is dμ_j/dz_nj, and s_kj s_nj / B comes from dv_j/dz_nj = 2 (z_nj - μ_j) / B, halved by
    the root. Summed over k, where two of the sums are dL/dβ_j and dL/dγ_j:

        dL/dz_nj = γ_j / √(v_j + ε) (dL/dy_nj - dL/dβ_j / B - s_nj dL/dγ_j / B)

    A prediction must not depend on the other examples in the batch. It uses running means of μ and
    of the unbiased variance v B / (B - 1); each step moves them a tenth of the way.

    A batch of one example, which may be left over at the end of an epoch, has no variance. It is
    standardised by the running means too, and leaves them unchanged. They are constants then, so
    dL/dz_j = γ_j / √(v_j + ε) dL/dy_j.

    γ, β and their gradients are views into the network's `theta` and `grad`, and the running means
    and variances into its `running`.

    Attributes:
        mean: the running mean (n,).
        variance: the running variance (n,).
        batch_mean: the mean (n,) that standardised the last batch.
        batch_variance: the variance (n,) that standardised it.
        s: the standardised sums (B, n) of the last batch.
    """

    EPSILON = 1e-5
    RATE = 0.1

    def __init__(
        self,
        gamma: Array,
        beta: Array,
        dgamma: Array,
        dbeta: Array,
        mean: Array,
        variance: Array,
    ) -> None:
        self.gamma, self.beta, self.dgamma, self.dbeta = gamma, beta, dgamma, dbeta
        self.mean, self.variance = mean, variance
        width, dtype = len(gamma), gamma.dtype
        self._s = Buffer(width, dtype)
        self._y = Buffer(width, dtype)
        self._scale: Array = np.ones(width, dtype)
        self.batch_mean, self.batch_variance = self.mean, self.variance
        self.s: Array = np.empty((0, width), dtype)

    def forward(self, z: Array) -> Array:
        """z (B, n) -> y (B, n); also moves the running means."""
        n = len(z)
        self.s = s = self._s.rows(n)
        if n == 1:
            mean, variance = self.mean, self.variance
            np.subtract(z, mean, out=s)
        else:
            mean = z.sum(axis=0) / n
            np.subtract(z, mean, out=s)
            variance = np.einsum("nj,nj->j", s, s) / n
            self.mean += self.RATE * (mean - self.mean)
            self.variance += self.RATE * (variance * (n / (n - 1)) - self.variance)
        self.batch_mean, self.batch_variance = mean, variance
        self._scale = 1 / np.sqrt(variance + self.EPSILON)
        s *= self._scale
        y = self._y.rows(n)
        np.multiply(s, self.gamma, out=y)
        y += self.beta
        return y

    def backward(self, dy: Array) -> Array:
        """dL/dy (B, n) -> dL/dz (B, n), in place; also writes dγ and dβ."""
        self.dbeta[...] = dy.sum(axis=0)
        self.dgamma[...] = np.einsum("nj,nj->j", dy, self.s)
        if (n := len(dy)) > 1:
            dy -= self.dbeta / n
            dy -= self.s * (self.dgamma / n)
        dy *= self.gamma * self._scale
        return dy

    def some(self, units: slice) -> "BatchNorm":
        """Return this layer for some of its units, over the same arrays."""
        return BatchNorm(
            self.gamma[units],
            self.beta[units],
            self.dgamma[units],
            self.dbeta[units],
            self.mean[units],
            self.variance[units],
        )

    def folded(self, W: Array, b: Array) -> tuple[Array, Array]:
        """Return weights (n_in, n) and biases (n,) of a dense layer that predicts as both do."""
        with np.errstate(over="ignore", invalid="ignore"):  # such outputs are refused later
            scale = self.gamma / np.sqrt(self.variance + self.EPSILON)
            return W * scale, (b - self.mean) * scale + self.beta
