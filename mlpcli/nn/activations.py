"""Activation functions: the value and the derivative side by side.

Each works element by element on an array of any shape. `value(z, out)` writes a = σ(z) into `out`;
`derivative(z, a, out)` writes σ'(z) into `out` and may use whichever of z and a is cheaper.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlpcli.nn.arrays import Array


@dataclass(frozen=True)
class Activation:
    """An activation function σ and its derivative σ'."""

    name: str
    value: Callable[[Array, Array], None]
    derivative: Callable[[Array, Array, Array], None]


def _identity(z: Array, out: Array) -> None:
    np.copyto(out, z)


def _identity_derivative(z: Array, a: Array, out: Array) -> None:
    out.fill(1)


def _sigmoid(z: Array, out: Array) -> None:
    """σ(z) = 1 / (1 + e^-z), computed as (1 + tanh(z/2)) / 2, in which nothing can overflow."""
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
    np.maximum(z, 0, out=out)


def _relu_derivative(z: Array, a: Array, out: Array) -> None:
    """1 where z > 0, else 0 (at the kink too, as is usual): the sign of a."""
    np.sign(a, out=out)


ACTIVATIONS = {
    activation.name: activation
    for activation in (
        Activation("identity", _identity, _identity_derivative),
        Activation("sigmoid", _sigmoid, _sigmoid_derivative),
        Activation("tanh", _tanh, _tanh_derivative),
        Activation("relu", _relu, _relu_derivative),
    )
}
