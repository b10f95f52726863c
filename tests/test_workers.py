import errno
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from mlpcli.errors import WorkerError
from mlpcli.parallel.shared_memory import SharedMemory, shared_zeros
from mlpcli.parallel.workers import Workers, can_fork

needs_fork = pytest.mark.skipif(not can_fork(), reason="workers cannot be processes here")
KINDS = [False, pytest.param(True, marks=needs_fork)]


@pytest.fixture(params=KINDS, ids=["threads", "processes"])
def processes(request):
    return request.param


@pytest.mark.parametrize("size", [1, 2, 3])
def test_every_worker_does_each_piece_of_work_once(size, processes):
    done = shared_zeros((50, size), np.int64)

    def work(rank, round_, amount):
        done[round_, rank] += amount

    with Workers(size, work, processes=processes) as workers:
        for round_ in range(50):
            workers.run(round_, round_)
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


@pytest.mark.parametrize("size", [2, 3])
def test_what_was_written_before_a_barrier_is_read_after_it(size, processes):
    written, sums = shared_zeros(size, np.int64), shared_zeros((200, size), np.int64)

    def work(rank):
        for i in range(200):
            written[rank] = i * (rank + 1)
            memory.communicators[rank].barrier()
            sums[i, rank] = written.sum()
            memory.communicators[rank].barrier()

    workers = Workers(size, work, processes=processes)
    memory = SharedMemory(size, 1, workers.check)
    with workers:
        workers.run()
    assert np.array_equal(sums, np.outer(np.arange(200), [sum(range(1, size + 1))] * size))


@pytest.mark.parametrize(
    ("failing", "error", "message"),
    [
        pytest.param(1, RuntimeError, "KeyError: 'what", id="is an error of the others"),
        pytest.param(0, KeyError, "^'what", id="rank 0 raises its own"),
    ],
)
def test_a_worker_that_fails(processes, failing, error, message):
    def work(rank):
        if rank == failing:
            raise KeyError("what went wrong")
        memory.communicators[rank].barrier()

    workers = Workers(3, work, processes=processes)
    memory = SharedMemory(3, 1, workers.check)
    with pytest.raises(error, match=message), workers:
        workers.run()


def test_workers_that_sleep_wake_up(processes):
    with Workers(2, lambda _: None, processes=processes) as workers:
        for _ in range(3):
            workers.run()
            time.sleep(0.01)


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
def test_unused_workers_end(size, processes):
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
        with pytest.raises(
            WorkerError, match="One of the 2 processes that train together was ended"
        ):
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


def _runs(pid):
    """Whether there is such a process that is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@needs_fork
def test_where_the_system_lets_no_more_processes_be_nothing_is_left(monkeypatch):
    fork, children = os.fork, []

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


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_total_is_the_sum_in_the_order_of_the_ranks_and_of_the_same_type(size, processes):
    numbers = np.random.default_rng(0).normal(size=(30, size, 4)).astype(np.float32)
    found = shared_zeros((30, size, 4), np.float32)
    kinds = shared_zeros(size, np.int64)

    def work(rank):
        communicator = memory.communicators[rank]
        for i in range(30):
            found[i, rank] = communicator.total(numbers[i, rank])
        total = communicator.total(numbers[0, rank])
        kinds[rank] = total.dtype == np.float32 and type(communicator.total(rank)) is int

    workers = Workers(size, work, processes=processes)
    memory = SharedMemory(size, 4, workers.check)
    with workers:
        workers.run()
    expected = numbers.astype(np.float64).sum(axis=1).astype(np.float32)
    assert np.array_equal(found, np.repeat(expected[:, np.newaxis], size, axis=1))
    assert kinds.all()
