"""Layers: each computes forward, remembers what it needs, and sends the error backward.

Every array has one row an example: (B, n). What a layer returns is a view of a buffer that its next
call overwrites.
"""

from typing import Any

import numpy as np

from mlpcli.nn.activations import Activation
from mlpcli.nn.arrays import Array, Rows


class Dense:
    """Fully connected: z = a W + b.

    Backward, from delta = dL/dz (B, n_out):

        z_bj = Σ_i a_bi W_ij + b_j, so

        dL/dW_ij = Σ_b a_bi delta_bj      dW = aᵀ delta         (n_in, n_out)
        dL/db_j  = Σ_b delta_bj           db = sum over b       (n_out,)
        dL/da_bi = Σ_j delta_bj W_ij      da = delta Wᵀ         (B, n_in)

    W, b, dW and db are views into the network's `theta` and `grad`.
    """

    def __init__(self, W: Array, b: Array, dW: Array, db: Array) -> None:
        self.W, self.b, self.dW, self.db = W, b, dW, db
        n_in, n_out = W.shape
        self._z = Rows(n_out, W.dtype)
        self._da = Rows(n_in, W.dtype)
        self._a: Array = np.empty((0, n_in), W.dtype)

    def forward(self, a: Array) -> Array:
        """a (B, n_in) -> z (B, n_out)."""
        self._a = a
        z = self._z.first(len(a))
        np.matmul(a, self.W, out=z)
        z += self.b
        return z

    def backward(self, delta: Array) -> Array:
        """delta (B, n_out) -> dL/da (B, n_in); fills dW and db."""
        self.parameter_gradients(delta)
        da = self._da.first(len(delta))
        np.matmul(delta, self.W.T, out=da)
        return da

    def parameter_gradients(self, delta: Array) -> None:
        """delta (B, n_out); fills dW and db alone, which is all that the first layer needs."""
        np.matmul(self._a.T, delta, out=self.dW)
        np.add.reduce(delta, axis=0, out=self.db)


class Elementwise:
    """An activation as a layer: a = σ(z).

    Backward, because a_bj depends on z_bj alone: dL/dz_bj = dL/da_bj σ'(z_bj).
    """

    def __init__(self, activation: Activation, width: int, dtype: np.dtype[Any]) -> None:
        self.activation = activation
        self._a = Rows(width, dtype)
        self._slope = Rows(width, dtype)
        self._z: Array = np.empty((0, width), dtype)

    def forward(self, z: Array) -> Array:
        """z (B, n) -> a (B, n)."""
        self._z = z
        a = self._a.first(len(z))
        self.activation.value(z, a)
        return a

    def backward(self, da: Array) -> Array:
        """dL/da (B, n) -> dL/dz (B, n), in place."""
        n = len(da)
        slope = self._slope.first(n)
        self.activation.derivative(self._z, self._a.first(n), slope)
        da *= slope
        return da
