import os
import sys

import numpy as np
import pytest

from mlpcli.nn.arrays import Rows, one_hot, shared_zeros


@pytest.mark.parametrize("shape", [0, 5, (2, 3), (0, 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_shared_zeros_are_zeros_that_can_be_written(shape, dtype):
    found = shared_zeros(shape, dtype)
    assert found.dtype == dtype
    assert np.array_equal(found, np.zeros(shape))
    found += 1
    assert np.array_equal(found, np.ones(shape))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_a_forked_process_writes_into_the_same_memory():
    shared, own = shared_zeros(3, np.float32), np.zeros(3, np.float32)
    child = os.fork()
    if child == 0:
        shared[1] = own[1] = 7
        os._exit(0)
    os.waitpid(child, 0)
    assert shared.tolist() == [0, 7, 0]
    assert own.tolist() == [0, 0, 0]


def test_one_hot():
    found = one_hot(np.array([2, 0]), 3, np.float32)
    assert found.dtype == np.float32
    assert found.tolist() == [[0, 0, 1], [1, 0, 0]]


def test_rows_are_the_same_memory_until_more_are_needed():
    rows = Rows(2, np.float64)
    first = rows.first(3)
    assert first.shape == (3, 2)
    assert np.shares_memory(rows.first(2), first)
    assert np.shares_memory(rows.first(3), first)
    assert not np.shares_memory(rows.first(4), first)
