"""The processors of this machine, and how many of them a matrix product uses."""

import contextlib
import functools
import math
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from threadpoolctl import ThreadpoolController, threadpool_info

_QUOTAS = (
    (Path("/sys/fs/cgroup/cpu.max"),),
    (Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")),
)
"""where Linux keeps a container's limit, µs of work in a period of so many µs: one file in the
second version of cgroups, two in the first"""


def available_cores() -> int:
    """Return the number of cores this process may keep busy; the machine may have more.

    A container with a limit, such as `docker run --cpus=1.5`, sees every core, but is paused in
    each period once they have used up its time together: more workers gain nothing.
    """
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    return max(1, min(cores, *map(_cores_of, _QUOTAS)))


def _cores_of(files: tuple[Path, ...]) -> int:
    """Return how many cores a quota is worth, rounded up; very many where there is none."""
    try:
        quota, period = (int(text) for file in files for text in file.read_text().split())
    except (OSError, ValueError):  # another system, or "max"
        return sys.maxsize
    return math.ceil(quota / period) if quota > 0 < period else sys.maxsize  # -1 is no limit


def blas_libraries() -> list[dict[str, Any]]:
    """Return what threadpoolctl knows of each loaded BLAS: API, version, architecture, threads."""
    return [library for library in threadpool_info() if library.get("user_api") == "blas"]


class _OneThread:
    """Keeps BLAS at one thread while any block wants that, and then restores what was before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks = 0

    def enter(self) -> None:
        """Limit BLAS to one thread, if this is the first block."""
        with self._lock:
            if self._blocks == 0:
                self._limiter = _libraries().limit(limits=1, user_api="blas")
            self._blocks += 1

    def leave(self) -> None:
        """Restore the number of threads, if this was the last block."""
        with self._lock:
            self._blocks -= 1
            if self._blocks == 0:
                _let_any_thread_set_the_limit()
                self._limiter.restore_original_limits()
                _let_any_thread_set_the_limit()


_one_thread = _OneThread()


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep every matrix product inside the block on the thread that asks for it.

    The threads inside BLAS wait for one another by spinning, several times in each product. Where
    other programs want the processor too, one spins while the one it waits for is not running.

    The limit holds for the whole process. Blocks of several threads may overlap: the last one to
    end restores the number of threads from before the first.
    """
    _one_thread.enter()
    try:
        yield
    finally:
        _one_thread.leave()


def _let_any_thread_set_the_limit() -> None:
    """Release the limit from the thread that set it, which some threadpoolctl alone let change it.

    The last block to end may belong to another thread than the first to begin.
    """
    for library in _libraries().lib_controllers:
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread(force=True)


@functools.cache
def _libraries() -> ThreadpoolController:
    """Return the controller of the loaded BLAS; finding it takes longer than a prediction."""
    return ThreadpoolController()
