"""How wide the strokes of a digit are."""

import numpy as np

from mlpcli.reading.morphology import FloatArray, Mask, odd, sliding_max

LEAST_WIDTH = 0.11
"""Of the digit's longer side: a thinner stroke is drawn again with a wider pen. MNIST's are about
0.13, and on 20 pixels a thin one would hardly be seen."""


def stroke_width(mask: Mask) -> float:
    """The mean width of the strokes in a mask (H, W), in pixels: twice the area by the outline.

    A stroke of length l and width w has the area l w and an outline of 2 l.
    """
    return 2 * np.count_nonzero(mask) / outline(mask)


def outline(mask: Mask) -> float:
    """How long the outline of a mask (H, W) is, in pixels.

    Along a slope the sides of pixels add up to more than that, by 4 / pi on average.
    """
    framed = np.pad(mask, 1)
    sides = np.count_nonzero(framed[1:] != framed[:-1]) + np.count_nonzero(
        framed[:, 1:] != framed[:, :-1]
    )
    return float(sides * np.pi / 4)


def widened_strokes(digit: FloatArray, width: float) -> FloatArray:
    """A digit (h, w) with its strokes at least LEAST_WIDTH wide, in a box as much larger.

    Args:
        digit: (h, w) ink.
        width: of its strokes, in pixels.
    """
    pen = odd(1 + LEAST_WIDTH * max(digit.shape) - width)
    return sliding_max(np.pad(digit, pen // 2), pen) if pen > 1 else digit
