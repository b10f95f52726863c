"""The units that die in a training: which, in which step, and why.

A unit is dead where its slope is 0 for every training example, as that of a ReLU is below 0: no
error comes through, so its weights have no gradient. What can still bring it back is momentum,
weight decay, or a change of what comes in from the layers before it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.arrays import Array
from mlpcli.nn.network import MLP
from mlpcli.training.setup import Setup

LARGEST = 200_000
"""greatest product of examples and parameters for which every step is watched"""


@dataclass(frozen=True)
class Death:
    """A unit that died in a step and has not come back."""

    layer: int
    """from 1 on, and so are the others"""
    unit: int
    step: int
    """0 for a unit that never lived"""
    highest_before: float
    """its largest z over the training examples before the step"""
    highest_after: float
    bias_before: float
    bias_after: float


class HiddenLayer(NamedTuple):
    """A hidden layer's numbers for some examples."""

    activation: str
    z: Array
    """(N, n), what the activation is given"""
    a: Array
    """(N, n)"""
    lives: NDArray[np.bool_]
    """(n,), whether a unit's slope is other than 0 for any of them"""


def hidden_layers(network: MLP, x: Array) -> Iterator[HiddenLayer]:
    """Run inputs x (N, n_in) through a network without dropout and yield its hidden layers."""
    network.forward(x)
    names = network.activations[:-1]
    for name, stage, after in zip(names, network.stages, network.dense[1:], strict=False):
        dense, norm = stage.dense, stage.batch_norm
        z = dense.a @ dense.W + dense.b if norm is None else norm.s * norm.gamma + norm.beta
        slope = np.empty_like(after.a)
        ACTIVATIONS[name].derivative(z, after.a, slope)
        yield HiddenLayer(name, z, after.a, (slope != 0).any(axis=0))


class DeathWatch:
    """Watches the hidden units of a network that is trained in place, over its training set.

    Attributes:
        deaths: the units that are dead now, by layer and unit.
    """

    def __init__(self, setup: Setup) -> None:
        self.deaths: dict[tuple[int, int], Death] = {}
        self._setup = setup
        n, network = len(setup.training), setup.network
        self._watches = n * len(network.theta) <= LARGEST and not network.batch_norm
        if not self._watches:
            return
        self._x = np.empty((n, network.sizes[0]), network.dtype)
        setup.normalization.apply(setup.training.images[:], self._x)
        self._before = self._look()
        self.after_step(0)

    def _look(self) -> list[tuple[Array, NDArray[np.bool_], Array]]:
        """Return, for each hidden layer, the largest z, whether a slope is not 0, the biases."""
        network = self._setup.network.for_prediction()
        layers = zip(hidden_layers(network, self._x), network.dense, strict=False)
        return [(layer.z.max(axis=0), layer.lives, dense.b.copy()) for layer, dense in layers]

    def after_step(self, step: int) -> None:
        """Look at every unit after a step, counted from 1; 0 is the start."""
        if not self._watches:
            return
        now = self._look()
        for number, (before, after) in enumerate(zip(self._before, now, strict=True), 1):
            highest, lives, bias = after
            for unit in range(len(lives)):
                key = (number, unit + 1)
                if lives[unit]:
                    self.deaths.pop(key, None)
                elif key not in self.deaths:
                    numbers = (before[0], highest, before[2], bias)
                    self.deaths[key] = Death(*key, step, *(float(each[unit]) for each in numbers))
        self._before = now
