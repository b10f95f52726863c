"""Random numbers for a chunk of images; each kind of distortion has streams of its own.

So turning one kind on or off does not change the effect of the others.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.dataset import IntArray
from mlpcli.data.dice import Dice
from mlpcli.randomness import Purpose, generator


class Kind(IntEnum):
    """The use of the numbers; the values must not change, or a seed means something else."""

    SHIFT = 0
    ROTATION = 1
    SCALE = 2
    SHEAR = 3
    ELASTIC = 4
    THICKNESS = 5
    NOISE = 6
    ERASE = 7


def key_of_epoch(seed: int, epoch: int) -> int:
    """Return the seed of all the numbers of one epoch."""
    return int(generator(seed, Purpose.AUGMENTATION, epoch).integers(2**63))


class Draws:
    """Numbers for n images, each a function of the key, its index and the kind alone."""

    def __init__(self, key: int, indices: IntArray) -> None:
        """Take the epoch's key and the positions (n,) of the images in the training set."""
        self._key = key
        self._indices = indices.astype(np.uint64)

    def __len__(self) -> int:
        return len(self._indices)

    def dice(self, kind: Kind) -> Dice:
        """Return the streams of one kind, from their start."""
        return Dice(self._key, kind, self._indices)

    def within(self, limit: float, count: int, kind: Kind) -> NDArray[np.float64]:
        """Return uniform numbers (count, n) from -limit to limit."""
        return limit * (2 * self.dice(kind).uniform(count).astype(np.float64) - 1)
