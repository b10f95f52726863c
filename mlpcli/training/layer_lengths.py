"""How long a layer's part of a vector of parameters is: of its gradient, of an update."""

import itertools
import math

from mlpcli.nn.arrays import Array, sum_of_squares
from mlpcli.nn.network import MLP


def gradient_norms(network: MLP) -> list[float]:
    """The Euclidean norm of each dense layer's gradient, of W and b together, from `grad`.

    It is that of what the last backward pass left there, whatever its delta was scaled by.
    """
    return layer_norms(network, network.grad)


def layer_norms(network: MLP, vector: Array) -> list[float]:
    """The Euclidean norm of each dense layer's part of a vector (P,) laid out as `theta`."""
    weights = itertools.accumulate((layer.W.size for layer in network.dense), initial=0)
    biases = itertools.accumulate(
        (layer.b.size for layer in network.dense), initial=network.n_weights
    )
    parts = zip(itertools.pairwise(weights), itertools.pairwise(biases), strict=True)
    return [
        math.sqrt(sum(sum_of_squares(vector[start:stop]) for start, stop in part)) for part in parts
    ]
