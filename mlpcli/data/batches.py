"""Batches: shuffled by (seed, epoch), and turned from bytes into the numbers the network wants."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import DTypeLike

from mlpcli.data.dataset import Dataset, FloatArray, IntArray, PixelsOrNumbers, UInt8Array
from mlpcli.randomness import Purpose, generator

if TYPE_CHECKING:
    from mlpcli.data.augmentation import Augmenter

BLOCK_IMAGES = 2048  # 6 MiB of 28×28 float32: large enough to spread the cost of each call
_EXACT = 256
"""Pixels whose squares add up to less than 2**24, so that float32 holds each of their sums exactly,
in whichever order: five times as fast as to count how often each value is there."""
_BLOCK_ROWS = 1024


@dataclass(frozen=True)
class Normalization:
    """x = (pixel - mean) / std, with one mean and one standard deviation for all pixels.

    A background that is not 0 also keeps the momentum of a weight whose pixel never lights up from
    decaying into denormal numbers, which processors handle ten times slower.
    """

    mean: float
    std: float

    @classmethod
    def unit(cls) -> "Normalization":
        """Pixels from 0..255 to 0..1."""
        return cls(0.0, 255.0)

    @classmethod
    def none(cls) -> "Normalization":
        """Numbers as they are."""
        return cls(0.0, 1.0)

    @classmethod
    def standardize(cls, images: UInt8Array) -> "Normalization":
        """To mean 0 and standard deviation 1 over all pixels, bytes, of `images` (N, n_in)."""
        pixels = images.reshape(-1)
        n, total, squares = len(pixels), 0, 0
        buffer = np.empty((_BLOCK_ROWS, _EXACT), np.float32)
        for start in range(0, n, buffer.size):
            some = pixels[start : start + buffer.size]
            rows = buffer[: -(-len(some) // _EXACT)]
            rows[-1] = 0
            np.copyto(rows.reshape(-1)[: len(some)], some)
            total += int(np.einsum("ij->i", rows).sum(dtype=np.float64))
            squares += int(np.einsum("ij,ij->i", rows, rows).sum(dtype=np.float64))
        mean = total / n
        std = math.sqrt((n * squares - total**2) / n**2)
        return cls(mean, std or 1.0)

    def apply(self, images: PixelsOrNumbers, out: FloatArray) -> None:
        """Write the normalised `images` (n, n_in) into `out`, of the same shape."""
        np.copyto(out, images)  # to cast at once is faster than within the subtraction
        out -= self.mean
        out *= 1 / self.std


def blocks(
    dataset: Dataset, order: IntArray, size: int, normalization: Normalization, dtype: DTypeLike
) -> Iterator[tuple[FloatArray, IntArray]]:
    """The examples in the given order, `size` at a time: x (n, n_in), y (n,).

    Every block is written into the same two buffers, allocated once: a yielded x is valid until
    the next one.
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

    The batches are made a block at a time, so that what a call costs is spread over many.
    """

    dataset: Dataset
    batch_size: int
    normalization: Normalization
    seed: int
    dtype: DTypeLike

    def __len__(self) -> int:
        """The number of batches in an epoch; the last may be smaller than the others."""
        return -(-len(self.dataset) // self.batch_size)

    @property
    def block_size(self) -> int:
        """Examples in a block: a whole number of batches."""
        most = -(-len(self.dataset) // self.batch_size)
        return self.batch_size * min(max(1, BLOCK_IMAGES // self.batch_size), most)

    def order(self, epoch: int) -> IntArray:
        """The order of the examples in an epoch (N,), a function of (seed, epoch) alone."""
        return generator(self.seed, Purpose.ORDER, epoch).permutation(len(self.dataset))

    def fill(
        self, indices: IntArray, epoch: int, augmenter: "Augmenter", x: FloatArray, t: FloatArray
    ) -> None:
        """Write these examples (n,) as they look in this epoch, and their targets.

        Args:
            indices: (n,), which examples.
            epoch: from 1 on.
            augmenter: distorts the images.
            x: normalised images (n, n_in), written.
            t: their targets (n, n_out), written.
        """
        pixels = np.take(self.dataset.images, indices, axis=0, mode="clip")
        augmenter.apply(pixels, indices, epoch, out=pixels)
        self.normalization.apply(pixels, x)
        self.dataset.write_targets(indices, t)
