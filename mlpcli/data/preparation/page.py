"""Every digit of a picture of many, in the order in which they are read."""

import numpy as np

from mlpcli.data.dataset import IntArray
from mlpcli.data.preparation.boxes import Box, magnified
from mlpcli.data.preparation.ground import is_dark_on_light
from mlpcli.data.preparation.ink import find_ink
from mlpcli.data.preparation.morphology import FloatArray, sliding_max
from mlpcli.data.preparation.parts import Parts, parts_of
from mlpcli.data.preparation.resizing import shrunk
from mlpcli.errors import ImageError

PAGE_SIDE = 1200
"""Pixels of the longer side: on a page of forty rows, a digit still has twenty."""
PAGE_WINDOW = 0.1
"""Of the page's longer side: no stroke is as wide, and shadows are followed closely."""
LEAST_SIZE, MOST_SIZE = 0.4, 2.5
"""Of the usual digit's height: what is lower is a comma or a speck, what is higher a frame."""
FLAT = 0.3
"""Of its width: a part less high than that is a line or a dash."""
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
    parts = parts_of(found.mask, found.ink, reach=1)
    digits = _of_usual_height(parts)
    if not len(digits):
        raise ImageError("no digit found: nothing on the page has the shape of one.")
    pieces = []
    for i in reading_order(parts.top[digits], parts.bottom[digits], parts.left[digits]):
        part = digits[i]
        box = (
            slice(int(parts.top[part]), int(parts.bottom[part])),
            slice(int(parts.left[part]), int(parts.right[part])),
        )
        own = np.pad(parts.labels[box] == part + 1, 1)
        soft = np.pad(found.ink[box], 1, "edge") * sliding_max(own, 3)
        margin = max(own.shape) // 4
        pieces.append((np.pad(np.clip(soft, 0, 1), margin), magnified(box, page.shape, grey.shape)))
    return pieces


def _of_usual_height(parts: Parts) -> IntArray:
    """The indices of the parts that are as high as the digits of this page are."""
    height, width = parts.bottom - parts.top, parts.right - parts.left
    upright = (height > FLAT * width) & (parts.mass > 0)
    if not upright.any():
        return np.flatnonzero(upright)
    # Most of the ink of a page is in its digits, however many specks there are.
    order = np.argsort(height[upright])
    ink = np.cumsum(parts.mass[upright][order])
    usual = height[upright][order][np.searchsorted(ink, ink[-1] / 2)]
    return np.flatnonzero(upright & (height >= LEAST_SIZE * usual) & (height <= MOST_SIZE * usual))


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
