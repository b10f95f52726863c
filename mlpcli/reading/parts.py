"""Which parts of the ink belong to the digit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.dataset import IntArray
from mlpcli.errors import ImageError
from mlpcli.reading.boxes import Box
from mlpcli.reading.ink import Ink
from mlpcli.reading.labelling import labelled, smallest_connected
from mlpcli.reading.morphology import FloatArray, Mask, sliding_max
from mlpcli.reading.stroke_width import stroke_width

GAP = 2.0
"""In widths of a stroke: parts no farther apart belong together, like the dots of a dotted line."""
LEAST_SHARE = 0.06
"""Of the main part's ink: what has less is a speck."""
NEAR = 0.3
"""Of the main part's size: a part that belongs to it, like the bar of a 5, is no farther off."""
SURE_SHARE = 0.3
"""Of a part's ink: if no more remains when the border's values are taken to go on beyond it, the
part is the rim of a shadow or of a table."""
MANY_PARTS = 10
MUCH_INK, TOO_MUCH_INK = 0.15, 0.35
"""Shares of a picture. So many parts on more than the first, none with half of the ink, are no
digit, not even a dotted one; on more than the second, no digit in any case."""
THIN = 0.3
"""Of its box: a frame fills less."""
LEAST_FRAMED = 0.3
"""Of a frame's shorter side: what it holds. The dot that some put into a 0 is smaller."""
MANY, LEAST_OF_MANY = 3, 0.01
"""So many parts, of at least that share of its ink, make a frame of any part: a table."""
LEAST_KEPT = 0.4
"""Of the ink that the border does not cut: a digit has at least half, even in noise."""
AT_THE_BORDER = 0.25
"""What ink counts for whose part is cut by the picture's border: the digit is seldom there, but
shadows, tables and frames are."""


@dataclass(frozen=True)
class Parts:
    """The separate parts of a mask (H, W)."""

    labels: NDArray[np.int32]
    """(H, W), 0 where there is none, else 1 .. count"""
    mass: FloatArray
    """(count,) the ink in each"""
    top: IntArray
    bottom: IntArray
    """exclusive, as `right` is"""
    left: IntArray
    right: IntArray

    @property
    def size(self) -> IntArray:
        """(count,) the longer side of each one's box."""
        size: IntArray = np.maximum(self.bottom - self.top, self.right - self.left)
        return size

    @property
    def at_the_border(self) -> Mask:
        """(count,) which of them the picture's border cuts."""
        height, width = self.labels.shape
        cut: Mask = (self.top == 0) | (self.bottom == height)
        cut |= (self.left == 0) | (self.right == width)
        return cut

    @property
    def main(self) -> int:
        """The index of the one that is most likely the digit, or most of it."""
        return int(np.argmax(self.mass * np.where(self.at_the_border, AT_THE_BORDER, 1)))

    def box(self, index: int) -> Box:
        """The box around one of them."""
        rows = slice(int(self.top[index]), int(self.bottom[index]))
        return rows, slice(int(self.left[index]), int(self.right[index]))

    def extent(self, kept: Mask) -> int:
        """The longer side of the box around those `kept` (count,)."""
        height = self.bottom[kept].max() - self.top[kept].min()
        return int(max(height, self.right[kept].max() - self.left[kept].min()))

    def distance(self, kept: Mask) -> IntArray:
        """(count,) how far each one's box is from the box around those `kept` (count,)."""
        top, bottom = self.top[kept].min(), self.bottom[kept].max()
        left, right = self.left[kept].min(), self.right[kept].max()
        down = np.maximum(self.top - bottom, top - self.bottom)
        across = np.maximum(self.left - right, left - self.right)
        distance: IntArray = np.maximum(0, np.maximum(down, across))
        return distance

    @property
    def frames(self) -> Mask:
        """(count,) which of them are drawn around others, as the boxes of a form are."""
        height, width = self.bottom - self.top, self.right - self.left
        pixels = np.bincount(self.labels.ravel(), minlength=len(height) + 1)[1:]
        thin = pixels < THIN * height * width
        frames = np.zeros(len(height), bool)
        for i in np.flatnonzero(thin & (self.mass >= LEAST_SHARE * self.mass.max())):
            inside = (self.top > self.top[i]) & (self.bottom < self.bottom[i])
            inside &= (self.left > self.left[i]) & (self.right < self.right[i])
            large = self.size[inside] >= LEAST_FRAMED * min(height[i], width[i])
            many = np.count_nonzero(self.mass[inside] >= LEAST_OF_MANY * self.mass[i]) >= MANY
            frames[i] = large.any() or many
        return frames

    def mask(self, kept: Mask) -> Mask:
        """The pixels (H, W) of those `kept` (count,)."""
        inside: Mask = np.concatenate([[False], kept])[self.labels]
        return inside


