"""Digits of equal slant and width.

Slant: LeCun, Bottou, Bengio and Haffner ("Gradient-based learning applied to document
recognition", 1998) trained on digits "deslanted" by their second moments: the slant is the shift
of the ink to the right per row, the slope of the regression of x on y.

Width: Meier, Cireşan, Gambardella and Schmidhuber ("Better digit recognition with a committee of
simple neural nets", 2011) gave each network of a committee digits of another width, so that they
err on different digits.
"""

import dataclasses
import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.dataset import Dataset, UInt8Array
from mlpcli.data.resampling import RESAMPLERS
from mlpcli.errors import DataError
from mlpcli.parallel.processors import available_cores

if TYPE_CHECKING:
    from mlpcli.config.schema.data import Interpolation

STEEPEST = 1.0
"""largest slant, in pixels per row; what leans more is a flat line"""
MOST_STRETCHED = 2.0
"""largest factor of the width, or of its inverse, so that a 1 remains a stroke"""
SHAPED_PIXELS = 196_000
"""pixels that a thread shapes at once; what it needs for them takes 8 MB"""
MOST_THREADS = 4
"""more would wait for memory and for Python's lock: a guess, which is not measured"""

Numbers = NDArray[np.float64]
Sums = NDArray[np.float32 | np.float64]


@dataclass(frozen=True)
class Shaping:
    """Changes to each image."""

    deslant: bool = False
    digit_width: float | None = None
    """width of the ink, in pixels; None leaves it as it is"""
    interpolation: "Interpolation" = "bilinear"

    @classmethod
    def from_settings(cls, data: Mapping[str, Any]) -> Self:
        """Return the shaping of a config's `data` section, which may be unchecked.

        Raises:
            ValueError: the width or the interpolation is not valid.
        """
        width = data.get("digit_width")
        if width is not None and not (type(width) in (int, float) and 1 <= width < math.inf):
            raise ValueError(f"a digit's width of {width!r}")
        interpolation = data.get("interpolation", "bilinear")
        if interpolation not in tuple(RESAMPLERS):
            raise ValueError(f"an interpolation of {interpolation!r}")
        return cls(bool(data.get("deslant")), width, interpolation)

    @property
    def changes_images(self) -> bool:
        """Whether there is anything to do."""
        return self.deslant or self.digit_width is not None

    def apply(self, dataset: Dataset) -> Dataset:
        """Return the dataset with every image changed, or the same one if there is nothing to do.

        Raises:
            DataError: the images are narrower than `digit_width`.
        """
        if not self.changes_images:
            return dataset
        height, width = dataset.image_shape
        if self.digit_width is not None and self.digit_width > width:
            raise DataError(
                f"A digit of {self.digit_width:g} pixels (data.digit_width) is wider than the "
                f"images, which have {width}; make it smaller."
            )
        images = dataset.images.reshape(-1, height, width).copy()
        size = max(1, min(SHAPED_PIXELS // (height * width), len(images)))
        starts = range(0, len(images), size)
        threads = max(1, min(available_cores(), MOST_THREADS, len(starts)))

        def shape(first: int) -> None:
            resampler = RESAMPLERS[self.interpolation](dataset.image_shape, size)
            for start in starts[first::threads]:
                chunk = images[start : start + size]
                resampler.resample(chunk, self._sources(chunk), None)

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(shape, range(threads)))
        return dataclasses.replace(dataset, images=images.reshape(dataset.images.shape))

    def _sources(self, images: UInt8Array) -> NDArray[np.float32]:
        """Return the source column of each pixel (n, height, width); its row is its own."""
        height, width = images.shape[1:]
        rows, columns = np.arange(height)[:, None], np.arange(width, dtype=np.float64)
        each = (slice(None), None, None)  # to broadcast (n,) over the pixels of each image
        sums = row_sums(images)
        middle_row, middle_column = centres(sums)
        slant = slants(sums) if self.deslant else np.zeros(len(images))
        leaning = slant[each] * (rows - middle_row[each])
        if self.digit_width is None:
            return np.add(columns, leaning, dtype=np.float64).astype(np.float32)
        x = columns + leaning
        stretch = self.digit_width / ink_widths(images, columns - leaning)
        stretch = np.clip(stretch, 1 / MOST_STRETCHED, MOST_STRETCHED)
        x += (columns - middle_column[each]) * (1 / stretch - 1)[each]
        return x.astype(np.float32)


def row_sums(images: UInt8Array) -> Numbers:
    """Return for each row of images (n, height, width) the sums of its ink and of ink times column.

    (2, n, height). All are whole numbers, which float32 holds exactly in rows of up to 256 pixels.
    """
    width = images.shape[2]
    ink: Sums = images.astype(np.float32 if width <= 256 else np.float64)
    columns: Sums = np.arange(width).astype(ink.dtype)
    # einsum has one thread: products this thin take BLAS longer to divide than to compute.
    sums = [np.einsum("nij,j->ni", ink, factor) for factor in (np.ones_like(columns), columns)]
    return np.stack(sums).astype(np.float64)


def centres(sums: Numbers) -> tuple[Numbers, Numbers]:
    """Return row and column (n,) of the centres of mass, from `row_sums`; 0 of a blank image."""
    ink, moment = sums
    total = np.maximum(ink.sum(axis=1), 1)
    return ink @ np.arange(ink.shape[1]) / total, moment.sum(axis=1) / total


def slants(sums: Numbers) -> Numbers:
    """Return the slants (n,) of images, from `row_sums`; 0 if all ink is in one row.

    They are in pixels to the right per row downwards, at most STEEPEST.
    """
    ink, moment = sums
    down = np.arange(ink.shape[1]) - centres(sums)[0][:, None]
    variance = (ink * down**2).sum(axis=1)
    covariance = (moment * down).sum(axis=1)  # the mean of x cancels out
    slant: Numbers = np.divide(covariance, variance, out=np.zeros(len(ink)), where=variance > 0)
    np.clip(slant, -STEEPEST, STEEPEST, out=slant)
    return slant


def ink_widths(images: UInt8Array, columns: Numbers) -> Numbers:
    """Return the widths (n,) of the ink in images (n, height, width), in pixels, at least 1.

    `columns` (n, height, width) is the position of each pixel.
    """
    inked = images > 0
    left = np.where(inked, columns, np.inf).min(axis=(1, 2))
    right = np.where(inked, columns, -np.inf).max(axis=(1, 2))
    widths: Numbers = np.maximum(right - left, 0) + 1
    return widths
