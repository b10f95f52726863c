"""Workers on one machine: arrays in memory that all of them map."""

import math
import mmap
import select
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

SPIN = 100e-6
"""seconds for which a waiting worker asks again and again before it sleeps: being woken takes about
as long as a whole step of a small network. Longer spinning keeps others from a busy core."""
NAP = 100e-6
"""seconds between questions after that"""
_CACHE_LINE = 8
"""int64 between two workers' counters, so that no two are in one line of the processor's cache"""


def shared_zeros(shape: int | tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return zeros that this process has in common with those forked later.

    Raises:
        MemoryError: there is not enough memory.
    """
    zeros: NDArray[Any] = np.zeros(0, dtype)
    n_bytes = (shape if isinstance(shape, int) else math.prod(shape)) * zeros.itemsize
    if n_bytes:
        try:
            zeros = np.frombuffer(mmap.mmap(-1, n_bytes), dtype)
        except (OSError, OverflowError) as error:
            raise MemoryError(f"{n_bytes:,} bytes are wanted") from error
    return zeros.reshape(shape)


class SharedMemory:
    """The communicators of some workers on one machine, made before the workers start.

    Args:
        size: number of workers.
        longest: size of the largest array that `total` will add.
        check: called again and again while a worker waits; raises to end the waiting.
    """

    def __init__(self, size: int, longest: int, check: Callable[[], None]) -> None:
        self._arrived = shared_zeros(size * _CACHE_LINE, np.int64).data
        # Two, taken in turn: a slow worker may still be reading one sum when the next one begins.
        self._terms: NDArray[Any] = shared_zeros((2, size, longest), np.float64)
        self._check = check
        self._lock = threading.Lock()
        self.communicators = [_Communicator(self, rank, size) for rank in range(size)]

    def meet(self, rank: int) -> None:
        """Wait until every worker has come here as often as the one of this rank."""
        arrived = self._arrived
        times = arrived[rank * _CACHE_LINE] + 1
        with self._lock:  # what was written before is seen by all who take the lock afterwards
            arrived[rank * _CACHE_LINE] = times
        for at in range(0, len(arrived), _CACHE_LINE):
            if arrived[at] < times:
                self._wait(at, times)
        with self._lock:
            pass

    def _wait(self, at: int, times: int) -> None:
        arrived = self._arrived
        give_up = time.perf_counter() + SPIN
        while time.perf_counter() < give_up:
            _pause()
            if arrived[at] >= times:
                return
        while arrived[at] < times:
            self._check()
            time.sleep(NAP)

    def terms(self, turn: int) -> Any:
        """Return where the workers write what a sum is made of (size, longest)."""
        return self._terms[turn % 2]


class _Communicator:
    """One worker's `Communicator`."""

    def __init__(self, memory: SharedMemory, rank: int, size: int) -> None:
        self._memory = memory
        self.rank, self.size = rank, size
        self._sums_done = 0

    def barrier(self) -> None:
        if self.size > 1:
            self._memory.meet(self.rank)

    def total(self, numbers: Any) -> Any:
        if self.size == 1:
            return numbers
        terms = self._memory.terms(self._sums_done)
        self._sums_done += 1
        own = np.asarray(numbers)
        terms[self.rank, : own.size] = own.ravel()
        self.barrier()
        total = terms[:, : own.size].sum(axis=0)
        return total.astype(own.dtype).reshape(own.shape) if own.ndim else type(numbers)(total[0])


def _pause() -> None:
    """Rest for the shortest time that lets go of the interpreter's lock."""
    if sys.platform == "win32":
        time.sleep(0)
    else:
        select.select((), (), (), 0)  # 0.6 µs, where Linux makes 50 and more of time.sleep(0)
