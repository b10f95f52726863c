"""Workers: that each does its part, and what becomes of those that fail or are killed."""

import errno
import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from mlpcli.errors import WorkerError
from mlpcli.parallel import workers as parallel_workers
from mlpcli.parallel.shared_memory import SharedMemory, shared_zeros
from mlpcli.parallel.workers import Aborted, Workers, can_fork

needs_fork = pytest.mark.skipif(not can_fork(), reason="workers cannot be processes here")
KINDS = [False, pytest.param(True, marks=needs_fork)]


@pytest.fixture(params=KINDS, ids=["threads", "processes"])
def processes(request):
    return request.param


@pytest.mark.parametrize("size", [1, 2, 3])
def test_every_worker_does_each_piece_of_work_once(size, processes):
    done = shared_zeros((50, size), np.int64)

    def work(rank, round_, amounts):
        done[round_, rank] += amounts["one"]

    with Workers(size, work, processes=processes) as workers:
        for round_ in range(50):
            workers.run(round_, {"one": round_})
            assert (done[: round_ + 1] == np.arange(round_ + 1)[:, np.newaxis]).all()
            assert not done[round_ + 1 :].any()


def test_workers_work_at_the_same_time(processes):
    here = shared_zeros(2, np.int64)

    def work(rank):
        here[rank] = 1
        give_up = time.monotonic() + 10
        while not here.all():
            assert time.monotonic() < give_up
            time.sleep(0.001)

    with Workers(2, work, processes=processes) as workers:
        workers.run()


def connected(size, work, processes):
    """Workers that do `work(communicator)`, connected to each other."""
    workers = Workers(size, lambda rank: work(memory.communicators[rank]), processes=processes)
    memory = SharedMemory(size, 4, workers.check)
    return workers


@pytest.mark.parametrize("size", [2, 3])
def test_what_was_written_before_a_barrier_is_read_after_it(size, processes):
    written, sums = shared_zeros(size, np.int64), shared_zeros((200, size), np.int64)

    def work(communicator):
        rank = communicator.rank
        for i in range(200):
            written[rank] = i * (rank + 1)
            communicator.barrier()
            sums[i, rank] = written.sum()
            communicator.barrier()

    with connected(size, work, processes) as workers:
        workers.run()
    assert np.array_equal(sums, np.outer(np.arange(200), [sum(range(1, size + 1))] * size))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_every_worker_gets_the_same_sums_run_after_run(size, processes):
    sums = shared_zeros((60, size), np.float64)

    def work(communicator):
        for _ in range(20):
            at = int(np.count_nonzero(sums[:, communicator.rank]))
            sums[at, communicator.rank] = communicator.total(0.1 * (at + communicator.rank + 1))

    with connected(size, work, processes) as workers:
        for _ in range(3):
            workers.run()
    expected = [sum(0.1 * (at + rank + 1) for rank in range(size)) for at in range(60)]
    np.testing.assert_allclose(sums[:, 0], expected, rtol=1e-14)
    assert (sums == sums[:, :1]).all()


@pytest.mark.parametrize(
    ("failing", "error", "message"),
    [
        pytest.param(1, RuntimeError, "KeyError: 'what", id="is an error of the others"),
        pytest.param(0, KeyError, "^'what", id="number 0 raises its own"),
    ],
)
def test_a_worker_that_fails(processes, failing, error, message):
    def work(communicator):
        if communicator.rank == failing:
            raise KeyError("what went wrong")
        communicator.barrier()

    with pytest.raises(error, match=message), connected(3, work, processes) as workers:
        workers.run()


def test_workers_wait_no_longer_when_the_work_is_over(processes):
    workers = Workers(2, lambda _: None, processes=processes)
    with workers:
        workers.check()
    with pytest.raises(Aborted):
        workers.check()


def test_no_thread_is_left_behind():
    before = threading.active_count()
    with Workers(3, lambda _: None, processes=False) as workers:
        assert threading.active_count() == before + 2
        workers.run()
    assert threading.active_count() == before


