"""Elastic distortion: displaces every pixel a little, and neighbours nearly alike.

Simard, Steinkraus and Platt ("Best practices for convolutional neural networks applied to visual
document analysis", 2003) draw a number from -1 to 1 for each pixel and direction, smooth these by
a Gaussian of standard deviation sigma whose weights add up to 1, and multiply by alpha. Here the
noise continues beyond the image's edge. Displacements have mean 0, standard deviation near
alpha / (sqrt(12 pi) sigma), and the correlation exp(-d² / 4 sigma²) at a distance of d pixels.

A few points determine so smooth a field. The numbers are therefore drawn on a grid whose lines are
sigma apart, and the same Gaussian interpolates them: that gives the same correlations, within
2 exp(-pi²), at a fraction of the cost.
"""

import math

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.augmentation.draws import Draws, Kind
from mlpcli.data.resampling import Coordinates

# The numbers of both matrix products are integers, so small that float32 holds every sum exactly.
# BLAS adds in another order for another number of rows or on another machine; here that changes
# nothing. At a sigma of 4, rounding to these units changes a field by a thousandth.
_WEIGHT = 2.0**-12
_NUMBER = 2.0**-8
_HALF_WAY = 2.0**-11
_REACH = 3.0  # sigmas beyond which the square of the Gaussian has 1/50,000 of its sum


class ElasticField:
    """Draws displacement fields for chunks of images."""

    def __init__(
        self, alpha: float, sigma: float, image_shape: tuple[int, int], chunk_size: int
    ) -> None:
        """Prepare for at most `chunk_size` images of (height, width); alpha and sigma in pixels."""
        height, width = image_shape
        self._down = _integers(grid_weights(height, sigma), _WEIGHT)
        self._across = _integers(grid_weights(width, sigma).T, _WEIGHT)
        self._pixels_of_one = alpha * _HALF_WAY * _WEIGHT
        rows, columns = self._down.shape[1], self._across.shape[0]
        self._grid = np.empty((chunk_size, 2, rows, columns), np.float32)
        self._half_way = np.empty((chunk_size, 2, rows, width), np.float32)
        self._field = np.empty((chunk_size, 2, height, width), np.float32)

    def displace(self, x: Coordinates, y: Coordinates, draws: Draws) -> None:
        """Add a field for each image to the coordinates x and y (n, height, width)."""
        n = len(draws)
        grid, half_way, field = self._grid[:n], self._half_way[:n], self._field[:n]
        drawn = draws.dice(Kind.ELASTIC).rows(grid[0].size, np.uint8)
        np.copyto(grid, drawn.reshape(grid.shape))
        grid *= 2
        grid -= 255  # 256 numbers evenly spread about 0, to be divided by 256
        np.matmul(
            grid.reshape(-1, len(self._across)),
            self._across,
            out=half_way.reshape(-1, self._across.shape[1]),
        )
        half_way *= _NUMBER * _WEIGHT / _HALF_WAY
        np.rint(half_way, out=half_way)
        np.matmul(self._down, half_way, out=field)
        field *= self._pixels_of_one
        x += field[:, 0]
        y += field[:, 1]


def _integers(values: NDArray[np.float64], unit: float) -> NDArray[np.float32]:
    return np.rint(values / unit).astype(np.float32)


def grid_weights(pixels: int, sigma: float) -> NDArray[np.float64]:
    """Return the weights (pixels, grid lines) of each grid line's number at each pixel.

    Each row has the sum of squares of Simard's Gaussian, hence the same variance. Up to a sigma
    of 1 the grid lines are the pixels, and the rows are Simard's weights.
    """
    gap = max(1.0, sigma)
    lines_beyond = math.ceil(_REACH * sigma / gap)
    lines = 2 * lines_beyond + math.ceil((pixels - 1) / gap) + 1
    places = gap * (np.arange(lines) - lines_beyond)
    weights = np.exp(-(((np.arange(pixels)[:, None] - places) / sigma) ** 2) / 2)
    reach = math.ceil(4 * sigma)
    kernel = np.exp(-((np.arange(-reach, reach + 1) / sigma) ** 2) / 2)
    kernel /= kernel.sum()
    return np.asarray(
        weights * np.sqrt((kernel**2).sum() / (weights**2).sum(axis=1, keepdims=True))
    )
