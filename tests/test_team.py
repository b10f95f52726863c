import threading

import pytest

from mlpcli.training.team import Team


@pytest.mark.parametrize("size", [1, 2, 3])
def test_every_member_runs_each_task_once(size):
    calls = []
    with Team(size) as team:
        for round_ in range(50):
            team.run(lambda member, round_=round_: calls.append((round_, member)))
            assert sorted(calls) == [(r, m) for r in range(round_ + 1) for m in range(size)]


def test_members_run_at_the_same_time():
    both = threading.Barrier(2)
    with Team(2) as team:
        team.run(lambda _: both.wait(timeout=10))


def test_member_0_is_the_caller():
    threads = {}
    with Team(2) as team:
        team.run(lambda member: threads.__setitem__(member, threading.get_ident()))
    assert threads[0] == threading.get_ident()
    assert threads[1] != threads[0]


@pytest.mark.parametrize("failing", [0, 1])
def test_what_a_member_raises_is_raised_by_run(failing):
    def task(member):
        if member == failing:
            raise KeyError(member)

    with pytest.raises(KeyError, match=str(failing)), Team(2) as team:
        team.run(task)


def test_no_thread_is_left_behind():
    before = threading.active_count()
    with Team(3) as team:
        assert threading.active_count() == before + 2
        team.run(lambda _: None)
    assert threading.active_count() == before


def test_an_unused_team_ends():
    with Team(3):
        pass
