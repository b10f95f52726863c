"""Normalization of pixels from 0 to 255."""

import math
from dataclasses import dataclass

import numpy as np

from mlpcli.data.dataset import FloatArray, PixelsOrNumbers, UInt8Array

SUMMED_PIXELS = 2**16
"""pixels converted at once, few enough to stay in a core's cache"""


@dataclass(frozen=True)
class Normalization:
    """x = (pixel - mean) / std, with one mean and one standard deviation for all pixels.

    A background other than 0 also keeps the momentum of a weight whose pixel never lights up from
    decaying into denormal numbers, which processors handle ten times slower.
    """

    mean: float
    std: float

    @classmethod
    def unit(cls) -> "Normalization":
        """Return the normalization to 0..1."""
        return cls(0.0, 255.0)

    @classmethod
    def none(cls) -> "Normalization":
        """Return the normalization that changes nothing."""
        return cls(0.0, 1.0)

    @classmethod
    def standardize(cls, images: UInt8Array) -> "Normalization":
        """Return the normalization of all pixels of `images` (N, n_in) to mean 0 and std 1.

        The sums are integers, so mean and std are exact but for one rounding.
        """
        pixels = images.reshape(-1)
        n, total, squares = len(pixels), 0, 0
        for start in range(0, n, SUMMED_PIXELS):
            some = pixels[start : start + SUMMED_PIXELS].astype(np.uint32)
            total += int(some.sum(dtype=np.uint64))
            squares += int((some**2).sum(dtype=np.uint64))
        std = math.sqrt((n * squares - total**2) / n**2)
        return cls(total / n, std or 1.0)

    def apply(self, images: PixelsOrNumbers, out: FloatArray) -> None:
        """Write the normalised `images` (n, n_in) into `out`, of the same shape."""
        np.copyto(out, images)  # casting first is faster than casting within the subtraction
        out -= self.mean
        out *= 1 / self.std
