"""Activation functions: the value and the derivative side by side.

Each works element by element on an array of any shape. `value(z, out)` writes a = σ(z) into
another array, `out`. `derivative(z, a, out)` writes σ'(z), from whichever of z and a is cheaper.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlpcli.nn.arrays import Array

LEAKY_SLOPE = 0.01


@dataclass(frozen=True)
class Activation:
    """An activation function σ and its derivative σ'."""

    name: str
    formula: str
    """σ and σ' for people to read; four spaces separate them"""
    value: Callable[[Array, Array], None]
    derivative: Callable[[Array, Array, Array], None]
    has_kink: bool = False
    """whether σ, its slope or the slope's slope jumps at 0"""
    is_switch: bool = False
    """whether the derivative is 0 or 1, and `out` may be of bool"""


def _identity(z: Array, out: Array) -> None:
    np.copyto(out, z)


def _identity_derivative(z: Array, a: Array, out: Array) -> None:
    out.fill(1)


def _sigmoid(z: Array, out: Array) -> None:
    """σ(z) = 1 / (1 + e^-z), computed as (1 + tanh(z/2)) / 2, in which nothing can overflow.

    The error is a rounding of 1, not of σ(z): in float32 it is 0 below about z = -20.
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
    """Nair and Hinton 2010: max(z, 0)."""
    out.fill(0)  # an array of zeros: NumPy compares with it faster than with the number
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

    e^z - 1 is never below z, and with z cut off at 0 it is 0 above: the larger of both is right.
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
    """Hendrycks and Gimpel 2016: z Φ(z), where Φ is the standard normal distribution.

    In their tanh form, Φ(z) ≈ (1 + tanh u) / 2 with u = √(2/π) (z + 0.044715 z³): it needs no error
    function, and differs from the exact one by less than 0.0005.
    """
    _gelu_tanh(z, out)
    out += 1
    out *= z
    out *= 0.5


def _gelu_derivative(z: Array, a: Array, out: Array) -> None:
    """½ (1 + tanh u) + ½ z (1 - tanh² u) u', with u' = √(2/π) (1 + 3 · 0.044715 z²)."""
    _gelu_tanh(z, out)
    slope = (1 - out * out) * z
    slope *= _GELU_SCALE + (3 * _GELU_SCALE * _GELU_CUBE) * (z * z)
    out += 1
    out += slope
    out *= 0.5


_GELU_SCALE = math.sqrt(2 / math.pi)
_GELU_CUBE = 0.044715


def _gelu_tanh(z: Array, out: Array) -> None:
    """tanh u, with u = √(2/π) (z + 0.044715 z³)."""
    np.multiply(z, z, out=out)
    out *= _GELU_SCALE * _GELU_CUBE
    out += _GELU_SCALE
    out *= z
    np.tanh(out, out=out)


def _step(z: Array, out: Array) -> None:
    """McCulloch and Pitts 1943: 1 where z > 0, else 0; nan where z is."""
    np.heaviside(z, 0, out=out)


def _step_derivative(z: Array, a: Array, out: Array) -> None:
    """0 everywhere, at the jump too, where there is no derivative: no gradient passes a step."""
    out.fill(0)


ACTIVATIONS = {
    activation.name: activation
    for activation in (
        Activation("identity", "σ(z) = z    σ′(z) = 1", _identity, _identity_derivative),
        Activation(
            "sigmoid",
            "σ(z) = 1 / (1 + exp(−z))    σ′(z) = σ(z) (1 − σ(z))",
            _sigmoid,
            _sigmoid_derivative,
        ),
        Activation("tanh", "σ(z) = tanh(z)    σ′(z) = 1 − a²", _tanh, _tanh_derivative),
        Activation(
            "relu",
            "σ(z) = max(0, z)    σ′(z) = 1 if z > 0, 0 else",
            _relu,
            _relu_derivative,
            has_kink=True,
            is_switch=True,
        ),
        Activation(
            "leaky_relu",
            "σ(z) = max(0.01 z, z)    σ′(z) = 1 if z > 0, 0.01 else",
            _leaky_relu,
            _leaky_relu_derivative,
            has_kink=True,
        ),
        Activation(
            "elu",
            "σ(z) = z if z > 0, exp(z) − 1 else    σ′(z) = 1 if z > 0, a + 1 else",
            _elu,
            _elu_derivative,
            has_kink=True,
        ),
        Activation(
            "gelu",
            "σ(z) = ½ z (1 + tanh(u))    u = √(2 / π) (z + 0.044715 z³)    "
            "σ′(z) = ½ (1 + tanh(u)) + ½ z (1 − tanh(u)²) u′    "
            "u′ = √(2 / π) (1 + 0.134145 z²)",
            _gelu,
            _gelu_derivative,
        ),
        Activation(
            "silu",
            "σ(z) = z q    q = 1 / (1 + exp(−z))    σ′(z) = q + a (1 − q)",
            _silu,
            _silu_derivative,
        ),
        Activation(
            "softplus",
            "σ(z) = log(1 + exp(z))    σ′(z) = 1 / (1 + exp(−z))",
            _softplus,
            _softplus_derivative,
        ),
        Activation(
            "step",
            "σ(z) = 1 if z > 0, 0 else    σ′(z) = 0",
            _step,
            _step_derivative,
            has_kink=True,
            is_switch=True,
        ),
    )
}
