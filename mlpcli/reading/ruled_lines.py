"""Removing the ruled lines of paper, which cross the whole image and whatever is written on it.

This is for an image of one digit, and for the boxes of a form, whose lines are straight. `grid` is
for pages, whose lines may bend, and where digits hide much of them.

Each direction is searched by itself: the columns of squared paper are the rows of the transposed
image. Lines of one direction are parallel, so their slope is found from all of them.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np

from mlpcli.reading.boxes import box_of
from mlpcli.reading.morphology import FloatArray, IntArray, Mask, opened, pooled

MOST_SLOPE = math.tan(math.radians(8))
"""steepest slope; on paper photographed more askew, the digits are askew too"""
MOST_LINE_WIDTH = 0.04
"""widest ruled line, as a fraction of the image's shorter side"""
LEAST_RULED_SIDE = 60
"""shorter side, in pixels, of the smallest image whose lines are thinner than its strokes"""
FAINT = 0.5
"""weakest ink of a line, as a fraction of the threshold"""
LEAST_COVERED = 0.9
"""least fraction of a line's strips that are seen; dust and folds hide the rest"""
LEAST_UNBROKEN = 0.85
"""least fraction of a line's columns that have ink; a row of digits has gaps"""
FEW_LINES = 2
"""most lines that may be the bars of a digit that is cut out closely"""
LEAST_REST = 0.6
"""least fraction of the image, down or across, that such a digit reaches without its bars"""

_SEARCH_SIDE = 200  # pixels of the pooled mask on which the lines are searched
_STRIP = 10  # of its columns: over so few, the steepest line climbs by one and a half
_STRIP_SHARE = 0.6  # fraction of a strip's columns where the line is in this row, not in the next

Band = tuple[int, int]
"""the first row of a line, and the one after its last"""


@dataclass(frozen=True)
class Lines:
    """Parallel lines that cross a mask (H, W) from left to right."""

    slope: float
    """rows down per column to the right"""
    bands: list[Band]
    """their rows in the middle of the mask"""

    def climb(self, width: int) -> IntArray:
        """Return (W,), how many rows lower the lines are in each column than in the middle."""
        climb: IntArray = np.rint(self.slope * (np.arange(width) - width / 2)).astype(np.intp)
        return climb

    def inside(self, shape: tuple[int, ...], margin: int) -> Mask:
        """Return (H, W), true on the lines and `margin` rows above and below them."""
        height, width = shape
        climb = self.climb(width).astype(np.int32)
        reach = int(np.abs(climb).max(initial=0))
        on_lines = np.zeros(height + 2 * reach, bool)  # by the row in the middle, plus reach
        for first, last in self.bands:
            on_lines[max(0, first - margin + reach) : last + margin + reach] = True
        rows = np.arange(reach, height + reach, dtype=np.int32)[:, np.newaxis] - climb
        return np.asarray(on_lines[rows])


def without_ruling(ink: FloatArray, threshold: float) -> FloatArray:
    """Return the ink (H, W) without ruled lines; `threshold` divides it from the ground.

    On a line, only what is higher than the line is wide remains (an opening across the line).
    """
    if min(ink.shape) < LEAST_RULED_SIDE:
        return ink
    mask = ink > FAINT * threshold
    rows, columns = lines_across(mask), lines_across(mask.T)
    if not rows.bands and not columns.bands:
        return ink
    rest = without_lines(without_lines(ink, mask, rows).T, mask.T, columns).T
    if len(rows.bands) + len(columns.bands) <= FEW_LINES and _reaches_far(rest > threshold):
        return ink
    return rest


def _reaches_far(rest: Mask) -> bool:
    """Return whether the box of the true pixels spans LEAST_REST of (H, W) down or across."""
    if not rest.any():
        return False
    height, width = rest[box_of(rest)].shape
    return bool(height >= LEAST_REST * rest.shape[0] or width >= LEAST_REST * rest.shape[1])


def without_lines(ink: FloatArray, mask: Mask, lines: Lines) -> FloatArray:
    """Return the ink (H, W) without these lines of its `mask`."""
    if not lines.bands:
        return ink
    on_lines = lines.inside(ink.shape, margin=1)
    width = float(np.median(np.count_nonzero(mask & on_lines, axis=0))) / len(lines.bands)
    window = 2 * math.ceil(width / 2) + 3
    return np.where(on_lines, np.minimum(ink, opened(ink, window, axis=0)), ink)


def lines_across(
    mask: Mask, most_width: float = MOST_LINE_WIDTH, search_side: int = _SEARCH_SIDE
) -> Lines:
    """Find the lines, no wider than `most_width`, that cross a mask (H, W) from left to right.

    They are searched on a pooled mask whose longer side has `search_side` pixels.
    """
    pool = math.ceil(max(mask.shape) / search_side)
    lines = _straight_lines(pooled(mask, pool), most_width * min(mask.shape) / pool)
    bands = [(pool * first, pool * (last + 1)) for first, last in lines.bands]
    climb = lines.climb(mask.shape[1])
    return Lines(lines.slope, [band for band in bands if _is_unbroken(mask, band, climb)])


