"""The boxes of a form, whose lines the digits in them may touch."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcli.reading.morphology import FloatArray, Mask, sliding_max
from mlpcli.reading.parts import parts_of
from mlpcli.reading.ruling import FAINT, Lines, lines_across, runs, without_lines

Picture = NDArray[Any]

LEAST_SIDE = 24
"""Pixels of a box: in a smaller one, its lines are as wide as strokes."""
MOST_WIDTH = 0.07
"""Of the height of a row of boxes: a wider line is a stroke."""
LEAST_LINES = 2
"""Above and below, left and right."""
LEAST_COVERED = 0.9
"""Of a line between two boxes: how much of it is seen."""
LEAST_LEFT = 0.1
"""Of the ink: where less is left without the lines, they were a digit of straight strokes."""
_SEARCH_SIDE = 1200  # of a page: its lines are too thin to be looked for on a smaller one


def without_boxes(ink: FloatArray, threshold: float) -> FloatArray:
    """The ink (H, W) of a page without the boxes around its digits, one by one or in rows.

    Args:
        ink: (H, W), 0 the ground.
        threshold: divides ground and ink.
    """
    faint = FAINT * threshold
    parts = parts_of(ink > faint, ink)  # a row of boxes is one, with all that touches its lines
    cleaned = ink.copy()
    height, width = parts.bottom - parts.top, parts.right - parts.left
    for part in np.flatnonzero(np.minimum(height, width) >= LEAST_SIDE).tolist():
        box = parts.box(part)
        own = np.where(parts.labels[box] == part + 1, ink[box], 0)
        cleaned[box] -= own - _without_its_boxes(own, faint)
    return cleaned


def _without_its_boxes(ink: FloatArray, threshold: float) -> FloatArray:
    """One part's ink (H, W) without the lines above, below and between what it holds."""
    mask = ink > threshold
    most_width = MOST_WIDTH + 1 / min(mask.shape)  # a line that climbs is a pixel wider
    rows = lines_across(mask, most_width, _SEARCH_SIDE)
    if len(rows.bands) < LEAST_LINES:
        return ink
    reach = math.ceil(abs(rows.slope) * ink.shape[1] / 2) + 1
    upright = _Upright(rows, reach, ink.shape)
    between = slice(reach + rows.bands[0][1], reach + rows.bands[-1][0])
    held = upright.of(mask)[between]
    columns = _lines_between(held.T, rows.slope)
    if len(columns.bands) < LEAST_LINES:
        return ink
    inner = upright.of(without_lines(ink, mask, rows))
    inner[between] = without_lines(inner[between].T, held.T, columns).T
    left = upright.back(inner)
    return left if np.count_nonzero(left > threshold) >= LEAST_LEFT * mask.sum() else ink


class _Upright:
    """A part turned so that its boxes are side by side: each column moved along their lines."""

    def __init__(self, lines: Lines, reach: int, shape: tuple[int, ...]) -> None:
        """Prepare for parts of this shape (H, W), and as many rows more on both sides."""
        self._reach, self._columns = reach, np.arange(shape[1])
        self._rows = np.arange(shape[0] + 2 * reach)[:, np.newaxis] + lines.climb(shape[1])
        self._back = np.arange(shape[0])[:, np.newaxis] + reach - lines.climb(shape[1])

    def of(self, part: Picture) -> Picture:
        """(H + 2 reach, W)."""
        wide = np.pad(part, ((2 * self._reach, 2 * self._reach), (0, 0)))
        upright: Picture = wide[self._rows + self._reach, self._columns]
        return upright

    def back(self, upright: Picture) -> Picture:
        """(H, W)."""
        part: Picture = upright[self._back, self._columns]
        return part


def _lines_between(mask: Mask, slope: float) -> Lines:
    """The lines across a mask (H, W) that is a row of boxes turned over; `slope` is the row's."""
    lines = Lines(-slope, [])
    height, width = mask.shape
    if width < LEAST_SIDE:
        return lines
    wide = sliding_max(mask, 3, 0)
    rows = np.arange(height)[:, np.newaxis] + lines.climb(width)
    seen = wide[np.clip(rows, 0, height - 1), np.arange(width)] & (rows >= 0) & (rows < height)
    full = np.count_nonzero(seen, axis=1) >= LEAST_COVERED * width
    widest = MOST_WIDTH * width + 2
    bands = [(a, b) for a, b in runs(full) if b - a <= widest]
    return Lines(-slope, bands)
