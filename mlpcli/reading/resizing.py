"""Changing an image's size."""

import numpy as np
from PIL import Image

from mlpcli.reading.morphology import FloatArray

BOX, BILINEAR = Image.Resampling.BOX, Image.Resampling.BILINEAR


def resized(
    grey: FloatArray, size: tuple[int, int], resampling: Image.Resampling = BILINEAR
) -> FloatArray:
    """Return (H, W) at another size (height, width), anti-aliased where it shrinks."""
    image = Image.fromarray(np.ascontiguousarray(grey, np.float32))
    return np.asarray(image.resize((size[1], size[0]), resampling))


def shrunk(grey: FloatArray, side: int) -> FloatArray:
    """Return (H, W) averaged down to a longer side of at most `side`."""
    height, width = grey.shape
    factor = max(height, width) / side
    if factor <= 1:
        return grey
    return resized(grey, (max(1, round(height / factor)), max(1, round(width / factor))), BOX)
