"""Removing the lines of ruled and squared paper, and of tables, that cross a page.

Each direction is searched by itself: upright lines are those of the transposed page. A line is
found straight, by the share of its way that is inked (a Radon transform), then followed where a
photograph bends it. What it lies on is told from it by its weight and by what crosses it.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from mlpcli.reading.morphology import (
    FloatArray,
    IntArray,
    Mask,
    odd,
    opened,
    pooled,
    sliding_max,
)

MOST_SLOPE = 0.22
"""steepest slope; on paper photographed more askew, the digits are askew too"""
FAINT = 0.4
"""weakest ink of a line, as a fraction of the threshold"""
LEAST_SEEN = 0.65
"""least share of a line that is inked; digits hide the rest of it, and the paper's folds"""
LEAST_SEEN_IN_FAMILY = 0.5
"""the same where the others of its family say that it must be"""
LEAST_FAMILY, MOST_UNEVEN = 4, 0.15
"""least number of lines that say so of each other, though none of them is seen well; and by how
much their distances differ from the usual one, at most, as a fraction of it"""
LEAST_SEEN_AT_ENDS = 0.5
"""the same of either end, because a line crosses the whole page, and a stroke does not"""
END = 0.12
"""length of an end, as a fraction of the line"""
MOST_WIDTH, WIDEST, NARROWEST = 0.1, 13, 7
"""widest line with its blurred edges, as a fraction of the page's shorter side, and the most and
least that this may be in pixels"""
LEAST_PERIOD = 12
"""least distance of two lines, in pixels"""
OWN_INK = 0.3
"""quantile of the ink along a line that is its own: a stroke may lie on more than half of it"""
HEAVIER = 1.6
"""ink of a stroke over a line, as a multiple of the line's own"""
LEAST_SIDE = 40
"""shorter side of the smallest page that is searched"""
MOST_LINES = 200
_SEARCH_SIDE = 600  # pixels of the pooled mask on which lines are searched
_REACH = 4  # pixels that a photograph may bend a line off its straight way
_BLOCK = 8  # columns over which it may move by one of them


@dataclass(frozen=True)
class Line:
    """A line that crosses a page from left to right."""

    rows: FloatArray
    """(W,), its middle in each column"""
    seen: float
    """the share of its way that is inked"""


def without_grid(ink: FloatArray, threshold: float) -> FloatArray:
    """Return the ink (H, W) without lines across it; `threshold` divides it from the ground."""
    if min(ink.shape) < LEAST_SIDE:
        return ink
    level = lines_across(ink, threshold)
    upright = lines_across(ink.T, threshold)
    if level:
        ink = without_lines(ink, level, threshold)
    if upright:
        ink = without_lines(ink.T, upright, threshold).T
    return ink


def lines_across(ink: FloatArray, threshold: float) -> list[Line]:
    """Find the lines that cross (H, W) from left to right."""
    thin = _thin(ink, FAINT * threshold)
    pool = math.ceil(max(ink.shape) / _SEARCH_SIDE)
    coarse = pooled(thin, pool)
    straight = _straight_lines(coarse)
    found = [_followed(coarse, row, slope) for row, slope in straight]
    lines = _apart([line for line in found if line is not None])
    return [_enlarged(line, pool, ink.shape[1]) for line in lines]


def _enlarged(line: Line, pool: int, width: int) -> Line:
    """Return a line of a pooled mask as one of the mask."""
    places = (np.arange(width) - (pool - 1) / 2) / pool
    rows = np.interp(places, np.arange(len(line.rows)), line.rows)
    return Line(pool * rows + (pool - 1) / 2, line.seen)


def _widest(shape: tuple[int, ...]) -> int:
    """Return the width of the widest line on a page of this shape, an odd number of pixels."""
    return odd(min(max(MOST_WIDTH * min(shape), NARROWEST), WIDEST))


def _thin(ink: FloatArray, faint: float) -> Mask:
    """Return (H, W), where there is ink that is no higher than a line."""
    mask = ink > faint
    return np.asarray(mask & ~opened(mask, _widest(ink.shape) + 2, axis=0))


