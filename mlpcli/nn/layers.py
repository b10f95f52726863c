"""Layers: each computes forward, remembers what it needs, and sends the error backward.

Every array has one row an example: (B, n). What a layer returns is a view of a buffer that its next
call overwrites. With a `share` a layer works on a member's rows of the batch alone, while others do
the rest; what it returns is the whole batch all the same.
"""

from typing import Any, Protocol

import numpy as np
from numpy.random import Generator

from mlpcli.nn.activations import Activation
from mlpcli.nn.arrays import WHOLE, Array, Rows, Share, column_sums, part_of, shared_zeros

MOST_MEMBERS = 64
"""That may share a batch."""


class Layer(Protocol):
    """What the network asks of each layer."""

    def forward(self, a: Array, share: Share = WHOLE) -> Array:
        """Input (B, n) -> output (B, m)."""
        ...

    def backward(self, delta: Array, share: Share = WHOLE) -> Array:
        """dL/d(output) (B, m), here `delta`, -> dL/d(input) (B, n); it may be overwritten."""
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
        self._z = Rows(n_out, W.dtype)
        self._sums: list[Rows] = []
        self._da = Rows(n_in, W.dtype)
        self.a: Array = np.empty((0, n_in), W.dtype)
        self.delta: Array = np.empty((0, n_out), W.dtype)

    def forward(self, a: Array, share: Share = WHOLE) -> Array:
        """a (B, n_in) -> z (B, n_out)."""
        self.a = a
        z = self._z.first(len(a))
        own = z[share.rows]
        np.dot(a[share.rows], self.W, out=own)
        own += self.b
        return z

    def forward_by_inputs(self, a: Array, share: Share) -> Array:
        """As `forward`, where every row of a (B, n_in) is there already, and not just a member's.

        Each member sums over the inputs whose weights it updates, for the whole batch, and adds up
        what all found for its own rows. So B · n_out sums go from processor to processor, and none
        of the n_in · n_out weights.
        """
        n_in, n_out = self.W.shape
        while len(self._sums) < share.members:
            self._sums.append(Rows(n_out, self.W.dtype))
        sums = [part.first(len(a)) for part in self._sums[: share.members]]
        inputs = part_of(n_in, share.member, share.members)
        np.dot(a[:, inputs], self.W[inputs], out=sums[share.member])
        share.meet()  # until here a member may need the last batch
        self.a = a
        z = self._z.first(len(a))
        own = z[share.rows]
        np.add(sums[0][share.rows], self.b, out=own)
        for part in sums[1:]:
            own += part[share.rows]
        return z

    def backward(self, delta: Array, share: Share = WHOLE) -> Array:
        """delta (B, n_out) -> dL/da (B, n_in)."""
        self.delta = delta
        da = self._da.first(len(delta))
        np.dot(delta[share.rows], self.W.T, out=da[share.rows])
        return da

    def backward_by_inputs(self, delta: Array, share: Share) -> Array:
        """As `backward`, where every row of delta (B, n_out) is there already.

        Each member finds the error of every row at the inputs whose weights it updates.
        """
        self.delta = delta
        da = self._da.first(len(delta))
        inputs = part_of(len(self.W), share.member, share.members)
        np.matmul(delta, self.W[inputs].T, out=da[:, inputs])
        share.meet()
        return da

    def weight_gradient(self, inputs: slice = slice(None)) -> None:
        """Fill dW, or its rows for some of the inputs, from the whole batch's a and delta."""
        np.dot(self.a.T[inputs], self.delta, out=self.dW[inputs])

    def bias_gradient(self) -> None:
        """Fill db from the whole batch's delta."""
        column_sums(self.delta, self.db)


class Elementwise:
    """An activation as a layer: a = σ(z).

    Backward, because a_nj depends on z_nj alone: dL/dz_nj = dL/da_nj σ'(z_nj).
    """

    def __init__(self, activation: Activation, width: int, dtype: np.dtype[Any]) -> None:
        self.activation = activation
        self._a = Rows(width, dtype)
        self._slope = Rows(width, bool if activation.is_switch else dtype)
        self._z: Array = np.empty((0, width), dtype)

    def forward(self, z: Array, share: Share = WHOLE) -> Array:
        """z (B, n) -> a (B, n)."""
        self._z = z
        a = self._a.first(len(z))
        self.activation.value(z[share.rows], a[share.rows])
        return a

    def backward(self, da: Array, share: Share = WHOLE) -> Array:
        """dL/da (B, n) -> dL/dz (B, n), in place."""
        n, rows = len(da), share.rows
        slope = self._slope.first(n)[rows]
        self.activation.derivative(self._z[rows], self._a.first(n)[rows], slope)
        own = da[rows]
        own *= slope
        return da


