import pytest

from mlpcli.training import worker_count as counting
from mlpcli.training.worker_count import may_prefetch, worker_count


@pytest.fixture
def cores(monkeypatch):
    def pretend(n, *, take_turns=False):
        monkeypatch.setattr(counting, "available_cores", lambda: n)
        monkeypatch.setattr(counting, "take_turns", lambda: take_turns)

    return pretend


def test_a_number_is_taken_as_it_is(cores):
    cores(4)
    assert worker_count(3, (784, 10), 1) == 3
    assert worker_count(1, (784, 800, 800, 10), 256) == 1
    assert worker_count(9, (784, 10), 1) == 9


def test_small_steps_get_one_worker_and_large_ones_several(cores):
    cores(4)
    assert worker_count("auto", (784, 30, 10), 10) == 1
    assert worker_count("auto", (784, 64, 10), 64) == 1
    assert worker_count("auto", (784, 128, 10), 64) == 2
    assert worker_count("auto", (784, 64, 10), 64, distorted=True) == 4
    assert worker_count("auto", (784, 800, 800, 10), 256) == 4


def test_workers_that_take_turns_need_more_to_do(cores):
    cores(4, take_turns=True)
    assert worker_count("auto", (784, 128, 10), 64) == 1
    assert worker_count("auto", (784, 64, 10), 64, distorted=True) == 1
    assert worker_count("auto", (784, 512, 512, 10), 128) == 2
    assert worker_count("auto", (784, 800, 800, 10), 256) == 4
    assert worker_count(2, (784, 128, 10), 64) == 2


def test_the_matrices_of_muon_are_work_whatever_the_batch(cores):
    cores(4)
    assert worker_count("auto", (784, 64, 10), 16) == 1
    assert worker_count("auto", (784, 64, 10), 16, orthogonalized=True) == 4
    assert worker_count("auto", (784, 10), 1, orthogonalized=True) == 1  # the last is AdamW's


def test_auto_takes_no_more_than_there_are_cores_and_never_more_than_four(cores):
    for available, expected in ((1, 1), (2, 2), (64, 4)):
        cores(available)
        assert worker_count("auto", (784, 800, 800, 10), 256) == expected


def test_a_core_that_is_left_over_may_prefetch(cores):
    cores(2)
    assert may_prefetch("auto", 1)
    assert not may_prefetch("auto", 2)
    assert not may_prefetch(1, 1)
    cores(1)
    assert not may_prefetch("auto", 1)
