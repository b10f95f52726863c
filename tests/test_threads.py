import os

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from mlpcli.parallel import threads


@pytest.fixture
def four_cores(monkeypatch):
    monkeypatch.setattr(threads, "available_cores", lambda: 4)


def test_a_number_is_taken_as_it_is(four_cores):
    assert threads.choose(3, (784, 10), 1) == 3


def test_small_steps_get_one_thread_and_large_ones_several(four_cores):
    assert threads.choose("auto", (784, 30, 10), 10) == 1
    assert threads.choose("auto", (784, 64, 10), 64) == 1
    assert threads.choose("auto", (784, 128, 10), 64) == 2
    assert threads.choose("auto", (784, 64, 10), 64, distorted=True) == 4
    assert threads.choose("auto", (784, 800, 800, 10), 256) == 4


def test_auto_takes_no_more_than_there_are_cores(monkeypatch):
    monkeypatch.setattr(threads, "available_cores", lambda: 1)
    assert threads.choose("auto", (784, 800, 800, 10), 256) == 1


def test_cores_are_those_that_this_process_may_use():
    assert 1 <= threads.available_cores() <= (os.cpu_count() or 1)


def test_inside_the_block_a_product_stays_on_one_thread():
    np.ones((2, 2)) @ np.ones((2, 2))

    def blas_threads():
        return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}

    before = blas_threads()
    with threads.one_blas_thread():
        assert blas_threads() <= {1}
    assert blas_threads() == before
