"""From a picture of one digit to the image that MNIST would have made of it.

A network trained on MNIST knows light ink on an exactly black ground, 20 pixels large, with its
centre of mass in the middle of 28×28. A picture that is anything else (dark on light, large,
off-centre, on grey paper) is misread however well the network was trained, so `predict` repeats
MNIST's own preparation: LeCun et al., "Gradient-based learning applied to document recognition",
1998, section III A.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mlpcli.data.dataset import UInt8Array
from mlpcli.data.picture import FloatArray, border, read_grey, source_name
from mlpcli.errors import ImageError

MNIST_SHAPE = (28, 28)
DIGIT_SHARE = 20 / 28
"""The digit's larger side, of the image's."""
GROUND_BLUR = 0.2
"""Sigma of the blur that leaves only the ground, of the picture's longer side: wide enough to
forget a digit that fills the picture, narrow enough to follow a shadow."""
INK_FLOOR = 0.25
"""What is weaker than this share of full ink is paper and noise."""
LEAST_FULL_INK = 0.5
"""At the strongest pixel; every one of MNIST's 70,000 images has more."""
LEAST_CONTRAST = 2 / 255
"""Between ink and ground; below it is a blank picture and rounding."""
LEAST_CONTRAST_TO_NOISE = 2.5
"""Full ink, in median deviations of the border: at most 2 were measured on noise and on light
alone, at least 3.4 on 326 digits, shaded or not."""


@dataclass(frozen=True)
class Prepared:
    """An image as the network expects it, and what was found on the way."""

    pixels: UInt8Array
    """(height * width,), 0 is the ground and 255 full ink"""
    inverted: bool
    """the picture was dark on light"""
    already_prepared: bool
    """the picture was like MNIST's own: at most moved, neither scaled nor stretched in contrast"""


def prepare(source: Path | BinaryIO, shape: tuple[int, int] = MNIST_SHAPE) -> Prepared:
    """Read a picture file of one digit and prepare it as MNIST was.

    Args:
        source: a file's path, or an open binary file.
        shape: (height, width) of the images that the network was trained on.

    Raises:
        ImageError: the file cannot be read as a picture, or there is no digit in it.
    """
    grey = read_grey(source)
    try:
        return prepare_array(grey, shape)
    except ImageError as error:
        raise ImageError(f"{source_name(source)}: {error}") from error


def prepare_array(grey: FloatArray, shape: tuple[int, int] = MNIST_SHAPE) -> Prepared:
    """Prepare an array of grey values as MNIST was.

    Args:
        grey: (H, W) in 0 .. 1, light ink on dark or dark on light.
        shape: (height, width) of the images that the network was trained on.

    Raises:
        ImageError: there is no digit in it; the message names no file.
    """
    even_ground = float(np.median(border(grey)))
    ink, inverted = ink_on_ground(grey, even_ground)
    already_prepared = even_ground == inverted and is_already_prepared(ink, shape)
    if already_prepared:
        digit = cropped(ink, ink > 0)
    else:
        ground = uneven_ground(grey)
        ink, inverted = ink_on_ground(grey, ground)
        threshold = ink_threshold(ink)
        refuse_noise(ink, threshold, noise=median_deviation(border(grey - ground)))
        digit = cropped(full_contrast(ink, threshold), ink > threshold)
        digit = fitted(digit, shape)
    pixels = np.rint(digit * 255).astype(np.uint8)
    return Prepared(centred(pixels, shape).ravel(), inverted, already_prepared)


def ink_on_ground(grey: FloatArray, ground: FloatArray | float) -> tuple[FloatArray, bool]:
    """How far each pixel is from the ground on the ink's side, and whether the ink is dark.

    Ink lies on the side where pixels are far from the ground: cubed, a few far ones outweigh the
    many near ones of noise and shade.

    Args:
        grey: (H, W).
        ground: (H, W), or one value for all.

    Returns:
        ink (H, W), 0 the ground; and True for dark ink.
    """
    difference = grey - ground
    inverted = float((difference**3).sum()) < 0
    return np.maximum(-difference if inverted else difference, 0), inverted


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
    size = cropped(ink, ink > 0).shape
    return _fitted_shape(size, shape) == size


def uneven_ground(grey: FloatArray) -> FloatArray:
    """The ground under the digit, lit unevenly: the picture blurred until the digit is gone.

    One level for the whole picture takes a slope of light or a shadow for ink.

    Args:
        grey: (H, W).

    Returns:
        ground (H, W).
    """
    height, width = grey.shape
    shrink = max(height, width, _BLUR_SIDE) / _BLUR_SIDE
    small = _resized(
        grey,
        (max(1, round(height / shrink)), max(1, round(width / shrink))),
        Image.Resampling.BOX,
    )
    sigma = GROUND_BLUR * max(small.shape)
    rows, columns = (_gaussian_blur(side, sigma) for side in small.shape)
    return _resized(rows @ small @ columns.T, (height, width), Image.Resampling.BILINEAR)


