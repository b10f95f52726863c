import os
import sys

import numpy as np
import pytest

from mlpcli.nn.arrays import Rows, column_sums, one_hot, row_maxima, row_sums, shared_zeros


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


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 10), (130, 7), (2, 1000)])
def test_maxima_and_sums_are_those_of_numpy(shape, dtype):
    a = np.random.default_rng(0).integers(-9, 9, shape).astype(dtype)
    assert np.array_equal(row_maxima(a), a.max(axis=1, keepdims=True))
    assert np.array_equal(row_sums(a), a.sum(axis=1, keepdims=True))
    found = np.empty(shape[1], dtype)
    column_sums(a, found)
    assert np.array_equal(found, a.sum(axis=0))
    assert {row_maxima(a).dtype, row_sums(a).dtype} == {np.dtype(dtype)}


def test_what_is_not_finite_shows_in_the_sums():
    a = np.array([[1, np.inf], [np.nan, 2]], np.float32)
    assert np.isnan(row_maxima(a)).ravel().tolist() == [False, True]
    assert row_sums(a)[0] == np.inf
    assert np.isnan(row_sums(a)[1])


@pytest.mark.parametrize("n", [2**60, 2**80])
def test_zeros_that_no_memory_holds(n):
    with pytest.raises(MemoryError, match="bytes are wanted"):
        shared_zeros((n, 1), np.float32)