class Dropout:
    """What goes into a layer is multiplied by m: 0 with probability `rate`, else 1 / (1 - rate).

    So no unit can rely on another one (Srivastava et al. 2014). Divided by the share that is kept,
    the expected sum stays as it is, and prediction needs no dropout and no scaling.

        a'_ni = m_ni a_ni, so dL/da_ni = m_ni dL/da'_ni
    """

    def __init__(self, rate: float, width: int, dtype: np.dtype[Any]) -> None:
        self.rate = rate
        self._mask = Rows(width, dtype)
        self._dropped = Rows(width, dtype)

    def draw(self, n: int, rng: Generator, share: Share = WHOLE) -> None:
        """Draw which numbers of the next batch of `n` rows are kept."""
        mask = self._mask.first(n)[share.rows]
        # 16 bits a number: four times as fast as a uniform float, and the rate right to 1/65,536.
        dice = np.frombuffer(rng.bytes(2 * mask.size), np.uint16).reshape(mask.shape)
        off = min(round(self.rate * 65_536), 65_535)
        np.greater_equal(dice, off, out=mask, casting="unsafe")
        mask *= 65_536 / (65_536 - off)

    def mask(self, n: int) -> Array:
        """m (n, width), by which the last batch of `n` rows was, or the next is, multiplied."""
        return self._mask.first(n)

    def forward(self, a: Array, share: Share = WHOLE) -> Array:
        """a (B, n) -> a' (B, n)."""
        n = len(a)
        dropped = self._dropped.first(n)
        np.multiply(a[share.rows], self._mask.first(n)[share.rows], out=dropped[share.rows])
        return dropped

    def backward(self, error: Array, share: Share = WHOLE) -> Array:
        """dL/da' (B, n) -> dL/da (B, n), in place."""
        own = error[share.rows]
        own *= self._mask.first(len(error))[share.rows]
        return error


class BatchNorm:
    """Each unit's sums are standardised over the batch (Ioffe and Szegedy 2015), then scaled.

        μ_j = mean over n of z_nj      v_j = mean over n of (z_nj - μ_j)²
        s_nj = (z_nj - μ_j) / √(v_j + ε)      y_nj = γ_j s_nj + β_j

    The mean takes the layer's own bias out again, whose gradient so is 0: β is there for it.

    Backward, γ and β are like a weight and a bias of each unit for itself:

        dL/dγ_j = Σ_n dL/dy_nj s_nj      dL/dβ_j = Σ_n dL/dy_nj      dL/ds_nj = γ_j dL/dy_nj

    A z_nj changes its own s_nj, and, by way of μ_j and v_j, those of the whole batch:

        ds_kj/dz_nj = ([k = n] - 1/B - s_kj s_nj / B) / √(v_j + ε)

    where 1/B is dμ_j/dz_nj, and s_kj s_nj / B comes from dv_j/dz_nj = 2 (z_nj - μ_j) / B, halved by
    the root. Summed over k, with the two sums that are dL/dβ_j and dL/dγ_j already:

        dL/dz_nj = γ_j / √(v_j + ε) (dL/dy_nj - dL/dβ_j / B - s_nj dL/dγ_j / B)

    A prediction must not depend on what else is in the batch: it uses running means of μ and v,
    each moved a tenth of the way in a step; of v, that is v B / (B - 1), which is unbiased.

    A batch of a single example, such as may be left over at the end of an epoch, has no variance:
    it is standardised by the running means as well, and they stay as they are. They are constants
    then, so dL/dz_j = γ_j / √(v_j + ε) dL/dy_j.

    γ, β and their gradients are views into the network's `theta` and `grad`, and the running means
    and variances into its `running`.

    Attributes:
        mean: the running mean (n,).
        variance: the running variance (n,).
        batch_mean: the mean (n,) by which the last batch was standardised.
        batch_variance: the variance (n,) by which it was.
        s: its standardised sums (B, n).
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
        self._s = Rows(width, dtype)
        self._y = Rows(width, dtype)
        self._parts = [shared_zeros((MOST_MEMBERS, width), dtype) for _ in range(4)]
        self._scale: Array = np.ones(width, dtype)
        self.batch_mean, self.batch_variance = self.mean, self.variance
        self.s: Array = np.empty((0, width), dtype)

    def forward(self, z: Array, share: Share = WHOLE) -> Array:
        """z (B, n) -> y (B, n); moves the running means."""
        n = len(z)
        rows = share.rows
        self.s = self._s.first(n)
        s = self.s[rows]
        if n == 1:
            mean, variance = self.mean, self.variance
            np.subtract(z[rows], mean, out=s)
        else:
            mean = share.total(self._parts[0], z[rows].sum(axis=0)) / n
            np.subtract(z[rows], mean, out=s)
            variance = share.total(self._parts[1], np.einsum("nj,nj->j", s, s)) / n
            if share.member == 0:
                self.mean += self.RATE * (mean - self.mean)
                self.variance += self.RATE * (variance * (n / (n - 1)) - self.variance)
        self.batch_mean, self.batch_variance = mean, variance
        self._scale = 1 / np.sqrt(variance + self.EPSILON)
        s *= self._scale
        y = self._y.first(n)
        np.multiply(s, self.gamma, out=y[rows])
        y[rows] += self.beta
        return y

    def backward(self, dy: Array, share: Share = WHOLE) -> Array:
        """dL/dy (B, n) -> dL/dz (B, n), in place; fills dγ and dβ."""
        n = len(dy)
        own, s = dy[share.rows], self.s[share.rows]
        dbeta = share.total(self._parts[2], own.sum(axis=0))
        dgamma = share.total(self._parts[3], np.einsum("nj,nj->j", own, s))
        if share.member == 0:
            self.dgamma[...], self.dbeta[...] = dgamma, dbeta
        if n > 1:
            own -= dbeta / n
            own -= s * (dgamma / n)
        own *= self.gamma * self._scale
        return dy

    def folded(self, W: Array, b: Array) -> tuple[Array, Array]:
        """The weights (n_in, n) and biases (n,) of a dense layer that predicts as both together."""
        with np.errstate(over="ignore", invalid="ignore"):  # it shows in the outputs
            scale = self.gamma / np.sqrt(self.variance + self.EPSILON)
            return W * scale, (b - self.mean) * scale + self.beta
