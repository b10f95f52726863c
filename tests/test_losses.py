import math

import numpy as np
import pytest

from mlpcli.nn.losses import LOSSES, CrossEntropy, MeanSquaredError


def test_cross_entropy_by_hand():
    z = np.array([[0.0, math.log(3)], [math.log(4), 0.0]])
    t = np.array([[1.0, 0.0], [1.0, 0.0]])
    # softmax: (1/4, 3/4) and (4/5, 1/5)
    np.testing.assert_allclose(CrossEntropy().value(z, t), [math.log(4), math.log(5 / 4)])
    np.testing.assert_allclose(CrossEntropy().probabilities(z), [[0.25, 0.75], [0.8, 0.2]])
    delta = np.empty_like(z)
    CrossEntropy().delta(z, t, delta)
    np.testing.assert_allclose(delta, [[-0.75, 0.75], [-0.2, 0.2]])


def test_mean_squared_error_by_hand():
    z = np.array([[1.0, 2.0], [0.5, 0.0]])
    t = np.array([[1.0, 0.0], [0.0, 1.0]])
    # distances from the targets: (0, 2) and (0.5, -1)
    np.testing.assert_allclose(MeanSquaredError().value(z, t), [2.0, 0.625])
    delta = np.empty_like(z)
    MeanSquaredError().delta(z, t, delta)
    np.testing.assert_allclose(delta, [[0.0, 2.0], [0.5, -1.0]])


@pytest.mark.parametrize("loss", LOSSES.values())
def test_delta_leaves_the_output_as_it_is(loss):
    z = np.array([[1.0, 2.0, 3.0]])
    loss().delta(z, np.array([[0.0, 1.0, 0.0]]), np.empty_like(z))
    assert np.array_equal(z, [[1.0, 2.0, 3.0]])


def test_cross_entropy_of_huge_logits_is_exact():
    z = np.array([[1e4, 0.0], [0.0, -1e4]], np.float32)
    assert np.array_equal(CrossEntropy().value(z, np.eye(2, dtype=np.float32)[[1, 0]]), [1e4, 0])
    assert np.array_equal(CrossEntropy().probabilities(z), [[1, 0], [1, 0]])


@pytest.mark.parametrize("loss", LOSSES.values())
def test_nan_is_not_hidden(loss):
    assert np.isnan(loss().value(np.array([[np.nan, 0.0]]), np.array([[0.0, 1.0]])))


@pytest.mark.parametrize("loss", LOSSES.values())
def test_probabilities_sum_to_one(loss):
    z = np.random.default_rng(0).normal(size=(50, 10))
    p = loss().probabilities(z)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert (p >= 0).all()
    assert np.array_equal(p.argmax(axis=1), z.argmax(axis=1))


def test_squared_error_without_any_positive_output_knows_nothing():
    p = MeanSquaredError().probabilities(np.array([[-1.0, -2.0, 0.0, -3.0]]))
    assert np.array_equal(p, [[0.25] * 4])
