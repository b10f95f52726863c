"""Restoring greys from the density of dots in dithered images."""

import numpy as np

from mlpcli.reading.morphology import FloatArray, row_strips, smoothed

LEAST_DOT = 0.05
"""least difference between a dot and each of its four neighbours"""
LEAST_DOTS = 0.08
"""least fraction of dots among the pixels that differ from a neighbour; dithering makes more than
0.15, a line drawn in two colours less than 0.05"""
LEAST_DITHERED_SIDE = 12
"""shorter side, in pixels; a smaller image has strokes one pixel wide"""
LARGE_DITHERED_SIDE = 100
"""longer side, in pixels, of an image whose strokes are wide enough for one more pass"""


def without_dots(grey: FloatArray) -> FloatArray:
    """Return the greys that dots stand for in a dithered image (H, W); any other one unchanged."""
    if min(grey.shape) < LEAST_DITHERED_SIDE:
        return grey
    n_dots = n_at_an_edge = 0
    wide = np.pad(grey, 1, "reflect")
    for rows in row_strips(len(grey)):
        strip = wide[rows.start : rows.stop + 2]
        rises = strip[1:-1, 1:-1] - _neighbours(strip)
        dots = (rises > LEAST_DOT).all(axis=0) | (-rises > LEAST_DOT).all(axis=0)
        n_dots += int(np.count_nonzero(dots))
        n_at_an_edge += int((np.abs(rises) > LEAST_DOT).any(axis=0).sum())
    return smoothed(grey, _passes(grey)) if n_dots > LEAST_DOTS * n_at_an_edge else grey


def _passes(grey: FloatArray) -> int:
    """Return how often to smooth: dots of two levels differ more than dots of many."""
    if ((grey > grey.min()) & (grey < grey.max())).any():
        return 1
    return 3 if max(grey.shape) >= LARGE_DITHERED_SIDE else 2


def _neighbours(strip: FloatArray) -> FloatArray:
    """Return (4, h, w), the neighbours of each pixel of (h + 2, w + 2) within its border."""
    return np.stack([strip[:-2, 1:-1], strip[2:, 1:-1], strip[1:-1, :-2], strip[1:-1, 2:]])
