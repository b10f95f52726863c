"""Thicker and thinner strokes.

Grey-scale dilation and erosion (Haralick, Sternberg and Zhuang, "Image analysis using mathematical
morphology", 1987): a pixel becomes the brightest, or the darkest, of itself and its four
neighbours. That moves the edge of a stroke by a pixel; a blend with the original moves it by less.
"""

import numpy as np

from mlpcli.data.augmentation.draws import Draws, Kind
from mlpcli.data.dataset import UInt8Array


class Thickness:
    """Moves the edges of the strokes of each image, out or in."""

    def __init__(self, most: float) -> None:
        """Take the largest shift of an edge, in pixels, up to 1."""
        self._most = most

    def __call__(self, images: UInt8Array, draws: Draws) -> None:
        """Change the images (n, height, width) in place."""
        moved = draws.within(self._most, 1, Kind.THICKNESS)[0].astype(np.float32)
        thicken(images, moved)


def thicken(images: UInt8Array, pixels: np.ndarray) -> None:
    """Move the edges in images (n, height, width) outwards by `pixels` (n,), each from -1 to 1."""
    for some, extreme in ((pixels > 0, dilated), (pixels < 0, eroded)):
        chosen = images[some]
        target = extreme(chosen).astype(np.float32)
        target -= chosen
        target *= abs(pixels[some])[:, None, None]
        target += chosen
        target += 0.5
        images[some] = target.astype(np.uint8)


def dilated(images: UInt8Array) -> UInt8Array:
    """Return the maximum of each pixel and its four neighbours."""
    result = images.copy()
    for here, there in _neighbours():
        np.maximum(result[here], images[there], out=result[here])
    return result


def eroded(images: UInt8Array) -> UInt8Array:
    """Return the minimum of each pixel and its four neighbours; 0 surrounds the image."""
    result = images.copy()
    for here, there in _neighbours():
        np.minimum(result[here], images[there], out=result[here])
    result[:, [0, -1]] = 0
    result[:, :, [0, -1]] = 0
    return result


def _neighbours() -> list[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Return pairs of views: pixels, and their neighbours above, below, left and right."""
    every, first, last = slice(None), slice(1, None), slice(None, -1)
    rows, columns = (every, first), (every, last)
    across = ((every, every, first), (every, every, last))
    return [(rows, columns), (columns, rows), across, across[::-1]]
