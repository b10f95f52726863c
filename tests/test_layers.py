"""Dropout and batch normalisation by themselves; their gradients are in test_gradcheck.py."""

import math

import numpy as np
import pytest

from mlpcli.nn.layers import BatchNorm, Dropout
from mlpcli.nn.network import MLP


def batch_norm(width=3, dtype=np.float64):
    gamma, beta, *rest = np.zeros((6, width), dtype)
    gamma[...], beta[...], rest[-1][...] = np.arange(1, width + 1), 0.5, 1
    return BatchNorm(gamma, beta, *rest)


def test_batch_normalisation_by_hand():
    norm = batch_norm(1)
    z = np.array([[1.0], [2.0], [6.0]])  # mean 3, variance (4 + 1 + 9) / 3
    y = norm.forward(z)
    expected = (z - 3) / math.sqrt(14 / 3 + 1e-5) + 0.5
    np.testing.assert_allclose(y, expected, rtol=1e-14)
    np.testing.assert_allclose(norm.mean, [0.3], rtol=1e-14)
    np.testing.assert_allclose(norm.variance, [0.9 + 0.1 * 14 / 2], rtol=1e-14)


def test_a_single_example_is_normalised_as_in_prediction():
    norm = batch_norm()
    norm.mean[...], norm.variance[...] = 2, 4
    z = np.array([[3.0, 0.0, 2.0]])
    y = norm.forward(z)
    scale = 1 / math.sqrt(4 + 1e-5)
    np.testing.assert_allclose(y, [[scale + 0.5, -4 * scale + 0.5, 0.5]], rtol=1e-14)
    assert (norm.mean == 2).all()
    assert (norm.variance == 4).all()
    dz = norm.backward(np.array([[1.0, 1.0, 10.0]]))
    np.testing.assert_allclose(dz, [[scale, 2 * scale, 30 * scale]], rtol=1e-14)
    np.testing.assert_allclose(norm.dgamma, [scale, -2 * scale, 0], rtol=1e-14)
    assert np.array_equal(norm.dbeta, [1, 1, 10])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_for_prediction_is_the_network_with_its_running_means(dtype):
    rng = np.random.default_rng(0)
    network = MLP((4, 5, 6, 3), "tanh", "identity", dtype, dropout=(0.2, 0.5), batch_norm=True)
    network.theta[...] = rng.normal(size=len(network.theta))
    for norm in network.batch_norms:
        norm.mean[...] = rng.normal(size=len(norm.mean))
        norm.variance[...] = rng.uniform(0.1, 2, len(norm.variance))
    x = rng.normal(size=(7, 4)).astype(dtype)

    a = x.astype(np.float64)
    for layer, norm in zip(network.dense, [*network.batch_norms, None], strict=True):
        a = a @ layer.W + layer.b
        if norm:
            a = norm.gamma * (a - norm.mean) / np.sqrt(norm.variance + 1e-5) + norm.beta
            a = np.tanh(a)
    before = network.theta.copy()
    found = network.for_prediction()

    tolerance = 1e-12 if dtype == np.float64 else 1e-4
    np.testing.assert_allclose(found.forward(x), a, rtol=tolerance, atol=tolerance)
    assert found.theta.dtype == dtype
    assert np.array_equal(network.theta, before)
    assert not np.shares_memory(found.theta, network.theta)


def test_other_parameters_have_the_same_running_means():
    rng = np.random.default_rng(0)
    network = MLP((4, 5, 3), "tanh", "sigmoid", np.float64, dropout=(0.2, 0.5), batch_norm=True)
    network.theta[...] = rng.normal(size=len(network.theta))
    for _ in range(3):
        network.draw_dropout(7, rng)
        network.forward(rng.normal(size=(7, 4)))
    other = network.with_parameters(network.theta.copy())
    assert not np.shares_memory(other.theta, network.theta)
    x = rng.normal(size=(7, 4))
    assert np.array_equal(other.for_prediction().forward(x), network.for_prediction().forward(x))
    network.draw_dropout(7, np.random.default_rng(1))
    other.draw_dropout(7, np.random.default_rng(1))
    assert np.array_equal(other.forward(x), network.forward(x))


def test_other_running_means_are_taken_with_other_parameters():
    network = MLP((4, 5, 6, 3), "tanh", dtype=np.float64, batch_norm=True)
    running = np.arange(1.0, 23.0).reshape(2, 11)
    first, second = network.with_parameters(network.theta, running).batch_norms
    assert first.mean.tolist() == [1, 2, 3, 4, 5]
    assert second.mean.tolist() == [6, 7, 8, 9, 10, 11]
    assert first.variance.tolist() == [12, 13, 14, 15, 16]
    assert second.variance.tolist() == [17, 18, 19, 20, 21, 22]
    assert all(np.shares_memory(norm.mean, running) for norm in (first, second))
    assert not any(norm.mean.any() for norm in network.batch_norms)


def test_without_batch_normalisation_prediction_shares_the_parameters():
    network = MLP((4, 5, 3), "tanh", dropout=(0.2, 0.5))
    assert network.for_prediction().theta is network.theta


@pytest.mark.parametrize("rate", [0.1, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dropout_keeps_the_mean(rate, dtype):
    layer = Dropout(rate, 1000, np.dtype(dtype))
    layer.draw(200, np.random.default_rng(1))
    a = layer.forward(np.ones((200, 1000), dtype))
    assert a.dtype == dtype
    assert len(np.unique(a)) == 2
    assert a.max() == pytest.approx(1 / (1 - rate), rel=1e-4)
    deviation = math.sqrt(rate * (1 - rate) / a.size)
    assert np.mean(a == 0) == pytest.approx(rate, abs=4 * deviation + 1 / 65_536)
    assert np.mean(a, dtype=np.float64) == pytest.approx(1, abs=4 * deviation / (1 - rate))


def test_dropout_at_almost_every_unit_keeps_one_in_65536():
    layer = Dropout(0.999999, 1000, np.dtype(np.float64))
    layer.draw(1000, np.random.default_rng(0))
    a = layer.forward(np.ones((1000, 1000)))
    assert set(np.unique(a)) == {0, 65_536}