_BLUR_SIDE = 64  # a blur as wide as this loses nothing on a picture shrunk to it


def _gaussian_blur(side: int, sigma: float) -> FloatArray:
    """A matrix (side, side) that blurs a column, with its end values repeated beyond its ends."""
    reach = math.ceil(3 * sigma)
    positions = np.arange(-reach, side + reach)
    kernel = np.exp(-0.5 * ((np.arange(side)[:, np.newaxis] - positions) / sigma) ** 2)
    kernel /= kernel.sum(axis=1, keepdims=True)
    blur: FloatArray = kernel[:, reach : reach + side]
    blur[:, 0] += kernel[:, :reach].sum(axis=1)
    blur[:, -1] += kernel[:, reach + side :].sum(axis=1)
    return blur


def ink_threshold(ink: FloatArray) -> float:
    """The level that divides ground and ink best: it makes the variance between the two largest.

    Otsu, "A threshold selection method from gray-level histograms", 1979.

    Args:
        ink: (H, W), 0 the ground.

    Raises:
        ImageError: all of `ink` is (almost) ground.
    """
    if ink.max() < LEAST_CONTRAST:
        raise ImageError(_BLANK)
    counts, edges = np.histogram(ink, bins=256, range=(0, float(ink.max())))
    centres = (edges[:-1] + edges[1:]) / 2
    # The last bin is never ground, so both classes have pixels: level 0 and the maximum.
    ground_count = np.cumsum(counts)[:-1]
    ground_sum = np.cumsum(counts * centres)[:-1]
    ink_count = ink.size - ground_count
    ink_sum = (counts * centres).sum() - ground_sum
    distance = ink_sum / ink_count - ground_sum / np.maximum(ground_count, 1)
    return float(edges[1 + np.argmax(ground_count * ink_count * distance**2)])


_BLANK = "no digit found: the picture is blank, or its ink too faint."


def median_deviation(values: FloatArray) -> float:
    """The median distance from the median: a spread that strokes across the border don't widen."""
    return float(np.median(np.abs(values - np.median(values))))


def refuse_noise(ink: FloatArray, threshold: float, noise: float) -> None:
    """Refuse a picture whose "ink" is only the stronger half of its noise.

    Args:
        ink: (H, W), 0 the ground.
        threshold: divides ground and ink.
        noise: the median deviation of the ground.

    Raises:
        ImageError: there is no digit.
    """
    if float(np.median(ink[ink > threshold])) < LEAST_CONTRAST_TO_NOISE * noise:
        raise ImageError(_BLANK)


def full_contrast(ink: FloatArray, threshold: float) -> FloatArray:
    """Stretch ink to 0 .. 1, full ink being the median of what is above the threshold.

    The edges keep their greys, as MNIST's do; a hard threshold would lose them.

    Args:
        ink: (H, W), 0 the ground.
        threshold: divides ground and ink.
    """
    full = np.median(ink[ink > threshold])
    floor = INK_FLOOR * full
    stretched: FloatArray = np.clip((ink - floor) / (full - floor), 0, 1)
    return stretched


def cropped(ink: FloatArray, inside: NDArray[np.bool_]) -> FloatArray:
    """The part of `ink` (H, W) in the smallest box around the pixels that are `inside` (H, W)."""
    rows = np.flatnonzero(inside.any(axis=1))
    columns = np.flatnonzero(inside.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def fitted(digit: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """Scale a digit's box (h, w) to fill the digit's share of `shape`, with its aspect kept.

    A stroke thinner than a pixel of the result comes out faint, so the strongest is made full.
    Of Pillow's filters the bilinear one restores enlarged MNIST images best.
    """
    scaled = _resized(digit, _fitted_shape(digit.shape, shape), Image.Resampling.BILINEAR)
    full: FloatArray = scaled / scaled.max()
    return full


def _fitted_shape(size: tuple[int, ...], shape: tuple[int, int]) -> tuple[int, int]:
    """What the box (h, w) becomes when it is scaled to fill the digit's share of `shape`."""
    largest = [round(side * DIGIT_SHARE) for side in shape]
    scale = min(largest[0] / size[0], largest[1] / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _resized(
    picture: FloatArray, size: tuple[int, int], resampling: Image.Resampling
) -> FloatArray:
    """A picture (H, W) at another size (height, width), anti-aliased where it shrinks."""
    image = Image.fromarray(np.ascontiguousarray(picture, np.float32))
    return np.asarray(image.resize((size[1], size[0]), resampling))


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
