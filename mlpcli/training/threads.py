"""How many threads the matrix products use.

Two threads share a large product well, but on a small one they spend longer waiting for each other
than multiplying; on a busy machine, where one of them may not be running, up to 40 times longer.
"""

import contextlib
import itertools
import os
from collections.abc import Iterator, Sequence

from threadpoolctl import threadpool_limits

MANY_THREADS_FLOP = 5e7
"""The work in a layer's product from which more threads than one pay: between 784x128 at batch 64
(1.3e7), where one is faster, and 784x800 at batch 256 (3.2e8), where two are 1.6 times as fast."""


def choose(threads: int | str, sizes: Sequence[int], batch_size: int) -> int:
    """The number of threads for a network of these layer sizes; `threads` is "auto" or a number."""
    if isinstance(threads, int):
        return threads
    largest = max(a * b for a, b in itertools.pairwise(sizes))
    if 2 * batch_size * largest < MANY_THREADS_FLOP:
        return 1
    return available_cores()


def available_cores() -> int:
    """The cores this process may run on, which may be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def blas_threads(number: int) -> Iterator[None]:
    """Let the matrix products inside the block use `number` threads."""
    with threadpool_limits(number, user_api="blas"):
        yield
