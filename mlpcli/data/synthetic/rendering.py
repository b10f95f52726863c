"""Draw a pen's path as an image prepared as MNIST's were.

MNIST's digits are fitted into 20 x 20 pixels with their aspect kept, and placed in 28 x 28 so
that their centre of mass is in the middle (LeCun, Bottou, Bengio and Haffner, "Gradient-based
learning applied to document recognition", 1998). The images are the last axis throughout, so
that NumPy's inner loops run over many of them at once.
"""

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.dice import Dice

Array = NDArray[np.float32]

BOX = 20
SIDE = 28

EDGE, EDGE_SPREAD = 1.1, 0.2
"""width in pixels over which ink fades at an edge, a uniform number; exact anti-aliasing makes it
1, but MNIST's edges were resampled and are softer"""

_PIXEL_CENTRES = np.arange(BOX, dtype=np.float32) + np.float32(0.5)


def fit_into_box(x: Array, y: Array, radii: Array) -> tuple[Array, Array]:
    """Return paths x and y (P, B) scaled and moved so that their ink fills the box, in pixels.

    The larger side of the ink's bounding box becomes BOX pixels; in the other direction there are
    whole empty pixels on both sides. `radii` (P, B) of the pen are in pixels, x and y in any unit.
    """
    extent = np.maximum(np.ptp(x, axis=0), np.ptp(y, axis=0))
    scale = np.float32(BOX) / extent
    # The pen's width is not scaled, so the scale is corrected until the ink fits. A few rounds
    # suffice, because only the pressure makes the problem nonlinear.
    for _ in range(4):
        ink = np.maximum(_span(x * scale, radii), _span(y * scale, radii))
        scale = scale + (BOX - ink) / extent
    return _into_the_middle(x * scale, radii), _into_the_middle(y * scale, radii)


def _span(x: Array, radii: Array) -> Array:
    """Return the extent (B,) of the ink along one direction."""
    return np.asarray((x + radii).max(axis=0) - (x - radii).min(axis=0))


def _into_the_middle(x: Array, radii: Array) -> Array:
    """Return x moved so that the ink is in the middle, with whole empty pixels on both sides."""
    empty = np.maximum(BOX - _span(x, radii), 0)
    return np.asarray(x - (x - radii).min(axis=0) + np.floor(empty / 2))


def render(dice: Dice, x: Array, y: Array, pressure: Array, radius: Array) -> NDArray[np.uint8]:
    """Return images (B, SIDE, SIDE) of paths, white ink (255) on black (0).

    Each point of a path is a disc of ink. A pixel's ink depends on its distance to the nearest
    disc, measured in that disc's radii, so one square root a pixel is enough.

    Args:
        dice: the streams of the images.
        x: (P, B), in any unit.
        y: (P, B), downwards.
        pressure: (P, B), by which the radius is multiplied.
        radius: (B,) of the pen, in pixels.
    """
    radii = radius * pressure
    x, y = fit_into_box(x, y, radii)
    across = ((_PIXEL_CENTRES[:, None] - x[:, None]) / radii[:, None]) ** 2
    down = ((_PIXEL_CENTRES[:, None] - y[:, None]) / radii[:, None]) ** 2
    nearest = np.full((BOX, BOX, len(radius)), np.inf, np.float32)
    squared = np.empty_like(nearest)
    for point_across, point_down in zip(across, down, strict=True):
        np.add(point_down[:, None], point_across, out=squared)
        np.minimum(nearest, squared, out=nearest)
    edge = EDGE + EDGE_SPREAD * (2 * dice.uniform(1)[0] - 1)
    ink = np.clip((1 - np.sqrt(nearest)) * (radius / edge) + np.float32(0.5), 0, 1)
    return _centre(np.rint(255 * ink).astype(np.uint8).transpose(2, 0, 1))


def _centre(boxes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return images (B, SIDE, SIDE) with the centre of mass of each box in the middle."""
    pixels = np.arange(BOX)
    total = boxes.sum(axis=(1, 2), dtype=np.int64)
    row = (boxes.sum(axis=2, dtype=np.int64) @ pixels) / total
    column = (boxes.sum(axis=1, dtype=np.int64) @ pixels) / total
    # The box must stay inside the image: one wide digit in a thousand has its ink so far to one
    # side that it ends up to two pixels off the middle.
    top = np.clip(np.floor(14.5 - row), 0, SIDE - BOX).astype(np.intp)
    left = np.clip(np.floor(14.5 - column), 0, SIDE - BOX).astype(np.intp)
    images = np.zeros((len(boxes), SIDE, SIDE), np.uint8)
    rows = top[:, None, None] + pixels[:, None]
    columns = left[:, None, None] + pixels
    images[np.arange(len(boxes))[:, None, None], rows, columns] = boxes
    return images
