import pytest

from mlpcli.training import worker_count as counting
from mlpcli.training.worker_count import may_prefetch, worker_count


@pytest.fixture
def cores(monkeypatch):
    def pretend(n):
        monkeypatch.setattr(counting, "available_cores", lambda: n)

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
