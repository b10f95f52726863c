"""The ground under the ink: whether it is lighter or darker than the ink, and how it is lit."""

import functools
import math

import numpy as np

from mlpcli.reading.morphology import (
    FloatArray,
    closed,
    framed_by_itself,
    median,
    odd,
    sliding_max,
    sliding_min,
    without_grain,
)
from mlpcli.reading.resizing import shrunk

GROUND_WINDOW = 0.33
"""side of the window, as a fraction of the image's longer side; what is as wide is ground"""
LEAST_LIGHT = 0.02
"""darkest ground by which ink is divided: a darker one would only amplify noise"""

SIDE_FOR_INK, INK_BLUR = 128, 0.1
"""pixels of the image on which the side of the ink is decided, and the blur that leaves only what
it lies on: at fewer pixels thin strokes vanish, and a wider blur lets a dark rim decide"""

_BLUR_SIDE = 64  # a plane loses nothing on an image of this size
_PLANE_FITS = 5


def is_dark_on_light(grey: FloatArray, side: int = SIDE_FOR_INK, blur: float = INK_BLUR) -> bool:
    """Return whether the ink in `grey` (H, W) is darker than the ground.

    Ink differs from its surroundings more than noise and shade do: cubed, its few large differences
    outweigh the many small ones.
    """
    small = shrunk(grey, side)
    paper = _paper(small)
    difference = small - (blurred(small, blur * max(small.shape)) if paper is None else paper)
    return float((difference * difference * difference).sum()) < 0  # ** takes far longer


def _paper(values: FloatArray) -> float | None:
    """Return the light that two thirds of the pixels have, as a drawing's paper does, or None."""
    light = median(values.ravel())
    return light if 3 * np.count_nonzero(values == light) > 2 * values.size else None


def ink_on_ground(
    grey: FloatArray, dark: bool, window: float = GROUND_WINDOW, *, continued: bool = False
) -> FloatArray:
    """Return the ink (H, W) in 0 .. 1: the fraction of the ground's light that it takes away.

    The ground is the image with every place filled that is darker than its surroundings and
    narrower than the window. Unlike a blur, this follows the edge of a shadow, because there is
    room for the window on both sides. At the border there is none, and a slope would count as ink;
    so the lower of two grounds is taken, found with and without the image's own slope.

    Light ink is dark ink on the negative, but is not divided by the light: it brings its own.

    With `continued`, the values at the border are repeated beyond it. Then a shadow that the border
    cuts is ground, however little of it is seen, and so is a stroke along the border; otherwise
    both are ink.
    """
    sided = grey if dark else -grey
    side = max(3, odd(window * max(grey.shape)))
    smooth = without_grain(sided)
    if continued:
        reach = side // 2
        ground = closed(framed_by_itself(smooth, reach), side)[reach:-reach, reach:-reach]
    else:
        slope = plane(sided)
        fill = closed if dark else _filled  # shadows lie along the border, glows do not
        ground = np.minimum(fill(smooth, side), slope + fill(smooth - slope, side))
    difference = ground - sided
    if dark:
        difference = difference / np.maximum(ground, LEAST_LIGHT)
    return np.clip(difference, 0, 1)


def _filled(image: FloatArray, window: int) -> FloatArray:
    """Return (H, W) closed by windows that lie wholly inside it.

    So a stroke along the border is filled as one in the middle is.
    """
    if min(image.shape) <= window:
        return closed(image, window)
    reach = window // 2
    largest = sliding_max(image, window)
    inside = np.full_like(largest, np.inf)
    middle = (slice(reach, -reach), slice(reach, -reach))
    inside[middle] = largest[middle]
    return np.asarray(sliding_min(inside, window))


def plane(grey: FloatArray) -> FloatArray:
    """Return the plane (H, W) through most of an image: the slope of its light.

    It is fitted repeatedly to the nearest half of the pixels (least trimmed squares, Rousseeuw
    1984), so that ink does not tilt it.
    """
    small = shrunk(grey, _BLUR_SIDE)
    height, width = small.shape
    step = 2 if max(height, width) > _BLUR_SIDE // 2 else 1  # every other pixel is enough
    design = _plane_design(height, width, step)
    values = small[::step, ::step].ravel()
    if (paper := _paper(values)) is not None:
        return np.full(grey.shape, paper)
    near, heights = design, values
    for _ in range(_PLANE_FITS):
        weights = np.linalg.lstsq(near @ near.T, near @ heights, rcond=None)[0]
        distance = np.abs(values - weights @ design)
        kept = distance <= median(distance)
        if kept.all():  # all lie on the plane
            break
        near, heights = design[:, kept], values[kept]
    level, downwards, across = weights.tolist()
    down, right = downwards * _from_middle(grey.shape[0]), across * _from_middle(grey.shape[1])
    found: FloatArray = level + np.add.outer(down, right)
    return found


@functools.lru_cache(16)
def _plane_design(height: int, width: int, step: int) -> FloatArray:
    """Return (3, n): 1 and the place, from -1 to 1 down and across, of every `step`-th pixel."""
    down, across = np.meshgrid(
        _from_middle(height)[::step], _from_middle(width)[::step], indexing="ij"
    )
    return np.stack([np.ones(down.size), down.ravel(), across.ravel()])


def _from_middle(side: int) -> FloatArray:
    """Return (side,), the place of each row or column, from -1 to 1."""
    places: FloatArray = (2 * np.arange(side) + 1 - side) / side
    return places


def blurred(image: FloatArray, sigma: float) -> FloatArray:
    """Return a Gaussian blur of (H, W), with the values at its border repeated beyond it."""
    rows, columns = (_gaussian(side, sigma) for side in image.shape)
    return rows @ image @ columns.T


@functools.lru_cache(16)
def _gaussian(side: int, sigma: float) -> FloatArray:
    """Return the matrix (side, side) that blurs a column."""
    reach = math.ceil(3 * sigma)
    positions = np.arange(-reach, side + reach)
    kernel = np.exp(-0.5 * ((np.arange(side)[:, np.newaxis] - positions) / sigma) ** 2)
    kernel /= kernel.sum(axis=1, keepdims=True)
    blur: FloatArray = kernel[:, reach : reach + side]
    blur[:, 0] += kernel[:, :reach].sum(axis=1)
    blur[:, -1] += kernel[:, reach + side :].sum(axis=1)
    return blur
