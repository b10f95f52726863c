"""Blocks: examples of some batches, prepared together, because each call has a cost of its own."""

import functools
from typing import NamedTuple

from mlpcli.data.augmentation import Augmenter
from mlpcli.data.batches import Batches
from mlpcli.nn.arrays import Array
from mlpcli.parallel.communicator import shard
from mlpcli.parallel.shared_memory import shared_zeros
from mlpcli.training.setup import Setup


class Block(NamedTuple):
    """The examples from `start` to `stop` of an epoch's order; epochs are counted from 1."""

    epoch: int
    start: int
    """a multiple of the block size"""
    stop: int


def next_block(block: Block, batches: Batches) -> Block:
    """Return the block that is trained on after this one."""
    n = len(batches.dataset)
    epoch, start = (block.epoch, block.stop) if block.stop < n else (block.epoch + 1, 0)
    return Block(epoch, start, min(start + batches.block_size, n))


class BlockBuffers:
    """The examples of a block: inputs x (n, n_in), normalised and distorted, and targets t.

    Args:
        setup: the run.
        count: number of buffers; with two, one block can be filled while another is trained on.
    """

    def __init__(self, setup: Setup, count: int) -> None:
        self._batches = setup.batches
        n, network = setup.batches.block_size, setup.network
        self._buffers: list[tuple[Array, Array]] = [
            (
                shared_zeros((n, network.sizes[0]), network.dtype),
                shared_zeros((n, network.sizes[-1]), network.dtype),
            )
            for _ in range(count)
        ]

    def arrays(self, block: Block) -> tuple[Array, Array]:
        """Return where x (n, n_in) and t (n, n_out) of a block are; always the same place."""
        size, n = self._batches.block_size, len(self._batches.dataset)
        number = block.epoch * -(-n // size) + block.start // size
        x, t = self._buffers[number % len(self._buffers)]
        return x[: block.stop - block.start], t[: block.stop - block.start]


class Filler:
    """Fills buffers; each worker has its own, because distorting images needs buffers too."""

    def __init__(self, setup: Setup, buffers: BlockBuffers) -> None:
        self._batches, self._buffers = setup.batches, buffers
        self._augmenter = Augmenter.from_config(setup.config, setup.training.image_shape)
        self._order = functools.lru_cache(maxsize=1)(setup.batches.order)

    def fill(self, block: Block, rank: int = 0, size: int = 1) -> None:
        """Write one worker's shard of a block."""
        x, t = self._buffers.arrays(block)
        own = shard(len(x), rank, size)
        indices = self._order(block.epoch)[block.start : block.stop][own]
        self._batches.fill(indices, block.epoch, self._augmenter, x[own], t[own])
