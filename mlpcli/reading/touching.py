"""Separating digits that touch: by seams through the least ink."""

import numpy as np
from numpy.typing import NDArray

from mlpcli.reading.boxes import Box, box_of, moved
from mlpcli.reading.morphology import IntArray, Mask
from mlpcli.reading.stroke_width import stroke_width

WIDE = 1.25
"""width that a digit hardly exceeds, as a multiple of its height and of the usual one"""
LEAST_FROM_END = 0.2
"""least distance of a cut from either end, as a fraction of the width"""
MOST_CUT = 2.5
"""most ink that is cut, in widths of a stroke; more would be a cut through a digit"""
LEAST_PIECE_HEIGHT = 0.6
"""least height of a digit, as a fraction of the part's; the bar of a 5 is lower"""
MOST_SEAMS = 6
"""most places where a part is cut"""
APART, NEAREST = 0.15, 0.1
"""least distance of two cuts, and of a cut from either end, as fractions of the part's height"""
_OFF_THE_MIDDLE = 0.5  # cost of a cut at the end of its range, in widths of a stroke


def separated(own: Mask, box: Box, usual: float) -> list[tuple[Mask, Box]]:
    """Cut a part that is wider than a digit, at the thinnest places.

    `own` (h, w) is true where the part is in its box; a digit of this page is `usual` pixels high.

    Returns:
        the mask and box of each digit, from the left.
    """
    height, width = own.shape
    if width <= WIDE * max(height, usual):
        return [(own, box)]
    left = _left_of_seam(own)
    pieces = []
    for piece in (own & left, own & ~left):
        within = box_of(piece) if piece.any() else (slice(0, 0), slice(0, 0))
        if within[0].stop - within[0].start < LEAST_PIECE_HEIGHT * height:
            return [(own, box)]
        pieces += separated(piece[within], moved(within, box), usual)
    return pieces


def _left_of_seam(own: Mask) -> Mask:
    """Return (h, w), true left of the seam through the least ink; all false if that is too much."""
    height, width = own.shape
    stroke = stroke_width(own)
    first, last = int(LEAST_FROM_END * width), width - int(LEAST_FROM_END * width)
    off = np.abs(np.linspace(-1, 1, last - first)) * _OFF_THE_MIDDLE * stroke / height
    total, came_from = _cheapest_ways(own[:, first:last] + off)
    seam = first + _way_to(came_from, int(total.argmin()))
    cut = np.count_nonzero(own[np.arange(height), seam])
    return (np.arange(width) < seam[:, np.newaxis]) & (cut <= MOST_CUT * stroke)


def seams(own: Mask) -> list[IntArray]:
    """Return all places where digits may touch: seams (h,), from the left.

    Each cuts less ink than those beside it, and no more than MOST_CUT strokes.
    """
    height, width = own.shape
    stroke = stroke_width(own)
    margin = max(1, round(NEAREST * height))
    if width <= 2 * margin + 1:
        return []
    total, came_from = _cheapest_ways(own[:, margin : width - margin].astype(np.float64))
    apart = max(2, round(APART * height))
    chosen: list[int] = []
    for end in np.argsort(total, kind="stable").tolist():
        if total[end] > MOST_CUT * stroke or len(chosen) == MOST_SEAMS:
            break
        if all(abs(end - other) >= apart for other in chosen):
            chosen.append(end)
    return [margin + _way_to(came_from, end) for end in sorted(chosen)]


def _cheapest_ways(cost: NDArray[np.float64]) -> tuple[NDArray[np.float64], IntArray]:
    """Return the least cost (w,) to reach each column of the last row, and the ways there (h, w).

    A way goes from top to bottom, at most one column a row. The cheapest way to a pixel leads
    through the cheapest of the three above it (dynamic programming).
    """
    total = cost[0]
    came_from = np.zeros(cost.shape, np.intp)
    columns = np.arange(cost.shape[1])
    for row in range(1, len(cost)):
        wide = np.pad(total, 1, constant_values=np.inf)
        above = np.stack([wide[1:-1], wide[:-2], wide[2:]])
        best = above.argmin(axis=0)
        came_from[row] = columns + np.array([0, -1, 1])[best]
        total = above[best, columns] + cost[row]
    return total, came_from


def _way_to(came_from: IntArray, end: int) -> IntArray:
    """Return the columns (h,) of the cheapest way to the column `end` of the last row."""
    height = len(came_from)
    way = np.zeros(height, np.intp)
    way[-1] = end
    for row in range(height - 1, 0, -1):
        way[row - 1] = came_from[row, way[row]]
    return way
