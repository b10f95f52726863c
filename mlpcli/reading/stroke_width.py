"""The width of a digit's strokes."""

import math

import numpy as np

from mlpcli.reading.morphology import FloatArray, Mask, framed, odd, sliding_max

LEAST_STROKE_WIDTH = 0.11
"""fraction of the digit's longer side: a thinner stroke is redrawn with a wider pen, or it would
hardly be seen on 20 pixels; MNIST's have about 0.13"""


def stroke_width(mask: Mask) -> float:
    """Return the mean width of the strokes in a mask (H, W): twice its area by its outline.

    A stroke of length l and width w has the area l w and an outline of 2 l.
    """
    return 2 * np.count_nonzero(mask) / outline(mask)


def outline(mask: Mask) -> float:
    """Return the length of the outline of a mask (H, W), in pixels.

    Along a slope the sides of pixels add up to more, by a factor of 4 / pi on average.
    """
    rows, columns = (mask[1:] != mask[:-1], mask[:, 1:] != mask[:, :-1])
    at_the_border = (mask[0], mask[-1], mask[:, 0], mask[:, -1])
    sides = sum(np.count_nonzero(each) for each in (rows, columns, *at_the_border))
    return sides * math.pi / 4


def widened_strokes(digit: FloatArray, width: float) -> FloatArray:
    """Return a digit's ink (h, w) with strokes of at least LEAST_STROKE_WIDTH, in a larger box.

    `width` is that of its strokes, in pixels.
    """
    pen = odd(1 + LEAST_STROKE_WIDTH * max(digit.shape) - width)
    return sliding_max(framed(digit, pen // 2), pen) if pen > 1 else digit
