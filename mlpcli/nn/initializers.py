"""How the weights start: random, at a scale that keeps signals alive through the layers.

Each takes a generator and the two sizes of a layer and returns W (n_in, n_out) float64. They draw
in float64 whatever the network computes in, so a seed means the same start in every precision. A
bias is the weight of an input that is always 1, so the same functions draw it, with n_in = 1.
"""

import math
from collections.abc import Callable, Iterable

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from mlpcli.nn.arrays import Array

Initializer = Callable[[Generator, int, int], Array]


def xavier_normal(rng: Generator, n_in: int, n_out: int) -> Array:
    """Glorot and Bengio 2010: variance 2 / (n_in + n_out), for tanh.

    It is derived for a σ whose slope at 0 is 1. The sigmoid's is a quarter: what comes back through
    a layer of it is four times smaller than was meant.
    """
    return rng.normal(0.0, math.sqrt(2 / (n_in + n_out)), (n_in, n_out))


def xavier_uniform(rng: Generator, n_in: int, n_out: int) -> Array:
    """Glorot and Bengio 2010: the same variance, uniform within ±√(6 / (n_in + n_out))."""
    return _uniform(rng, math.sqrt(6 / (n_in + n_out)), n_in, n_out)


def he_normal(rng: Generator, n_in: int, n_out: int) -> Array:
    """He et al. 2015: variance 2 / n_in, for ReLU, which silences half of its inputs."""
    return rng.normal(0.0, math.sqrt(2 / n_in), (n_in, n_out))


def he_uniform(rng: Generator, n_in: int, n_out: int) -> Array:
    """He et al. 2015: the same variance, uniform within ±√(6 / n_in)."""
    return _uniform(rng, math.sqrt(6 / n_in), n_in, n_out)


def lecun_normal(rng: Generator, n_in: int, n_out: int) -> Array:
    """LeCun, Bottou, Orr and Müller 1998: variance 1 / n_in, which keeps inputs' variance of 1."""
    return rng.normal(0.0, math.sqrt(1 / n_in), (n_in, n_out))


def lecun_uniform(rng: Generator, n_in: int, n_out: int) -> Array:
    """LeCun, Bottou, Orr and Müller 1998: the same variance, uniform within ±√(3 / n_in)."""
    return _uniform(rng, math.sqrt(3 / n_in), n_in, n_out)


def orthogonal(gain: float = 1.0) -> Initializer:
    """Saxe, McClelland and Ganguli 2014: a random rotation, times `gain`.

    It keeps every length, times `gain`, where n_out is at least n_in; fewer units see a projection,
    √(n_out / n_in) of the length in the mean.

    The columns of W are at right angles and `gain` long; with fewer rows than columns, the rows
    are. QR of a normal matrix gives every rotation the same chance once the signs of R's diagonal
    are taken out (Mezzadri 2007).
    """

    def draw(rng: Generator, n_in: int, n_out: int) -> Array:
        Q, R = np.linalg.qr(rng.normal(size=(max(n_in, n_out), min(n_in, n_out))))
        Q *= gain * np.copysign(1, np.diagonal(R))
        return Q if n_in >= n_out else Q.T

    return draw


def constant(value: float) -> Initializer:
    """The same number everywhere; for weights, a lesson: the units of a layer all stay alike."""
    return lambda rng, n_in, n_out: np.full((n_in, n_out), float(value))


def given(layers: Iterable[ArrayLike]) -> Initializer:
    """Numbers written out, of each layer in turn, for one network that is worked by hand."""
    left = iter(layers)
    return lambda rng, n_in, n_out: np.array(next(left), np.float64).reshape(n_in, n_out)


zeros = constant(0.0)
"""For biases: no unit prefers a side."""


def uniform(low: float = -0.05, high: float = 0.05) -> Initializer:
    """A uniform distribution from `low` to `high`, whatever the layer's size."""
    return lambda rng, n_in, n_out: rng.uniform(low, high, (n_in, n_out))


def normal(mean: float = 0.0, std: float = 0.01) -> Initializer:
    """A normal distribution of the given mean and standard deviation, whatever the layer's size."""
    return lambda rng, n_in, n_out: rng.normal(mean, std, (n_in, n_out))


def _uniform(rng: Generator, limit: float, n_in: int, n_out: int) -> Array:
    return np.asarray(rng.uniform(-limit, limit, (n_in, n_out)))
