"""Batches: shuffled by (seed, epoch), then turned from bytes into normalised numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import DTypeLike

from mlpcli.data.dataset import Dataset, FloatArray, IntArray
from mlpcli.data.normalization import Normalization
from mlpcli.randomness import Purpose, generator

if TYPE_CHECKING:
    from mlpcli.data.augmentation import Augmenter

BLOCK_IMAGES = 2048
"""images in a block, 6 MiB of 28×28 float32: enough to spread the cost of each call"""


def blocks(
    dataset: Dataset, order: IntArray, size: int, normalization: Normalization, dtype: DTypeLike
) -> Iterator[tuple[FloatArray, IntArray]]:
    """Yield the examples in the given order, `size` at a time: x (n, n_in), labels (n,).

    All blocks share one buffer: a yielded x is valid until the next one.
    """
    pixels = np.empty((min(size, len(order)), dataset.images.shape[1]), dataset.images.dtype)
    x = np.empty(pixels.shape, dtype)
    for start in range(0, len(order), size):
        indices = order[start : start + size]
        n = len(indices)
        # "clip" writes straight into `out`; the default mode goes through a copy.
        np.take(dataset.images, indices, axis=0, out=pixels[:n], mode="clip")
        normalization.apply(pixels[:n], x[:n])
        yield x[:n], dataset.labels[indices]


@dataclass(frozen=True)
class Batches:
    """The training set in mini-batches, in a new order each epoch.

    Batches are filled a block at a time, which spreads the cost of each NumPy call over many.
    """

    dataset: Dataset
    batch_size: int
    normalization: Normalization
    seed: int
    dtype: DTypeLike

    def __len__(self) -> int:
        """Return the number of batches in an epoch; the last may be smaller."""
        return -(-len(self.dataset) // self.batch_size)

    @property
    def block_size(self) -> int:
        """Number of examples in a block: a whole number of batches."""
        return self.batch_size * min(max(1, BLOCK_IMAGES // self.batch_size), len(self))

    def order(self, epoch: int) -> IntArray:
        """Return the order of the examples in an epoch (N,), a function of (seed, epoch) alone."""
        return generator(self.seed, Purpose.ORDER, epoch).permutation(len(self.dataset))

    def fill(
        self, indices: IntArray, epoch: int, augmenter: "Augmenter", x: FloatArray, t: FloatArray
    ) -> None:
        """Write the examples at `indices` (n,), augmented as in an epoch, and their targets.

        `x` (n, n_in) receives the normalised images, `t` (n, n_out) the targets.
        """
        pixels = np.take(self.dataset.images, indices, axis=0, mode="clip")
        augmenter.apply(pixels, indices, epoch, out=pixels)
        self.normalization.apply(pixels, x)
        self.dataset.write_targets(indices, t)
