"""How many threads train, and one thread for each matrix product.

The batch is divided among the threads (see `team`), so the products themselves stay on one. Where
the work of a step is small, waiting for each other costs the threads more than they gain.
"""

import contextlib
import itertools
import os
from collections.abc import Iterator, Sequence

from threadpoolctl import threadpool_limits

FLOP_FOR_A_THREAD = 6e7
"""The work of a step that is worth a thread. Two threads were 1.25 times as fast as one at
784-256-10, batch 128 (1.6e8), and slower at 784-256-128-10, batch 64 (9e7)."""
MOST_THREADS = 4
"""More take turns at the interpreter's lock, and each adds a gradient to be summed up."""


def choose(threads: int | str, sizes: Sequence[int], batch_size: int) -> int:
    """The number of threads for a network of these layer sizes; `threads` is "auto" or a number."""
    if isinstance(threads, int):
        return threads
    products_of_a_step = 3  # forward, backward to the weights, backward to the inputs
    weights = sum(a * b for a, b in itertools.pairwise(sizes))
    flop = 2 * batch_size * weights * products_of_a_step
    return max(1, min(available_cores(), MOST_THREADS, int(flop / FLOP_FOR_A_THREAD)))


def available_cores() -> int:
    """The cores this process may run on, which may be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep every matrix product inside the block on the thread that asks for it."""
    with threadpool_limits(1, user_api="blas"):
        yield
