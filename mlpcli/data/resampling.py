"""Reading images between their pixels."""

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.dataset import UInt8Array

Coordinates = NDArray[np.float32]
"""(n, height, width): where each pixel of a result comes from, along one axis."""


class Resampler:
    """Bilinear interpolation in blocks of images; background (0) lies around each of them."""

    def __init__(self, image_shape: tuple[int, int], block_size: int) -> None:
        """Make the buffers for at most `block_size` images of (height, width)."""
        height, width = image_shape
        self._stride = width + 2
        self._image_size = (height + 2) * self._stride
        # One pixel of background around each image. The neighbour to the right of a last column
        # is the first of the next row, which is background too, and so is all beyond the last row.
        self._flat = np.zeros(block_size * self._image_size, np.float32)
        padded = self._flat.reshape(block_size, height + 2, width + 2)
        self._inside = padded[:, 1:-1, 1:-1]
        self._starts = (np.arange(block_size, dtype=np.int32) * self._image_size)[:, None, None]
        shape = (block_size, height, width)
        self._whole = np.empty(shape, np.float32)
        self._row, self._column = np.empty(shape, np.int32), np.empty(shape, np.int32)
        self._index = np.empty(shape, np.intp)
        self._corners = np.empty((4, *shape), np.float32)

    def resample(self, images: UInt8Array, x: Coordinates, y: Coordinates) -> None:
        """Replace each pixel by what its image (n, height, width) shows at column x and row y.

        Args:
            images: (n, height, width), changed in place.
            x: (n, height, width), 0 the centre of the first column; used up.
            y: the same for rows.
        """
        n, height, width = images.shape
        np.copyto(self._inside[:n], images)
        self._split(x, width, self._column[:n])
        self._split(y, height, self._row[:n])
        place = self._row[:n]
        place *= self._stride
        place += self._column[:n]
        place += self._starts[:n]
        index = self._index[:n]
        np.copyto(index, place)

        upper, upper_right, lower, lower_right = self._corners[:, :n]
        for corner, offset in (
            (upper, 0),
            (upper_right, 1),
            (lower, self._stride),
            (lower_right, self._stride + 1),
        ):
            # "clip" writes straight into `out`, and takes the last background beyond the end.
            np.take(self._flat[offset:], index, out=corner, mode="clip")
        _blend(upper, upper_right, x)
        _blend(lower, lower_right, x)
        _blend(upper, lower, y)
        upper += 0.5
        np.copyto(images, upper, casting="unsafe")

    def _split(self, coordinate: Coordinates, size: int, whole: np.ndarray) -> None:
        """Split into the whole pixels, counted from the background's, and the fraction left."""
        coordinate += 1
        np.clip(coordinate, 0, size + 1, out=coordinate)
        np.copyto(whole, coordinate, casting="unsafe")
        rounded_down = self._whole[: len(coordinate)]
        np.copyto(rounded_down, whole, casting="unsafe")
        coordinate -= rounded_down


def _blend(a: Coordinates, b: Coordinates, share: Coordinates) -> None:
    """a becomes (1 - share) a + share b; b is used up."""
    b -= a
    b *= share
    a += b
