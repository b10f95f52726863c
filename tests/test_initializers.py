import math

import numpy as np
import pytest

from mlpcli.nn import initializers

N_IN, N_OUT = 400, 300
STD = {
    initializers.xavier_normal: math.sqrt(2 / 700),
    initializers.xavier_uniform: math.sqrt(2 / 700),
    initializers.he_normal: math.sqrt(2 / 400),
    initializers.he_uniform: math.sqrt(2 / 400),
    initializers.normal(std=0.3): 0.3,
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
    ],
)
def test_uniform_limits(initializer, limit):
    W = initializer(np.random.default_rng(0), N_IN, N_OUT)
    assert np.abs(W).max() <= limit
    assert np.abs(W).max() > 0.99 * limit


def test_normal_has_a_mean():
    W = initializers.normal(mean=2.0, std=0.1)(np.random.default_rng(0), N_IN, N_OUT)
    assert W.mean() == pytest.approx(2, abs=0.01)
