"""Activation functions: the value and the derivative side by side.

Each works element by element on an array of any shape. `value(z, out)` writes a = σ(z) into `out`,
another array; `derivative(z, a, out)` writes σ'(z) into `out` and may use whichever of z and a is
cheaper.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from mlpcli.nn.arrays import Array

LEAKY_SLOPE = 0.01


@dataclass(frozen=True)
class Activation:
    """An activation function σ and its derivative σ'."""

    name: str
    value: Callable[[Array, Array], None]
    derivative: Callable[[Array, Array, Array], None]
    is_switch: bool = False
    """whether the derivative is 0 or 1, and `out` may be of bool"""


def _identity(z: Array, out: Array) -> None:
    np.copyto(out, z)


def _identity_derivative(z: Array, a: Array, out: Array) -> None:
    out.fill(1)


def _sigmoid(z: Array, out: Array) -> None:
    """σ(z) = 1 / (1 + e^-z), computed as (1 + tanh(z/2)) / 2, in which nothing can overflow.

    It is right to the last digit of 1, not of itself: in float32 it is 0 from z = -20 down.
    """
    np.multiply(z, 0.5, out=out)
    np.tanh(out, out=out)
    out += 1
    out *= 0.5


def _sigmoid_derivative(z: Array, a: Array, out: Array) -> None:
    """σ'(z) = a (1 - a)."""
    np.subtract(1, a, out=out)
    out *= a


def _tanh(z: Array, out: Array) -> None:
    np.tanh(z, out=out)


def _tanh_derivative(z: Array, a: Array, out: Array) -> None:
    """tanh'(z) = 1 - a²."""
    np.multiply(a, a, out=out)
    np.subtract(1, out, out=out)


def _relu(z: Array, out: Array) -> None:
    """Nair and Hinton 2010: max(z, 0); with an array of zeros, a third of the time."""
    out.fill(0)
    np.maximum(z, out, out=out)


def _relu_derivative(z: Array, a: Array, out: Array) -> None:
    """1 where z > 0, else 0 (at the kink too, as is usual)."""
    np.greater(a, 0, out=out)


def _leaky_relu(z: Array, out: Array) -> None:
    """Maas, Hannun and Ng 2013: max(z, 0.01 z), so that no unit dies."""
    np.multiply(z, LEAKY_SLOPE, out=out)
    np.maximum(z, out, out=out)


def _leaky_relu_derivative(z: Array, a: Array, out: Array) -> None:
    """1 where z > 0, else 0.01 (at the kink too)."""
    np.sign(a, out=out)
    np.maximum(out, LEAKY_SLOPE, out=out)


def _elu(z: Array, out: Array) -> None:
    """Clevert, Unterthiner and Hochreiter 2016: z where z > 0, else e^z - 1.

    e^z - 1 is never below z, and is 0 where z is cut off at 0: the larger of both is the right one.
    """
    np.minimum(z, 0, out=out)
    np.expm1(out, out=out)
    np.maximum(z, out, out=out)


def _elu_derivative(z: Array, a: Array, out: Array) -> None:
    """1 where z > 0, else e^z = a + 1."""
    np.minimum(a, 0, out=out)
    out += 1


def _softplus(z: Array, out: Array) -> None:
    """Dugas et al. 2001: log(1 + e^z) = max(z, 0) + log(1 + e^-|z|), which cannot overflow."""
    np.abs(z, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.log1p(out, out=out)
    out += np.maximum(z, 0)


def _softplus_derivative(z: Array, a: Array, out: Array) -> None:
    """The sigmoid of z."""
    _sigmoid(z, out)


def _silu(z: Array, out: Array) -> None:
    """Hendrycks and Gimpel 2016, also known as swish: z σ(z), where σ is the sigmoid."""
    _sigmoid(z, out)
    out *= z


def _silu_derivative(z: Array, a: Array, out: Array) -> None:
    """σ + z σ (1 - σ) = σ (1 - a) + a."""
    _sigmoid(z, out)
    out *= 1 - a
    out += a


def _gelu(z: Array, out: Array) -> None:
    """Hendrycks and Gimpel 2016: z Φ(z), where Φ is the standard normal distribution."""
    _normal_distribution(z, out)
    out *= z


def _gelu_derivative(z: Array, a: Array, out: Array) -> None:
    """Φ(z) + z φ(z), where φ is the normal density; Φ(z) is a/z, but where z is next to 0, 1/2."""
    np.multiply(z, z, out=out)
    out *= -0.5
    np.exp(out, out=out)
    out *= z
    out *= 1 / math.sqrt(2 * math.pi)
    share = np.full_like(z, 0.5)
    np.divide(a, z, out=share, where=np.abs(z) > 1e-30)
    out += share


NODES_PER_UNIT = 1024
END = 9
"""Beyond ±9 the normal distribution is 0 or 1 to the last bit of float64."""
TERMS = {"float32": 2, "float64": 5}
"""The first term left out is below the rounding: d²/2 · 0.24, d⁵/120 · 1.2, with d = 1/2048."""


def _normal_distribution(z: Array, out: Array) -> None:
    """Φ(z) = (1 + erf(z/√2)) / 2: Taylor's polynomial around the nearest of many known values."""
    distance = np.fmax(z, -END)
    np.fmin(distance, END, out=distance)
    distance *= NODES_PER_UNIT
    np.rint(distance, out=out)
    node = out.astype(np.intp)
    node += END * NODES_PER_UNIT
    distance -= out
    *lower, highest = _taylor_coefficients(out.dtype)
    np.take(highest, node, out=out, mode="clip")  # a default of "raise" would copy
    for coefficients in reversed(lower):
        out *= distance
        out += coefficients[node]


@lru_cache
def _taylor_coefficients(dtype: np.dtype[Any]) -> Array:
    """Taylor's coefficients of Φ at every node (TERMS, 2 · END · NODES_PER_UNIT + 1).

    The density's own, p₀ = φ(x) and p₁ = -x φ(x) and so on, follow from φ' = -x φ:
    (n + 1) p_n+1 = -(x p_n + p_n-1). Integrated, they are those of Φ. The distance is counted in
    nodes.
    """
    x = np.arange(-END * NODES_PER_UNIT, END * NODES_PER_UNIT + 1) / NODES_PER_UNIT
    coefficients = [np.array([math.erfc(-node / math.sqrt(2)) / 2 for node in x.tolist()])]
    coefficients[0][0] = 0  # a value of 1e-19 would show in z Φ(z) far below
    before, p = np.zeros_like(x), np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    for n in range(1, TERMS[dtype.name]):
        coefficients.append(p / (n * NODES_PER_UNIT**n))
        before, p = p, -(x * p + before) / n
    return np.array(coefficients, dtype)


ACTIVATIONS = {
    activation.name: activation
    for activation in (
        Activation("identity", _identity, _identity_derivative),
        Activation("sigmoid", _sigmoid, _sigmoid_derivative),
        Activation("tanh", _tanh, _tanh_derivative),
        Activation("relu", _relu, _relu_derivative, is_switch=True),
        Activation("leaky_relu", _leaky_relu, _leaky_relu_derivative),
        Activation("elu", _elu, _elu_derivative),
        Activation("gelu", _gelu, _gelu_derivative),
        Activation("silu", _silu, _silu_derivative),
        Activation("softplus", _softplus, _softplus_derivative),
    )
}
