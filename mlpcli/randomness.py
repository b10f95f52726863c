"""Random numbers as a function of (seed, purpose, epoch), never of what was drawn before.

So epoch 7 shuffles the same way whether it follows epoch 6 or a resumed checkpoint, and drawing one
number more for one purpose changes nothing for another.
"""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What the numbers are for; the values are part of what a seed means and stay as they are."""

    INITIALIZATION = 0
    SUBSET = 1
    VALIDATION = 2
    ORDER = 3
    TEST_SUBSET = 4
    AUGMENTATION = 5
    DROPOUT = 6


def generator(seed: int, purpose: Purpose, epoch: int = 0, *part: int) -> np.random.Generator:
    """The generator for one purpose in one epoch, or for a part of it."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(purpose, epoch, *part)))
