import functools
import math

import numpy as np
import pytest

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.arrays import one_hot
from mlpcli.nn.gradcheck import backpropagated_gradient
from mlpcli.nn.initializers import normal, xavier_normal
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import MLP, Layout
from mlpcli.nn.optimizers import Momentum


@pytest.fixture
def network():
    network = MLP((4, 5, 3), "tanh", dtype=np.float64)
    network.initialize(xavier_normal, np.random.default_rng(1))
    network.theta[network.n_weights :] = 0.25
    return network


def naive_gradient(network, x, y):
    """Backpropagation for 4-5-3 tanh with softmax cross-entropy: loops, one example at a time."""
    (W1, b1), (W2, b2) = ((layer.W, layer.b) for layer in network.dense)
    dW1, db1, dW2, db2 = (np.zeros_like(p) for p in (W1, b1, W2, b2))
    for example, label in zip(x, y, strict=True):
        a1 = [math.tanh(sum(example[i] * W1[i, j] for i in range(4)) + b1[j]) for j in range(5)]
        z2 = [sum(a1[j] * W2[j, k] for j in range(5)) + b2[k] for k in range(3)]
        total = sum(math.exp(z) for z in z2)
        delta2 = [math.exp(z2[k]) / total - (k == label) for k in range(3)]
        delta1 = [sum(delta2[k] * W2[j, k] for k in range(3)) * (1 - a1[j] ** 2) for j in range(5)]
        for j in range(5):
            for k in range(3):
                dW2[j, k] += a1[j] * delta2[k] / len(y)
            for i in range(4):
                dW1[i, j] += example[i] * delta1[j] / len(y)
            db1[j] += delta1[j] / len(y)
        for k in range(3):
            db2[k] += delta2[k] / len(y)
    return np.concatenate([dW1.ravel(), dW2.ravel(), db1, db2])


def test_the_batch_gradient_is_that_of_loops_over_examples(network):
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(6, 4)), rng.integers(0, 3, 6)

    found = backpropagated_gradient(
        network, LOSSES["cross_entropy"](), x, one_hot(y, 3, np.float64)
    )

    np.testing.assert_allclose(found, naive_gradient(network, x, y), rtol=1e-12, atol=1e-15)


def test_every_parameter_is_a_view_into_theta(network):
    for layer in network.dense:
        for view, vector in (
            (layer.W, network.theta),
            (layer.b, network.theta),
            (layer.dW, network.grad),
            (layer.db, network.grad),
        ):
            assert np.shares_memory(view, vector)
    network.theta[...] = np.arange(len(network.theta))
    hidden, output = network.dense
    assert hidden.W[0, 1] == 1
    assert output.W[0, 0] == 20
    assert hidden.b[0] == 20 + 15
    assert output.b[2] == 20 + 15 + 5 + 2


def test_training_steps_orphan_no_view(network):
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(6, 4)), rng.integers(0, 3, 6)
    theta, grad = network.theta, network.grad

    backpropagated_gradient(network, LOSSES["cross_entropy"](), x, one_hot(y, 3, np.float64))
    Momentum().update(theta, grad, 0.1, 1, np.zeros_like(theta))
    network.initialize(xavier_normal, rng)

    assert network.theta is theta
    assert network.grad is grad
    assert np.shares_memory(network.dense[0].W, theta)


def test_a_small_batch_after_a_large_one(network):
    x = np.random.default_rng(3).normal(size=(9, 4))
    whole = network.forward(x).copy()
    assert np.array_equal(network.forward(x[:2]).shape, (2, 3))
    np.testing.assert_allclose(network.forward(x[:2]), whole[:2], rtol=1e-14)


def test_an_activation_for_each_hidden_layer():
    network = MLP((2, 2, 2, 2), ["relu", "tanh"], dtype=np.float64)
    for layer in network.dense:
        layer.W[...] = np.diag([1.0, -1.0])
    x = np.array([[0.5, 0.25]])
    assert np.array_equal(network.forward(x), [[math.tanh(0.5), 0]])
    assert np.array_equal(network.for_prediction().forward(x), network.forward(x))


@pytest.mark.parametrize("activations", [["relu"], ["relu"] * 3, []])
def test_a_list_of_another_length_is_refused(activations):
    with pytest.raises(ValueError, match="zip"):
        MLP((2, 2, 2, 2), activations)


def test_biases_are_drawn_after_the_weights(network):
    weights = network.theta[: network.n_weights].copy()
    network.initialize(xavier_normal, np.random.default_rng(1), functools.partial(normal, std=1.0))
    biases = network.theta[network.n_weights :]
    assert np.array_equal(network.theta[: network.n_weights], weights)
    assert len(np.unique(biases)) == 5 + 3
    network.initialize(xavier_normal, np.random.default_rng(1))
    assert not biases.any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_everything_keeps_the_dtype(activation, dtype):
    network = MLP((4, 5, 3), activation, activation, dtype)
    network.initialize(xavier_normal, np.random.default_rng(0))
    x, t = np.ones((2, 4), dtype), np.eye(2, 3, dtype=dtype)
    for loss in LOSSES.values():
        z = network.forward(x)
        assert z.dtype == dtype
        assert loss().value(z, t).dtype == dtype
        assert loss().probabilities(z).dtype == dtype
        backpropagated_gradient(network, loss(), x, t)
    assert network.theta.dtype == network.grad.dtype == dtype


@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_layout_puts_every_number_of_a_vector_into_one_array(batch_norm):
    layout = Layout((4, 5, 6, 3), batch_norm)
    vector = np.arange(float(layout.n_parameters))
    views = layout.views(vector)
    assert [layer["W"].shape for layer in views] == [(4, 5), (5, 6), (6, 3)]
    names = [["W", "b", "gamma", "beta"]] * 2 if batch_norm else [["W", "b"]] * 2
    assert [list(layer) for layer in views] == [*names, ["W", "b"]]
    in_order = [
        layer[name].ravel()
        for name in ("W", "b", "gamma", "beta")
        for layer in views
        if name in layer
    ]
    assert np.array_equal(np.concatenate(in_order), vector)
    assert all(np.shares_memory(view, vector) for layer in views for view in layer.values())
    assert layout.n_weights == 20 + 30 + 18
    assert layout.n_running == (11 if batch_norm else 0)


def test_no_hidden_layer_is_softmax_regression():
    network = MLP((4, 3), "relu", dtype=np.float64)
    network.theta[...] = np.arange(15)
    x = np.ones((1, 4))
    assert np.array_equal(network.forward(x), [[18 + 12, 22 + 13, 26 + 14]])


def test_output_activation():
    network = MLP((2, 3), "relu", "sigmoid", np.float64)
    assert np.array_equal(network.forward(np.ones((1, 2))), [[0.5, 0.5, 0.5]])


def test_stages_are_the_layers_in_order():
    network = MLP((4, 5, 3), "tanh", dropout=(0.0, 0.5), batch_norm=True)
    first, last = network.stages
    assert network.layers == [
        first.dense,
        first.batch_norm,
        first.activation,
        last.dropout,
        last.dense,
    ]
    assert network.dense == [first.dense, last.dense]
    assert network.batch_norms == [first.batch_norm]
    assert (first.dropout, last.batch_norm, last.activation) == (None, None, None)


def test_weights_come_first_then_biases(network):
    assert network.n_weights == 4 * 5 + 5 * 3
    assert len(network.theta) == network.n_weights + 5 + 3
