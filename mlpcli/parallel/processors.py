"""The processors of this machine, and how many of them a matrix product uses."""

import contextlib
import functools
import os
from collections.abc import Iterator

from threadpoolctl import ThreadpoolController


def available_cores() -> int:
    """Return the number of cores this process may run on; the machine may have more."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep every matrix product inside the block on the thread that asks for it.

    The threads inside BLAS wait for one another by spinning, several times in each product. Where
    other programs want the processor too, one spins while the one it waits for is not running.
    """
    with _libraries().limit(limits=1, user_api="blas"):
        yield


@functools.cache
def _libraries() -> ThreadpoolController:
    """Return the controller of the loaded BLAS; finding it takes longer than a prediction."""
    return ThreadpoolController()
