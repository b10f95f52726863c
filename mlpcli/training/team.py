"""A team of threads that do the same work at the same time, each on its own part.

Why not leave it to the threads inside the matrix products (BLAS)? Those wait for one another by
spinning, several times in each product. Where other programs want the processor too, one spins
while the one it waits for is not running: on two cores beside two busy processes an epoch of
784-800-800-10 took 13 times as long as on an idle machine, one of 784-512-512-10 over 30 times. A
team sleeps while it waits, and shares the work that is no product as well: it took 2 and 2.5 times
as long, and on the idle machine the same as BLAS with two threads.
"""

import _thread
import contextvars
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

SPIN = 300e-6
"""Seconds in which a member that waits asks again and again before it sleeps. To wake a sleeper
takes about 50 µs; without this an epoch of 784-512-512-10 took a tenth longer."""


class Team:
    """`size` members, this thread among them; the others wait for work until the team is left."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._task: Callable[[int], None] | None = None
        self._failures: list[BaseException] = []
        self._start = [_closed_gate() for _ in range(size - 1)]
        self._done = [_closed_gate() for _ in range(size - 1)]
        self._threads = [
            threading.Thread(
                target=contextvars.copy_context().run, args=(self._work, member), daemon=True
            )
            for member in range(1, size)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._task = None
        for gate in self._start:
            if gate.locked():
                gate.release()
        for thread in self._threads:
            thread.join()

    def run(self, task: Callable[[int], None]) -> None:
        """Call `task(member)` for every member at once; returns when all are done.

        Raises:
            BaseException: the first that a member raised.
        """
        self._task = task
        for gate in self._start:
            gate.release()
        task(0)
        for gate in self._done:
            _pass(gate)
        if self._failures:
            raise self._failures.pop(0)

    def _work(self, member: int) -> None:
        while True:
            _pass(self._start[member - 1])
            if self._task is None:
                return
            try:
                self._task(member)
            except BaseException as error:  # raised again where `run` was called
                self._failures.append(error)
            self._done[member - 1].release()


def _closed_gate() -> _thread.LockType:
    gate = _thread.allocate_lock()
    gate.acquire()
    return gate


def _pass(gate: _thread.LockType) -> None:
    """Wait until the gate is opened, and close it again."""
    if gate.acquire(blocking=False):
        return
    give_up = time.perf_counter() + SPIN
    while time.perf_counter() < give_up:
        time.sleep(0)  # lets the other threads of Python run
        if gate.acquire(blocking=False):
            return
    gate.acquire()
