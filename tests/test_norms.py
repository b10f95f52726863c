import numpy as np
import pytest

from mlpcli.nn.constraints import clip_norm, clip_value, max_norm
from mlpcli.nn.network import MLP
from mlpcli.training.gradient_probe import layer_norms


def test_the_norm_of_each_layer_takes_its_weights_and_biases_together():
    network = MLP([2, 2, 1], "relu")
    network.dense[0].dW[...] = [[1, 2], [4, 2]]
    network.dense[0].db[...] = [0, 12]
    network.dense[1].dW[...] = [[2], [3]]
    network.dense[1].db[...] = [6]
    assert layer_norms(network.layout, network.grad) == [13, 7]  # √(1+4+16+4+144), √(4+9+36)


def test_the_norms_of_a_vector_laid_out_as_theta():
    network = MLP([3, 4, 4, 2], "tanh", dtype=np.float64, batch_norm=True)
    rng = np.random.default_rng(0)
    network.theta[...] = rng.normal(size=len(network.theta))
    expected = [np.sqrt((layer.W**2).sum() + (layer.b**2).sum()) for layer in network.dense]
    assert layer_norms(network.layout, network.theta) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("size", [1e30, 1e-30])
def test_large_and_small_gradients_of_float32_neither_overflow_nor_vanish(size):
    network = MLP([2, 1], "relu")
    network.grad[...] = size
    assert layer_norms(network.layout, network.grad) == pytest.approx([size * 3**0.5], rel=1e-6)


def test_a_long_gradient_is_shortened_and_keeps_its_direction():
    g = np.array([3e30, 0, -4e30], np.float32)
    clip_norm(g, 5e30, 10)
    assert g == pytest.approx([6, 0, -8], rel=1e-6)
    assert g.dtype == np.float32


@pytest.mark.parametrize("norm", [5.0, 0.0])
def test_a_short_gradient_stays_as_it_is(norm):
    g = np.array([3.0, -4.0]) * norm / 5
    clip_norm(g, norm, 5.0)
    assert np.array_equal(g, np.array([3.0, -4.0]) * norm / 5)


def test_each_number_of_a_gradient_is_limited():
    g = np.array([3.0, -4.0, 0.5])
    clip_value(g, 2.0)
    assert g.tolist() == [2, -2, 0.5]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_weights_into_each_unit_are_limited_together(dtype):
    W = np.array([[3, 0.3, 0], [4, 0.4, 0]], dtype)
    max_norm(W, 1.0)
    np.testing.assert_allclose(W, [[0.6, 0.3, 0], [0.8, 0.4, 0]], rtol=1e-6)
