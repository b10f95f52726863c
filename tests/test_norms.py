import numpy as np
import pytest
from mlpcli.training.layer_lengths import gradient_norms, layer_norms

from mlpcli.nn.arrays import WHOLE
from mlpcli.nn.constraints import NormClipping
from mlpcli.nn.network import MLP


def test_the_norm_of_each_layer_takes_its_weights_and_biases_together():
    network = MLP([2, 2, 1], "relu")
    network.dense[0].dW[...] = [[1, 2], [4, 2]]
    network.dense[0].db[...] = [0, 12]
    network.dense[1].dW[...] = [[2], [3]]
    network.dense[1].db[...] = [6]
    assert gradient_norms(network) == [13, 7]  # √(1+4+16+4+144), √(4+9+36)


def test_the_norms_of_a_vector_laid_out_as_theta():
    network = MLP([3, 4, 4, 2], "tanh", dtype=np.float64)
    rng = np.random.default_rng(0)
    for layer in network.dense:
        layer.W[...] = rng.normal(size=layer.W.shape)
        layer.b[...] = rng.normal(size=layer.b.shape)
    expected = [np.sqrt((layer.W**2).sum() + (layer.b**2).sum()) for layer in network.dense]
    assert layer_norms(network, network.theta) == pytest.approx(expected, rel=1e-14)


def test_large_gradients_of_float32_do_not_overflow():
    network = MLP([2, 1], "relu")
    network.grad[...] = 1e30
    assert gradient_norms(network) == pytest.approx([1e30 * 3**0.5], rel=1e-6)


def test_small_gradients_of_float32_do_not_vanish():
    network = MLP([2, 1], "relu")
    network.grad[...] = 1e-30
    assert gradient_norms(network) == pytest.approx([1e-30 * 3**0.5], rel=1e-6)


def test_a_gradient_whose_squares_overflow_is_clipped_and_keeps_its_direction():
    network = MLP([3, 1], "relu")
    network.grad[...] = [3e30, 0, -4e30, 0]
    (blocks,) = network.blocks(1, 2)
    NormClipping(10).apply(network.grad, blocks, 1.0, WHOLE)
    assert network.grad == pytest.approx([6, 0, -8, 0], rel=1e-6)
