"""Connected components of a mask, found from the runs of its rows."""

import numpy as np
from numpy.typing import NDArray

from mlpcli.reading.morphology import IntArray, Mask


def labelled(mask: Mask, *, corners: bool = True) -> tuple[NDArray[np.int32], int]:
    """Number the connected parts of a mask (H, W).

    A run is an unbroken stretch of a row; runs of neighbouring rows that touch are one part, with
    `corners` also those that touch at a corner. Each run takes the smallest number among those it
    touches, until none changes.

    Returns:
        labels (H, W), 0 outside the mask and 1 .. count inside, numbered from the top; and count.
    """
    height, width = mask.shape
    stride = width + 2  # in one long row, runs of different rows never touch
    framed = np.zeros((height, stride), np.int8)
    framed[:, 1:-1] = mask
    change = np.diff(framed.ravel(), prepend=0)
    starts, ends = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    if len(starts) == 0:
        return np.zeros(mask.shape, np.int32), 0
    upper, lower = _touching(starts, ends, stride, corners)
    root = smallest_connected(len(starts), upper, lower)
    _, part = np.unique(root, return_inverse=True)
    flat = np.zeros(framed.size, np.int32)
    flat[stretches(starts, ends)] = np.repeat(part + 1, ends - starts)
    return flat.reshape(height, stride)[:, 1:-1], int(part.max()) + 1


def _touching(
    starts: IntArray, ends: IntArray, stride: int, corners: bool
) -> tuple[IntArray, IntArray]:
    """Return every pair of touching runs (upper, lower) in neighbouring rows."""
    first = np.searchsorted(ends, starts - stride, side="left" if corners else "right")
    last = np.searchsorted(starts, ends - stride, side="right" if corners else "left")
    upper = stretches(first, np.maximum(first, last))
    lower = np.repeat(np.arange(len(starts)), np.maximum(last - first, 0))
    return upper, lower


def stretches(starts: IntArray, ends: IntArray) -> IntArray:
    """Return starts[0] .. ends[0] - 1, starts[1] .. ends[1] - 1, and so on, in one array."""
    lengths = ends - starts
    before = np.cumsum(lengths) - lengths
    all_of_them: IntArray = np.arange(lengths.sum()) + np.repeat(starts - before, lengths)
    return all_of_them


def smallest_connected(count: int, upper: IntArray, lower: IntArray) -> IntArray:
    """Return for each of `count` nodes the smallest node that the edges connect it to."""
    root = np.arange(count)
    while True:
        smaller = np.minimum(root[upper], root[lower])
        joined = root.copy()
        np.minimum.at(joined, root[upper], smaller)
        np.minimum.at(joined, root[lower], smaller)
        joined = joined[joined]
        if np.array_equal(joined, root):
            return root
        root = joined
