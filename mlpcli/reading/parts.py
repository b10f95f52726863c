"""The connected parts of the ink, and which of them belong to the digit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlpcli.errors import ImageError, ManyPartsError
from mlpcli.reading.boxes import Box
from mlpcli.reading.ink import Ink
from mlpcli.reading.labelling import labelled, smallest_connected
from mlpcli.reading.morphology import FloatArray, IntArray, Mask, sliding_max
from mlpcli.reading.not_a_digit import LEAST_HEIGHT_TO_WIDTH
from mlpcli.reading.stroke_width import stroke_width

GAP = 2.0
"""largest gap within one digit, in widths of a stroke: a dotted line has such gaps"""
LEAST_SHARE = 0.06
"""least ink of a part, as a fraction of the main part's; less is a speck"""
NEAR = 0.3
"""largest distance of what belongs to the main part (the bar of a 5), as a fraction of its size"""
SURE_SHARE = 0.3
"""least fraction of a part's ink that remains when the border's values continue beyond it; less
remains of the rim of a shadow or a table"""
MANY_PARTS = 10
MUCH_INK, TOO_MUCH_INK = 0.15, 0.35
"""most of an image that MANY_PARTS of a digit cover: MUCH_INK if none has half of the ink"""
THIN = 0.3
"""most of its box that a frame fills"""
LEAST_FRAMED = 0.3
"""least size of what a frame holds, as a fraction of its shorter side; the dot in a 0 is smaller"""
SIDE_DEPTH, LEAST_SIDE, LEAST_SIDES = 0.12, 0.75, 3
"""depth of a side of a frame, as a fraction of its size; its least inked part; and how many sides a
frame has at least"""
MANY, LEAST_OF_MANY = 3, 0.01
"""number of parts in a table, and their least ink as a fraction of the table's"""
LEAST_KEPT = 0.4
"""least share of a digit in the ink that the border does not cut; even in noise it has half"""
AT_THE_BORDER = 0.25
"""weight of a part's ink where the border cuts it, as it cuts shadows, tables and frames"""
MOST_PARTS = 2000
"""forty rows of fifty digits"""
MOST_OVERLAP = 4
"""how often the boxes of an image's parts may cover it: at most 1.3 times in 555 photographs"""


@dataclass(frozen=True)
class Parts:
    """The connected parts of a mask (H, W)."""

    labels: NDArray[np.int32]
    """(H, W) 0 where there is none, else 1 .. count"""
    mass: FloatArray
    """(count,) the ink in each"""
    top: IntArray
    bottom: IntArray
    """(count,) exclusive, as `right` is"""
    left: IntArray
    right: IntArray

    @property
    def height(self) -> IntArray:
        """(count,) the height of each part's box."""
        return self.bottom - self.top

    @property
    def width(self) -> IntArray:
        """(count,) the width of each part's box."""
        return self.right - self.left

    @property
    def size(self) -> IntArray:
        """(count,) the longer side of each part's box."""
        size: IntArray = np.maximum(self.height, self.width)
        return size

    @property
    def at_the_border(self) -> Mask:
        """(count,) whether the image's border cuts each part."""
        height, width = self.labels.shape
        cut: Mask = (self.top == 0) | (self.bottom == height)
        cut |= (self.left == 0) | (self.right == width)
        return cut

    @property
    def main(self) -> int:
        """The index of the part that is most likely the digit, or most of it."""
        return int(np.argmax(self.mass * np.where(self.at_the_border, AT_THE_BORDER, 1)))

    def box(self, index: int) -> Box:
        """Return the box around one part."""
        rows = slice(int(self.top[index]), int(self.bottom[index]))
        return rows, slice(int(self.left[index]), int(self.right[index]))

    def shape_of(self, kept: Mask) -> tuple[int, int]:
        """Return height and width of the box around the parts `kept` (count,)."""
        height = self.bottom[kept].max() - self.top[kept].min()
        return int(height), int(self.right[kept].max() - self.left[kept].min())

    def extent_with(self, kept: Mask) -> IntArray:
        """Return (count,), the longer side of the box around the parts `kept` and each part."""
        height = np.maximum(self.bottom, self.bottom[kept].max())
        height = height - np.minimum(self.top, self.top[kept].min())
        width = np.maximum(self.right, self.right[kept].max())
        extent: IntArray = np.maximum(height, width - np.minimum(self.left, self.left[kept].min()))
        return extent

    def distance(self, kept: Mask) -> IntArray:
        """Return (count,), how far each part's box is from the box around those `kept`."""
        top, bottom = self.top[kept].min(), self.bottom[kept].max()
        left, right = self.left[kept].min(), self.right[kept].max()
        down = np.maximum(self.top - bottom, top - self.bottom)
        across = np.maximum(self.left - right, left - self.right)
        distance: IntArray = np.maximum(0, np.maximum(down, across))
        return distance

    @property
    def frames(self) -> Mask:
        """(count,) whether each part is drawn around others, as the boxes of a form are."""
        count = len(self.mass)
        if count == 1:
            return np.zeros(1, bool)
        pixels = np.bincount(self.labels.ravel(), minlength=count + 1)[1:]
        thin = pixels < THIN * self.height * self.width
        frames = np.zeros(count, bool)
        by_top = np.argsort(self.top, kind="stable")
        top = self.top[by_top]
        first, last = np.searchsorted(top, self.top, "right"), np.searchsorted(top, self.bottom)
        size = self.size
        for i in np.flatnonzero(thin & (self.mass >= LEAST_SHARE * self.mass.max())):
            below = by_top[first[i] : last[i]]
            inside = below[
                (self.bottom[below] < self.bottom[i])
                & (self.left[below] > self.left[i])
                & (self.right[below] < self.right[i])
            ]
            large = size[inside] >= LEAST_FRAMED * min(self.height[i], self.width[i])
            many = np.count_nonzero(self.mass[inside] >= LEAST_OF_MANY * self.mass[i]) >= MANY
            frames[i] = (large.any() or many) and self._has_sides(int(i))
        return frames

    def _has_sides(self, index: int) -> bool:
        """Return whether ink runs along at least three sides of a part's box, as a C's does not."""
        own = self.labels[self.box(index)] == index + 1
        height, width = own.shape
        down, across = max(1, round(SIDE_DEPTH * height)), max(1, round(SIDE_DEPTH * width))
        rows = (own[:down].any(axis=0), own[-down:].any(axis=0))
        columns = (own[:, :across].any(axis=1), own[:, -across:].any(axis=1))
        return bool(sum(side.mean() >= LEAST_SIDE for side in (*rows, *columns)) >= LEAST_SIDES)

    def mask(self, kept: Mask) -> Mask:
        """Return (H, W), the pixels of the parts `kept` (count,)."""
        inside: Mask = np.concatenate([[False], kept])[self.labels]
        return inside


