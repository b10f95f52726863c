"""What no digit looks like: digits are made of a few strokes, and none lies flat."""

import numpy as np

from mlpcli.errors import ImageError
from mlpcli.reading.boxes import box_of
from mlpcli.reading.labelling import labelled
from mlpcli.reading.morphology import FloatArray, Mask, sliding_min
from mlpcli.reading.resizing import resized

SOLID = 0.5
"""Of the digit's longer side: the side of the largest square in its ink. A dot has 0.7."""
SOLID_FROM_AFAR = 0.6
"""The same of a small digit before it is looked at from near: its holes may not be seen yet."""
LEAST_SIDE = 10
"""Pixels of a digit: in a smaller one the strokes may fill it."""
_SIDE = 40  # to which a small one is enlarged, so that a square is measured finely enough
LYING_SOLID = 0.5
"""Of the height of what is wider than high: the same. MNIST's digits have less than 0.4."""
FLAT = 0.4
"""Of its width: what is less high is a line or a dash. MNIST's digits have more than 0.45."""
MOST_HOLES = 4
"""A digit has two at most, and a careless one of MNIST's three."""
LEAST_HOLE = 0.004
"""Of the digit's box: smaller ones are grain."""


def refuse_no_digit(digit: FloatArray, *, from_afar: bool = False) -> None:
    """Refuse a blob, such as a dot, the corner of a shadow or a dark sky, and a line that lies.

    Args:
        digit: (h, w) ink in 0 .. 1, not all of it 0.
        from_afar: it is small in its picture, and will be looked at again.

    Raises:
        ImageError: it is no digit.
    """
    size = max(digit.shape)
    larger = max(1.0, _SIDE / size)
    fine = resized(digit, (round(larger * digit.shape[0]), round(larger * digit.shape[1])))
    mask = fine > fine.max() / 2
    height, width = mask[box_of(mask)].shape
    if height < FLAT * width:
        raise ImageError("no digit found: there is nothing but a line.")
    if holes(mask) > MOST_HOLES:
        raise ImageError("no digit found: there is nothing but a pattern.")
    side = (SOLID_FROM_AFAR if from_afar else SOLID) * max(height, width)
    if width > height and not from_afar:
        side = min(side, LYING_SOLID * height)
    if (from_afar or size >= LEAST_SIDE) and holds_square(mask, side):
        raise ImageError("no digit found: there is nothing but a spot, and no stroke.")


def holes(mask: Mask) -> int:
    """How many places the true pixels of (H, W) enclose, the smallest left out."""
    ground, _ = labelled(~np.pad(mask, 1), corners=False)  # its first part is what lies around
    return int(np.count_nonzero(np.bincount(ground.ravel())[2:] > LEAST_HOLE * mask.size))


def holds_square(mask: Mask, side: float) -> bool:
    """Whether a square larger than `side` fits into the true pixels of (H, W)."""
    window = int(side) + 1
    window += 1 - window % 2  # a sliding window has a middle
    return bool(sliding_min(np.pad(mask, window // 2), window).any())
