"""Normalization of pixels from 0 to 255, and of the columns of a table."""

import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from mlpcli.data.dataset import Dataset, FloatArray, PixelsOrNumbers, UInt8Array
from mlpcli.errors import DataError

SAME = 1e-12
"""standard deviation, over the mean, below which the numbers differ by rounding only"""
SUMMED_PIXELS = 2**16
"""pixels converted at once, few enough to stay in a core's cache"""


@dataclass(frozen=True)
class Normalization:
    """x = (number - mean) / std.

    All pixels have one mean and one standard deviation; of a table, each column has its own.
    A background other than 0 also keeps the momentum of a weight whose pixel never lights up from
    decaying into denormal numbers, which processors handle ten times slower.
    """

    mean: float | tuple[float, ...]
    std: float | tuple[float, ...]

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

    @classmethod
    def of_columns(cls, numbers: FloatArray) -> "Normalization":
        """Return the normalization of each column of `numbers` (N, n) to mean 0 and std 1.

        A column of equal numbers becomes 0.

        Raises:
            DataError: the numbers are so large that their standard deviation is not finite.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            mean, std = (
                numbers.mean(axis=0, dtype=np.float64),
                numbers.std(axis=0, dtype=np.float64),
            )
        if not (np.isfinite(mean).all() and np.isfinite(std).all()):
            raise DataError(
                "The numbers of the table are too large to be standardised; scale them down, or "
                "take data.normalization=none."
            )
        std[std <= SAME * np.abs(mean)] = 1.0
        return cls(tuple(mean.tolist()), tuple(std.tolist()))

    @property
    def changes_nothing(self) -> bool:
        """Whether every number stays as it is."""
        return self == PLAIN

    def undone(self, numbers: FloatArray) -> FloatArray:
        """Return the numbers (n, columns) that were normalised."""
        if self.changes_nothing:
            return numbers
        return numbers * np.asarray(self.std, np.float64) + np.asarray(self.mean, np.float64)

    def apply(self, images: PixelsOrNumbers, out: FloatArray) -> None:
        """Write the normalised `images` (n, n_in) into `out`, of the same shape."""
        if isinstance(self.mean, tuple) or isinstance(self.std, tuple):
            out[...] = (images - np.asarray(self.mean)) / np.asarray(self.std)
            return
        np.copyto(out, images)  # casting first is faster than casting within the subtraction
        out -= self.mean
        out *= 1 / self.std


PLAIN = Normalization.none()


def standardized(dataset: Dataset) -> Normalization:
    """Return the normalization of a dataset's images, or of its columns, to mean 0 and std 1."""
    if dataset.images.dtype == np.uint8:
        return Normalization.standardize(dataset.images)
    return Normalization.of_columns(dataset.images)


def with_normal_targets(dataset: Dataset, normalization: Normalization) -> Dataset:
    """Return a regression's dataset with normalised targets; any other as it is."""
    if dataset.targets is None or normalization.changes_nothing:
        return dataset
    targets = np.empty_like(dataset.targets)
    normalization.apply(dataset.targets, targets)
    return dataclasses.replace(dataset, targets=targets)