def _straight_lines(mask: Mask) -> list[tuple[float, float]]:
    """Return row in the middle and slope of each line: those of the slope with most, and near it.

    The sum along every line is built from those along its halves (Brady, "A fast discrete
    approximation algorithm for the Radon transform", 1998).
    """
    width = mask.shape[1]
    margin = math.ceil(MOST_SLOPE * width / 2)  # a line may enter at the top
    rising = _shares(mask[::-1], margin)[::-1, :0:-1]
    falling = _shares(mask, margin)
    share = np.concatenate(
        [np.pad(rising, ((margin, 0), (0, 0))), np.pad(falling, ((0, margin), (0, 0)))], axis=1
    )
    n_slopes = share.shape[1] // 2
    padded = 1 << (width - 1).bit_length()
    slopes = np.arange(-n_slopes, n_slopes + 1) / (padded - 1)
    seen = _best_seen(share, LEAST_SEEN)
    if seen is None:
        seen = _best_seen(share, LEAST_SEEN_IN_FAMILY)
        if seen is None or not _is_regular(seen[0]):
            return []
    rows, along, which = seen
    rows = _with_family(rows, along)[:MOST_LINES]
    found = []
    for row in rows:
        slope = float(slopes[which[row]])
        found.append((row - margin + slope * (width / 2), slope))
    return found


