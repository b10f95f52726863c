"""Sliding maxima and minima, and what is built from them.

Serra, "Image Analysis and Mathematical Morphology", 1982.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.intp]
UInt8Array = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_STRIP_ROWS = 64


def row_strips(height: int) -> list[slice]:
    """Return strips of an array's rows: calculated one by one, they need little memory."""
    return [slice(start, start + _STRIP_ROWS) for start in range(0, height, _STRIP_ROWS)]


def sliding_max(image: NDArray[Any], window: int, axis: int | None = None) -> NDArray[Any]:
    """Return the largest value in the window around each pixel of (H, W), numbers or truth values.

    The window, an odd number of pixels, slides along one axis or both. Maxima of maxima need only
    log2(window) passes over the image.
    """
    if axis is None:
        return sliding_max(sliding_max(image, window, 0), window, 1)
    lowest = False if image.dtype == np.bool_ else -np.inf
    reach = window // 2
    inside = image.T if axis else image
    found = np.full((len(inside) + 2 * reach, inside.shape[1]), lowest, image.dtype)
    found[reach : reach + len(inside)] = inside
    covered = 1
    while covered < window:
        step = min(covered, window - covered)
        found = np.maximum(found[:-step], found[step:])
        covered += step
    return found.T if axis else found


def sliding_min(image: NDArray[Any], window: int, axis: int | None = None) -> NDArray[Any]:
    """Return the smallest value in the window around each pixel; arguments as in `sliding_max`."""
    if image.dtype == np.bool_:
        return ~sliding_max(~image, window, axis)
    return -sliding_max(-image, window, axis)


def closed(image: NDArray[Any], window: int, axis: int | None = None) -> NDArray[Any]:
    """Return the image with every dark (false) place filled that is narrower than the window."""
    return sliding_min(sliding_max(image, window, axis), window, axis)


def opened(image: NDArray[Any], window: int, axis: int | None = None) -> NDArray[Any]:
    """Return the image without every light (true) place that is narrower than the window."""
    return sliding_max(sliding_min(image, window, axis), window, axis)


def pooled(mask: Mask, side: int) -> Mask:
    """Return a mask with a pixel for each side × side of this one: true where any of them is."""
    height, width = (-(-extent // side) for extent in mask.shape)
    whole = np.zeros((height * side, width * side), bool)
    whole[: mask.shape[0], : mask.shape[1]] = mask
    return np.asarray(whole.reshape(height, side, width, side).any(axis=(1, 3)))


def smoothed(image: FloatArray, passes: int = 1) -> FloatArray:
    """Return each pixel averaged with its neighbours by 1 2 1 down and across, `passes` times."""
    for _ in range(passes):
        for axis in (0, 1):
            wide = _with_repeated_ends(image, axis)
            mean = 0.25 * wide[:-2] + 0.5 * wide[1:-1] + 0.25 * wide[2:]
            image = mean.T if axis else mean
    return image


def without_grain(image: FloatArray) -> FloatArray:
    """Return each pixel replaced by the median of three, down and then across.

    This removes the grain of paper and keeps every edge in place: across an edge the values only
    rise or only fall, so the middle one is the median.
    """
    for axis in (0, 1):
        wide = _with_repeated_ends(image, axis)
        before, here, after = wide[:-2], wide[1:-1], wide[2:]
        median = np.maximum(np.minimum(before, here), np.minimum(np.maximum(before, here), after))
        image = median.T if axis else median
    return image


def _with_repeated_ends(image: FloatArray, axis: int) -> FloatArray:
    """Return the image with this axis first and its ends repeated; np.pad takes far longer."""
    inside = image.T if axis else image
    return np.concatenate([inside[:1], inside, inside[-1:]])


def framed(image: NDArray[Any], margin: int) -> NDArray[Any]:
    """Return (H, W) with `margin` zeros on every side; np.pad takes far longer."""
    height, width = image.shape
    wide = np.zeros((height + 2 * margin, width + 2 * margin), image.dtype)
    wide[margin : margin + height, margin : margin + width] = image
    return wide


def framed_by_itself(image: NDArray[Any], margin: int) -> NDArray[Any]:
    """Return (H, W) with the values at its border repeated `margin` times beyond it."""
    rows, columns = (np.arange(-margin, side + margin).clip(0, side - 1) for side in image.shape)
    return np.asarray(image[rows[:, np.newaxis], columns])


def median(values: FloatArray) -> float:
    """Return the median of (n,) values, n >= 1; np.median takes twice as long.

    Two places are asked for even where one would do: NumPy's way to find a single one takes up to
    sixty times as long where many values are the same, as they are in an image.
    """
    middle = len(values) // 2
    below = max(0, middle - 1)
    ordered = np.partition(values, (below, middle))
    if len(values) % 2:
        return float(ordered[middle])
    return float(ordered[below : middle + 1].mean())


def quantile(values: FloatArray, share: float) -> float:
    """Return the value below which a share of (n,) values lies; np.quantile takes far longer."""
    place = share * (len(values) - 1)
    below = min(int(place), max(0, len(values) - 2))
    above = min(below + 1, len(values) - 1)
    low, high = np.partition(values, (below, above))[[below, above]]
    return float(low + (place - below) * (high - low))


def odd(size: float) -> int:
    """Return the largest odd integer up to `size`, at least 1: a window has a middle."""
    return max(1, 2 * int((size + 1) / 2) - 1)
