"""Refusing what no digit looks like: a digit is made of a few strokes, and does not lie flat."""

import numpy as np

from mlpcli.errors import ImageError
from mlpcli.reading.boxes import box_of
from mlpcli.reading.labelling import labelled
from mlpcli.reading.morphology import FloatArray, Mask, framed, sliding_min
from mlpcli.reading.resizing import resized

SOLID = 0.5
"""side of the largest square in a digit's ink, as a fraction of its longer side; a dot has 0.7"""
SOLID_WHEN_SMALL = 0.6
"""the same for a small digit before its close-up: its holes may not be visible yet"""
LEAST_SOLID_SIDE = 10
"""pixels of a digit's longer side: in a smaller one, the strokes may fill it"""
LYING_SOLID = 0.5
"""the same as a fraction of the height of what is wider than high; MNIST has less than 0.4"""
LEAST_HEIGHT_TO_WIDTH = 0.4
"""least height of a digit by its width; MNIST's have more than 0.45, a line or a dash has less"""
MOST_HOLES = 4
"""most holes in a digit: it has two, and a careless one of MNIST's three"""
LEAST_HOLE = 0.004
"""fraction of the digit's box: smaller holes are grain"""

_SIDE = 40  # pixels to which a small digit is enlarged, to measure its squares finely enough


def refuse_no_digit(digit: FloatArray, *, is_small: bool = False) -> None:
    """Raise ImageError if the ink (h, w) in 0 .. 1, not all 0, is a blob, a line or a pattern.

    Blobs are dots, a shadow's corner, a dark sky. Where `is_small`, the digit is small in its image
    and will be searched again in a close-up.
    """
    size = max(digit.shape)
    larger = max(1.0, _SIDE / size)
    fine = resized(digit, (round(larger * digit.shape[0]), round(larger * digit.shape[1])))
    mask = fine > fine.max() / 2
    height, width = mask[box_of(mask)].shape
    if height < LEAST_HEIGHT_TO_WIDTH * width:
        raise ImageError("no digit found: there is nothing but a line.")
    if holes(mask) > MOST_HOLES:
        raise ImageError("no digit found: there is nothing but a pattern.")
    side = (SOLID_WHEN_SMALL if is_small else SOLID) * max(height, width)
    if width > height and not is_small:
        side = min(side, LYING_SOLID * height)
    if (is_small or size >= LEAST_SOLID_SIDE) and holds_square(mask, side):
        raise ImageError("no digit found: there is nothing but a spot, and no stroke.")


def holes(mask: Mask) -> int:
    """Return how many places the true pixels of (H, W) enclose, without the smallest."""
    ground, _ = labelled(~framed(mask, 1), corners=False)  # the first part is the outside
    return int(np.count_nonzero(np.bincount(ground.ravel())[2:] > LEAST_HOLE * mask.size))


def holds_square(mask: Mask, side: float) -> bool:
    """Return whether a square larger than `side` fits into the true pixels of (H, W)."""
    window = int(side) + 1
    if window % 2 == 0:  # a sliding window has a middle
        window += 1
    if window > min(mask.shape):
        return False
    reach = window // 2
    return bool(sliding_min(mask, window)[reach:-reach, reach:-reach].any())
