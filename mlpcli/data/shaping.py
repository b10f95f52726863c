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
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.dataset import Dataset, UInt8Array
from mlpcli.data.resampling import RESAMPLERS
from mlpcli.errors import DataError

if TYPE_CHECKING:
    from mlpcli.config.schema.data import Interpolation

STEEPEST = 1.0
"""largest slant, in pixels per row; what leans more is a flat line"""
MOST_STRETCHED = 2.0
"""largest factor of the width, or of its inverse, so that a 1 remains a stroke"""
SHAPED_PIXELS = 784_000
"""pixels shaped at once; their coordinates take 6 MB"""

Numbers = NDArray[np.float64]


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
        size = max(1, SHAPED_PIXELS // (height * width))
        chunk_size = min(size, max(1, len(images)))
        resampler = RESAMPLERS[self.interpolation](dataset.image_shape, chunk_size)
        for start in range(0, len(images), size):
            chunk = images[start : start + size]
            resampler.resample(chunk, *self._sources(chunk))
        return dataclasses.replace(dataset, images=images.reshape(dataset.images.shape))

    def _sources(self, images: UInt8Array) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the source column and row of each pixel: (n, height, width) both."""
        rows, columns = np.indices(images.shape[1:], np.float64)
        each = (slice(None), None, None)  # to broadcast (n,) over the pixels of each image
        middle_row, middle_column = centres(images)
        slant = slants(images) if self.deslant else np.zeros(len(images))
        leaning = slant[each] * (rows - middle_row[each])
        x = columns + leaning
        if self.digit_width is not None:
            stretch = self.digit_width / ink_widths(images, columns - leaning)
            stretch = np.clip(stretch, 1 / MOST_STRETCHED, MOST_STRETCHED)
            x += (columns - middle_column[each]) * (1 / stretch - 1)[each]
        y = np.broadcast_to(rows, x.shape)
        return x.astype(np.float32), y.astype(np.float32)


def centres(images: UInt8Array) -> tuple[Numbers, Numbers]:
    """Return row and column (n,) of the centres of mass of images (n, height, width); blank: 0."""
    ink = images.astype(np.float64)
    total = np.maximum(ink.sum(axis=(1, 2)), 1)
    down, right = (np.arange(n) for n in images.shape[1:])
    return ink.sum(axis=2) @ down / total, ink.sum(axis=1) @ right / total


def slants(images: UInt8Array) -> Numbers:
    """Return the slants (n,) of images (n, height, width), 0 if all ink is in one row.

    They are in pixels to the right per row downwards, at most STEEPEST.
    """
    height, width = images.shape[1:]
    ink = images.astype(np.float64)
    down = np.arange(height) - centres(images)[0][:, None]
    variance = (ink.sum(axis=2) * down**2).sum(axis=1)
    covariance = (ink @ np.arange(width) * down).sum(axis=1)  # the mean of x cancels out
    slant: Numbers = np.divide(covariance, variance, out=np.zeros(len(images)), where=variance > 0)
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
