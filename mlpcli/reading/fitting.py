"""MNIST's frame: the digit's box scaled to 20×20, its centre of mass in the middle of 28×28."""

import math

import numpy as np

from mlpcli.reading.boxes import box_of
from mlpcli.reading.morphology import FloatArray, UInt8Array
from mlpcli.reading.resizing import resized

DIGIT_SHARE = 20 / 28
"""larger side of the digit, as a fraction of the image's"""
LEAST_FULL_INK = 0.5
"""ink of the strongest pixel, at least; each of MNIST's 70,000 images has more"""


def is_already_prepared(ink: FloatArray, shape: tuple[int, int]) -> bool:
    """Return whether the ink (H, W) has been prepared as MNIST's was, for images of `shape`.

    The size is right, and the digit is as large as fitting makes it, with full ink. To stretch the
    contrast of such an image would only move it away from what the network was trained on.
    """
    if ink.shape != shape or ink.max() < LEAST_FULL_INK:
        return False
    size = ink[box_of(ink > 0)].shape
    return _fitted_shape(size, shape) == size


def fitted(digit: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """Return a digit's box (h, w) scaled to fill its share of `shape`, with its aspect kept.

    A stroke thinner than a pixel of the result comes out faint, so the strongest pixel is made
    full. Of Pillow's filters, the bilinear one restores enlarged MNIST images best.
    """
    scaled = resized(digit, _fitted_shape(digit.shape, shape))
    full: FloatArray = scaled / scaled.max()
    return full


def _fitted_shape(size: tuple[int, ...], shape: tuple[int, int]) -> tuple[int, int]:
    """Return the shape of the box (h, w) scaled to fill the digit's share of `shape`."""
    largest = [round(side * DIGIT_SHARE) for side in shape]
    scale = min(largest[0] / size[0], largest[1] / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def centred(pixels: UInt8Array, shape: tuple[int, int]) -> UInt8Array:
    """Place a digit (h, w) in an empty image of `shape`, its centre of mass in the middle.

    MNIST's middle is the pixel (14, 14) of 28×28, to the nearest. A digit whose mass lies far to
    one side is moved only as far as the frame allows.
    """
    rows, columns = np.indices(pixels.shape)
    image = np.zeros(shape, np.uint8)
    top, left = (
        min(max(0, math.floor(side / 2 + 0.5 - np.average(index, weights=pixels))), side - extent)
        for side, index, extent in zip(shape, (rows, columns), pixels.shape, strict=True)
    )
    image[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return image
