"""The ruled lines of paper, which cross the whole picture and whatever is written on it.

Each direction is looked at by itself: the columns of squared paper are the rows of the picture
turned over. Lines of one direction are parallel, so their slope is found from all of them.
"""

import math
from dataclasses import dataclass

import numpy as np

from mlpcli.data.dataset import IntArray
from mlpcli.reading.boxes import box_of
from mlpcli.reading.morphology import FloatArray, Mask, opened

MOST_SLOPE = math.tan(math.radians(8))
"""Paper is not photographed more askew, or the digits on it are too."""
MOST_WIDTH = 0.04
"""Of the picture's shorter side: a wider line is no ruling."""
LEAST_SIDE = 60
"""Pixels: in a smaller picture, a line is as wide as a stroke."""
FAINT = 0.5
"""Of the threshold: how weak the ink of a line may be in places."""
LEAST_COVERED = 0.9
"""Of a line that crosses the picture, how much is seen: dust and folds hide the rest."""
LEAST_UNBROKEN = 0.85
"""Of a line's columns, how many have ink: digits below each other have gaps."""
FEW_LINES = 2
"""So few may be bars of a digit that is cut out closely,"""
LARGE = 0.6
"""if what is left without them reaches so far through the picture, down or across."""

_SEARCH_SIDE = 200  # the lines are looked for on a mask pooled to this
_STRIP = 10  # pixels of it: in so few columns, the steepest line climbs by one and a half
_STRIP_SHARE = 0.6  # of a strip's columns, where the line is in this row and not in the next


@dataclass(frozen=True)
class Lines:
    """Parallel lines that cross a mask (H, W) from left to right."""

    slope: float
    """rows down for each column to the right"""
    bands: list[tuple[int, int]]
    """their first and last row but one, at the mask's middle"""

    def climb(self, width: int) -> IntArray:
        """(W,), how many rows lower they are in each column than in the middle."""
        climb: IntArray = np.rint(self.slope * (np.arange(width) - width / 2)).astype(np.intp)
        return climb

    def inside(self, shape: tuple[int, ...], margin: int) -> Mask:
        """(H, W), where they are, and `margin` pixels around."""
        height, width = shape
        row = np.arange(height)[:, np.newaxis] - self.climb(width)
        inside = np.zeros((height, width), bool)
        for first, last in self.bands:
            inside |= (row >= first - margin) & (row < last + margin)
        return inside


def without_ruling(ink: FloatArray, threshold: float) -> FloatArray:
    """The ink (H, W) without ruled lines; what crosses them stays.

    On a line, only what is higher than the line is wide remains (an opening, across the line).

    Args:
        ink: (H, W), 0 the ground.
        threshold: divides ground and ink.
    """
    if min(ink.shape) < LEAST_SIDE:
        return ink
    mask = ink > FAINT * threshold
    rows, columns = lines_across(mask), lines_across(mask.T)
    if not rows.bands and not columns.bands:
        return ink
    rest = without_lines(without_lines(ink, mask, rows).T, mask.T, columns).T
    if len(rows.bands) + len(columns.bands) <= FEW_LINES:
        left = rest > threshold
        if left.any() and (np.array(left[box_of(left)].shape) >= LARGE * np.array(ink.shape)).any():
            return ink
    return rest


def without_lines(ink: FloatArray, mask: Mask, lines: Lines) -> FloatArray:
    """The ink (H, W) without these lines of its `mask`, which cross it from left to right."""
    if not lines.bands:
        return ink
    on_lines = lines.inside(ink.shape, margin=1)
    width = float(np.median(np.count_nonzero(mask & on_lines, axis=0))) / len(lines.bands)
    window = 2 * math.ceil(width / 2) + 3
    return np.where(on_lines, np.minimum(ink, opened(ink, window, axis=0)), ink)