def _straight_lines(mask: Mask, widest: float) -> Lines:
    """Return the lines at the slope at which most cross (H, W); the inkiest of equals."""
    width = mask.shape[1]
    edges = _strips(width)
    full = _full_strips(mask, edges)
    best, most = Lines(0.0, []), (0, 0)
    if np.count_nonzero(full.any(axis=0)) < LEAST_COVERED * full.shape[1] / 2:
        return best
    climbs, offsets, n_inside = _ways_across(*mask.shape)
    crossing = _crossing(full, offsets, n_inside)
    ink = np.add.reduceat(mask, edges[:-1], axis=1, dtype=np.int32)
    for i in np.flatnonzero(crossing.any(axis=1)):
        bands = [band for band in runs(crossing[i]) if band[1] - band[0] <= widest]
        if len(bands) < most[0]:
            continue
        ink_of_line = _ink_along(ink, offsets[i])
        score = (len(bands), sum(int(ink_of_line[slice(*band)].max()) for band in bands))
        if score > most:
            best, most = Lines(float(climbs[i]) / width, bands), score
    return best


def _full_strips(mask: Mask, edges: IntArray) -> Mask:
    """Return (H, strips), where a line fills a strip of columns between two `edges`."""
    filled = mask.copy()
    filled[:-1] |= mask[1:]  # a thin line that climbs leaves half of a row empty
    covered = np.add.reduceat(filled, edges[:-1], axis=1, dtype=np.intp)
    return np.asarray(covered >= _STRIP_SHARE * np.diff(edges))


def _strips(width: int) -> IntArray:
    """Return the edges of the strips into which the columns are divided."""
    edges: IntArray = np.linspace(0, width, max(1, width // _STRIP) + 1).astype(np.intp)
    return edges


@functools.lru_cache(16)
def _ways_across(height: int, width: int) -> tuple[IntArray, IntArray, IntArray]:
    """Return what lines across (H, W) may do.

    Returns:
        how far they climb (climbs,); how many rows lower each is in each strip than in the middle
        (climbs, strips); and in how many strips each is inside, by its row in the middle
        (climbs, H).
    """
    edges = _strips(width)
    most_climb = round(MOST_SLOPE * width)
    climbs = np.array(sorted(range(-most_climb, most_climb + 1), key=abs))
    middles = (edges[:-1] + edges[1:]) / 2 / width - 0.5
    offsets: IntArray = np.rint(climbs[:, np.newaxis] * middles).astype(np.intp)
    n_inside = _seen(np.ones((height, offsets.shape[1]), bool), offsets)
    return climbs, offsets, n_inside


def _crossing(full: Mask, offsets: IntArray, n_inside: IntArray) -> Mask:
    """Return (climbs, H), which lines cross the image, by their row in the middle.

    `full` (H, strips) is true where a strip is filled in a row; the others as from `_ways_across`.
    """
    n_seen = _seen(full, offsets)
    return np.asarray((n_seen >= LEAST_COVERED * n_inside) & (2 * n_inside >= full.shape[1]))


def _seen(full: Mask, offsets: IntArray) -> IntArray:
    """Return (climbs, H), how many strips of each line are full."""
    height, strips = full.shape
    reach = int(np.abs(offsets).max())
    wide = np.zeros((height + 2 * reach, strips), np.int16)
    wide[reach : reach + height] = full
    rows = np.arange(reach, reach + height)
    n_seen = np.zeros((len(offsets), height), np.int16)
    for strip in range(strips):
        n_seen += wide[rows + offsets[:, strip, np.newaxis], strip]
    return n_seen.astype(np.intp)


def _is_unbroken(mask: Mask, band: Band, climb: IntArray) -> bool:
    """Return whether there is ink all along a line: pooling has closed gaps of a few pixels."""
    height, width = mask.shape
    rows = np.arange(band[0] - 1, band[1] + 1)[:, np.newaxis] + climb
    inside = (rows >= 0) & (rows < height)
    inked = mask[np.clip(rows, 0, height - 1), np.arange(width)] & inside
    n_inked = np.count_nonzero(inked.any(axis=0))
    return bool(n_inked >= LEAST_UNBROKEN * np.count_nonzero(inside.any(axis=0)))


def _ink_along(ink: IntArray, offsets: IntArray) -> IntArray:
    """Return (H,), the ink on the line through each row's middle; `ink` (H, strips) counts it."""
    rows = np.clip(np.arange(len(ink))[:, np.newaxis] + offsets, 0, len(ink) - 1)
    along: IntArray = ink[rows, np.arange(len(offsets))].sum(axis=1)
    return along


def runs(row: Mask) -> list[Band]:
    """Return the unbroken stretches of true values in (n,)."""
    change = np.flatnonzero(np.diff(row.astype(np.int8), prepend=0, append=0))
    return [(int(a), int(b)) for a, b in change.reshape(-1, 2)]
