import tracemalloc

import numpy as np
import pytest

from mlpcli.nn.arrays import (
    Buffer,
    column_sums,
    flush_subnormals,
    one_hot,
    product_over_rows,
    row_maxima,
    row_sums,
    sum_of_squares,
)

RNG = np.random.default_rng(0)


def test_one_hot():
    found = one_hot(np.array([2, 0]), 3, np.float32)
    assert found.dtype == np.float32
    assert found.tolist() == [[0, 0, 1], [1, 0, 0]]


def test_a_buffer_is_the_same_memory_until_more_is_needed():
    buffer = Buffer(2, np.float64)
    first = buffer.rows(3)
    assert first.shape == (3, 2)
    assert np.shares_memory(buffer.rows(2), first)
    assert np.shares_memory(buffer.rows(3), first)
    assert not np.shares_memory(buffer.rows(4), first)


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


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_a_sum_of_squares_neither_overflows_nor_vanishes(size):
    found = sum_of_squares(np.array([3, -4], np.float32) * np.float32(size))
    assert found == pytest.approx(25 * size**2, rel=1e-6)


def test_a_sum_of_squares_shows_what_is_not_finite():
    assert np.isnan(sum_of_squares(np.array([1, np.nan], np.float32)))
    assert sum_of_squares(np.array([1, np.inf], np.float32)) == np.inf
    assert sum_of_squares(np.zeros(3, np.float32)) == 0


@pytest.mark.parametrize("n", [1, 2, 64])
def test_a_product_over_rows_is_the_textbooks(n):
    a, b = RNG.normal(size=(n, 200)), RNG.normal(size=(n, 3))
    found = np.full((100, 3), 7.0)
    product_over_rows(a[:, 100:], b, found)
    np.testing.assert_allclose(found, np.einsum("ni,nj->ij", a[:, 100:], b), rtol=1e-10)


def test_a_product_over_rows_copies_nothing_of_some_columns():
    a, b, out = RNG.normal(size=(64, 200)), RNG.normal(size=(64, 3)), np.empty((100, 3))
    product_over_rows(a[:, 100:], b, out)
    tracemalloc.start()
    try:
        product_over_rows(a[:, 100:], b, out)
        assert tracemalloc.get_traced_memory()[1] < a[:, 100:].nbytes / 4
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_only_subnormals_are_flushed(dtype):
    tiny = np.finfo(dtype).tiny
    normal = np.array([tiny, -tiny, 1, -np.inf, np.nan, 0], dtype)
    a = np.array([*normal, tiny / 2, -tiny / 1000], dtype)
    flush_subnormals(a)
    assert np.array_equal(a, [*normal, 0, 0], equal_nan=True)
