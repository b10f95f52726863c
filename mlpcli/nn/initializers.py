"""How the weights start: random, at a scale that keeps signals alive through the layers.

Each takes a generator, the two sizes of a layer and its own settings, and returns W (n_in, n_out)
float64. All draw in float64 whatever the network computes in, so a seed means the same start in
every precision. A bias is the weight of an input that is always 1, so the same functions draw it,
with n_in = 1.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from mlpcli.nn.arrays import Array

Initializer = Callable[[Generator, int, int], Array]


def zeros(rng: Generator, n_in: int, n_out: int) -> Array:
    """0 everywhere. For biases: no unit prefers a side."""
    return np.zeros((n_in, n_out))


def constant(rng: Generator, n_in: int, n_out: int, value: float) -> Array:
    """The same number everywhere. With weights it is a lesson: a layer's units all stay alike."""
    return np.full((n_in, n_out), float(value))


def given(rng: Generator, n_in: int, n_out: int, values: Iterator[ArrayLike]) -> Array:
    """The next of `values`, which are written out layer by layer, for a network worked by hand."""
    return np.array(next(values), np.float64).reshape(n_in, n_out)


def uniform(rng: Generator, n_in: int, n_out: int, low: float = -0.05, high: float = 0.05) -> Array:
    """A uniform distribution from `low` to `high`, whatever the layer's size."""
    return rng.uniform(low, high, (n_in, n_out))


def normal(rng: Generator, n_in: int, n_out: int, mean: float = 0.0, std: float = 0.01) -> Array:
    """A normal distribution of the given mean and standard deviation, whatever the layer's size."""
    return rng.normal(mean, std, (n_in, n_out))


def xavier_normal(rng: Generator, n_in: int, n_out: int) -> Array:
    """Glorot and Bengio 2010: variance 2 / (n_in + n_out), for tanh.

    The derivation assumes a σ whose slope at 0 is 1. The sigmoid's is a quarter: errors that come
    back through a layer of it are four times smaller than intended.
    """
    return normal(rng, n_in, n_out, std=math.sqrt(2 / (n_in + n_out)))


def xavier_uniform(rng: Generator, n_in: int, n_out: int) -> Array:
    """Glorot and Bengio 2010: the same variance, uniform within ±√(6 / (n_in + n_out))."""
    limit = math.sqrt(6 / (n_in + n_out))
    return uniform(rng, n_in, n_out, -limit, limit)


def he_normal(rng: Generator, n_in: int, n_out: int) -> Array:
    """He et al. 2015: variance 2 / n_in, for ReLU, which silences half of its inputs."""
    return normal(rng, n_in, n_out, std=math.sqrt(2 / n_in))


def he_uniform(rng: Generator, n_in: int, n_out: int) -> Array:
    """He et al. 2015: the same variance, uniform within ±√(6 / n_in)."""
    limit = math.sqrt(6 / n_in)
    return uniform(rng, n_in, n_out, -limit, limit)


def lecun_normal(rng: Generator, n_in: int, n_out: int) -> Array:
    """LeCun, Bottou, Orr and Müller 1998: variance 1 / n_in, which keeps inputs' variance of 1."""
    return normal(rng, n_in, n_out, std=math.sqrt(1 / n_in))


def lecun_uniform(rng: Generator, n_in: int, n_out: int) -> Array:
    """LeCun, Bottou, Orr and Müller 1998: the same variance, uniform within ±√(3 / n_in)."""
    limit = math.sqrt(3 / n_in)
    return uniform(rng, n_in, n_out, -limit, limit)


def orthogonal(rng: Generator, n_in: int, n_out: int, gain: float = 1.0) -> Array:
    """Saxe, McClelland and Ganguli 2014: a random rotation, times `gain`.

    Where n_out is at least n_in, it keeps every length, times `gain`. Fewer units see a projection,
    on average √(n_out / n_in) of the length.

    The columns of W are orthogonal and `gain` long; with fewer rows than columns, the rows are. QR
    of a normal matrix gives every rotation the same chance once the signs of R's diagonal are
    taken out (Mezzadri 2007).
    """
    Q, R = np.linalg.qr(rng.normal(size=(max(n_in, n_out), min(n_in, n_out))))
    Q *= gain * np.copysign(1, np.diagonal(R))
    return Q if n_in >= n_out else Q.T


INITIALIZERS: dict[str, Callable[..., Array]] = {
    "zeros": zeros,
    "constant": constant,
    "given": given,
    "uniform": uniform,
    "normal": normal,
    "xavier_normal": xavier_normal,
    "xavier_uniform": xavier_uniform,
    "he_normal": he_normal,
    "he_uniform": he_uniform,
    "lecun_normal": lecun_normal,
    "lecun_uniform": lecun_uniform,
    "orthogonal": orthogonal,
}
