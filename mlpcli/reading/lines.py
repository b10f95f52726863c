"""The lines of a page: which digits are on one, though the page is a little turned or bent."""

from collections.abc import Sequence

import numpy as np

from mlpcli.reading.boxes import Box
from mlpcli.reading.morphology import FloatArray

SAME_LINE = 0.4
"""least fraction of the smaller height that a digit and its line share"""
LAST_OF_LINE = 3
"""how many digits before it say where a line goes on"""
NEIGHBOURS = 3.0
"""largest gap between two digits that say how the page is turned, in usual heights"""
MOST_TURNED = 0.35
"""largest slope of a line"""


def reading_order(boxes: Sequence[Box]) -> list[list[int]]:
    """Return the indices of the boxes, line by line from the top, and each line from the left.

    A box belongs to the line whose last boxes it shares most of its height with, once the page's
    own slope is taken out: so lines may climb or fall, and bend.
    """
    left, right, top, bottom = np.array(
        [(across.start, across.stop, down.start, down.stop) for down, across in boxes], np.float64
    ).T
    middle = (left + right) / 2
    climb = _slope(left, right, top, bottom) * middle
    top, bottom = top - climb, bottom - climb
    lines: list[list[int]] = []
    tops, bottoms = np.zeros((2, len(boxes)))  # of each line, where it is now
    for i in np.argsort(middle, kind="stable").tolist():
        n = len(lines)
        shared = np.minimum(bottom[i], bottoms[:n]) - np.maximum(top[i], tops[:n])
        shared = shared / np.minimum(bottom[i] - top[i], bottoms[:n] - tops[:n])
        best = int(np.argmax(shared)) if n else -1
        if best < 0 or shared[best] < SAME_LINE:
            best = n
            lines.append([])
        lines[best].append(i)
        last = lines[best][-LAST_OF_LINE:]
        tops[best], bottoms[best] = top[last].mean(), bottom[last].mean()
    lines.sort(key=lambda line: float(np.mean(top[line] + bottom[line])))
    return lines


def _slope(left: FloatArray, right: FloatArray, top: FloatArray, bottom: FloatArray) -> float:
    """Return the slope of the lines: the median of those from each digit to the next one."""
    height = bottom - top
    usual = float(np.median(height))
    order = np.argsort(left, kind="stable")
    slopes = []
    for place, i in enumerate(order[:-1].tolist()):
        later = order[place + 1 :]
        later = later[: np.searchsorted(left[later], right[i] + NEIGHBOURS * usual)]
        shared = np.minimum(bottom[i], bottom[later]) - np.maximum(top[i], top[later])
        beside = later[
            (shared > SAME_LINE * np.minimum(height[i], height[later])) & (left[later] > left[i])
        ]
        if len(beside):
            j = beside[0]
            across = (left[j] + right[j] - left[i] - right[i]) / 2
            down = (top[j] + bottom[j] - top[i] - bottom[i]) / 2
            slopes.append(down / max(across, 1))
    if not slopes:
        return 0.0
    return float(np.clip(np.median(slopes), -MOST_TURNED, MOST_TURNED))
