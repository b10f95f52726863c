"""Removing the boxes of a form, whose lines the digits in them may touch."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcli.reading.morphology import FloatArray, Mask, sliding_max
from mlpcli.reading.parts import parts_of, refuse_crowd
from mlpcli.reading.ruled_lines import FAINT, Lines, lines_across, runs, without_lines

Pixels = NDArray[Any]

LEAST_BOX_SIDE = 24
"""shorter side of the smallest box, in pixels, whose lines are thinner than strokes"""
MOST_BOX_LINE_WIDTH = 0.07
"""widest line, as a fraction of the height of a row of boxes"""
LEAST_LINES = 2
"""least number of lines in each direction"""
LEAST_BOX_LINE_COVERED = 0.9
"""least fraction of a line between two boxes that is seen"""
LEAST_LEFT = 0.1
"""least fraction of the ink that remains; otherwise the lines were a digit of straight strokes"""
_PAGE_SEARCH_SIDE = 1200  # pixels of a page: on a smaller mask its lines would be too thin


def without_boxes(ink: FloatArray, threshold: float) -> FloatArray:
    """Return the ink (H, W) of a page without the boxes around its digits, alone or in rows.

    The threshold divides ink and ground.
    """
    faint = FAINT * threshold
    parts = parts_of(ink > faint, ink)  # a row of boxes is one part, with all that touches it
    cleaned = ink.copy()
    large = np.minimum(parts.height, parts.width) >= LEAST_BOX_SIDE
    refuse_crowd(parts, large)
    for part in np.flatnonzero(large).tolist():
        box = parts.box(part)
        own = np.where(parts.labels[box] == part + 1, ink[box], 0)
        cleaned[box] -= own - _without_its_boxes(own, faint)
    return cleaned


def _without_its_boxes(ink: FloatArray, threshold: float) -> FloatArray:
    """Return a part's ink (H, W) without the lines above, below and between what it holds."""
    mask = ink > threshold
    most_width = MOST_BOX_LINE_WIDTH + 1 / min(mask.shape)  # a line that climbs is a pixel wider
    rows = lines_across(mask, most_width, _PAGE_SEARCH_SIDE)
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
    """Straightens a part whose boxes climb: moves each column along their lines."""

    def __init__(self, lines: Lines, reach: int, shape: tuple[int, ...]) -> None:
        """Prepare for parts of this shape (H, W), with `reach` more rows above and below."""
        self._reach, self._columns = reach, np.arange(shape[1])
        self._rows = np.arange(shape[0] + 2 * reach)[:, np.newaxis] + lines.climb(shape[1])
        self._back = np.arange(shape[0])[:, np.newaxis] + reach - lines.climb(shape[1])

    def of(self, part: Pixels) -> Pixels:
        """Return (H, W) straightened, as (H + 2 reach, W)."""
        wide = np.pad(part, ((2 * self._reach, 2 * self._reach), (0, 0)))
        upright: Pixels = wide[self._rows + self._reach, self._columns]
        return upright

    def back(self, upright: Pixels) -> Pixels:
        """Undo `of`, back to (H, W)."""
        part: Pixels = upright[self._back, self._columns]
        return part


def _lines_between(mask: Mask, slope: float) -> Lines:
    """Return the lines across (H, W), a transposed row of boxes; `slope` is the row's."""
    lines = Lines(-slope, [])
    height, width = mask.shape
    if width < LEAST_BOX_SIDE:
        return lines
    wide = sliding_max(mask, 3, 0)
    rows = np.arange(height)[:, np.newaxis] + lines.climb(width)
    seen = wide[np.clip(rows, 0, height - 1), np.arange(width)] & (rows >= 0) & (rows < height)
    full = np.count_nonzero(seen, axis=1) >= LEAST_BOX_LINE_COVERED * width
    widest = MOST_BOX_LINE_WIDTH * width + 2
    bands = [(a, b) for a, b in runs(full) if b - a <= widest]
    return Lines(-slope, bands)
