"""Every digit of a picture of many, in the order in which they are read."""

import numpy as np

from mlpcli.data.dataset import IntArray
from mlpcli.errors import ImageError
from mlpcli.reading.boxes import Box, rescaled
from mlpcli.reading.forms import without_boxes
from mlpcli.reading.ground import is_dark_on_light
from mlpcli.reading.ink import find_ink
from mlpcli.reading.morphology import FloatArray, Mask, sliding_max
from mlpcli.reading.not_a_digit import FLAT
from mlpcli.reading.parts import Parts, joined, parts_of
from mlpcli.reading.resizing import shrunk
from mlpcli.reading.touching import separated

PAGE_SIDE = 1200
"""Pixels of the longer side: on a page of forty rows, a digit still has twenty."""
PAGE_WINDOW = 0.1
"""Of the page's longer side: no stroke is as wide, and shadows are followed closely."""
LEAST_SIZE, MOST_SIZE = 0.4, 2.5
"""Of the usual digit's height: what is lower is a comma or a speck, what is higher a frame."""
LEAST_STROKE, MOST_GAP, MOST_JOINED = 0.15, 0.25, 1.4
"""Of the usual digit's height: a stroke is not smaller, not farther from the rest of its digit, and
both are not higher together."""
OVERLAP = 0.5
"""Of the narrower one's width: how much of it is above or below the other."""
SAME_ROW = 0.5
"""Of the smaller height: how much of it two digits of one row share."""


def digits_on_page(grey: FloatArray) -> list[tuple[FloatArray, Box]]:
    """Find every digit of a page, row by row from the top, each row from the left.

    Args:
        grey: (H, W) in 0 .. 1.

    Returns:
        For each digit, a picture of it alone, ink (h, w) of which 0 is the ground, with nothing of
        its neighbours; and its box in `grey`.

    Raises:
        ImageError: there is none.
    """
    page = shrunk(grey, PAGE_SIDE)
    found = find_ink(page, is_dark_on_light(grey), PAGE_WINDOW)
    ink = without_boxes(found.ink, found.threshold)
    parts = parts_of(ink > found.threshold, ink, reach=1)
    usual = _usual_height(parts)
    parts = joined(parts, _strokes_of_one(parts, usual), ink)
    height = parts.bottom - parts.top
    is_high = (height >= LEAST_SIZE * usual) & (height <= MOST_SIZE * usual) & ~parts.frames
    digits = [
        (own, box)
        for part in np.flatnonzero(is_high).tolist()
        for own, box in separated(parts.labels[parts.box(part)] == part + 1, parts.box(part), usual)
        if own.shape[0] > FLAT * own.shape[1]
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
    """The ink (h, w) of one digit, which is where `own` says in its box, with empty margins."""
    near = sliding_max(np.pad(own, 1), 3)
    soft = np.pad(ink[box], 1, "edge") * near
    return np.pad(np.clip(soft, 0, 1), max(own.shape) // 4)


def _usual_height(parts: Parts) -> float:
    """How high the digits of this page are.

    Most of the ink of a page is in its digits, however many specks there are.
    """
    height, width = parts.bottom - parts.top, parts.right - parts.left
    upright = (height > FLAT * width) & (parts.mass > 0) & ~parts.frames
    if not upright.any():  # all digits of each row touch
        upright = parts.mass > 0
    order = np.argsort(height[upright])
    ink = np.cumsum(parts.mass[upright][order])
    return float(height[upright][order][np.searchsorted(ink, ink[-1] / 2)])


def _strokes_of_one(parts: Parts, usual: float) -> IntArray:
    """The pairs of parts (2, n) that lie so closely one above the other that they are one digit.

    The bar of a 5 is often drawn apart, and a ruled line that was taken away leaves a gap.
    """
    real = np.flatnonzero(
        (parts.size >= LEAST_STROKE * usual) & (parts.bottom - parts.top <= MOST_JOINED * usual)
    )
    upper, lower = (each.ravel() for each in np.meshgrid(real, real, indexing="ij"))
    overlap = np.minimum(parts.right[upper], parts.right[lower]) - np.maximum(
        parts.left[upper], parts.left[lower]
    )
    width = parts.right - parts.left
    together = overlap >= OVERLAP * np.minimum(width[upper], width[lower])
    together &= parts.top[upper] < parts.top[lower]
    together &= parts.top[lower] - parts.bottom[upper] <= MOST_GAP * usual
    height = np.maximum(parts.bottom[upper], parts.bottom[lower]) - parts.top[upper]
    together &= height <= MOST_JOINED * usual
    return np.stack([upper[together], lower[together]])


def reading_order(top: IntArray, bottom: IntArray, left: IntArray) -> list[int]:
    """Sort boxes (n,) into rows, from the top, and each row from the left.

    A box belongs to the row whose last box beside it shares at least SAME_ROW of the lower height:
    so rows may climb or fall, as they do in handwriting.

    Returns:
        The n indices in order.
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