def parts_of(mask: Mask, ink: FloatArray, reach: int = 0) -> Parts:
    """The connected parts of a mask.

    Args:
        mask: (H, W), where there is ink.
        ink: (H, W), how much.
        reach: pixels by which each part is widened before it is asked whether two touch.
    """
    labels, count = labelled(sliding_max(mask, 2 * reach + 1) if reach else mask)
    return _measured(np.where(mask, labels, 0), count, ink)


def _measured(labels: NDArray[np.int32], count: int, ink: FloatArray) -> Parts:
    """The parts that `labels` (H, W) numbers from 1 to count."""
    mass = np.bincount(labels.ravel(), weights=ink.ravel(), minlength=count + 1)[1:]
    rows, columns = np.nonzero(labels)
    part = labels[rows, columns] - 1
    top, left = (np.full(count, max(labels.shape)) for _ in range(2))
    bottom, right = (np.zeros(count, np.intp) for _ in range(2))
    np.minimum.at(top, part, rows)
    np.maximum.at(bottom, part, rows + 1)
    np.minimum.at(left, part, columns)
    np.maximum.at(right, part, columns + 1)
    return Parts(labels, mass.astype(np.float64), top, bottom, left, right)


def joined(parts: Parts, pairs: IntArray, ink: FloatArray) -> Parts:
    """The parts with those made one that `pairs` (2, n) of their indices name."""
    root = smallest_connected(len(parts.mass), *pairs)
    _, part = np.unique(root, return_inverse=True)
    labels = np.concatenate([[0], part + 1]).astype(np.int32)[parts.labels]
    return _measured(labels, int(part.max(initial=-1)) + 1, ink)


def digit_mask(found: Ink) -> Mask:
    """Where the digit is (H, W): without specks, the rims of shadows, and neighbours.

    Raises:
        ImageError: the ink is crumbs, none of which is a digit.
    """
    mask = found.mask
    parts = parts_of(mask, found.ink)
    none_stands_out = parts.mass.max() < parts.mass.sum() / 2
    much = MUCH_INK if none_stands_out else TOO_MUCH_INK
    if len(parts.mass) >= MANY_PARTS and mask.mean() > much:
        raise ImageError("no digit found: the picture is nothing but noise.")
    sure_mass = np.bincount(parts.labels.ravel(), weights=found.sure.ravel())[1:]
    rims = sure_mass < SURE_SHARE * parts.mass
    if rims.all():
        raise ImageError("no digit found: there is nothing but light and shadow.")
    mask = parts.mask(~rims & ~parts.frames)
    groups = parts_of(mask, found.ink, reach=max(1, round(GAP * stroke_width(mask) / 2)))
    kept = _belonging(groups)
    elsewhere = ~kept & ~groups.at_the_border
    if groups.mass[kept].sum() < LEAST_KEPT * groups.mass[kept | elsewhere].sum():
        raise ImageError("no digit found: there are many parts, and none stands out.")
    return groups.mask(kept)


def _belonging(groups: Parts) -> Mask:
    """Which of the parts (count,) are the digit: the main one, and what is near to what it is."""
    kept = np.zeros(len(groups.mass), bool)
    kept[groups.main] = True
    enough = groups.mass >= LEAST_SHARE * groups.mass[groups.main]
    while True:
        more = enough & (groups.distance(kept) <= NEAR * groups.extent(kept))
        if not (more & ~kept).any():
            return kept
        kept |= more
