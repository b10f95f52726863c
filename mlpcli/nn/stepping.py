"""A step of an optimizer over all parameters of a network."""

from collections.abc import Sequence

from mlpcli.nn.arrays import Array
from mlpcli.nn.network import MLP
from mlpcli.nn.optimizers import SGD
from mlpcli.nn.optimizers.muon import Muon


def penalize(
    optimizer: SGD, network: MLP, g: Array, learning_rate: float, vectors: Sequence[Array]
) -> None:
    """Add the gradient of the penalties to `g` (P,), or let the weights decay, in place."""
    weights = slice(network.n_weights)
    of_weights = [vector[weights] for vector in vectors]
    optimizer.penalize(network.theta[weights], g[weights], learning_rate, *of_weights)


def update(
    optimizer: SGD, network: MLP, g: Array, learning_rate: float, t: int, vectors: Sequence[Array]
) -> None:
    """Take step number `t` with the gradient `g` (P,): change `network.theta` and `vectors`."""
    layout, rest = network.layout, slice(0, None)
    if isinstance(optimizer, Muon):
        rest = slice(layout.n_weights_before_the_last, None)
        slopes, remembered = layout.views(g), [layout.views(vector) for vector in vectors]
        for i, dense in enumerate(network.dense[:-1]):
            of_layer = [views[i]["W"] for views in remembered]
            optimizer.update_matrix(dense.W, slopes[i]["W"], learning_rate, *of_layer)
    of_rest = [vector[rest] for vector in vectors]
    optimizer.update(network.theta[rest], g[rest], learning_rate, t, *of_rest)
