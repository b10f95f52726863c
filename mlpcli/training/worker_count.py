"""How many workers divide the steps of a training, and whether another one prefetches."""

import itertools
from collections.abc import Sequence

from mlpcli.parallel.processors import available_cores

FLOP_FOR_A_WORKER = 1.5e7
"""work of a step that is worth a worker; with less, workers lose more by waiting for each other"""
FLOP_OF_A_DISTORTION = 1e6
"""the cost of distorting an image, in products that take as long"""
MOST_WORKERS = 4
"""beyond four, each gets so few rows that products slow down; not measured"""


def worker_count(
    wanted: int | str, sizes: Sequence[int], batch_size: int, *, distorted: bool = False
) -> int:
    """Return the number of workers for a network of these layer sizes.

    Args:
        wanted: "auto", or the number itself.
        sizes: units of each layer.
        batch_size: examples a step.
        distorted: whether the images are distorted anew each epoch.
    """
    if isinstance(wanted, int):
        return wanted
    products_of_a_step = 3  # forward, backward to the weights, backward to the inputs
    weights = sum(a * b for a, b in itertools.pairwise(sizes))
    flop = batch_size * (2 * weights * products_of_a_step + distorted * FLOP_OF_A_DISTORTION)
    return max(1, min(available_cores(), MOST_WORKERS, int(flop / FLOP_FOR_A_WORKER)))


def may_prefetch(wanted: int | str, workers: int) -> bool:
    """Return whether a core is left over, and allowed, for filling the next block of examples."""
    return wanted == "auto" and workers == 1 < available_cores()