def refuse_crowd(parts: Parts, chosen: Mask) -> None:
    """Raise ImageError if the parts `chosen` (count,) are more, or overlap more, than digits do."""
    refuse_too_many(int(np.count_nonzero(chosen)))
    area = int((parts.height * parts.width)[chosen].sum())
    if area > MOST_OVERLAP * parts.labels.size:
        raise ImageError("no digit found: there is nothing but strokes that enclose each other.")


def refuse_too_many(count: int) -> None:
    """Raise ImageError if that is more than the digits of a page."""
    if count > MOST_PARTS:
        raise ImageError(
            f"the image has more than {MOST_PARTS:,} parts, so it is no page of digits."
        )


def parts_of(mask: Mask, ink: FloatArray, reach: int = 0) -> Parts:
    """Return the connected parts of a mask (H, W) of `ink` (H, W); `reach` widens what touches."""
    labels, count = labelled(sliding_max(mask, 2 * reach + 1) if reach else mask)
    return _measured(np.where(mask, labels, 0), count, ink)


def _measured(labels: NDArray[np.int32], count: int, ink: FloatArray) -> Parts:
    """Return the parts that `labels` (H, W) numbers from 1 to count."""
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
    """Return the parts after joining each of the `pairs` (2, n) of indices."""
    root = smallest_connected(len(parts.mass), *pairs)
    _, part = np.unique(root, return_inverse=True)
    labels = np.concatenate([[0], part + 1]).astype(np.int32)[parts.labels]
    return _measured(labels, int(part.max(initial=-1)) + 1, ink)


def digit_mask(found: Ink) -> Mask:
    """Return (H, W), where the digit is, without specks, the rims of shadows, and neighbours.

    Raises:
        ImageError: no part is a digit.
    """
    mask = found.mask
    parts = parts_of(mask, found.ink)
    none_stands_out = parts.mass.max() < parts.mass.sum() / 2
    much = MUCH_INK if none_stands_out else TOO_MUCH_INK
    if len(parts.mass) >= MANY_PARTS and mask.mean() > much:
        raise ImageError("no digit found: the image is nothing but noise.")
    sure_mass = np.bincount(parts.labels.ravel(), weights=found.sure.ravel())[1:]
    rims = sure_mass < SURE_SHARE * parts.mass
    if rims.all():
        raise ImageError("no digit found: there is nothing but light and shadow.")
    if len(rims) == 1:
        return mask
    mask = parts.mask(~rims & ~parts.frames)
    groups = parts_of(mask, found.ink, reach=max(1, round(GAP * stroke_width(mask) / 2)))
    kept = _belonging(groups)
    elsewhere = ~kept & ~groups.at_the_border
    if groups.mass[kept].sum() < LEAST_KEPT * groups.mass[kept | elsewhere].sum():
        raise ManyPartsError("no digit found: there are many parts, and none stands out.")
    return groups.mask(kept)


def _belonging(groups: Parts) -> Mask:
    """Return (count,), which parts are the digit: the main one, and in turn what is near it.

    How near that is depends on the size of what is kept. A part that lies is only a stroke, as the
    hat of a 5 is, and says nothing of the size of its digit: that of both together counts.
    """
    kept = np.zeros(len(groups.mass), bool)
    kept[groups.main] = True
    enough = groups.mass >= LEAST_SHARE * groups.mass[groups.main]
    while True:
        height, width = groups.shape_of(kept)
        lies = height < LEAST_HEIGHT_TO_WIDTH * width
        extent = groups.extent_with(kept) if lies else max(height, width)
        more = enough & (groups.distance(kept) <= NEAR * extent)
        if not (more & ~kept).any():
            return kept
        kept |= more
