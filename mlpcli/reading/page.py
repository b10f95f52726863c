"""Finding every digit in an image of many, in reading order."""

from collections.abc import Iterator

import numpy as np

from mlpcli.errors import ImageError
from mlpcli.reading.boxes import Box, rescaled
from mlpcli.reading.forms import without_boxes
from mlpcli.reading.ground import is_dark_on_light
from mlpcli.reading.ink import find_ink
from mlpcli.reading.labelling import stretches
from mlpcli.reading.morphology import FloatArray, IntArray, Mask, sliding_max
from mlpcli.reading.not_a_digit import LEAST_HEIGHT_TO_WIDTH
from mlpcli.reading.parts import Parts, joined, parts_of, refuse_crowd, refuse_too_many
from mlpcli.reading.resizing import shrunk
from mlpcli.reading.touching import separated

PAGE_SIDE = 1200
"""longer side of a page, in pixels: with forty rows, a digit still has twenty"""
PAGE_WINDOW = 0.1
"""window for the ground, as a fraction of the longer side: wider than any stroke, but narrow enough
to follow shadows"""
LEAST_DIGIT_HEIGHT, MOST_DIGIT_HEIGHT = 0.4, 2.5
"""heights of a digit, as fractions of the usual one; commas and specks are lower, frames higher"""
LEAST_STROKE, MOST_GAP, MOST_JOINED = 0.15, 0.25, 1.4
"""size of a stroke, its distance from the rest of its digit, and the height of both together, as
fractions of the usual digit's height"""
OVERLAP = 0.5
"""least fraction of the narrower stroke's width that lies above or below the other"""
SAME_ROW = 0.5
"""least fraction of the smaller height that two digits of one row share"""

_PAIRS_AT_ONCE = 500_000


def digits_on_page(grey: FloatArray) -> Iterator[tuple[FloatArray, Box]]:
    """Find every digit of a page (H, W) in 0 .. 1, in reading order.

    Yields:
        for each digit, its ink (h, w) without its neighbours, 0 the ground; and its box in `grey`.

    Raises:
        ImageError: there is none, or there is more than a page has.
    """
    page = shrunk(grey, PAGE_SIDE)
    found = find_ink(page, is_dark_on_light(grey), PAGE_WINDOW)
    ink = without_boxes(found.ink, found.threshold)
    parts = parts_of(ink > found.threshold, ink, reach=1)
    usual = _usual_height(parts)
    refuse_crowd(parts, _as_high_as_digits(parts, usual))
    parts = joined(parts, _strokes_of_one(parts, usual), ink)
    digits: list[tuple[Mask, Box]] = []
    for part in np.flatnonzero(_as_high_as_digits(parts, usual) & ~parts.frames).tolist():
        box = parts.box(part)
        digits += [
            (own, box)
            for own, box in separated(parts.labels[box] == part + 1, box, usual)
            if own.shape[0] > LEAST_HEIGHT_TO_WIDTH * own.shape[1]
        ]
        refuse_too_many(len(digits))
    if not digits:
        raise ImageError("no digit found: nothing on the page has the shape of one.")
    top, bottom, left = np.array(
        [(down.start, down.stop, across.start) for _, (down, across) in digits]
    ).T
    for i in reading_order(top, bottom, left):
        yield _alone(ink, *digits[i]), rescaled(digits[i][1], page.shape, grey.shape)


def _as_high_as_digits(parts: Parts, usual: float) -> Mask:
    high: Mask = parts.height >= LEAST_DIGIT_HEIGHT * usual
    return high & (parts.height <= MOST_DIGIT_HEIGHT * usual)


def _alone(ink: FloatArray, own: Mask, box: Box) -> FloatArray:
    """Return the ink (h, w) of one digit, where `own` is true in its box, with empty margins."""
    near = sliding_max(np.pad(own, 1), 3)
    soft = np.pad(ink[box], 1, "edge") * near
    return np.pad(np.clip(soft, 0, 1), max(own.shape) // 4)


def _usual_height(parts: Parts) -> float:
    """Return the height of the digits: most of the ink of a page is in them, not in its specks."""
    height = parts.height
    upright = (height > LEAST_HEIGHT_TO_WIDTH * parts.width) & (parts.mass > 0) & ~parts.frames
    if not upright.any():  # all digits of each row touch
        upright = parts.mass > 0
    order = np.argsort(height[upright])
    ink = np.cumsum(parts.mass[upright][order])
    return float(height[upright][order][np.searchsorted(ink, ink[-1] / 2)])


def _strokes_of_one(parts: Parts, usual: float) -> IntArray:
    """Return the pairs of parts (2, n) that lie so closely above each other that they are one.

    The bar of a 5 is often drawn apart, and a ruled line that was removed leaves a gap.
    """
    real = np.flatnonzero(
        (parts.size >= LEAST_STROKE * usual) & (parts.height <= MOST_JOINED * usual)
    )
    real = real[np.argsort(parts.top[real], kind="stable")]
    top, lowest = parts.top[real], parts.bottom[real] + MOST_GAP * usual
    first, last = (np.searchsorted(top, row, "right") for row in (top, lowest))
    pairs = [np.zeros((2, 0), np.intp)]
    n_chunks = 1 + int((last - first).sum()) // _PAIRS_AT_ONCE
    for chunk in np.array_split(np.arange(len(real)), n_chunks):
        upper = real[np.repeat(chunk, last[chunk] - first[chunk])]
        lower = real[stretches(first[chunk], last[chunk])]
        overlap = np.minimum(parts.right[upper], parts.right[lower])
        overlap -= np.maximum(parts.left[upper], parts.left[lower])
        together = overlap >= OVERLAP * np.minimum(parts.width[upper], parts.width[lower])
        height = np.maximum(parts.bottom[upper], parts.bottom[lower]) - parts.top[upper]
        together &= height <= MOST_JOINED * usual
        pairs.append(np.stack([upper[together], lower[together]]))
    return np.concatenate(pairs, axis=1)


def reading_order(top: IntArray, bottom: IntArray, left: IntArray) -> list[int]:
    """Return the indices of boxes (n,) by rows from the top, and each row from the left.

    A box belongs to the row whose last box shares at least SAME_ROW of the lower height with it:
    so rows may climb or fall, as they do in handwriting.
    """
    rows: list[list[int]] = []
    last = np.zeros(len(left), np.intp)  # the last box of each row
    height = bottom - top
    for i in np.argsort(left, kind="stable").tolist():
        ends = last[: len(rows)]
        shared = np.minimum(bottom[i], bottom[ends]) - np.maximum(top[i], top[ends])
        shared = shared / np.minimum(height[i], height[ends])
        best = int(np.argmax(shared)) if rows else -1
        if best < 0 or shared[best] < SAME_ROW:
            best = len(rows)
            rows.append([])
        rows[best].append(i)
        last[best] = i
    rows.sort(key=lambda row: float(np.mean(top[row] + bottom[row])))
    return [i for row in rows for i in row]
