"""The examples of a block: in which order, how they look in their epoch, and into which buffer."""

import functools
from typing import NamedTuple

from mlpcli.data.augmentation import Augmenter
from mlpcli.nn.arrays import Array, shared_zeros
from mlpcli.training.setup import Setup

WHOLE_BLOCK = slice(None)


class Stretch(NamedTuple):
    """The examples from `start` to `stop` of an epoch's order, at most a block."""

    epoch: int
    start: int
    stop: int


class Filling:
    """Buffers of normalised examples, that every member of a team can fill and read.

    Args:
        setup: the parts of the run.
        members: how many fill; each has an augmenter, which has buffers of its own.
        buffers: 2 if one stretch is filled while another is trained on.
    """

    def __init__(self, setup: Setup, members: int, buffers: int) -> None:
        self._batches = setup.batches
        network, size = setup.network, setup.batches.block_size
        self._buffers: list[tuple[Array, Array]] = [
            (
                shared_zeros((size, network.sizes[0]), network.dtype),
                shared_zeros((size, network.sizes[-1]), network.dtype),
            )
            for _ in range(buffers)
        ]
        shape = setup.training.image_shape
        self._augmenters = [Augmenter.from_config(setup.config, shape) for _ in range(members)]
        self._order = functools.lru_cache(maxsize=1)(self._batches.order)

    def fill(self, member: int, stretch: Stretch, rows: slice = WHOLE_BLOCK) -> None:
        """Write some rows of a stretch."""
        x, t = self.arrays(stretch)
        indices = self._order(stretch.epoch)[stretch.start : stretch.stop][rows]
        self._batches.fill(indices, stretch.epoch, self._augmenters[member], x[rows], t[rows])

    def arrays(self, stretch: Stretch) -> tuple[Array, Array]:
        """Where the images (n, n_in) and targets (n, n_out) of a stretch are."""
        size, n = self._batches.block_size, len(self._batches.dataset)
        blocks_before = stretch.epoch * -(-n // size) + stretch.start // size
        x, t = self._buffers[blocks_before % len(self._buffers)]
        return x[: stretch.stop - stretch.start], t[: stretch.stop - stretch.start]

    def next(self, stretch: Stretch) -> Stretch:
        """The one that is trained on after this."""
        size, n = self._batches.block_size, len(self._batches.dataset)
        epoch, start = (stretch.epoch, stretch.stop) if stretch.stop < n else (stretch.epoch + 1, 0)
        return Stretch(epoch, start, min(start + size, n))
