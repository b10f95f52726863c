"""Random numbers as a function of (seed, purpose, epoch), never of what was drawn before.

So epoch 7 shuffles the same way after epoch 6 and after a resumed checkpoint, and drawing one more
number for one purpose changes nothing for another.
"""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """The use of the numbers; the values must not change, or a seed means something else."""

    INITIALIZATION = 0
    SUBSET = 1
    VALIDATION = 2
    ORDER = 3
    TEST_SUBSET = 4
    AUGMENTATION = 5
    DROPOUT = 6
    TEST_SHARE = 7
    MIX = 8


def generator(seed: int, purpose: Purpose, epoch: int = 0, *within: int) -> np.random.Generator:
    """Return the generator for one purpose in one epoch, or for a subdivision `within` it."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(purpose, epoch, *within)))
