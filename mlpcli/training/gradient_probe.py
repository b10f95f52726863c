"""The norms of each layer's gradient and update: what an epoch adds to gradients.csv.

The gradient of a batch differs from the next one's, so here it is that of the same examples after
each epoch: of their mean loss at the current weights, without dropout, distortion or penalties, and
before the optimizer clips or rescales it. The update is the epoch's change of the parameters. Both
norms are Euclidean, over a layer's W and b.

The training takes the same steps with and without it.
"""

import math

import numpy as np

from mlpcli.nn.arrays import Array, sum_of_squares
from mlpcli.nn.network import Layout
from mlpcli.training.metrics import GradientNorms
from mlpcli.training.setup import Setup

EXAMPLES = 256
"""number of examples in the mean loss, evenly spread over the training set"""


class GradientProbe:
    """Measures a training after each epoch.

    Args:
        setup: the run, at the beginning of an epoch or within one.
        epoch_start: the parameters (P,) at the beginning of that epoch; None where they are those
            of now.

    Attributes:
        epoch_start: the parameters (P,) at the beginning of the epoch that is being trained.
    """

    def __init__(self, setup: Setup, epoch_start: Array | None = None) -> None:
        network = setup.network
        self._network, self._loss = network, setup.loss
        self.epoch_start: Array = (network.theta if epoch_start is None else epoch_start).copy()
        self._observer = network.without_dropout()
        self._x, self._t = setup.spread_examples(EXAMPLES)

    @np.errstate(over="ignore", invalid="ignore")  # left out of the row
    def end_epoch(self, epoch: int) -> list[GradientNorms]:
        """Return the norms of each layer, from the first on, at the end of an epoch."""
        observer, theta, moved = self._observer, self._network.theta, self.epoch_start
        delta = np.empty_like(self._t)
        self._loss.delta(observer.forward(self._x), self._t, delta)
        delta /= len(delta)
        observer.backward(delta)
        np.subtract(theta, moved, out=moved)
        layout = observer.layout
        norms = zip(layer_norms(layout, observer.grad), layer_norms(layout, moved), strict=True)
        moved[...] = theta
        return [
            GradientNorms(epoch, layer, _finite(gradient), _finite(update))
            for layer, (gradient, update) in enumerate(norms, 1)
        ]


def layer_norms(layout: Layout, vector: Array) -> list[float]:
    """Return the Euclidean norm of each layer's W and b together in a vector (P,)."""
    return [
        math.sqrt(sum_of_squares(layer["W"].ravel()) + sum_of_squares(layer["b"]))
        for layer in layout.views(vector)
    ]


def _finite(norm: float) -> float | None:
    return norm if math.isfinite(norm) else None
