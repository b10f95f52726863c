"""The array types of the mathematics, and buffers that are allocated once."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.floating[Any]]
Labels: TypeAlias = NDArray[np.intp]


class Rows:
    """A reusable buffer for one result a batch, as many rows long as the largest batch so far.

    A fresh array each step costs page faults once it is larger than the allocator keeps at hand.
    """

    def __init__(self, width: int, dtype: np.dtype[Any]) -> None:
        self._buffer = np.empty((0, width), dtype)

    def first(self, n: int) -> Array:
        """The first `n` rows (n, width), with whatever they held before."""
        if n > len(self._buffer):
            self._buffer = np.empty((n, self._buffer.shape[1]), self._buffer.dtype)
        return self._buffer[:n]
