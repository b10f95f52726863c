"""Workers: processes or threads that do the same work at the same time, each on its own rows.

A worker is a process where that is possible, because threads take turns at the interpreter's lock.
The processes are forked, so they have everything that was made before, and share the arrays of
`shared_zeros`. In a free-threaded Python, which has no such lock, workers are threads.
"""

import contextlib
import contextvars
import multiprocessing
import os
import platform
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Self

import numpy as np

from mlpcli.errors import WorkerError
from mlpcli.parallel.shared_memory import shared_zeros

_STOPS = {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}


class Aborted(BaseException):
    """Raised in a worker that waits for others, when they will not come."""


class Workers:
    """`size` workers; the one that makes the others has rank 0.

    Args:
        size: number of workers.
        work: called as `work(rank, *arguments)` in every worker by `run`. Other workers see what it
            changes in arrays of `shared_zeros` that were made before the workers were started, and
            nothing else.
        processes: whether workers are processes; None for what is quicker here.
    """

    def __init__(
        self, size: int, work: Callable[..., None], *, processes: bool | None = None
    ) -> None:
        self.size = size
        self._work = work
        self._forks = are_processes() if processes is None else processes
        self._over = shared_zeros(1, np.int64).data
        self._parent = os.getpid()
        self._workers: list[BaseProcess | threading.Thread] = []
        self._connections: list[Connection] = []

    def __enter__(self) -> Self:
        """Start the workers.

        Raises:
            WorkerError: the system does not let so many start.
        """
        try:
            for rank in range(1, self.size):
                self._start(rank)
        except (OSError, RuntimeError) as error:
            self.__exit__()
            raise WorkerError(
                f"The {self.size} workers that train together cannot be started ({error}); to "
                "train with one, set training.workers=1."
            ) from error
        return self

    def _start(self, rank: int) -> None:
        ours, theirs = multiprocessing.Pipe()
        self._connections.append(ours)
        if self._forks:
            self._workers.append(_forked(self._serve_alone, rank, theirs))
            theirs.close()
        else:
            run_as_here = contextvars.copy_context().run
            thread = threading.Thread(
                target=run_as_here, args=(self._serve, rank, theirs), daemon=True
            )
            thread.start()
            self._workers.append(thread)

    def __exit__(self, *_: object) -> None:
        self._over[0] = 1
        for connection in self._connections:
            connection.close()
        for worker in self._workers:
            worker.join()
            if isinstance(worker, BaseProcess):
                worker.close()
        self._workers.clear()
        self._connections.clear()

    def run(self, *arguments: Any) -> None:
        """Let every worker do `work(rank, *arguments)`; return when all are done.

        Raises:
            WorkerError: a worker is gone.
            RuntimeError: a worker failed.
        """
        try:
            for connection in self._connections:
                connection.send(arguments)
        except OSError:
            raise self._lost() from None
        try:
            self._work(0, *arguments)
        except Aborted:
            self._over[0] = 1
        failures = [_answer(connection) for connection in self._connections]
        for failure in filter(None, failures):
            raise RuntimeError(f"A worker failed:\n{failure}")
        if None in failures:
            raise self._lost()

    def check(self) -> None:
        """Return if it makes sense to wait for the others.

        Raises:
            Aborted: one of them failed or is gone, or the work is over.
        """
        if self._over[0] or self._is_alone():
            raise Aborted

    def _is_alone(self) -> bool:
        """Whether a process that is needed is gone: killed by the system for its memory, say."""
        if os.getpid() != self._parent:
            return os.getppid() != self._parent
        return not all(worker.is_alive() for worker in self._workers)

    def _lost(self) -> WorkerError:
        return WorkerError(
            f"One of the {self.size} processes that train together was ended, perhaps for lack of "
            "memory. What was saved is whole; to train in one process, set training.workers=1."
        )

    def _serve_alone(self, rank: int, connection: Connection) -> None:
        """Serve in a forked process, which first closes its copies of the parent's ends."""
        for inherited in self._connections:
            inherited.close()
        self._serve(rank, connection)

    def _serve(self, rank: int, connection: Connection) -> None:
        """Do the work whenever it is asked for, until the connection is closed."""
        with connection, contextlib.suppress(EOFError, OSError, Aborted):
            while True:
                arguments = connection.recv()
                try:
                    self._work(rank, *arguments)
                except Exception:
                    self._over[0] = 1
                    connection.send(traceback.format_exc())
                    return
                connection.send("")


def _answer(connection: Connection) -> str | None:
    """Return how a worker's work ended: "" if well, its traceback if not, None if it is gone."""
    try:
        answer: str = connection.recv()
    except (EOFError, OSError):
        return None
    return answer


def _forked(target: Callable[..., None], *arguments: Any) -> BaseProcess:
    """Fork a process that ignores signals to stop: its parent decides what they mean."""

    def run() -> None:
        for number in _STOPS:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        target(*arguments)

    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        with warnings.catch_warnings():
            # Python warns of forking beside threads, which may hold locks that the child needs. A
            # child does nothing but arithmetic, and BLAS stops its threads before a fork.
            warnings.simplefilter("ignore", DeprecationWarning)
            process = multiprocessing.get_context("fork").Process(target=run, daemon=True)
            process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return process


def are_processes() -> bool:
    """Return whether workers are processes by default."""
    return has_lock() and can_fork()


def take_turns() -> bool:
    """Return whether workers are threads of which only one at a time may run Python."""
    return has_lock() and not can_fork()


def has_lock() -> bool:
    """Return whether this Python lets only one thread run at a time: it is not free-threaded.

    Free-threaded ones (PEP 703, from 3.13 on) take the lock back for a module that wants it.
    """
    is_gil_enabled: Callable[[], bool] | None = getattr(sys, "_is_gil_enabled", None)
    return is_gil_enabled is None or is_gil_enabled()


def can_fork() -> bool:
    """Return whether workers may be processes.

    Forking is safe only with no other thread, and on macOS not beside Apple's BLAS. A worker must
    see what another wrote before it said so: x86-64 keeps that order by itself.
    """
    return (
        sys.platform == "linux"
        and platform.machine() in ("x86_64", "AMD64")
        and threading.active_count() == 1
    )
