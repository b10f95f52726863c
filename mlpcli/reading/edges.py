"""Refusing what has no sharp edges: ink has them, light and noise do not."""

import numpy as np

from mlpcli.errors import ImageError
from mlpcli.reading.boxes import box_of, longer_side, widened
from mlpcli.reading.morphology import (
    FloatArray,
    Mask,
    framed_by_itself,
    median,
    quantile,
    sliding_max,
    sliding_min,
    smoothed,
)
from mlpcli.reading.stroke_width import outline, stroke_width

LEAST_RISE = 0.25
"""least rise at an edge over the width of a stroke, as a fraction of full ink; 326 digits in eight
kinds of light have at least 0.30, noise has at most 0.21"""
WIDE_EDGE, SOFT_EDGE = 5.0, 0.28
"""widest edge, in pixels and as a fraction of a stroke: a vignette or a spot of light exceeds both;
images out of focus have edges of up to 4 pixels"""
LEAST_EDGED_SIZE = 12
"""pixels of the digit's longer side: in a smaller one, every pixel is at an edge"""

_MARGIN = 5
_SHARP = 0.8  # width in pixels of the sharpest edge that pixels can show


def refuse_without_edges(ink: FloatArray, mask: Mask) -> None:
    """Raise ImageError if the ink (H, W) in the mask (H, W) is a vignette, or grain."""
    box = box_of(mask)
    if longer_side(box) < LEAST_EDGED_SIZE:
        return
    view = widened(box, _MARGIN, mask.shape)
    mask = mask[view]
    level = smoothed(ink[view]) * sliding_max(mask, 2 * _MARGIN - 1)
    full = quantile(level[mask], 0.9)
    stroke = stroke_width(mask)
    at_the_edge = sliding_max(mask, 3) & ~sliding_min(mask, 3)
    wide = framed_by_itself(level, 1)
    down, across = wide[2:, 1:-1] - wide[:-2, 1:-1], wide[1:-1, 2:] - wide[1:-1, :-2]
    rise = np.hypot(down[at_the_edge], across[at_the_edge]) / 2
    if median(rise) * stroke < LEAST_RISE * full:
        raise ImageError("no digit found: there is nothing but noise.")
    between = np.count_nonzero((level > 0.3 * full) & (level <= 0.7 * full))
    edge = between / outline(mask)
    if edge > WIDE_EDGE and edge - _SHARP > SOFT_EDGE * stroke:
        raise ImageError("no digit found: there is nothing but light and shadow.")
