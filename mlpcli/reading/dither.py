"""Greys that are given by the density of dots, as pictures of few colours give them."""

import numpy as np

from mlpcli.reading.morphology import FloatArray, smoothed

LEAST_DOT = 0.05
"""How far a dot differs from each of its four neighbours."""
LEAST_DOTS = 0.08
"""Of the pixels that differ from a neighbour: dithering makes more than 0.15 of them dots, a line
drawn in two colours fewer than 0.05."""
LEAST_SIDE = 12
"""Pixels of the shorter side: a smaller picture has single pixels for strokes."""
LARGE = 100
"""Pixels of the longer side: in such a picture strokes are wide enough for one pass more."""


def without_dots(grey: FloatArray) -> FloatArray:
    """The greys that the dots of a dithered picture stand for; any other picture as it is.

    Args:
        grey: (H, W) in 0 .. 1.
    """
    if min(grey.shape) < LEAST_SIDE:
        return grey
    neighbours = _neighbours(grey)
    higher = (grey - neighbours > LEAST_DOT).all(axis=0)
    lower = (neighbours - grey > LEAST_DOT).all(axis=0)
    at_an_edge = (np.abs(grey - neighbours) > LEAST_DOT).any(axis=0)
    if np.count_nonzero(higher | lower) <= LEAST_DOTS * np.count_nonzero(at_an_edge):
        return grey
    return smoothed(grey, _passes(grey))


def _passes(grey: FloatArray) -> int:
    """Between two levels the dots are higher than between more, and take longer to level out."""
    if len(np.unique(grey)) > 2:
        return 1
    return 3 if max(grey.shape) >= LARGE else 2


def _neighbours(grey: FloatArray) -> FloatArray:
    """(4, H, W): the neighbours of each pixel, mirrored at the border."""
    wide = np.pad(grey, 1, "reflect")
    return np.stack([wide[:-2, 1:-1], wide[2:, 1:-1], wide[1:-1, :-2], wide[1:-1, 2:]])
