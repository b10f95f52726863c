"""A team: members that do the same work at the same time, each on its own part.

Why not leave it to the threads inside the matrix products (BLAS)? Those wait for one another by
spinning, several times in each product. Where other programs want the processor too, one spins
while the one it waits for is not running: on two cores beside two busy processes an epoch of
784-800-800-10 took 13 times as long as on an idle machine, one of 784-512-512-10 over 30 times. A
member that waits long goes to sleep, and the team shares the work that is no product as well.

A member is a process where that is possible, for threads take turns at the interpreter's lock: an
epoch of 784-128-10 takes two processes two thirds of the time of two threads. The processes are
forked, so they have everything that was made before, and share the arrays of `shared_zeros`.
"""

import contextlib
import contextvars
import os
import platform
import select
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from typing import NoReturn, Self

import numpy as np

from mlpcli.errors import WorkerError
from mlpcli.nn.arrays import shared_zeros

SPIN = 100e-6
"""Seconds in which a member that waits asks again and again before it sleeps: to be woken, or to
sleep for the shortest time, takes about 60 µs, as long as a whole step of a small network. On a
busy machine members may have to share a processor, and then just this keeps the other from coming:
kept on one, an epoch of 784-128-10 took 5.8 times its idle time with 300 µs, 3.4 with 100 µs."""
NAP = 100e-6
"""Seconds between questions after that."""
_STOPS = {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}
_APART = 8
"""int64 between the members' counters, so that no two share a line of the processor's cache."""


class _Dismissed(BaseException):
    """Takes a member out of its work when the team is over."""


class Team:
    """`size` members, the one that makes the team among them as number 0.

    Args:
        size: the number of members.
        work: called as `work(member, *numbers)` for every member at once by `run`. In it,
            `meet` waits for the others. What it changes, other members see in the arrays of
            `shared_zeros` alone, and only those made before the team was entered.
        processes: members are processes; None for wherever that is possible.
    """

    def __init__(
        self, size: int, work: Callable[..., None], *, processes: bool | None = None
    ) -> None:
        self.size = size
        self._work = work
        self._processes = can_fork() if processes is None else processes
        self._numbers = shared_zeros(8, np.float64)
        self._over = shared_zeros(1, np.int64).data
        self._arrived = shared_zeros(size * _APART, np.int64).data
        self._message = shared_zeros(4096, np.uint8)
        self._failure: BaseException | None = None
        self._ended = False
        self._parent = os.getpid()
        self._children: list[int] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        """Start the members.

        Raises:
            WorkerError: the system lets no more of them be.
        """
        try:
            for member in range(1, self.size):
                self._start(member)
        except (OSError, RuntimeError) as error:
            self.__exit__()
            raise WorkerError(
                f"The {self.size} members that train together cannot be started ({error}); to "
                "train in one process, set training.workers=1."
            ) from error
        return self

    def _start(self, member: int) -> None:
        if self._processes:
            self._children.append(self._forked(member))
        else:
            body = contextvars.copy_context().run
            thread = threading.Thread(target=body, args=(self._serve, member), daemon=True)
            thread.start()
            self._threads.append(thread)

    def __exit__(self, *_: object) -> None:
        self._over[0] = 1
        for thread in self._threads:
            thread.join()
        for child in self._children:
            with contextlib.suppress(ChildProcessError):  # `meet` has found it gone
                os.waitpid(child, 0)

    def run(self, *numbers: float) -> None:
        """Let every member do `work(member, *numbers)`; returns when all are done.

        Raises:
            WorkerError: a member other than this one is gone.
            RuntimeError: it failed.
        """
        self._numbers[: len(numbers)] = numbers
        self._numbers[-1] = len(numbers)
        try:
            self.meet(0)
            self._work(0, *numbers)
            self.meet(0)
        except _Dismissed:
            if self._ended:
                raise WorkerError(
                    f"One of the {self.size} processes that train together was ended, perhaps for "
                    "lack of memory. What was saved is whole; to train in one process, set "
                    "training.workers=1."
                ) from None
            text = bytes(self._message).rstrip(b"\0").decode(errors="replace")
            raise RuntimeError(f"A member of the team failed:\n{text}") from self._failure

    def meet(self, member: int) -> None:
        """Wait until every member has come here as often as this one."""
        if self.size == 1:
            return
        arrived = self._arrived
        times = arrived[member * _APART] + 1
        arrived[member * _APART] = times
        for other in range(0, self.size * _APART, _APART):
            if arrived[other] < times:
                self._wait(arrived, other, times)

    def _wait(self, arrived: memoryview, other: int, times: int) -> None:
        over = self._over
        give_up = time.perf_counter() + SPIN
        while time.perf_counter() < give_up:
            _pause()
            if arrived[other] >= times:
                return
            if over[0]:
                raise _Dismissed
        while arrived[other] < times:
            if over[0] or (self._processes and self._is_alone(other // _APART)):
                raise _Dismissed
            time.sleep(NAP)

    def _is_alone(self, other: int) -> bool:
        """Whether the process waited for is gone: killed by the system for its memory, say."""
        if os.getpid() != self._parent:
            return os.getppid() != self._parent
        if other == 0 or os.waitpid(self._children[other - 1], os.WNOHANG) == (0, 0):
            return False
        self._ended = True
        return True

    def _serve(self, member: int) -> None:
        """What every member but number 0 does, until the team is over."""
        try:
            while True:
                self.meet(member)
                count = int(self._numbers[-1])
                self._work(member, *(float(n) for n in self._numbers[:count]))
                self.meet(member)
        except _Dismissed:
            return
        except BaseException as error:  # told to number 0, which raises it
            self._failure = error
            text = traceback.format_exc().encode(errors="replace")[-self._message.size :]
            self._message[: len(text)] = np.frombuffer(text, np.uint8)
            self._over[0] = 1

    def _forked(self, member: int) -> int:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
        try:
            with warnings.catch_warnings():
                # Python warns of forking beside threads, which may hold locks that the child needs.
                # A child does nothing but arithmetic, and BLAS stops its threads before a fork.
                warnings.simplefilter("ignore", DeprecationWarning)
                child = os.fork()
            if child == 0:
                self._be_a_child(member, before)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return child

    def _be_a_child(self, member: int, mask: set[signal.Signals | int]) -> NoReturn:
        """Serve, and end without what the parent has to do at its end."""
        try:
            for number in _STOPS:  # the parent decides what they mean
                signal.signal(number, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            self._serve(member)
        finally:
            os._exit(0)


def can_fork() -> bool:
    """Whether members may be processes.

    Forking is safe only with no other thread, and on macOS not beside Apple's BLAS. A member must
    see what another wrote before it said so: x86-64 keeps that order without being told.
    """
    return (
        sys.platform == "linux"
        and platform.machine() in ("x86_64", "AMD64")
        and threading.active_count() == 1
    )


def _pause() -> None:
    """The shortest rest that lets go of the interpreter's lock."""
    if sys.platform == "win32":
        time.sleep(0)
    else:
        select.select((), (), (), 0)  # 0.6 µs, where Linux makes 50 and more of time.sleep(0)