@needs_fork
def test_no_process_is_left_behind():
    pids = shared_zeros(3, np.int64)

    def work(rank):
        pids[rank] = os.getpid()

    with Workers(3, work, processes=True) as workers:
        workers.run()
    assert pids[0] == os.getpid()
    assert len(set(pids)) == 3
    for pid in pids[1:]:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.parametrize("size", [1, 3])
def test_workers_that_are_never_used_end(size, processes):
    with Workers(size, lambda _: None, processes=processes):
        pass


@needs_fork
def test_a_worker_that_was_killed_is_told():
    pids = shared_zeros(2, np.int64)

    def work(rank):
        pids[rank] = os.getpid()

    with Workers(2, work, processes=True) as workers:
        workers.run()
        os.kill(pids[1], signal.SIGKILL)
        with pytest.raises(WorkerError, match="One of the 2 processes that train"):
            workers.run()


@needs_fork
def test_a_worker_that_is_killed_while_others_wait_for_it_is_told():
    def work(communicator):
        if communicator.rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        communicator.barrier()

    message = "One of the 3 processes that train together was ended"
    with connected(3, work, True) as workers, pytest.raises(WorkerError, match=message):
        workers.run()


@needs_fork
def test_workers_end_with_the_process_that_made_them():
    pids = shared_zeros(2, np.int64)

    def work(rank):
        pids[rank] = os.getpid()

    parent = os.fork()
    if parent == 0:
        with Workers(2, work, processes=True) as workers:
            workers.run()
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(parent, 0)
    give_up = time.monotonic() + 10
    while _runs(pids[1]) and time.monotonic() < give_up:
        time.sleep(0.01)
    assert not _runs(pids[1])


@needs_fork
def test_workers_leave_signals_to_the_parent():
    pids = shared_zeros(2, np.int64)

    def work(rank):
        pids[rank] = os.getpid()

    with Workers(2, work, processes=True) as workers:
        workers.run()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(pids[1], number)
        workers.run()


@needs_fork
def test_beside_other_threads_workers_are_threads():
    assert can_fork()
    stop = threading.Event()
    other = threading.Thread(target=stop.wait)
    other.start()
    assert not can_fork()
    stop.set()
    other.join()


@pytest.mark.parametrize(
    ("has_lock", "forks", "are_processes", "take_turns"),
    [
        pytest.param(True, True, True, False, id="Linux"),
        pytest.param(True, False, False, True, id="macOS, Windows, notebooks"),
        pytest.param(False, True, False, False, id="free-threaded Linux"),
        pytest.param(False, False, False, False, id="free-threaded macOS and Windows"),
    ],
)
def test_what_workers_are(monkeypatch, has_lock, forks, are_processes, take_turns):
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: has_lock, raising=False)
    monkeypatch.setattr(parallel_workers, "can_fork", lambda: forks)
    assert parallel_workers.are_processes() == are_processes
    assert parallel_workers.take_turns() == take_turns
    pids = shared_zeros(2, np.int64)

    def work(rank):
        pids[rank] = os.getpid()

    if not are_processes:
        with Workers(2, work) as workers:
            workers.run()
        assert pids.tolist() == [os.getpid()] * 2


def test_a_python_that_cannot_say_whether_it_has_the_lock_has_it(monkeypatch):
    monkeypatch.delattr(sys, "_is_gil_enabled", raising=False)
    assert parallel_workers.has_lock()


def _runs(pid):
    """Whether there is such a process that is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@needs_fork
def test_where_the_system_lets_no_more_processes_be_nothing_is_left(monkeypatch):
    fork = os.fork
    children: list[int] = []

    def fork_once():
        if children:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        child = fork()
        if child:
            children.append(child)
        return child

    monkeypatch.setattr(os, "fork", fork_once)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    with pytest.raises(WorkerError, match=r"cannot be started .* training\.workers=1"):
        Workers(3, lambda _: None, processes=True).__enter__()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
    with pytest.raises(ProcessLookupError):
        os.kill(children[0], 0)


def test_workers_that_sleep_wake_up(processes):
    with Workers(2, lambda _: None, processes=processes) as workers:
        for _ in range(3):
            workers.run()
            time.sleep(0.01)
