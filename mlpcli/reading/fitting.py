"""MNIST's frame: the digit's box fitted into 20×20, its centre of mass in the middle of 28×28."""

import math

import numpy as np

from mlpcli.data.dataset import UInt8Array
from mlpcli.reading.boxes import box_of
from mlpcli.reading.morphology import FloatArray
from mlpcli.reading.resizing import resized

DIGIT_SHARE = 20 / 28
"""The digit's larger side, of the image's."""
LEAST_FULL_INK = 0.5
"""At the strongest pixel; every one of MNIST's 70,000 images has more."""


def is_already_prepared(ink: FloatArray, shape: tuple[int, int]) -> bool:
    """Whether MNIST's own preparation has been at work on an exactly black or white ground.

    The size is right, all around the digit there is nothing, the digit is as large as it is made
    to be, and its ink is full. To stretch the contrast of such an image would only move it away
    from what the network was trained on.

    Args:
        ink: (H, W), 0 the ground.
        shape: (height, width) of a prepared image.
    """
    if ink.shape != shape or ink.max() < LEAST_FULL_INK:
        return False
    size = ink[box_of(ink > 0)].shape
    return _fitted_shape(size, shape) == size


def fitted(digit: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """Scale a digit's box (h, w) to fill the digit's share of `shape`, with its aspect kept.

    A stroke thinner than a pixel of the result comes out faint, so the strongest is made full.
    Of Pillow's filters the bilinear one restores enlarged MNIST images best.
    """
    scaled = resized(digit, _fitted_shape(digit.shape, shape))
    full: FloatArray = scaled / scaled.max()
    return full


def _fitted_shape(size: tuple[int, ...], shape: tuple[int, int]) -> tuple[int, int]:
    """What the box (h, w) becomes when it is scaled to fill the digit's share of `shape`."""
    largest = [round(side * DIGIT_SHARE) for side in shape]
    scale = min(largest[0] / size[0], largest[1] / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def centred(pixels: UInt8Array, shape: tuple[int, int]) -> UInt8Array:
    """Place a digit (h, w) in an empty image so that its centre of mass is in the middle.

    MNIST's middle is the pixel (14, 14) of 28×28, to the nearest. A digit whose mass lies far to
    one side is moved only as far as the frame allows.

    Returns:
        image `shape`.
    """
    rows, columns = np.indices(pixels.shape)
    image = np.zeros(shape, np.uint8)
    top, left = (
        min(max(0, math.floor(side / 2 + 0.5 - np.average(index, weights=pixels))), side - extent)
        for side, index, extent in zip(shape, (rows, columns), pixels.shape, strict=True)
    )
    image[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return image
