"""Draw labelled digits, and signs that are none, each a function of the seed and its own index."""

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.dice import Dice
from mlpcli.data.synthetic.handwriting import choose_skeletons, write
from mlpcli.data.synthetic.pen import LETTERS
from mlpcli.data.synthetic.rendering import SIDE, render

_CHUNK = 128
"""images drawn at once: enough to spread the cost of NumPy's calls, few enough for the cache"""

_shares = np.cumsum([sign.share for sign in LETTERS.skeletons], dtype=np.float64)
_SIGN_CHANCES = (_shares / _shares[-1])[:-1].astype(np.float32)
"""(signs - 1,), the cumulative probability of each but the last"""

_LABEL_STREAM, _IMAGE_STREAM, _SIGN_STREAM = range(3)


def draw(
    seed: int, indices: range, *, worldwide: bool = False
) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    """Return images (n, 784) of handwritten-looking digits, and their labels (n,).

    The ink is white (255) on black (0), and the images are prepared as MNIST's. The ten images
    from index 10 k on show each digit once, so every range of indices is balanced within two
    images per digit.

    Args:
        seed: any integer.
        indices: indices of the images, from 0 to 2**63.
        worldwide: whether to write as in many countries, instead of as in MNIST.
    """
    images = np.empty((len(indices), SIDE * SIDE), np.uint8)
    labels = np.empty(len(indices), np.intp)
    for first in range(0, len(indices), _CHUNK):
        chunk = slice(first, first + _CHUNK)
        numbers = np.array(indices[chunk], np.uint64)
        labels[chunk] = _labels(seed, numbers)
        dice = Dice(seed, _IMAGE_STREAM, numbers)
        skeletons = choose_skeletons(dice, labels[chunk], worldwide=worldwide)
        x, y, pressure, radius = write(dice, skeletons)
        images[chunk] = render(dice, x, y, pressure, radius).reshape(-1, SIDE * SIDE)
    return images, labels


def draw_signs(seed: int, indices: range) -> NDArray[np.uint8]:
    """Return images (n, 784) of letters and signs that are no digits; arguments as for `draw`."""
    images = np.empty((len(indices), SIDE * SIDE), np.uint8)
    for first in range(0, len(indices), _CHUNK):
        chunk = slice(first, first + _CHUNK)
        dice = Dice(seed, _SIGN_STREAM, np.array(indices[chunk], np.uint64))
        signs = np.searchsorted(_SIGN_CHANCES, dice.uniform(1)[0], side="right")
        x, y, pressure, radius = write(dice, signs, LETTERS)
        images[chunk] = render(dice, x, y, pressure, radius).reshape(-1, SIDE * SIDE)
    return images


def _labels(seed: int, indices: NDArray[np.uint64]) -> NDArray[np.intp]:
    """Return labels (B,): a random order of the ten digits for each ten indices from 10 k on."""
    tens, units = np.divmod(indices, np.uint64(10))
    keys = Dice(seed, _LABEL_STREAM, tens).bits(10)
    own_key = keys[units.astype(np.intp), np.arange(len(indices))]
    return np.asarray(np.count_nonzero(keys < own_key, axis=0), np.intp)
