"""Backpropagation against centred differences, for every activation, loss and depth."""

import itertools

import numpy as np
import pytest

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.arrays import one_hot
from mlpcli.nn.gradcheck import (
    backpropagated_gradient,
    centred_differences,
    relative_error,
)
from mlpcli.nn.initializers import xavier_normal
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import MLP

DEPTHS = {1: (5, 4), 2: (5, 6, 4), 3: (5, 7, 6, 4)}
NETWORKS = [
    *((name, "identity", loss) for name in ACTIVATIONS for loss in LOSSES),
    *((name, name, "quadratic") for name in ACTIVATIONS if name != "step"),  # its gradient is 0
]


def network_away_from_kinks(sizes, activation, output_activation, x):
    """A network none of whose z is so near 0 that a step of the check crosses a kink."""
    for seed in itertools.count():
        rng = np.random.default_rng(seed)
        network = MLP(sizes, activation, output_activation, np.float64)
        network.initialize(xavier_normal, rng)
        network.theta[network.n_weights :] = rng.normal(
            0, 0.5, len(network.theta) - network.n_weights
        )
        network.forward(x)
        a = x
        nearest = np.inf
        for layer in network.layers:
            a = layer.forward(a)
            if layer in network.dense:
                nearest = min(nearest, np.abs(a).min())
        if nearest > 1e-3:
            return network
    raise AssertionError


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize(("activation", "output_activation", "loss"), NETWORKS)
def test_backpropagation_agrees_with_centred_differences(
    activation, output_activation, loss, depth
):
    rng = np.random.default_rng(7)
    x = rng.normal(size=(6, 5))
    t = one_hot(rng.integers(0, 4, 6), 4, np.float64)
    network = network_away_from_kinks(DEPTHS[depth], activation, output_activation, x)
    loss = LOSSES[loss]()

    found = backpropagated_gradient(network, loss, x, t)
    expected = centred_differences(network, loss, x, t)[0]

    assert np.abs(expected).max() > 1e-3
    assert relative_error(found, expected) < 1e-7


@pytest.mark.parametrize("examples", [6, 2, 1])
@pytest.mark.parametrize("dropout", [(0.0, 0.0), (0.25, 0.5)])
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("activation", ["tanh", "silu", "identity"])
def test_dropout_and_batch_normalisation(activation, batch_norm, dropout, examples):
    rng = np.random.default_rng(7)
    x, t = rng.normal(size=(examples, 5)), one_hot(np.arange(examples) % 4, 4, np.float64)
    network = MLP(DEPTHS[3], activation, dtype=np.float64, dropout=dropout, batch_norm=batch_norm)
    network.initialize(xavier_normal, rng)
    network.theta[network.n_weights :] += rng.normal(0, 0.5, len(network.theta) - network.n_weights)
    network.draw_dropout(examples, rng)
    for norm in network.batch_norms:
        norm.mean[...], norm.variance[...] = 0.3, 2.0
    loss = LOSSES["cross_entropy"]()

    found = backpropagated_gradient(network, loss, x, t)
    if examples == 1:  # normalised by running means, which stay as they are
        assert all(
            (norm.mean == 0.3).all() and (norm.variance == 2).all() for norm in network.batch_norms
        )
    expected = centred_differences(network, loss, x, t)[0]

    assert np.abs(expected).max() > 1e-3
    assert relative_error(found, expected) < 1e-7


def test_a_wrong_gradient_is_far_off():
    rng = np.random.default_rng(0)
    network = MLP((5, 6, 4), "tanh", dtype=np.float64)
    network.initialize(xavier_normal, rng)
    loss = LOSSES["cross_entropy"]()
    x = rng.normal(size=(6, 5))
    t = one_hot(rng.integers(0, 4, 6), 4, np.float64)

    found = backpropagated_gradient(network, loss, x, t)
    found[0] += 1e-3

    assert relative_error(found, centred_differences(network, loss, x, t)[0]) > 1e-5


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "elu", "tanh"])
def test_which_differences_lead_across_a_kink(activation):
    """Of two units only the first, at z = 2e-6, is moved across 0 by 1e-5, and back by nothing."""
    network = MLP((1, 2, 1), activation, dtype=np.float64)
    network.theta[:] = [1e-6, 0.5, 0.7, 0.7, 1e-6, 0.0, 0.0]
    _, crossed = centred_differences(network, LOSSES["mse"](), np.ones((1, 1)), np.ones((1, 1)))
    expected = [True, False, False, False, True, False, False]
    assert crossed.tolist() == [each and activation != "tanh" for each in expected]


def test_the_check_leaves_the_parameters_as_they_were():
    rng = np.random.default_rng(0)
    network = MLP((3, 2), "identity", dtype=np.float64)
    network.initialize(xavier_normal, rng)
    before = network.theta.copy()

    centred_differences(network, LOSSES["mse"](), rng.normal(size=(2, 3)), np.eye(2))

    assert np.array_equal(network.theta, before)


def test_relative_error():
    assert relative_error(np.zeros(3), np.zeros(3)) == 0
    assert relative_error(np.array([3.0]), np.array([-3.0])) == 1
    assert relative_error(np.array([3.0]), np.array([1.0])) == 0.5
