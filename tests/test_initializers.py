import math
from functools import partial

import numpy as np
import pytest

from mlpcli.nn import initializers

N_IN, N_OUT = 400, 300
STD = {
    initializers.xavier_normal: math.sqrt(2 / 700),
    initializers.xavier_uniform: math.sqrt(2 / 700),
    initializers.he_normal: math.sqrt(2 / 400),
    initializers.he_uniform: math.sqrt(2 / 400),
    initializers.lecun_normal: math.sqrt(1 / 400),
    initializers.lecun_uniform: math.sqrt(1 / 400),
    initializers.orthogonal: math.sqrt(1 / 400),
    partial(initializers.orthogonal, gain=2.0): 2 * math.sqrt(1 / 400),
    partial(initializers.normal, std=0.3): 0.3,
    partial(initializers.uniform, low=-0.2, high=0.2): 0.2 / math.sqrt(3),
}


@pytest.mark.parametrize(("initializer", "std"), STD.items())
def test_mean_and_spread(initializer, std):
    W = initializer(np.random.default_rng(0), N_IN, N_OUT)
    assert W.shape == (N_IN, N_OUT)
    assert abs(W.mean()) < 4 * std / math.sqrt(W.size)
    assert W.std() == pytest.approx(std, rel=0.01)


@pytest.mark.parametrize(
    ("initializer", "limit"),
    [
        (initializers.xavier_uniform, math.sqrt(6 / 700)),
        (initializers.he_uniform, math.sqrt(6 / 400)),
        (initializers.lecun_uniform, math.sqrt(3 / 400)),
        (partial(initializers.uniform, low=-0.5, high=0.5), 0.5),
    ],
)
def test_uniform_limits(initializer, limit):
    W = initializer(np.random.default_rng(0), N_IN, N_OUT)
    assert np.abs(W).max() <= limit
    assert np.abs(W).max() > 0.99 * limit


def test_uniform_need_not_be_symmetric():
    W = initializers.uniform(np.random.default_rng(0), N_IN, N_OUT, 2, 3)
    assert 2 <= W.min() < 2.001
    assert 2.999 < W.max() <= 3


@pytest.mark.parametrize("shape", [(30, 20), (20, 30), (25, 25), (1, 7), (7, 1)])
def test_orthogonal_keeps_lengths(shape):
    rows, columns = shape
    W = initializers.orthogonal(np.random.default_rng(0), rows, columns, gain=1.5)
    assert W.shape == shape
    square = W.T @ W if shape[0] >= shape[1] else W @ W.T
    np.testing.assert_allclose(square, 1.5**2 * np.eye(min(shape)), atol=1e-14)


def test_orthogonal_prefers_no_sign():
    rng = np.random.default_rng(0)
    draws = np.array([initializers.orthogonal(rng, 3, 3) for _ in range(4000)])
    # every entry of a random rotation has mean 0 and variance 1/3, and both determinants are drawn
    assert np.abs(draws.mean(axis=0)).max() < 4 * math.sqrt(1 / 3 / 4000)
    np.testing.assert_allclose((draws**2).mean(axis=0), 1 / 3, atol=0.03)
    assert abs(np.linalg.det(draws).mean()) < 4 / math.sqrt(4000)


def test_constant_and_zeros():
    rng = np.random.default_rng(0)
    assert np.array_equal(initializers.constant(rng, 2, 3, 0.5), np.full((2, 3), 0.5))
    assert np.array_equal(initializers.zeros(rng, 1, 3), np.zeros((1, 3)))
    assert initializers.constant(rng, 2, 3, 1).dtype == np.float64


@pytest.mark.parametrize("initializer", STD)
def test_a_seed_means_one_start(initializer):
    first, second = (initializer(np.random.default_rng(3), 5, 4) for _ in range(2))
    assert np.array_equal(first, second)


def test_normal_has_a_mean():
    W = initializers.normal(np.random.default_rng(0), N_IN, N_OUT, mean=2.0, std=0.1)
    assert W.mean() == pytest.approx(2, abs=0.01)


def test_given_numbers_are_taken_in_turn():
    values = iter([[[1, 2], [3, 4]], [[5], [6]]])
    rng = np.random.default_rng(0)
    assert initializers.given(rng, 2, 2, values).tolist() == [[1, 2], [3, 4]]
    assert initializers.given(rng, 2, 1, values).tolist() == [[5], [6]]


def test_every_initializer_is_found_by_its_name():
    for name, initializer in initializers.INITIALIZERS.items():
        assert initializer is getattr(initializers, name)
