import errno
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from mlpcli.errors import WorkerError
from mlpcli.nn.arrays import shared_zeros
from mlpcli.parallel.workers import Team, can_fork

needs_fork = pytest.mark.skipif(not can_fork(), reason="members cannot be processes here")
KINDS = [False, pytest.param(True, marks=needs_fork)]


@pytest.fixture(params=KINDS, ids=["threads", "processes"])
def processes(request):
    return request.param


@pytest.mark.parametrize("size", [1, 2, 3])
def test_every_member_does_each_piece_of_work_once(size, processes):
    done = shared_zeros((50, size), np.int64)

    def work(member, round_, amount):
        done[int(round_), member] += int(amount)

    with Team(size, work, processes=processes) as team:
        for round_ in range(50):
            team.run(round_, round_ + 0.5)
            assert (done[: round_ + 1] == np.arange(round_ + 1)[:, np.newaxis]).all()
            assert not done[round_ + 1 :].any()


def test_members_work_at_the_same_time(processes):
    here = shared_zeros(2, np.int64)

    def work(member):
        here[member] = 1
        give_up = time.monotonic() + 10
        while not here.all():
            assert time.monotonic() < give_up
            time.sleep(0.001)

    with Team(2, work, processes=processes) as team:
        team.run()


@pytest.mark.parametrize("size", [2, 3])
def test_what_was_written_before_a_meeting_is_read_after_it(size, processes):
    written, sums = shared_zeros(size, np.int64), shared_zeros((200, size), np.int64)

    def work(member):
        for i in range(200):
            written[member] = i * (member + 1)
            team.meet(member)
            sums[i, member] = written.sum()
            team.meet(member)

    team = Team(size, work, processes=processes)
    with team:
        team.run()
    assert np.array_equal(sums, np.outer(np.arange(200), [sum(range(1, size + 1))] * size))


@pytest.mark.parametrize(
    ("failing", "error", "message"),
    [
        pytest.param(1, RuntimeError, "KeyError: 'what", id="is an error of the others"),
        pytest.param(0, KeyError, "^'what", id="number 0 raises its own"),
    ],
)
def test_a_member_that_fails(processes, failing, error, message):
    def work(member):
        if member == failing:
            raise KeyError("what went wrong")
        team.meet(member)

    team = Team(3, work, processes=processes)
    with pytest.raises(error, match=message), team:
        team.run()


def test_members_that_sleep_wake_up(processes):
    with Team(2, lambda _: None, processes=processes) as team:
        for _ in range(3):
            team.run()
            time.sleep(0.01)


def test_no_thread_is_left_behind():
    before = threading.active_count()
    with Team(3, lambda _: None, processes=False) as team:
        assert threading.active_count() == before + 2
        team.run()
    assert threading.active_count() == before


@needs_fork
def test_no_process_is_left_behind():
    pids = shared_zeros(3, np.int64)

    def work(member):
        pids[member] = os.getpid()

    with Team(3, work, processes=True) as team:
        team.run()
    assert pids[0] == os.getpid()
    assert len(set(pids)) == 3
    for pid in pids[1:]:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.parametrize("size", [1, 3])
def test_an_unused_team_ends(size, processes):
    with Team(size, lambda _: None, processes=processes):
        pass


@needs_fork
def test_a_member_that_was_killed_is_told():
    pids = shared_zeros(2, np.int64)

    def work(member):
        pids[member] = os.getpid()

    with Team(2, work, processes=True) as team:
        team.run()
        os.kill(pids[1], signal.SIGKILL)
        with pytest.raises(
            WorkerError, match="One of the 2 processes that train together was ended"
        ):
            team.run()


@needs_fork
def test_members_end_with_the_process_that_made_them():
    pids = shared_zeros(2, np.int64)

    def work(member):
        pids[member] = os.getpid()

    parent = os.fork()
    if parent == 0:
        with Team(2, work, processes=True) as team:
            team.run()
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(parent, 0)
    give_up = time.monotonic() + 10
    while _runs(pids[1]) and time.monotonic() < give_up:
        time.sleep(0.01)
    assert not _runs(pids[1])


@needs_fork
def test_members_leave_signals_to_the_parent():
    pids = shared_zeros(2, np.int64)

    def work(member):
        pids[member] = os.getpid()

    with Team(2, work, processes=True) as team:
        team.run()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(pids[1], number)
        team.run()


@needs_fork
def test_beside_other_threads_members_are_threads():
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
        Team(3, lambda _: None, processes=True).__enter__()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
    with pytest.raises(ProcessLookupError):
        os.kill(children[0], 0)
