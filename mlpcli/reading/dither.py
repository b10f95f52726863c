"""Restoring greys from the density of dots in dithered images."""

import numpy as np

from mlpcli.reading.morphology import FloatArray, smoothed

LEAST_DOT = 0.05
"""least difference between a dot and each of its four neighbours"""
LEAST_DOTS = 0.08
"""fraction of dots among the pixels that differ from a neighbour: dithering makes more than 0.15,
a line drawn in two colours less than 0.05"""
LEAST_DITHERED_SIDE = 12
"""pixels of the shorter side: a smaller image has strokes one pixel wide"""
LARGE_DITHERED_SIDE = 100
"""pixels of the longer side from which on strokes are wide enough for one more pass"""


def without_dots(grey: FloatArray) -> FloatArray:
    """Return the greys that dots stand for in a dithered image (H, W); any other one unchanged."""
    if min(grey.shape) < LEAST_DITHERED_SIDE:
        return grey
    neighbours = _neighbours(grey)
    higher = (grey - neighbours > LEAST_DOT).all(axis=0)
    lower = (neighbours - grey > LEAST_DOT).all(axis=0)
    at_an_edge = (np.abs(grey - neighbours) > LEAST_DOT).any(axis=0)
    if np.count_nonzero(higher | lower) <= LEAST_DOTS * np.count_nonzero(at_an_edge):
        return grey
    return smoothed(grey, _passes(grey))


def _passes(grey: FloatArray) -> int:
    """Return how often to smooth: dots of two levels differ more than dots of many."""
    if len(np.unique(grey)) > 2:
        return 1
    return 3 if max(grey.shape) >= LARGE_DITHERED_SIDE else 2


def _neighbours(grey: FloatArray) -> FloatArray:
    """Return (4, H, W), the neighbours of each pixel, mirrored at the border."""
    wide = np.pad(grey, 1, "reflect")
    return np.stack([wide[:-2, 1:-1], wide[2:, 1:-1], wide[1:-1, :-2], wide[1:-1, 2:]])
