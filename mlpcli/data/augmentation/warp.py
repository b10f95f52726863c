"""All geometric distortions as one map of coordinates, so that an image is resampled only once.

The distortions of handwriting that Cireşan, Meier, Gambardella and Schmidhuber ("Deep, big, simple
neural nets for handwritten digit recognition", 2010) trained on.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.augmentation.draws import Draws, Kind
from mlpcli.data.augmentation.elastic import ElasticField
from mlpcli.data.dataset import UInt8Array
from mlpcli.data.resampling import RESAMPLERS, Coordinates

if TYPE_CHECKING:
    from mlpcli.config.schema.augmentation import AugmentationConfig
    from mlpcli.config.schema.data import Interpolation

Array = NDArray[np.float64]

PIXELS_AT_ONCE = 50_176
"""pixels resampled together: a dozen numbers for each stay in a cache of 2 MB"""


class Warp:
    """Shifts, rotates, scales, shears and bends each image of a chunk in its own way."""

    def __init__(
        self,
        settings: "AugmentationConfig",
        interpolation: "Interpolation",
        image_shape: tuple[int, int],
        chunk_size: int,
    ) -> None:
        """Prepare for at most `chunk_size` images of (height, width) in a call."""
        self._settings = settings
        n = min(chunk_size, max(1, PIXELS_AT_ONCE // (image_shape[0] * image_shape[1])))
        self._elastic = None
        if settings.elastic is not None and settings.elastic.alpha:
            alpha, sigma = settings.elastic.alpha, settings.elastic.sigma
            self._elastic = ElasticField(alpha, sigma, image_shape, n)
        self._resampler = RESAMPLERS[interpolation](image_shape, n)
        self._x, self._y = np.empty((2, n, *image_shape), np.float32)

    def __call__(self, images: UInt8Array, draws: Draws) -> None:
        """Distort the images (n, height, width) in place."""
        affine = Affine.draw(self._settings, draws)
        for start in range(0, len(images), len(self._x)):
            some = slice(start, start + len(self._x))
            self._warp(images[some], affine.of(some), draws.of(some))

    def _warp(self, images: UInt8Array, affine: "Affine", draws: Draws) -> None:
        x, y = self._x[: len(images)], self._y[: len(images)]
        affine.write_sources(x, y)
        if self._elastic is not None:
            self._elastic.displace(x, y, draws)
        self._resampler.resample(images, x, y)


@dataclass(frozen=True)
class Affine:
    """Maps of n images about their centres: scale, shear, rotation, then shift."""

    shift: Array
    """(2, n), to the right and down, in pixels"""
    rotation: Array
    """(n,), counter-clockwise, in radians"""
    scale: Array
    """(2, n), factors of the width and the height"""
    shear: Array
    """(n,), to the right for each pixel upwards"""

    @classmethod
    def draw(cls, settings: "AugmentationConfig", draws: Draws) -> Self:
        """Draw uniformly within the limits of the settings, width and height separately."""
        return cls(
            shift=draws.within(settings.shift, 2, Kind.SHIFT),
            rotation=draws.within(math.radians(settings.rotation), 1, Kind.ROTATION)[0],
            scale=1 + draws.within(settings.scale, 2, Kind.SCALE),
            shear=draws.within(settings.shear, 1, Kind.SHEAR)[0],
        )

    def of(self, some: slice) -> Self:
        """Return the maps of some of the images."""
        return type(self)(
            self.shift[:, some], self.rotation[some], self.scale[:, some], self.shear[some]
        )

    def write_sources(self, x: Coordinates, y: Coordinates) -> None:
        """Write the column x and row y (n, height, width) in the original of each result's pixel.

        With M = rotation · shear · scale, c the centre and y downwards, p' = M (p - c) + c + shift,
        so p = M⁻¹ (p' - c - shift) + c. 0 is the centre of the first column or row.
        """
        height, width = x.shape[1:]
        middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
        right = np.arange(width) - middle_x - self.shift[0, :, None]
        down = np.arange(height) - middle_y - self.shift[1, :, None]
        cos, sin = np.cos(self.rotation), np.sin(self.rotation)
        scale_x, scale_y = self.scale
        x_of_right = (cos + self.shear * sin) / scale_x
        x_of_down = (self.shear * cos - sin) / scale_x
        y_of_right, y_of_down = sin / scale_y, cos / scale_y
        _add_outer(x_of_right[:, None] * right, x_of_down[:, None] * down + middle_x, out=x)
        _add_outer(y_of_right[:, None] * right, y_of_down[:, None] * down + middle_y, out=y)


def _add_outer(columns: Array, rows: Array, out: Coordinates) -> None:
    """Write rows (n, height) + columns (n, width) into out (n, height, width)."""
    np.add(rows.astype(np.float32)[:, :, None], columns.astype(np.float32)[:, None, :], out=out)
