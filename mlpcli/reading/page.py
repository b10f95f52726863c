"""Finding every digit in an image of many, in reading order."""

import numpy as np

from mlpcli.data.dataset import IntArray
from mlpcli.errors import ImageError
from mlpcli.reading.boxes import Box, rescaled
from mlpcli.reading.forms import without_boxes
from mlpcli.reading.ground import is_dark_on_light
from mlpcli.reading.ink import find_ink
from mlpcli.reading.morphology import FloatArray, Mask, sliding_max
from mlpcli.reading.not_a_digit import LEAST_HEIGHT_TO_WIDTH
from mlpcli.reading.parts import Parts, joined, parts_of
from mlpcli.reading.resizing import shrunk
from mlpcli.reading.touching import separated

PAGE_SIDE = 1200
"""pixels of the longer side: on a page of forty rows, a digit still has twenty"""
PAGE_WINDOW = 0.1
"""fraction of the page's longer side: wider than any stroke, and shadows are followed closely"""
LEAST_DIGIT_HEIGHT, MOST_DIGIT_HEIGHT = 0.4, 2.5
"""of the usual digit's height: what is lower is a comma or a speck, what is higher a frame"""
LEAST_STROKE, MOST_GAP, MOST_JOINED = 0.15, 0.25, 1.4
"""of the usual digit's height: a stroke is no smaller, no farther from the rest of its digit, and
no higher together with it"""
OVERLAP = 0.5
"""fraction of the narrower stroke's width that lies above or below the other"""
SAME_ROW = 0.5
"""fraction of the smaller height that two digits of one row share"""


def digits_on_page(grey: FloatArray) -> list[tuple[FloatArray, Box]]:
    """Find every digit of a page (H, W) in 0 .. 1, in reading order.

    Returns:
        for each digit, its ink (h, w) without its neighbours, 0 the ground; and its box in `grey`.

    Raises:
        ImageError: there is none.
    """
    page = shrunk(grey, PAGE_SIDE)
    found = find_ink(page, is_dark_on_light(grey), PAGE_WINDOW)
    ink = without_boxes(found.ink, found.threshold)
    parts = parts_of(ink > found.threshold, ink, reach=1)
    usual = _usual_height(parts)
    parts = joined(parts, _strokes_of_one(parts, usual), ink)
    fits = (parts.height >= LEAST_DIGIT_HEIGHT * usual) & ~parts.frames
    fits &= parts.height <= MOST_DIGIT_HEIGHT * usual
    digits = [
        (own, box)
        for part in np.flatnonzero(fits).tolist()
        for own, box in separated(parts.labels[parts.box(part)] == part + 1, parts.box(part), usual)
        if own.shape[0] > LEAST_HEIGHT_TO_WIDTH * own.shape[1]
    ]
    if not digits:
        raise ImageError("no digit found: nothing on the page has the shape of one.")
    top, bottom, left = np.array(
        [(down.start, down.stop, across.start) for _, (down, across) in digits]
    ).T
    return [
        (_alone(ink, *digits[i]), rescaled(digits[i][1], page.shape, grey.shape))
        for i in reading_order(top, bottom, left)
    ]


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
    upper, lower = (each.ravel() for each in np.meshgrid(real, real, indexing="ij"))
    overlap = np.minimum(parts.right[upper], parts.right[lower]) - np.maximum(
        parts.left[upper], parts.left[lower]
    )
    together = overlap >= OVERLAP * np.minimum(parts.width[upper], parts.width[lower])
    together &= parts.top[upper] < parts.top[lower]
    together &= parts.top[lower] - parts.bottom[upper] <= MOST_GAP * usual
    height = np.maximum(parts.bottom[upper], parts.bottom[lower]) - parts.top[upper]
    together &= height <= MOST_JOINED * usual
    return np.stack([upper[together], lower[together]])


def reading_order(top: IntArray, bottom: IntArray, left: IntArray) -> list[int]:
    """Return the indices of boxes (n,) by rows from the top, and each row from the left.

    A box belongs to the row whose last box shares at least SAME_ROW of the lower height with it:
    so rows may climb or fall, as they do in handwriting.
    """
    rows: list[list[int]] = []
    for i in np.argsort(left, kind="stable").tolist():
        shared = [
            (min(bottom[i], bottom[row[-1]]) - max(top[i], top[row[-1]]))
            / min(bottom[i] - top[i], bottom[row[-1]] - top[row[-1]])
            for row in rows
        ]
        best = int(np.argmax(shared)) if shared else -1
        if best >= 0 and shared[best] >= SAME_ROW:
            rows[best].append(i)
        else:
            rows.append([i])
    rows.sort(key=lambda row: float(np.mean([top[i] + bottom[i] for i in row])))
    return [i for row in rows for i in row]