def _best_seen(share: FloatArray, least: float) -> tuple[IntArray, FloatArray, IntArray] | None:
    """Return the lines of the slope with most that are seen, and of those near it.

    `share` (H, slopes) is the inked share of each line, of which `least` must be seen.

    Returns:
        their rows (n,); and for each row of all (H,), the share of its best line, and its slope's
        index; or None if none is seen.
    """
    clear = np.where(share >= least, share, 0)
    peaks = clear * (clear >= sliding_max(clear, LEAST_PERIOD | 1, axis=0))
    strength = peaks.sum(axis=0)
    if strength.max() == 0:
        return None
    best, spread = int(np.argmax(strength)), _spread(share.shape[1] // 2)
    first = max(0, best - spread)
    at = share[:, first : best + spread + 1]
    along, which = at.max(axis=1), first + at.argmax(axis=1)
    rows = np.flatnonzero(
        (along >= least) & (along >= sliding_max(along[:, None], LEAST_PERIOD | 1, 0)[:, 0])
    )
    return rows, along, which


def _is_regular(rows: IntArray) -> bool:
    """Return whether there are many lines, each as far from the next."""
    ends = np.flatnonzero(np.diff(rows) >= LEAST_PERIOD / 2) + 1
    middles = [float(near.mean()) for near in np.split(rows, ends)]
    gaps = np.diff(middles)
    if len(gaps) < LEAST_FAMILY - 1:
        return False
    usual = float(np.median(gaps))
    return bool((np.abs(gaps - usual) <= MOST_UNEVEN * usual).all())


def _spread(n_slopes: int) -> int:
    """Return how many slopes beside the best one lines of its family may have: by perspective."""
    return max(1, round(0.12 * n_slopes))


def _with_family(rows: IntArray, along: FloatArray) -> IntArray:
    """Return the rows of lines, and of those that lie where the distance of these says."""
    if len(rows) < 2:
        return rows
    gaps = np.diff(rows)
    period = float(np.median(gaps[gaps <= 1.5 * gaps.min()]))
    height, reach = len(along), max(2, round(0.1 * period))
    expected: list[int] = []
    for start, step in ((rows[0], -period), (rows[-1], period)):
        place = start + step
        while 0 <= place < height:
            expected.append(round(place))
            place += step
    for a, b in itertools.pairwise(rows.tolist()):
        between = round((b - a) / period)
        expected += [round(a + i * (b - a) / between) for i in range(1, between)]
    more = []
    for place in expected:
        first = max(0, place - reach)
        best = first + int(np.argmax(along[first : place + reach + 1]))
        if along[best] >= LEAST_SEEN_IN_FAMILY:
            more.append(best)
    return np.unique(np.concatenate([rows, np.array(more, np.intp)]))


def _shares(mask: Mask, margin: int) -> FloatArray:
    """Return (margin + H, slopes), the inked share of each line that falls to the right.

    A line is named by its row in the first column, and by how many rows it falls over the width,
    as it is when padded to a power of two. Less than half inside, it has no share.
    """
    height, width = len(mask) + margin, mask.shape[1]
    n = 1 << (width - 1).bit_length()
    sums = np.zeros((1, n, height), np.float32)  # by fall, strip of columns, and first row
    sums[0, :width, margin:] = mask.T
    size = 1
    while size < n:
        size *= 2
        most = min(size - 1, math.ceil(MOST_SLOPE * size))
        left, right = sums[:, ::2], sums[:, 1::2]
        joined = np.empty((most + 1, n // size, height), np.float32)
        for fall in range(most + 1):
            half, rest = min(fall // 2, len(left) - 1), fall - fall // 2
            joined[fall] = left[half]
            if rest < height:
                joined[fall, :, : height - rest] += right[half, :, rest:]
        sums = joined
    total = sums[:, 0].T
    fall = np.arange(total.shape[1]) * (width - 1) / max(n - 1, 1)
    first = np.arange(-margin, height - margin)[:, np.newaxis]
    per_row = width / np.maximum(fall, 1e-6)
    enters, leaves = -first * per_row, (height - margin - first) * per_row
    inside = np.minimum(leaves, width) - np.maximum(enters, 0)
    return np.where(inside >= width / 2, total / np.maximum(inside, 1), 0)


def _followed(mask: Mask, middle: float, slope: float) -> Line | None:
    """Follow a line through (H, W), or return None if it does not cross the page."""
    height, width = mask.shape
    straight = middle + slope * (np.arange(width) - width / 2)
    offsets = np.arange(-_REACH, _REACH + 1)
    rows = np.rint(straight).astype(np.intp) + offsets[:, np.newaxis]
    inside = (rows >= 0) & (rows < height)
    inked = mask[np.clip(rows, 0, height - 1), np.arange(width)] & inside
    starts = np.arange(0, width, _BLOCK)
    score = np.add.reduceat(inked, starts, axis=1, dtype=np.int32).astype(np.float64)
    score -= 0.01 * np.abs(offsets)[:, np.newaxis]
    way = _best_way(score)
    bent = np.interp(np.arange(width), starts + _BLOCK / 2, offsets[way])
    found = straight + bent
    rows = np.rint(found).astype(np.intp) + np.array([[-1], [0], [1]])
    inside = (rows >= 0) & (rows < height)
    seen = (mask[np.clip(rows, 0, height - 1), np.arange(width)] & inside).any(axis=0)
    within = inside.any(axis=0)
    if np.count_nonzero(within) < width / 2:
        return None
    seen = seen[within]
    end = max(3, round(END * len(seen)))
    share = float(seen.mean())
    ends = min(seen[:end].mean(), seen[-end:].mean())
    if share < LEAST_SEEN_IN_FAMILY or ends < LEAST_SEEN_AT_ENDS:
        return None
    return Line(found, share)


def _best_way(score: FloatArray) -> IntArray:
    """Return for each column of (offsets, n) an offset's index, none more than one from the next.

    The sum of the scores on the way is the largest there is (dynamic programming).
    """
    n = score.shape[1]
    total = score[:, 0].copy()
    came = np.zeros(score.shape, np.intp)
    index = np.arange(len(score))
    for column in range(1, n):
        wide = np.pad(total, 1, constant_values=-np.inf)
        before = np.stack([wide[1:-1], wide[:-2], wide[2:]])
        best = before.argmax(axis=0)
        came[:, column] = index + np.array([0, -1, 1])[best]
        total = before[best, index] + score[:, column]
    way = np.zeros(n, np.intp)
    way[-1] = int(total.argmax())
    for column in range(n - 1, 0, -1):
        way[column - 1] = came[way[column], column]
    return way


def _apart(lines: list[Line]) -> list[Line]:
    """Return the lines without those that others repeat: the one that is seen better stays."""
    kept: list[Line] = []
    for line in sorted(lines, key=lambda line: -line.seen):
        if all(np.abs(line.rows - other.rows).mean() >= LEAST_PERIOD / 2 for other in kept):
            kept.append(line)
    return kept


def without_lines(ink: FloatArray, lines: list[Line], threshold: float) -> FloatArray:
    """Return the ink (H, W) without these lines, but with what crosses them or is heavier."""
    height, width = ink.shape
    columns = np.arange(width)
    left = ink.copy()
    for line in lines:
        reach = _widest(ink.shape) // 2 + 2
        offsets = np.arange(-reach, reach + 1)
        rows = np.rint(line.rows).astype(np.intp) + offsets[:, np.newaxis]
        inside = (rows >= 0) & (rows < height)
        profile = np.where(inside, ink[np.clip(rows, 0, height - 1), columns], 0)
        core = profile[reach - 1 : reach + 2].max(axis=0)
        own = float(np.quantile(core, OWN_INK))  # its ink, where nothing is on it
        clear = core <= HEAVIER * own
        typical = np.median(profile[:, clear], axis=1) if clear.any() else profile.mean(axis=1)
        half = max(1, int(np.count_nonzero(typical > 0.3 * own) + 1) // 2)
        band = np.abs(offsets) <= half
        window = 2 * half + 3
        crossing = opened(profile, odd(window), axis=0)
        heavy = np.where(profile > max(HEAVIER * own, threshold), profile, 0)
        cleaned = np.where(
            band[:, np.newaxis], np.maximum(np.minimum(profile, crossing), heavy), profile
        )
        at, where = np.nonzero(inside & band[:, np.newaxis])
        left[rows[at, where], where] = np.minimum(left[rows[at, where], where], cleaned[at, where])
    return left
