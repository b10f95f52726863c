"""Separating digits that touch."""

import numpy as np

from mlpcli.reading.boxes import Box, box_of, moved
from mlpcli.reading.morphology import Mask
from mlpcli.reading.stroke_width import stroke_width

WIDE = 1.25
"""width that a digit hardly exceeds, as a multiple of its height and of the usual one"""
LEAST_FROM_END = 0.2
"""least distance of a cut from either end, as a fraction of the width"""
MOST_CUT = 2.5
"""most ink that is cut, in widths of a stroke; more would be a cut through a digit"""
LEAST_PIECE_HEIGHT = 0.6
"""least height of a digit, as a fraction of the part's; the bar of a 5 is lower"""
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
    """Return (h, w), true left of the seam through the least ink; all false if that is too much.

    A seam goes from top to bottom, at most one column a row. It is found row by row: the cheapest
    way to a pixel leads through the cheapest of the three above it (dynamic programming).
    """
    height, width = own.shape
    stroke = stroke_width(own)
    first, last = int(LEAST_FROM_END * width), width - int(LEAST_FROM_END * width)
    off = np.abs(np.linspace(-1, 1, last - first)) * _OFF_THE_MIDDLE * stroke / height
    cost = own[:, first:last] + off
    total = cost[0]
    came_from = np.zeros(cost.shape, np.intp)
    columns = np.arange(last - first)
    for row in range(1, height):
        wide = np.pad(total, 1, constant_values=np.inf)
        above = np.stack([wide[1:-1], wide[:-2], wide[2:]])
        best = above.argmin(axis=0)
        came_from[row] = columns + np.array([0, -1, 1])[best]
        total = above[best, columns] + cost[row]
    seam = np.zeros(height, np.intp)
    seam[-1] = int(total.argmin())
    for row in range(height - 1, 0, -1):
        seam[row - 1] = came_from[row, seam[row]]
    cut = np.count_nonzero(own[np.arange(height), first + seam])
    return (np.arange(width) < first + seam[:, np.newaxis]) & (cut <= MOST_CUT * stroke)
