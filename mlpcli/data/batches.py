"""Batches: shuffled by (seed, epoch), and turned from bytes into the numbers the network wants."""

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
        counts = np.zeros(256, np.intp)
        for start in range(0, len(images), BLOCK_IMAGES):  # bincount makes each number eight bytes
            counts += _histogram(images[start : start + BLOCK_IMAGES].ravel())
        levels = np.arange(256)
        mean = float(np.average(levels, weights=counts))
        std = float(np.sqrt(np.average((levels - mean) ** 2, weights=counts)))
        return cls(mean, std or 1.0)

    def apply(self, images: PixelsOrNumbers, out: FloatArray) -> None:
        """Write the normalised `images` (n, n_in) into `out`, of the same shape."""
        np.subtract(images, out.dtype.type(self.mean), out=out)
        out *= 1 / self.std


def _histogram(pixels: UInt8Array) -> IntArray:
    """How often each of the 256 values is among (n,) pixels, counted in pairs: in half the time."""
    even = len(pixels) // 2 * 2
    pairs = np.bincount(pixels[:even].view(np.uint16), minlength=2**16).reshape(256, 256)
    counts: IntArray = pairs.sum(axis=0) + pairs.sum(axis=1)
    return counts + np.bincount(pixels[even:], minlength=256)


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
