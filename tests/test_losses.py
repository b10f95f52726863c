import math

import numpy as np
import pytest

from mlpcli.nn.arrays import one_hot
from mlpcli.nn.gradcheck import relative_error
from mlpcli.nn.losses import (
    LOSSES,
    BinaryCrossEntropy,
    Brier,
    CrossEntropy,
    MeanSquaredError,
    Perceptron,
    QuadraticError,
)

EVERY = [*(loss() for loss in LOSSES.values()), CrossEntropy(label_smoothing=0.1)]


def value(loss, z, y):
    z = np.array(z)
    return loss.value(z, one_hot(np.array(y), z.shape[1], z.dtype))


def delta(loss, z, y):
    z = np.array(z)
    out = np.empty_like(z)
    loss.delta(z, one_hot(np.array(y), z.shape[1], z.dtype), out)
    return out


def test_cross_entropy_by_hand():
    z = np.array([[0.0, math.log(3)], [math.log(4), 0.0]])
    t = np.array([[1.0, 0.0], [1.0, 0.0]])
    # softmax: (1/4, 3/4) and (4/5, 1/5)
    np.testing.assert_allclose(CrossEntropy().value(z, t), [math.log(4), math.log(5 / 4)])
    np.testing.assert_allclose(CrossEntropy().probabilities(z), [[0.25, 0.75], [0.8, 0.2]])
    delta = np.empty_like(z)
    CrossEntropy().delta(z, t, delta)
    np.testing.assert_allclose(delta, [[-0.75, 0.75], [-0.2, 0.2]])


@pytest.mark.parametrize("loss", [CrossEntropy(), BinaryCrossEntropy(), QuadraticError()])
def test_the_error_is_the_prediction_minus_the_target(loss):
    z = np.array([[0.5, -1.0, 2.0]])
    np.testing.assert_allclose(delta(loss, z, [1]), loss.prediction(z) - [[0, 1, 0]], rtol=1e-15)


def test_mean_squared_error_by_hand():
    z = np.array([[1.0, 2.0], [0.5, 0.0]])
    t = np.array([[1.0, 0.0], [0.0, 1.0]])
    # distances from the targets: (0, 2) and (0.5, -1)
    np.testing.assert_allclose(MeanSquaredError().value(z, t), [2.0, 0.625])
    delta = np.empty_like(z)
    MeanSquaredError().delta(z, t, delta)
    np.testing.assert_allclose(delta, [[0.0, 2.0], [0.5, -1.0]])


def test_label_smoothing_by_hand():
    loss = CrossEntropy(label_smoothing=0.2)
    # softmax (1/4, 3/4), target (0.9, 0.1)
    z, y = [[0.0, math.log(3)]], [0]
    np.testing.assert_allclose(value(loss, z, y), 0.9 * math.log(4) + 0.1 * math.log(4 / 3))
    np.testing.assert_allclose(delta(loss, z, y), [[0.25 - 0.9, 0.75 - 0.1]])
    # at best the entropy of the target, where softmax is the target itself
    best = [[math.log(0.9), math.log(0.1)]]
    entropy = -0.9 * math.log(0.9) - 0.1 * math.log(0.1)
    np.testing.assert_allclose(value(loss, best, y), entropy)
    np.testing.assert_allclose(delta(loss, best, y), 0, atol=1e-15)


@pytest.mark.parametrize("share", [-0.1, 1, math.nan])
def test_label_smoothing_out_of_range(share):
    with pytest.raises(ValueError, match="label_smoothing"):
        CrossEntropy(label_smoothing=share)


def test_binary_cross_entropy_by_hand():
    z, y = [[math.log(3), -math.log(4), 0.0]], [0]
    # sigmoids 3/4, 1/5, 1/2: -log(3/4) - log(4/5) - log(1/2)
    np.testing.assert_allclose(value(BinaryCrossEntropy(), z, y), -math.log(3 / 4 * 4 / 5 / 2))
    np.testing.assert_allclose(delta(BinaryCrossEntropy(), z, y), [[-0.25, 0.2, 0.5]])
    np.testing.assert_allclose(
        BinaryCrossEntropy().probabilities(np.array(z)), np.array([[0.75, 0.2, 0.5]]) / 1.45
    )


