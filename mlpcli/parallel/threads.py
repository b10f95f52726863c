"""How many threads train, and one thread for each matrix product.

The work of a step is divided among the members of a `team`, so the products themselves stay on one
thread. Where a step is small, the members would lose more by waiting for each other than they gain.
"""

import contextlib
import functools
import itertools
import os
from collections.abc import Iterator, Sequence

from threadpoolctl import ThreadpoolController

FLOP_FOR_A_MEMBER = 1.5e7
"""The work of a step that is worth a member. At 784-128-10, batch 64 (3.9e7), two members took 0.65
of the time of one; at 784-30-10, batch 10 (1.4e6), as long."""
FLOP_OF_A_DISTORTION = 1e6
"""About what distorting an image takes, in the time of products: 8 µs."""
MOST_MEMBERS = 4
"""Each gets fewer rows of the batch, and small products are slower; more were not measured."""


def choose(
    threads: int | str, sizes: Sequence[int], batch_size: int, *, distorted: bool = False
) -> int:
    """The number of members for a network of these layer sizes.

    Args:
        threads: "auto", or the number itself.
        sizes: units of each layer.
        batch_size: examples a step.
        distorted: whether the images are distorted anew each epoch.
    """
    if isinstance(threads, int):
        return threads
    products_of_a_step = 3  # forward, backward to the weights, backward to the inputs
    weights = sum(a * b for a, b in itertools.pairwise(sizes))
    flop = batch_size * (2 * weights * products_of_a_step + distorted * FLOP_OF_A_DISTORTION)
    return max(1, min(available_cores(), MOST_MEMBERS, int(flop / FLOP_FOR_A_MEMBER)))


def may_fill_ahead(threads: int | str, members: int) -> bool:
    """Whether a processor is left over, and allowed, for filling the next block of examples.

    An epoch of 784-30-10, batch 10, then takes 0.93 of the time, with distorted images 0.65.
    """
    return threads == "auto" and members == 1 < available_cores()


def available_cores() -> int:
    """The cores this process may run on, which may be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep every matrix product inside the block on the thread that asks for it."""
    with _libraries().limit(limits=1, user_api="blas"):
        yield


@functools.cache
def _libraries() -> ThreadpoolController:
    """NumPy's BLAS among what is loaded; to look through that takes longer than a prediction."""
    return ThreadpoolController()
