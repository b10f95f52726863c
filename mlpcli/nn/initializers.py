"""How the weights start: random, at a scale that keeps signals alive through the layers.

Each takes a generator and the two sizes of a layer and returns W (n_in, n_out) float64. They draw
in float64 whatever the network computes in, so a seed means the same start in every precision.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from mlpcli.nn.arrays import Array

Initializer = Callable[[Generator, int, int], Array]


def xavier_normal(rng: Generator, n_in: int, n_out: int) -> Array:
    """Glorot and Bengio 2010: variance 2 / (n_in + n_out), for sigmoid and tanh."""
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


def normal(mean: float = 0.0, std: float = 0.01) -> Initializer:
    """A normal distribution of the given mean and standard deviation, whatever the layer's size."""
    return lambda rng, n_in, n_out: rng.normal(mean, std, (n_in, n_out))


def _uniform(rng: Generator, limit: float, n_in: int, n_out: int) -> Array:
    return np.asarray(rng.uniform(-limit, limit, (n_in, n_out)))