def test_binary_cross_entropy_of_huge_outputs_is_exact():
    z = np.array([[1e4, -1e4], [-1e4, -9999], [40, 0]], np.float32)
    loss = BinaryCrossEntropy()
    np.testing.assert_allclose(value(loss, z[:2], [0, 0]), [0, 1e4])
    # only the class's own term is left when the other is turned far off; it is exp(-40)
    np.testing.assert_allclose(value(loss, [[40.0, -1e4]], [0]), math.exp(-40))
    p = loss.probabilities(z)
    np.testing.assert_allclose(
        p[:2], [[1.0, 0], [1 / (1 + math.e), 1 / (1 + 1 / math.e)]], rtol=1e-3
    )
    assert p.dtype == np.float32


def test_quadratic_by_hand():
    z, y = [[1.0, 2.0], [0.5, 0.0]], [0, 1]
    # distances from the targets: (0, 2) and (0.5, -1)
    np.testing.assert_allclose(value(QuadraticError(), z, y), [2.0, 0.625])
    np.testing.assert_allclose(delta(QuadraticError(), z, y), [[0.0, 2.0], [0.5, -1.0]])
    z3, y3 = [[1.0, 2.0, 0.0]], [0]
    np.testing.assert_allclose(
        value(QuadraticError(), z3, y3), 3 / 2 * value(MeanSquaredError(), z3, y3)
    )
    np.testing.assert_allclose(
        delta(QuadraticError(), z3, y3), 3 / 2 * delta(MeanSquaredError(), z3, y3)
    )


def test_brier_by_hand():
    z, y = [[0.0, math.log(3)]], [0]
    # softmax (1/4, 3/4), J = 3/16 (1, -1; -1, 1), errors (-3/4, 3/4)
    np.testing.assert_allclose(value(Brier(), z, y), [2 * 9 / 16])
    np.testing.assert_allclose(
        Brier().jacobian(np.array(z[0])), 3 / 16 * np.array([[1, -1], [-1, 1]])
    )
    np.testing.assert_allclose(delta(Brier(), z, y), [[-9 / 16, 9 / 16]])


def test_the_jacobian_of_softmax_takes_the_error_of_a_brier_score_back():
    z = np.array([0.3, -1.2, 0.8, 2.0])
    p, t = Brier().prediction(z[np.newaxis])[0], np.eye(4)[1]
    jacobian = Brier().jacobian(z)
    np.testing.assert_allclose(
        jacobian, [[p[j] * ((j == k) - p[k]) for k in range(4)] for j in range(4)]
    )
    np.testing.assert_allclose(delta(Brier(), z[np.newaxis], [1])[0], 2 * (p - t) @ jacobian)


def test_perceptron_by_hand():
    z, y = [[0.5, 0.25, -1.0], [-2.0, 3.0, -1.0]], [0, 0]
    # decisions (1, 1, 0) and (0, 1, 0), targets (1, 0, 0): only what is wrong costs its distance
    np.testing.assert_allclose(value(Perceptron(), z, y), [0.25, 2 + 3])
    np.testing.assert_allclose(delta(Perceptron(), z, y), [[0, 1, 0], [-1, 1, 0]])
    assert Perceptron().prediction(np.array(z)).tolist() == [[1, 1, 0], [0, 1, 0]]


@pytest.mark.parametrize("loss", EVERY)
def test_delta_is_the_derivative_of_the_value(loss):
    rng = np.random.default_rng(5)
    z, y, h = 2 * rng.normal(size=(4, 3)), np.array([0, 2, 1, 1]), 1e-5
    expected = np.empty_like(z)
    for at in np.ndindex(z.shape):
        above, below = z.copy(), z.copy()
        above[at] += h
        below[at] -= h
        expected[at] = (value(loss, above, y).sum() - value(loss, below, y).sum()) / (2 * h)
    assert relative_error(delta(loss, z, y), expected) < 1e-9


@pytest.mark.parametrize("loss", EVERY)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_outputs_stay_finite_and_keep_their_dtype(loss, dtype):
    z = np.array([[-1e4, 1e4, 0], [1e4, 1e4, -1e4], [-1e4, -1e4, -1e4]], dtype)
    y = np.array([0, 1, 2])
    for found in (value(loss, z, y), delta(loss, z, y), loss.probabilities(z)):
        assert np.isfinite(found).all()
        assert found.dtype == dtype
    np.testing.assert_allclose(loss.probabilities(z).sum(axis=1), 1, rtol=1e-6)


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
