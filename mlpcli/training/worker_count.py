"""How many workers divide the steps of a training, and whether another one prefetches."""

import itertools
from collections.abc import Sequence

from mlpcli.nn.optimizers.muon import TIMES as NEWTON_SCHULZ_TIMES
from mlpcli.parallel.processors import available_cores
from mlpcli.parallel.workers import take_turns

FLOP_FOR_A_WORKER = 1.5e7
"""work of a step that is worth a worker; with less, workers lose more by waiting for each other"""
FLOP_FOR_A_THREAD = 2e8
"""the same for workers that take turns at the interpreter's lock, for which each operation waits"""
FLOP_OF_A_DISTORTION = 1e6
"""the cost of distorting an image, in products that take as long"""
MOST_WORKERS = 4
"""beyond four, each gets so few units that products slow down; not measured"""


def worker_count(
    wanted: int | str,
    sizes: Sequence[int],
    batch_size: int,
    *,
    distorted: bool = False,
    orthogonalized: bool = False,
) -> int:
    """Return the number of workers for a network of these layer sizes.

    Args:
        wanted: "auto", or the number itself.
        sizes: units of each layer.
        batch_size: examples a step.
        distorted: whether the images are distorted anew each epoch.
        orthogonalized: whether the optimizer is Muon.
    """
    if isinstance(wanted, int):
        return wanted
    products_of_a_step = 3  # forward, backward to the weights, backward to the inputs
    layers = list(itertools.pairwise(sizes))
    weights = sum(n_in * n_out for n_in, n_out in layers)
    flop = batch_size * (2 * weights * products_of_a_step + distorted * FLOP_OF_A_DISTORTION)
    if orthogonalized:  # each time two products, of which the workers share the rows
        flop += NEWTON_SCHULZ_TIMES * sum(4 * n_in * n_out**2 for n_in, n_out in layers[:-1])
    enough = FLOP_FOR_A_THREAD if take_turns() else FLOP_FOR_A_WORKER
    return max(1, min(available_cores(), MOST_WORKERS, int(flop / enough)))


def may_prefetch(wanted: int | str, workers: int) -> bool:
    """Return whether a core is left over, and allowed, for filling the next block of examples."""
    return wanted == "auto" and workers == 1 < available_cores()
