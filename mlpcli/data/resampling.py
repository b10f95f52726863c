"""Interpolation between the pixels of images."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.dataset import UInt8Array

if TYPE_CHECKING:
    from mlpcli.config.schema.data import Interpolation

Coordinates = NDArray[np.float32]
"""(n, height, width), the source of each pixel of a result along one axis"""

KEYS_SHARPNESS = -0.5
"""a in Keys' paper"""


class Resampler(ABC):
    """Resamples chunks of images; background (0) surrounds each image."""

    reach: ClassVar[int]
    """number of pixels on each side that a value between them depends on"""

    def __init__(self, image_shape: tuple[int, int], chunk_size: int) -> None:
        """Allocate buffers for at most `chunk_size` images of (height, width)."""
        height, width = image_shape
        # Points up to `reach` beyond the image depend on pixels up to this far beyond it.
        self._border = border = 2 * self.reach - 1
        self._stride = width + 2 * border
        self._image_size = (height + 2 * border) * self._stride
        # The right neighbour of a last column is the first one of the next row: background too, as
        # is everything beyond the last row.
        self._flat = np.zeros(chunk_size * self._image_size, np.float32)
        padded = self._flat.reshape(chunk_size, height + 2 * border, width + 2 * border)
        self._inside = padded[:, border:-border, border:-border]
        self._starts = (np.arange(chunk_size, dtype=np.int32) * self._image_size)[:, None, None]
        shape = (chunk_size, height, width)
        self._whole = np.empty(shape, np.float32)
        self._row, self._column = np.empty((2, *shape), np.int32)
        self._index = np.empty(shape, np.intp)

    def resample(self, images: UInt8Array, x: Coordinates, y: Coordinates | None) -> None:
        """Replace each pixel of `images` (n, height, width) by the value at column x and row y.

        0 is the centre of the first column or row. None for y means each pixel's own row, and takes
        half the time. x and y are overwritten.
        """
        n, height, width = images.shape
        np.copyto(self._inside[:n], images)
        place, column, index = self._row[:n], self._column[:n], self._index[:n]
        self._split(x, width, column)
        if y is None:
            np.copyto(place, np.arange(self._border, self._border + height)[:, None])
        else:
            self._split(y, height, place)
        place *= self._stride
        place += column
        place += self._starts[:n]
        np.copyto(index, place)
        shown = self._between(index, x, y)
        shown += 0.5
        np.copyto(images, shown, casting="unsafe")

    @abstractmethod
    def _between(
        self, index: NDArray[np.intp], x: Coordinates, y: Coordinates | None
    ) -> Coordinates:
        """Return the values, 0 to 255, at fractions x and y beyond the pixels at `index`.

        None for y is 0. All arrays are (n, height, width); all arguments may be overwritten.
        """

    def _take(self, index: NDArray[np.intp], right: int, down: int, out: Coordinates) -> None:
        """Write the pixels at an offset from those at `index`; both offsets are at least 0."""
        # "clip" writes straight into `out`, and takes the last background beyond the end.
        np.take(self._flat[down * self._stride + right :], index, out=out, mode="clip")

    def _split(self, coordinate: Coordinates, size: int, whole: np.ndarray) -> None:
        """Write whole pixels, counted from the border's first; leave the fraction."""
        coordinate += self._border
        low, high = self._border - self.reach, self._border + size - 1 + self.reach
        np.clip(coordinate, low, high, out=coordinate)
        np.copyto(whole, coordinate, casting="unsafe")
        rounded_down = self._whole[: len(coordinate)]
        np.copyto(rounded_down, whole, casting="unsafe")
        coordinate -= rounded_down


class Bilinear(Resampler):
    """Linear interpolation on both axes, which blurs edges."""

    reach = 1

    def __init__(self, image_shape: tuple[int, int], chunk_size: int) -> None:
        super().__init__(image_shape, chunk_size)
        self._corners = np.empty((4, chunk_size, *image_shape), np.float32)

    def _between(
        self, index: NDArray[np.intp], x: Coordinates, y: Coordinates | None
    ) -> Coordinates:
        upper, upper_right, lower, lower_right = self._corners[:, : len(index)]
        self._take(index, 0, 0, out=upper)
        self._take(index, 1, 0, out=upper_right)
        _blend(upper, upper_right, x)
        if y is not None:
            self._take(index, 0, 1, out=lower)
            self._take(index, 1, 1, out=lower_right)
            _blend(lower, lower_right, x)
            _blend(upper, lower, y)
        return np.asarray(upper)


class Bicubic(Resampler):
    """Cubic convolution on both axes, over 4 × 4 pixels, which keeps edges sharper.

    Keys ("Cubic convolution interpolation for digital image processing", 1981), with his a = -1/2.
    Overshoots beyond black or white beside an edge are cut off.
    """

    reach = 2

    def __init__(self, image_shape: tuple[int, int], chunk_size: int) -> None:
        super().__init__(image_shape, chunk_size)
        self._across, self._down = np.empty((2, 4, chunk_size, *image_shape), np.float32)
        self._sum, self._row_sum, self._pixel = np.empty((3, chunk_size, *image_shape), np.float32)

    def _between(
        self, index: NDArray[np.intp], x: Coordinates, y: Coordinates | None
    ) -> Coordinates:
        n = len(index)
        total, row, pixel = self._sum[:n], self._row_sum[:n], self._pixel[:n]
        across, down = self._across[:, :n], self._down[:, :n]
        _write_weights(x, across)
        if y is not None:
            _write_weights(y, down)
        index -= self._stride + 1  # to the first of the four by four
        total.fill(0)
        for i in range(4) if y is not None else (1,):
            row.fill(0)
            for j in range(4):
                self._take(index, j, i, out=pixel)
                pixel *= across[j]
                row += pixel
            if y is not None:
                row *= down[i]
            total += row
        np.clip(total, 0, 255, out=total)
        return total


RESAMPLERS: Mapping["Interpolation", type[Resampler]] = {"bilinear": Bilinear, "bicubic": Bicubic}


def _blend(a: Coordinates, b: Coordinates, share: Coordinates) -> None:
    """Set a to (1 - share) a + share b; b is overwritten."""
    b -= a
    b *= share
    a += b


def _write_weights(t: Coordinates, out: Coordinates) -> None:
    """Write (4, n, height, width): the weights of the pixels at -1, 0, 1 and 2, seen from t.

    With u = 1 - t: a t u², u + t u² - (1 + a) t² u, t + t² u - (1 + a) t u² and a t² u.
    """
    before, left, right, after = out
    np.subtract(1, t, out=left)
    np.multiply(t, left, out=right)
    np.multiply(right, left, out=before)
    np.multiply(right, t, out=after)
    left += before
    np.multiply(after, 1 + KEYS_SHARPNESS, out=right)
    left -= right
    np.multiply(before, 1 + KEYS_SHARPNESS, out=right)
    np.subtract(t, right, out=right)
    right += after
    before *= KEYS_SHARPNESS
    after *= KEYS_SHARPNESS
