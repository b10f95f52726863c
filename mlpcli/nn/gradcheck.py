"""Is the gradient right? Backpropagation against centred differences.

(L(θ + h) - L(θ - h)) / 2h differs from dL/dθ by a term in h², and needs nothing but the forward
pass: whatever is wrong in a backward pass shows. In float64 a smooth network agrees to better than
1e-7; a ReLU does so away from its kink.
"""

import numpy as np

from mlpcli.nn.arrays import Array
from mlpcli.nn.losses import Loss
from mlpcli.nn.network import MLP

STEP = 1e-5  # the error of the difference, h² · L''', meets the rounding of L, 1e-16/h, near here


def numerical_gradient(network: MLP, loss: Loss, x: Array, t: Array, step: float = STEP) -> Array:
    """The gradient of the mean loss by centred differences: (P,), at two forward passes each.

    Args:
        network: whose parameters are moved, and put back.
        loss: of which the gradient is.
        x: inputs (B, n_in).
        t: targets (B, n_out).
        step: h.
    """
    gradient = np.empty_like(network.theta)
    for i, value in enumerate(network.theta.copy()):
        network.theta[i] = value + step
        above = loss.value(network.forward(x), t).mean()
        network.theta[i] = value - step
        below = loss.value(network.forward(x), t).mean()
        network.theta[i] = value
        gradient[i] = (above - below) / (2 * step)
    return gradient


def backpropagated_gradient(network: MLP, loss: Loss, x: Array, t: Array) -> Array:
    """The gradient of the mean loss by backpropagation: (P,)."""
    z = network.forward(x)
    delta = np.empty_like(z)
    loss.delta(z, t, delta)
    delta /= len(delta)
    network.backward(delta)
    return network.grad.copy()


def relative_error(a: Array, b: Array) -> float:
    """|a - b| / (|a| + |b|) of two vectors, by their lengths; 0 where both are 0."""
    scale = float(np.linalg.norm(a) + np.linalg.norm(b))
    return float(np.linalg.norm(a - b)) / scale if scale else 0.0
