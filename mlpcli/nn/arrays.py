"""The array types of the mathematics, sums by BLAS, and buffers that are allocated once."""

import functools
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array: TypeAlias = NDArray[np.floating[Any]]
Labels: TypeAlias = NDArray[np.intp]


def one_hot(y: Labels, n: int, dtype: DTypeLike) -> Array:
    """Return labels (B,) as targets (B, n): 1 for the class, 0 elsewhere."""
    t: Array = np.zeros((len(y), n), dtype)
    t[np.arange(len(y)), y] = 1
    return t


def row_maxima(a: Array) -> Array:
    """Return the largest number of each row of a (B, n): (B, 1).

    NumPy compares along short rows one number after the other; transposed, many at once.
    """
    maxima: Array = np.maximum.reduce(a.T.copy(), axis=0)
    return maxima[:, np.newaxis]


def row_sums(a: Array) -> Array:
    """Return the sum of each row of a (B, n): (B, 1); BLAS is faster here than NumPy's sum."""
    sums: Array = a.dot(_ones(a.shape[1], a.dtype))
    return sums[:, np.newaxis]


def column_sums(a: Array, out: Array) -> None:
    """Write the sum of each column of a (B, n) into `out` (n,); BLAS is faster here too."""
    np.dot(_ones(len(a), a.dtype), a, out=out)


def product_over_rows(a: Array, b: Array, out: Array) -> None:
    """Write Σ_n a_ni b_nj of a (B, n) and b (B, m) into `out` (n, m): aᵀ b."""
    if len(a) > 1:  # np.dot would fill `out` with zeros first, and copy what is some columns only
        np.matmul(a.T, b, out=out)
    else:  # for which np.matmul does not ask BLAS
        np.dot(a.T, b, out=out)


def sum_of_squares(a: Array) -> float:
    """Return Σ a², in float64 where it leaves the range of float32."""
    squares = float(np.vdot(a, a))
    if np.finfo(a.dtype).tiny < squares < np.inf:
        return squares
    with np.errstate(over="ignore"):
        return float(np.square(a, dtype=np.float64).sum())


def flush_subnormals(a: Array) -> None:
    """Set to 0 what is nearer to 0 than any normal number of the dtype, in place.

    A velocity whose gradient stays 0, as into a unit that died, shrinks at every step, and rounding
    stops it short of 0. Intel processors compute with such numbers about a hundred times as slowly.
    """
    np.copyto(a, 0, where=np.abs(a) < np.finfo(a.dtype).tiny)


@functools.lru_cache(maxsize=16)
def _ones(n: int, dtype: np.dtype[Any]) -> Array:
    ones = np.ones(n, dtype)
    ones.flags.writeable = False
    return ones


class Buffer:
    """A reusable array for one result a batch, as many rows long as the largest batch so far.

    A fresh array each step would cost page faults once it is larger than the allocator caches.
    """

    def __init__(self, width: int, dtype: DTypeLike) -> None:
        self._rows: Array = np.empty((0, width), dtype)
        self.dtype = self._rows.dtype

    def rows(self, n: int) -> Array:
        """Return the first `n` rows (n, width), with whatever they held before."""
        if n > len(self._rows):
            self._rows = np.empty((n, self._rows.shape[1]), self._rows.dtype)
        return self._rows[:n]
