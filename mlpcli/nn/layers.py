"""Layers: each computes forward, remembers what it needs, and sends the error backward.

Every array has one row an example: (B, n). What a layer returns is a view of a buffer that its next
call overwrites. With `rows` a layer works on that part of the batch alone, so that others can do
the rest at the same time; what it returns is the whole batch all the same.
"""

from typing import Any

import numpy as np

from mlpcli.nn.activations import Activation
from mlpcli.nn.arrays import EVERY_ROW, Array, Rows


class Dense:
    """Fully connected: z = a W + b.

    Backward, from delta = dL/dz (B, n_out):

        z_bj = Σ_i a_bi W_ij + b_j, so

        dL/dW_ij = Σ_b a_bi delta_bj      dW = aᵀ delta         (n_in, n_out)
        dL/db_j  = Σ_b delta_bj           db = sum over b       (n_out,)
        dL/da_bi = Σ_j delta_bj W_ij      da = delta Wᵀ         (B, n_in)

    W, b, dW and db are views into the network's `theta` and `grad`.

    Attributes:
        a: the input (B, n_in) of the last `forward`.
        delta: the error (B, n_out) that reached the layer.
    """

    def __init__(self, W: Array, b: Array, dW: Array, db: Array) -> None:
        self.W, self.b, self.dW, self.db = W, b, dW, db
        n_in, n_out = W.shape
        self._z = Rows(n_out, W.dtype)
        self._da = Rows(n_in, W.dtype)
        self.a: Array = np.empty((0, n_in), W.dtype)
        self.delta: Array = np.empty((0, n_out), W.dtype)

    def forward(self, a: Array, rows: slice = EVERY_ROW) -> Array:
        """a (B, n_in) -> z (B, n_out)."""
        self.a = a
        z = self._z.first(len(a))
        own = z[rows]
        np.dot(a[rows], self.W, out=own)
        own += self.b
        return z

    def backward(self, delta: Array, rows: slice = EVERY_ROW) -> Array:
        """delta (B, n_out) -> dL/da (B, n_in)."""
        self.delta = delta
        da = self._da.first(len(delta))
        np.dot(delta[rows], self.W.T, out=da[rows])
        return da

    def weight_gradient(self, inputs: slice = EVERY_ROW) -> None:
        """Fill dW, or its rows for some of the inputs, from the whole batch's a and delta."""
        np.dot(self.a.T[inputs], self.delta, out=self.dW[inputs])

    def bias_gradient(self) -> None:
        """Fill db from the whole batch's delta."""
        np.add.reduce(self.delta, axis=0, out=self.db)


class Elementwise:
    """An activation as a layer: a = σ(z).

    Backward, because a_bj depends on z_bj alone: dL/dz_bj = dL/da_bj σ'(z_bj).
    """

    def __init__(self, activation: Activation, width: int, dtype: np.dtype[Any]) -> None:
        self.activation = activation
        self._a = Rows(width, dtype)
        self._slope = Rows(width, dtype)
        self._z: Array = np.empty((0, width), dtype)

    def forward(self, z: Array, rows: slice = EVERY_ROW) -> Array:
        """z (B, n) -> a (B, n)."""
        self._z = z
        a = self._a.first(len(z))
        self.activation.value(z[rows], a[rows])
        return a

    def backward(self, da: Array, rows: slice = EVERY_ROW) -> Array:
        """dL/da (B, n) -> dL/dz (B, n), in place."""
        n = len(da)
        slope = self._slope.first(n)[rows]
        self.activation.derivative(self._z[rows], self._a.first(n)[rows], slope)
        own = da[rows]
        own *= slope
        return da