def lines_across(
    mask: Mask, most_width: float = MOST_WIDTH, search_side: int = _SEARCH_SIDE
) -> Lines:
    """The thin lines that cross a mask (H, W) from left to right.

    Args:
        mask: where there is ink.
        most_width: as MOST_WIDTH.
        search_side: pixels of the longer side of the pooled mask that the lines are looked for on.
    """
    pool = math.ceil(max(mask.shape) / search_side)
    pooled = _pooled(mask, pool)
    width = pooled.shape[1]
    strips = max(1, width // _STRIP)
    edges = np.linspace(0, width, strips + 1).astype(int)
    filled = pooled.copy()
    filled[:-1] |= pooled[1:]  # a thin line that climbs leaves half of a row empty
    covered = np.add.reduceat(filled, edges[:-1], axis=1, dtype=np.intp)
    full = covered >= _STRIP_SHARE * np.diff(edges)
    if np.count_nonzero(full.any(axis=0)) < LEAST_COVERED * strips / 2:
        return Lines(0, [])
    most_climb = round(MOST_SLOPE * width)
    climbs = np.arange(-most_climb, most_climb + 1)
    middles = (edges[:-1] + edges[1:]) / 2 / width - 0.5
    offsets = np.rint(climbs[:, np.newaxis] * middles).astype(int)
    seen, inside = _seen_along(full, offsets)
    across = (seen >= LEAST_COVERED * inside) & (2 * inside >= strips)
    widest = most_width * min(mask.shape) / pool
    best: list[tuple[int, int]] = []
    slope, most = 0.0, (0, 0)
    filled_by_strip = np.add.reduceat(pooled, edges[:-1], axis=1, dtype=np.intp)
    for i in np.argsort(np.abs(climbs), kind="stable"):
        if not across[i].any():
            continue
        bands = [band for band in runs(across[i]) if band[1] - band[0] <= widest]
        ink = sum(_most_ink(filled_by_strip, band, offsets[i]) for band in bands)
        if (len(bands), ink) > most:
            best, slope, most = bands, float(climbs[i]) / width, (len(bands), ink)
    bands = [(pool * first, pool * (last + 1)) for first, last in best]
    return Lines(slope, [band for band in bands if _is_unbroken(mask, Lines(slope, [band]))])


def _is_unbroken(mask: Mask, line: Lines) -> bool:
    """Whether there is ink all along a line: pooling has closed gaps of a few pixels."""
    inside = line.inside(mask.shape, margin=1)
    inked = np.count_nonzero((mask & inside).any(axis=0))
    return bool(inked >= LEAST_UNBROKEN * np.count_nonzero(inside.any(axis=0)))


def _most_ink(strips: IntArray, band: tuple[int, int], offsets: IntArray) -> int:
    """How much of (H, strips) lies on the fullest line of a band."""
    rows = np.clip(np.arange(*band)[:, np.newaxis] + offsets, 0, len(strips) - 1)
    return int(strips[rows, np.arange(len(offsets))].sum(axis=1).max())


def _pooled(mask: Mask, pool: int) -> Mask:
    """A mask whose pixels are blocks of pool × pool: true where any of them is."""
    height, width = (-(-side // pool) for side in mask.shape)
    whole = np.zeros((height * pool, width * pool), bool)
    whole[: mask.shape[0], : mask.shape[1]] = mask
    return np.asarray(whole.reshape(height, pool, width, pool).any(axis=(1, 3)))


def _seen_along(full: Mask, offsets: IntArray) -> tuple[IntArray, IntArray]:
    """How many strips of each line are seen, and how many lie in the picture.

    Args:
        full: (H, strips), where a strip is filled in a row.
        offsets: (climbs, strips), rows by which each line is lower in each strip.

    Returns:
        two of (climbs, H), by the line's row in the middle.
    """
    height, strips = full.shape
    rows = np.arange(height)[np.newaxis, :, np.newaxis] + offsets[:, np.newaxis, :]
    inside = (rows >= 0) & (rows < height)
    seen = full[np.clip(rows, 0, height - 1), np.arange(strips)] & inside
    return np.count_nonzero(seen, axis=2), np.count_nonzero(inside, axis=2)


def runs(row: Mask) -> list[tuple[int, int]]:
    """The unbroken stretches of true values, each as its first place and the one after its last."""
    change = np.flatnonzero(np.diff(row.astype(np.int8), prepend=0, append=0))
    return [(int(a), int(b)) for a, b in change.reshape(-1, 2)]
