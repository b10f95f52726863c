"""Changing a picture's size."""

import numpy as np
from PIL import Image

from mlpcli.reading.morphology import FloatArray

BOX, BILINEAR = Image.Resampling.BOX, Image.Resampling.BILINEAR


def resized(
    picture: FloatArray, size: tuple[int, int], resampling: Image.Resampling = BILINEAR
) -> FloatArray:
    """A picture (H, W) at another size (height, width), anti-aliased where it shrinks."""
    image = Image.fromarray(np.ascontiguousarray(picture, np.float32))
    return np.asarray(image.resize((size[1], size[0]), resampling))


def shrunk(picture: FloatArray, side: int) -> FloatArray:
    """A picture averaged down to a longer side of at most `side`; a smaller one as it is."""
    height, width = picture.shape
    factor = max(height, width) / side
    if factor <= 1:
        return picture
    return resized(picture, (max(1, round(height / factor)), max(1, round(width / factor))), BOX)
