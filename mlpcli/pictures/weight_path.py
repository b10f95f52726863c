"""The weights that a training passes through, found by training once more."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlpcli.nn.arrays import Array
from mlpcli.parallel.processors import one_blas_thread
from mlpcli.training.loop import train_epochs
from mlpcli.training.metrics import EpochMetrics
from mlpcli.training.setup import Setup

MOST_POINTS, MOST_BYTES = 500, 2**27
"""limits of the path held in memory; a short one has every step"""
MOST_EPOCHS = 40
"""number of epochs whose ends are marked"""

Watcher = Callable[[int, int], None]
"""receives (work done, work in all)"""


@dataclass(frozen=True)
class WeightPath:
    """The weights that a training passed through."""

    thetas: Array
    """(n, P), from before the first step to the end"""
    epochs: tuple[int, ...]
    """the rows of `thetas` at the start and at the ends of epochs"""
    epochs_apart: int = 1
    """number of epochs from one of these to the next"""
    steps: tuple[int, ...] = ()
    """number of steps done at each row of `thetas` (n,)"""


def follow(setup: Setup, epochs: int, watch: Watcher) -> WeightPath:
    """Train for this many epochs and keep some of the weights on the way.

    Raises:
        DivergedError: the training leaves the finite numbers.
    """
    theta, steps = setup.network.theta, len(setup.batches)
    room = max(3, min(MOST_POINTS, MOST_BYTES // theta.nbytes))
    steps_apart = math.ceil(epochs * steps / room)
    epochs_apart = math.ceil(epochs / min(MOST_EPOCHS, room))
    blocks = math.ceil(len(setup.training) / setup.batches.block_size)
    thetas: list[Array] = []
    ends: list[int] = []
    steps_done: list[int] = []
    steps_begun = blocks_done = 0

    def on_step() -> None:
        nonlocal steps_begun
        is_end = steps_begun % (epochs_apart * steps) == 0
        if is_end:
            ends.append(len(thetas))
        if is_end or steps_begun % steps_apart == 0:
            thetas.append(theta.copy())
            steps_done.append(steps_begun)
        steps_begun += 1

    def on_batch(_steps: int, _loss: float, _accuracy: float | None) -> None:
        nonlocal blocks_done
        blocks_done += 1
        watch(blocks_done, epochs * blocks)

    def is_last(row: EpochMetrics) -> bool:
        return row.epoch == epochs

    with one_blas_thread():
        train_epochs(setup, on_batch=on_batch, on_epoch=is_last, on_step=on_step)
    if epochs % epochs_apart == 0:
        ends.append(len(thetas))
    thetas.append(theta.copy())
    steps_done.append(steps_begun)
    return WeightPath(np.stack(thetas), tuple(ends), epochs_apart, tuple(steps_done))
