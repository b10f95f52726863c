"""Random numbers as a function of (seed, image, position), whatever the order of the images.

With one generator for all images, an image's numbers would depend on the images drawn before it.
Here each image has its own stream, and the n-th number of a stream is computed from n alone: a
counter-based generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011). The
stream is SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
2014).
"""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

_GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)

Unsigned = TypeVar("Unsigned", bound=np.unsignedinteger[Any])


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return SplitMix64's output for each state."""
    z = state + _GOLDEN_GAMMA
    z ^= z >> np.uint64(30)
    z *= np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(27)
    z *= np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return z


class Dice:
    """A stream of random numbers for each of B indices; every call returns the next ones."""

    def __init__(self, seed: int, purpose: int, indices: NDArray[np.uint64]) -> None:
        """Start a stream for each of `indices` (B,).

        `seed` is taken modulo 2**64; `purpose` separates different uses of the same index.
        """
        key = _mix(_mix(np.array([seed % 2**64], np.uint64)) ^ np.uint64(purpose))
        self._streams = _mix(key ^ indices)
        self._position = 0

    def bits(self, count: int) -> NDArray[np.uint64]:
        """Return numbers (count, B) of 64 random bits."""
        return _mix(self._streams + self._next_positions(count)[:, None] * _GOLDEN_GAMMA)

    def _next_positions(self, count: int) -> NDArray[np.uint64]:
        self._position += count
        return np.arange(self._position - count, self._position, dtype=np.uint64)

    def rows(self, count: int, dtype: type[Unsigned]) -> NDArray[Unsigned]:
        """Return uniform integers (B, count) of an unsigned `dtype`, several from each 64 bits."""
        words = -(-count * np.dtype(dtype).itemsize // 8)
        drawn = _mix(self._streams[:, None] + self._next_positions(words) * _GOLDEN_GAMMA)
        little_endian = drawn.astype("<u8", copy=False).view(np.dtype(dtype).newbyteorder("<"))
        return little_endian[:, :count].astype(dtype, copy=False)

    def uniform(self, count: int) -> NDArray[np.float32]:
        """Return uniform numbers (count, B) in [0, 1)."""
        # A float32 holds 24 bits exactly.
        return (self.bits(count) >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)

    def bell(self, count: int) -> NDArray[np.float32]:
        """Return bell-shaped numbers (count, B): mean 0, standard deviation 1, from -3 to 3.

        Each is a sum of three uniform numbers: a normal distribution has outliers, which would
        tear a digit apart.
        """
        u = self.uniform(3 * count).reshape(3, count, -1)
        return np.asarray(2 * (u[0] + u[1] + u[2]) - 3, np.float32)
