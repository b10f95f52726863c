"""Distortions that move no pixels: noise, rectangles of background, thicker and thinner strokes."""

from functools import cache
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.augmentation.draws import Draws, Kind
from mlpcli.data.dataset import UInt8Array

if TYPE_CHECKING:
    from mlpcli.config.schema.augmentation import EraseConfig

SMALLEST_AREA = 0.02
SMALLEST_RATIO = 0.3


class Noise:
    """Adds a number from a normal distribution to each pixel, cut off at black and white.

    Noise keeps a network from relying on exact values (Sietsma and Dow, "Creating artificial neural
    networks that generalize", 1991), much as weight decay does (Bishop, "Training with noise is
    equivalent to Tikhonov regularization", 1995).
    """

    def __init__(self, std: float) -> None:
        """Prepare noise with this standard deviation, as a share of white (255)."""
        self._levels = np.rint(255 * std * _normal_quantiles()).astype(np.int16)

    def __call__(self, images: UInt8Array, draws: Draws) -> None:
        """Change the images (n, height, width) in place."""
        drawn = draws.dice(Kind.NOISE).rows(images[0].size, np.uint16)
        noisy = np.take(self._levels, drawn.reshape(images.shape))
        noisy += images
        np.clip(noisy, 0, 255, out=noisy)
        np.copyto(images, noisy, casting="unsafe")


@cache
def _normal_quantiles() -> NDArray[np.float64]:
    """Return (65536,) equally likely values of the standard normal distribution, sorted."""
    normal = NormalDist()
    half = np.array([normal.inv_cdf((i + 0.5) / 2**16) for i in range(2**15)])
    return np.concatenate([half, -half[::-1]])


class Erase:
    """Puts a rectangle of background over some images.

    Random erasing (Zhong, Zheng, Kang, Li and Yang, 2020) makes a network look at more than one
    place of an image. The smallest area and ratio of the sides are theirs; tall rectangles are as
    likely as wide ones, and cut off at the image's edges.
    """

    def __init__(self, settings: "EraseConfig") -> None:
        self._settings = settings

    def __call__(self, images: UInt8Array, draws: Draws) -> None:
        """Change the images (n, height, width) in place."""
        height, width = images.shape[1:]
        happens, size, ratio, down, right = draws.dice(Kind.ERASE).uniform(5).astype(np.float64)
        area = height * width * (SMALLEST_AREA + (self._settings.area - SMALLEST_AREA) * size)
        root = np.sqrt(SMALLEST_RATIO) ** (1 - 2 * ratio)
        rows = np.clip(np.rint(np.sqrt(area) * root), 1, height)
        columns = np.clip(np.rint(np.sqrt(area) / root), 1, width)
        rows[happens >= self._settings.probability] = 0
        erased = (
            _between(np.floor(down * (height - rows + 1)), rows, height)[:, :, None]
            & _between(np.floor(right * (width - columns + 1)), columns, width)[:, None, :]
        )
        images[erased] = 0


def _between(
    starts: NDArray[np.float64], lengths: NDArray[np.float64], size: int
) -> NDArray[np.bool_]:
    """Return a mask (n, size) of the places within each interval."""
    after = np.arange(size) - starts[:, None]
    return np.asarray((after >= 0) & (after < lengths[:, None]))


class Thickness:
    """Moves the edges of the strokes of each image, out or in, by at most `most` <= 1 pixels.

    Grey-scale dilation and erosion (Haralick, Sternberg and Zhuang, "Image analysis using
    mathematical morphology", 1987): a pixel becomes the brightest, or the darkest, of itself and
    its four neighbours. That moves an edge by a pixel; a blend with the original, by less.
    """

    def __init__(self, most: float) -> None:
        self._most = most

    def __call__(self, images: UInt8Array, draws: Draws) -> None:
        """Change the images (n, height, width) in place."""
        moved = draws.within(self._most, 1, Kind.THICKNESS)[0].astype(np.float32)
        thicken(images, moved)


def thicken(images: UInt8Array, pixels: np.ndarray) -> None:
    """Move the edges in images (n, height, width) outwards by `pixels` (n,), each from -1 to 1."""
    for some, extreme in ((pixels > 0, _dilated), (pixels < 0, _eroded)):
        chosen = images[some]
        target = extreme(chosen).astype(np.float32)
        target -= chosen
        target *= abs(pixels[some])[:, None, None]
        target += chosen
        target += 0.5
        images[some] = target.astype(np.uint8)


def _dilated(images: UInt8Array) -> UInt8Array:
    result = images.copy()
    for here, there in _neighbours():
        np.maximum(result[here], images[there], out=result[here])
    return result


def _eroded(images: UInt8Array) -> UInt8Array:
    result = images.copy()
    for here, there in _neighbours():
        np.minimum(result[here], images[there], out=result[here])
    result[:, [0, -1]] = 0  # the neighbours beyond the image are 0
    result[:, :, [0, -1]] = 0
    return result


def _neighbours() -> list[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Return pairs of indices: pixels, and their neighbours above, below, left and right."""
    every, first, last = slice(None), slice(1, None), slice(None, -1)
    rows, columns = (every, first), (every, last)
    across = ((every, every, first), (every, every, last))
    return [(rows, columns), (columns, rows), across, across[::-1]]
