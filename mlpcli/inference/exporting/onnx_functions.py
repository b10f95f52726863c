"""The activations and losses of `mlpcli/nn/` in the operators of ONNX.

Where ONNX has an operator of that name, and ONNX Runtime has it in float64 too, it is used; other
programs know it, and draw it as one node.
"""

import math
from collections.abc import Callable, Mapping

from mlpcli.inference.exporting.onnx_graph import Value
from mlpcli.nn.activations import LEAKY_SLOPE


def _elu(z: Value) -> Value:
    """max(z, e^min(z, 0) - 1)."""
    return z.apply("Max", z.apply("Min", 0.0).apply("Exp") - 1.0)


def _gelu(z: Value) -> Value:
    """½ z (1 + tanh u), with u = √(2/π) (z + 0.044715 z³)."""
    u = (z * z * 0.044715 + 1.0) * z * math.sqrt(2 / math.pi)
    return (u.apply("Tanh") + 1.0) * z * 0.5


def _silu(z: Value) -> Value:
    """z / (1 + e^-z).

    ONNX Runtime 1.20 makes one operator of z times its sigmoid, and has that in float32 only.
    """
    return z / (z.apply("Neg").apply("Exp") + 1.0)


def _softplus(z: Value) -> Value:
    """max(z, 0) + log(1 + e^-|z|), which cannot overflow."""
    return z.apply("Relu") + (z.apply("Abs").apply("Neg").apply("Exp") + 1.0).apply("Log")


def _step(z: Value) -> Value:
    """1 where z > 0, and 0 else."""
    return (z > 0.0).cast(z.dtype)


ACTIVATIONS: Mapping[str, Callable[[Value], Value]] = {
    "identity": lambda z: z,
    "sigmoid": lambda z: z.apply("Sigmoid"),
    "tanh": lambda z: z.apply("Tanh"),
    "relu": lambda z: z.apply("Relu"),
    "leaky_relu": lambda z: z.apply("LeakyRelu", alpha=LEAKY_SLOPE),
    "elu": _elu,
    "gelu": _gelu,
    "silu": _silu,
    "softplus": _softplus,
    "step": _step,
}
"""name of an activation → z (N, n) to σ(z) (N, n)"""


def _softmax(z: Value) -> Value:
    return z.apply("Softmax", axis=1)


def _scaled_sigmoids(z: Value) -> Value:
    """σ(z), scaled to sum to 1: softmax(log σ(z)), because every σ(z) of a row may underflow."""
    return _softmax(_softplus(z.apply("Neg")).apply("Neg"))


def _scaled_outputs(z: Value) -> Value:
    """z, cut off at 0 and scaled to sum to 1; where nothing is above 0, all are the same."""
    p = z.apply("Relu")
    total = p.sum(axis=1)
    is_known = total > 0.0
    # Adding 1 to each number of a row of zeros makes them equal.
    p = p + is_known.apply("Not").cast(z.dtype)
    return p / p.sum(axis=1)


PROBABILITIES: Mapping[str, Callable[[Value], Value]] = {
    "cross_entropy": _softmax,
    "binary_cross_entropy": _scaled_sigmoids,
    "mse": _scaled_outputs,
    "quadratic": _scaled_outputs,
    "brier": _softmax,
    "perceptron": _scaled_outputs,
}
"""name of a loss → outputs z (N, n_out) to probabilities (N, n_out)"""
