"""From the values of an image to grey: its channel, its ground and its white."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mlpcli.reading.morphology import FloatArray, UInt8Array, row_strips, smoothed

_CHANNEL_SIDE = 160  # pixels of the shrunk image on which the channel is chosen

# 2, because a resized image of 0 .. 1 may overshoot at its edges.
_WHITES = (1.0, 2.0, *(2.0**bits - 1 for bits in (8, 10, 12, 14, 16)))


def unit_range(values: FloatArray) -> FloatArray:
    """Scale deep or float values to 0 .. 1, by the smallest usual white that holds them all.

    Their modes define no white: a file may hold 0 .. 1, bytes or values of 10 to 16 bits.
    """
    if not np.isfinite(values).all():
        raise ValueError("a pixel is not a finite number")
    values = values - min(0.0, float(values.min()))
    largest = float(values.max())
    white = next((white for white in _WHITES if largest <= white), largest)
    return values / white


def grey(values: UInt8Array, has_alpha: bool) -> FloatArray:
    """Return grey (H, W) in 0 .. 1 of (H, W) or (H, W, channels), the last perhaps alpha."""
    if has_alpha:
        values = _on_contrasting_ground(values[..., :-1], values[..., -1:])
    return (values if values.ndim == 2 else _strongest_channel(values)) / np.float32(255)


def _on_contrasting_ground(colours: UInt8Array, alpha: UInt8Array) -> UInt8Array:
    """Lay an image (H, W, channels) on white where what is drawn is dark, and on black where light.

    Where most of the border is opaque, the image has its own ground, and the transparent rest
    (rounded corners) gets that. Alpha (H, W, 1) is 0 where transparent.
    """
    if alpha.min() == 255:
        return colours
    strips = row_strips(len(colours))
    border_colours = border(colours)[border(alpha)[:, 0] > 127]
    if len(border_colours) > len(border(alpha)) / 2:
        ground = np.median(border_colours, axis=0)
    else:
        weighted = sum(float((colours[rows] * np.float32(alpha[rows])).sum()) for rows in strips)
        drawn = weighted / max(alpha.sum() * colours.shape[-1], 1)
        ground = np.full(colours.shape[-1], 255 if drawn < 127.5 else 0)
    laid = np.empty_like(colours)
    for rows in strips:
        opacity = alpha[rows] / np.float32(255)
        laid[rows] = np.rint(colours[rows] * opacity + ground * (1 - opacity))
    return laid


def _strongest_channel(colours: UInt8Array) -> UInt8Array:
    """Return the channel of (H, W, 1 or 3) that varies most: blue ink stands out in red.

    A fixed mixture (luma) would leave some pairs of colours with no contrast at all. Neighbouring
    pixels are averaged first, or the dots of a dithered palette would count as ink.
    """
    if colours.shape[-1] == 1:
        return colours[..., 0]
    factor = math.ceil(max(colours.shape) / _CHANNEL_SIDE)
    averaged = np.asarray(Image.fromarray(colours).reduce(factor), np.float32)
    spread = [smoothed(channel, 2).std() for channel in np.moveaxis(averaged, -1, 0)]
    return colours[..., int(np.argmax(spread))]


def border(image: NDArray[Any]) -> NDArray[Any]:
    """Return the outermost pixels of (H, W, ...), as (pixels, ...)."""
    return np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]])
