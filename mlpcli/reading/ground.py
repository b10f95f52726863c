"""What lies under the ink: which side of grey the ink is on, and how the ground is lit."""

import functools
import math

import numpy as np

from mlpcli.reading.morphology import (
    FloatArray,
    closed,
    median,
    odd,
    without_grain,
)
from mlpcli.reading.resizing import shrunk

GROUND_WINDOW = 0.33
"""Of the picture's longer side: no stroke is as wide. What is wider belongs to the ground."""
GROUND_BLUR = 0.2
"""Sigma of the blur that leaves only the ground, of the picture's longer side."""
LEAST_LIGHT = 0.02
"""Ground darker than this is not divided by: what lies on it would be noise made large."""

_BLUR_SIDE = 64  # a blur as wide as GROUND_BLUR loses nothing on a picture shrunk to it


def is_dark_on_light(grey: FloatArray) -> bool:
    """Whether the ink is darker than what it lies on.

    Ink lies on the side where pixels are far from their surroundings: cubed, a few far ones
    outweigh the many near ones of noise and shade.

    Args:
        grey: (H, W).
    """
    small = shrunk(grey, _BLUR_SIDE)
    return float(((small - blurred(small, GROUND_BLUR * max(small.shape))) ** 3).sum()) < 0


def ink_on_ground(
    grey: FloatArray, dark: bool, window: float = GROUND_WINDOW, *, continued: bool = False
) -> FloatArray:
    """How far each pixel differs from the ground, as the share of light that the ink takes away.

    The ground is the picture with every place filled that is darker than its surroundings and
    narrower than GROUND_WINDOW. Unlike a blur, this follows the edge of a shadow: on both sides
    there is room for the window. Where there is none, at the border, a slope would be taken for
    ink; so the lower of two grounds is taken, found with the picture's own slope left in and out.

    Light ink is dark ink on the negative, but there is no light to divide by: it brings its own.

    Args:
        grey: (H, W) in 0 .. 1.
        dark: whether the ink is darker than the ground.
        window: as GROUND_WINDOW.
        continued: whether the values at the border are taken to go on beyond it. Then a shadow
            that the border cuts is ground, however little of it is seen, and so is a stroke that
            runs along the border; without it, both are ink.

    Returns:
        ink (H, W) in 0 .. 1, 0 the ground.
    """
    sided = grey if dark else -grey
    side = max(3, odd(window * max(grey.shape)))
    smooth = without_grain(sided)
    if continued:
        reach = side // 2
        ground = closed(np.pad(smooth, reach, "edge"), side)[reach:-reach, reach:-reach]
    else:
        slope = plane(sided)
        ground = np.minimum(closed(smooth, side), slope + closed(smooth - slope, side))
    difference = ground - sided
    if dark:
        difference = difference / np.maximum(ground, LEAST_LIGHT)
    return np.clip(difference, 0, 1)


def plane(grey: FloatArray) -> FloatArray:
    """The plane through most of a picture (H, W): how a slope of light runs.

    Fitted again and again to the half of the pixels that lie nearest (least trimmed squares,
    Rousseeuw 1984), so that ink does not tilt it. At the picture's border, where the window that
    fills in the ground has no room, a slope would be taken for ink.
    """
    small = shrunk(grey, _BLUR_SIDE)
    height, width = small.shape
    step = 1 + (max(height, width) > _BLUR_SIDE // 2)  # every other pixel tells as much
    design = _plane_design(height, width).reshape(height, width, 3)[::step, ::step].reshape(-1, 3)
    values = small[::step, ::step].ravel()
    kept = np.ones(len(values), bool)
    for _ in range(_PLANE_FITS):
        part = design[kept]
        weights = np.linalg.lstsq(part.T @ part, part.T @ values[kept], rcond=None)[0]
        distance = np.abs(values - design @ weights)
        kept = distance <= median(distance)
    level, downwards, across = weights
    down, right = downwards * _from_middle(grey.shape[0]), across * _from_middle(grey.shape[1])
    found: FloatArray = level + np.add.outer(down, right)
    return found


_PLANE_FITS = 5


@functools.lru_cache(16)
def _plane_design(height: int, width: int) -> FloatArray:
    """(height * width, 3): 1 and the place of each pixel, from -1 to 1 down and across."""
    down, across = np.repeat(_from_middle(height), width), np.tile(_from_middle(width), height)
    return np.stack([np.ones(height * width), down, across], axis=1)


def _from_middle(side: int) -> FloatArray:
    """(side,): the place of each row or column, from -1 to 1."""
    places: FloatArray = (2 * np.arange(side) + 1 - side) / side
    return places


def blurred(picture: FloatArray, sigma: float) -> FloatArray:
    """A Gaussian blur of (H, W), with the values at its border repeated beyond it."""
    rows, columns = (_gaussian(side, sigma) for side in picture.shape)
    return rows @ picture @ columns.T


@functools.lru_cache(16)
def _gaussian(side: int, sigma: float) -> FloatArray:
    """A matrix (side, side) that blurs a column."""
    reach = math.ceil(3 * sigma)
    positions = np.arange(-reach, side + reach)
    kernel = np.exp(-0.5 * ((np.arange(side)[:, np.newaxis] - positions) / sigma) ** 2)
    kernel /= kernel.sum(axis=1, keepdims=True)
    blur: FloatArray = kernel[:, reach : reach + side]
    blur[:, 0] += kernel[:, :reach].sum(axis=1)
    blur[:, -1] += kernel[:, reach + side :].sum(axis=1)
    return blur
