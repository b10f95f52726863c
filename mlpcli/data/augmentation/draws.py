"""Random numbers for a chunk of images.

Each kind of distortion has its own streams, so turning one on or off does not change the others.
"""

from enum import IntEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.dataset import IntArray
from mlpcli.data.dice import Dice
from mlpcli.randomness import Purpose, generator


class Kind(IntEnum):
    """A use of random numbers; if a value changed, so would the images of a seed."""

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
    """Random numbers for n images, which depend on the key, the index and the kind alone."""

    def __init__(self, key: int, indices: IntArray | NDArray[np.uint64]) -> None:
        """Prepare for an epoch's key and the positions (n,) of images in the training set."""
        self._key = key
        self._indices = indices.astype(np.uint64)

    def __len__(self) -> int:
        return len(self._indices)

    def of(self, some: slice) -> Self:
        """Return the same numbers for some of the images."""
        return type(self)(self._key, self._indices[some])

    def dice(self, kind: Kind) -> Dice:
        """Return the streams of one kind, from their start."""
        return Dice(self._key, kind, self._indices)

    def within(self, limit: float, count: int, kind: Kind) -> NDArray[np.float64]:
        """Return uniform numbers (count, n) from -limit to limit."""
        return limit * (2 * self.dice(kind).uniform(count).astype(np.float64) - 1)
