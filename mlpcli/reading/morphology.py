"""Sliding maxima and minima, and what is built of them.

Serra, "Image Analysis and Mathematical Morphology", 1982.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]


def sliding_max(picture: NDArray[Any], window: int, axis: int | None = None) -> NDArray[Any]:
    """The largest value in the window around each pixel, as far as the picture reaches.

    Maxima of maxima: a window of w takes log2(w) passes over the picture.

    Args:
        picture: (H, W), numbers or truth values.
        window: its side in pixels, odd.
        axis: along which it slides; None for both.
    """
    if axis is None:
        return sliding_max(sliding_max(picture, window, 0), window, 1)
    lowest = False if picture.dtype == np.bool_ else -np.inf
    reach = window // 2
    inside = picture.T if axis else picture
    found = np.full((len(inside) + 2 * reach, inside.shape[1]), lowest, picture.dtype)
    found[reach : reach + len(inside)] = inside
    covered = 1
    while covered < window:
        step = min(covered, window - covered)
        found = np.maximum(found[:-step], found[step:])
        covered += step
    return found.T if axis else found


def sliding_min(picture: NDArray[Any], window: int, axis: int | None = None) -> NDArray[Any]:
    """The smallest value in the window around each pixel; arguments as in `sliding_max`."""
    if picture.dtype == np.bool_:
        return ~sliding_max(~picture, window, axis)
    return -sliding_max(-picture, window, axis)


def closed(picture: NDArray[Any], window: int, axis: int | None = None) -> NDArray[Any]:
    """The picture with every dark (false) place filled that is narrower than the window."""
    return sliding_min(sliding_max(picture, window, axis), window, axis)


def opened(picture: NDArray[Any], window: int, axis: int | None = None) -> NDArray[Any]:
    """The picture with every light (true) place removed that is narrower than the window."""
    return sliding_max(sliding_min(picture, window, axis), window, axis)


def smoothed(picture: FloatArray, passes: int = 1) -> FloatArray:
    """Each pixel with its neighbours in the weights 1 2 1 down and across, `passes` times."""
    for _ in range(passes):
        for axis in (0, 1):
            wide = _with_repeated_ends(picture, axis)
            mean = 0.25 * wide[:-2] + 0.5 * wide[1:-1] + 0.25 * wide[2:]
            picture = mean.T if axis else mean
    return picture


def without_grain(picture: FloatArray) -> FloatArray:
    """Each pixel replaced by the median of three, down and then across.

    It takes out the grain of paper and keeps every edge where it is: on the way across an edge the
    values only rise or only fall, so the middle one is the median.
    """
    for axis in (0, 1):
        wide = _with_repeated_ends(picture, axis)
        before, here, after = wide[:-2], wide[1:-1], wide[2:]
        median = np.maximum(np.minimum(before, here), np.minimum(np.maximum(before, here), after))
        picture = median.T if axis else median
    return picture


def _with_repeated_ends(picture: FloatArray, axis: int) -> FloatArray:
    """With this axis in front, and its first and last once more; np.pad would take far longer."""
    inside = picture.T if axis else picture
    return np.concatenate([inside[:1], inside, inside[-1:]])


def median(values: FloatArray) -> float:
    """The middle one of (n,) values, or the mean of the middle two; np.median takes twice as long.

    Args:
        values: at least one.
    """
    middle = len(values) // 2
    if len(values) % 2:
        return float(np.partition(values, middle)[middle])
    return float(np.partition(values, (middle - 1, middle))[middle - 1 : middle + 1].mean())


def odd(size: float) -> int:
    """The odd whole number nearest below or at `size`, at least 1: a window has a middle."""
    return max(1, 2 * int((size + 1) / 2) - 1)
