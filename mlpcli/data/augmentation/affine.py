"""Shift, rotation, scale and shear: an affine map of the plane for each image.

The distortions of handwriting that Cireşan, Meier, Gambardella and Schmidhuber ("Deep, big, simple
neural nets for handwritten digit recognition", 2010) trained on, together with the elastic one.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.augmentation.draws import Draws, Kind
from mlpcli.data.resampling import Coordinates

if TYPE_CHECKING:
    from mlpcli.config.schema.augmentation import AugmentationConfig

Array = NDArray[np.float64]


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
        """Draw uniformly within the limits of the settings; width and height are apart."""
        return cls(
            shift=draws.within(settings.shift, 2, Kind.SHIFT),
            rotation=draws.within(math.radians(settings.rotation), 1, Kind.ROTATION)[0],
            scale=1 + draws.within(settings.scale, 2, Kind.SCALE),
            shear=draws.within(settings.shear, 1, Kind.SHEAR)[0],
        )

    def sources(self, x: Coordinates, y: Coordinates) -> None:
        """Write the position in the original of each pixel of the result.

        With M = rotation · shear · scale, c the centre and y downwards, p' = M (p - c) + c + shift,
        so p = M⁻¹ (p' - c - shift) + c.

        Args:
            x: receives columns of the original (n, height, width); 0 is the centre of the first.
            y: the same for rows.
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
