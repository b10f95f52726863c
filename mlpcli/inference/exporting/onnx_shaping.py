"""The shaping of `mlpcli/data/shaping.py` in the operators of ONNX.

Shaping moves ink only along its row, so each row is resampled by itself. The numbers are computed
in the same order and dtypes as there, so that every pixel is rounded to the same byte.
"""

from typing import TYPE_CHECKING

import numpy as np

from mlpcli.data.resampling import KEYS_SHARPNESS, RESAMPLERS
from mlpcli.data.shaping import MOST_STRETCHED, STEEPEST, Shaping
from mlpcli.inference.exporting.onnx_graph import Value

if TYPE_CHECKING:
    from mlpcli.config.schema.data import Interpolation

BEYOND = 1e9
"""a column that no image has"""


def shaped(images: Value, shaping: Shaping, image_shape: tuple[int, int]) -> Value:
    """Return images (N, height, width) uint8 with every digit shaped, as whole float32 numbers."""
    x = _sources(images.cast(np.float64), shaping, image_shape).cast(np.float32)
    return _resampled(images.cast(np.float32), x, image_shape[1], shaping.interpolation)


def _sources(ink: Value, shaping: Shaping, image_shape: tuple[int, int]) -> Value:
    """Return the source column of each pixel: (N, height, width) float64."""
    height, width = image_shape
    rows = ink.graph.constant(np.arange(height, dtype=np.float64)[:, np.newaxis])
    columns = ink.graph.constant(np.arange(width, dtype=np.float64)[np.newaxis])
    leaning = _leaning(ink, rows, columns) if shaping.deslant else rows * 0.0
    x = columns + leaning
    if shaping.digit_width is not None:
        middle_column = (ink.sum(axis=1) * columns).sum(axis=2) / _total(ink)
        stretch = shaping.digit_width / _ink_width(ink, columns - leaning)
        stretch = stretch.apply("Clip", 1 / MOST_STRETCHED, MOST_STRETCHED)
        x = x + (columns - middle_column) * (1.0 / stretch - 1.0)
    return x


def _total(ink: Value) -> Value:
    """Return the ink of each image, at least 1: (N, 1, 1)."""
    return ink.sum(axis=2).sum(axis=1).apply("Max", 1.0)


def _leaning(ink: Value, rows: Value, columns: Value) -> Value:
    """Return how far the slant moves each row to the right: (N, height, 1)."""
    row_ink = ink.sum(axis=2)
    down = rows - (row_ink * rows).sum(axis=1) / _total(ink)
    variance = (row_ink * (down * down)).sum(axis=1)
    covariance = ((ink * columns).sum(axis=2) * down).sum(axis=1)
    slant = covariance / (variance > 0.0).where(variance, 1.0)  # 0 / 1 if all ink is in one row
    return slant.apply("Clip", -STEEPEST, STEEPEST) * down


def _ink_width(ink: Value, columns: Value) -> Value:
    """Return the width of the ink, in pixels, at least 1: (N, 1, 1)."""
    inked = ink > 0.0
    left = inked.where(columns, BEYOND).apply("ReduceMin", axes=[1, 2], keepdims=1)
    right = inked.where(columns, -BEYOND).apply("ReduceMax", axes=[1, 2], keepdims=1)
    return (right - left).apply("Max", 0.0) + 1.0


def _resampled(images: Value, x: Value, width: int, interpolation: "Interpolation") -> Value:
    """Return the values of `images` (N, height, width) at the columns x, rounded to bytes."""
    reach = RESAMPLERS[interpolation].reach
    border = 2 * reach - 1
    pads = np.array([0, 0, border, 0, 0, border + 1], np.int64)
    padded = images.apply("Pad", images.graph.constant(pads))
    x = (x + float(border)).apply("Clip", float(border - reach), float(border + width - 1 + reach))
    whole = x.apply("Floor")
    fraction, index = x - whole, whole.cast(np.int64)

    def pixels(offset: int) -> Value:
        place = index + index.graph.constant(np.array(offset, np.int64)) if offset else index
        return padded.apply("GatherElements", place, axis=2)

    if interpolation == "bilinear":
        left, right = pixels(0), pixels(1)
        shown = left + (right - left) * fraction
    else:
        before, left, right, after = _keys_weights(fraction)
        shown = pixels(-1) * before + pixels(0) * left + pixels(1) * right + pixels(2) * after
        shown = shown.apply("Clip", 0.0, 255.0)
    return (shown + 0.5).apply("Floor")


def _keys_weights(t: Value) -> tuple[Value, Value, Value, Value]:
    """Return the weights of the pixels at -1, 0, 1 and 2, seen from t.

    With u = 1 - t: a t u², u + t u² - (1 + a) t² u, t + t² u - (1 + a) t u² and a t² u.
    """
    u = 1.0 - t
    tu = t * u
    tuu, ttu = tu * u, tu * t
    left = (u + tuu) - ttu * (1 + KEYS_SHARPNESS)
    right = (t - tuu * (1 + KEYS_SHARPNESS)) + ttu
    return tuu * KEYS_SHARPNESS, left, right, ttu * KEYS_SHARPNESS
