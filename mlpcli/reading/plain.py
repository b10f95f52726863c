"""Images of what is no digit: made grey and scaled, and otherwise left as they are."""

from pathlib import Path
from typing import BinaryIO

import numpy as np

from mlpcli.reading.boxes import rescaled
from mlpcli.reading.decoding import DECODED_SIDE, Remark, no_remark, read_grey
from mlpcli.reading.digit import MNIST_SHAPE, Prepared
from mlpcli.reading.resizing import resized


def scale(
    source: Path | BinaryIO, shape: tuple[int, int] = MNIST_SHAPE, remark: Remark = no_remark
) -> Prepared:
    """Read an image file and scale it to `shape`, black to 0 and white to 255.

    Args:
        source: a file's path, or an open binary file.
        shape: (height, width) of the images that the network was trained on.
        remark: called with what the user should know.

    Raises:
        ImageError: the file is not a readable image.
    """
    grey, full_shape = read_grey(source, max(DECODED_SIDE, 2 * max(shape)), remark)
    scaled = np.clip(resized(grey, shape), 0, 1)
    box = rescaled((slice(0, grey.shape[0]), slice(0, grey.shape[1])), grey.shape, full_shape)
    return Prepared(np.rint(255 * scaled).astype(np.uint8).ravel(), False, False, box)
