"""One step of gradient descent with every number on the way written down.

The numbers come from the code that trains: the layers' own `forward` and `backward`, the loss and
the optimizer, with a listener in front of each layer.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcli.data.augmentation import Augmenter
from mlpcli.nn.arrays import Array
from mlpcli.nn.gradcheck import numerical_gradient, relative_error
from mlpcli.nn.layers import Elementwise
from mlpcli.nn.losses import Loss
from mlpcli.nn.network import MLP
from mlpcli.nn.optimizers import SGD
from mlpcli.training.setup import Setup
from mlpcli.training.step import Training

MOST_DIFFERENCES = 2000
"""Parameters whose gradient is checked; each costs two forward passes."""


@dataclass(frozen=True)
class LayerTrace:
    """What one dense layer, and the activation behind it, did in a step."""

    number: int
    """from 1 on"""
    activation: str
    W: Array
    """(n_in, n_out), before the update"""
    b: Array
    """(n_out,), before the update"""
    z: Array
    """(B, n_out)"""
    a: Array
    """(B, n_out); z itself where the activation is identity"""
    da: Array
    """dL/da (B, n_out), what came back to the layer's output"""
    slope: Array
    """σ'(z) (B, n_out)"""
    delta: Array
    """dL/dz (B, n_out)"""
    dW: Array
    db: Array
    new_W: Array
    new_b: Array
    numerical_dW: Array | None
    """by centred differences; None in a network too large for them"""
    numerical_db: Array | None

    @property
    def relative_error(self) -> float | None:
        """Between both gradients; None where there are no differences."""
        if self.numerical_dW is None or self.numerical_db is None:
            return None
        return relative_error(
            np.concatenate([self.dW.ravel(), self.db]),
            np.concatenate([self.numerical_dW.ravel(), self.numerical_db]),
        )


@dataclass(frozen=True)
class StepTrace:
    """One step of training on one batch."""

    number: int
    """from 1 on"""
    x: Array
    """(B, n_in)"""
    t: Array
    """(B, n_out)"""
    layers: list[LayerTrace]
    probabilities: Array
    """(B, n_out), as the loss reads the output"""
    loss: float
    """mean over the batch, before the update"""
    learning_rate: float
    loss_after: float
    """of the same batch, after the update"""


class _Listener:
    """Stands in front of a layer and keeps a copy of what it hands on."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        self.forward_result: Array
        self.backward_result: Array

    def forward(self, a: Array, *rest: Any) -> Array:
        result: Array = self.layer.forward(a, *rest)
        self.forward_result = result.copy()
        return result

    def backward(self, delta: Array, *rest: Any) -> Array:
        result: Array = self.layer.backward(delta, *rest)
        self.backward_result = result.copy()
        return result


def follow_training(setup: Setup, steps: int) -> Iterator[StepTrace]:
    """Train the network of `setup` in place, and yield what happened in each step.

    Args:
        setup: a run that has not begun.
        steps: how many; further epochs follow when one is over.
    """
    batches = setup.batches
    learning_rate = Training(setup, processes=False).learning_rate
    augmenter = Augmenter(
        setup.config.data.augmentation, setup.training.image_shape, setup.config.seed
    )
    x = np.empty((batches.batch_size, setup.network.sizes[0]), setup.network.dtype)
    t = np.empty((batches.batch_size, setup.network.sizes[-1]), setup.network.dtype)
    for number in range(1, steps + 1):
        epoch, step = 1 + (number - 1) // len(batches), (number - 1) % len(batches)
        start = step * batches.batch_size
        indices = batches.order(epoch)[start : start + batches.batch_size]
        n = len(indices)
        batches.fill(indices, epoch, augmenter, x[:n], t[:n])
        rate = learning_rate(epoch, step)
        yield trace_step(
            setup.network,
            setup.loss,
            setup.optimizer,
            x[:n],
            t[:n],
            rate,
            number=number,
            differences=number == 1,
        )


def trace_step(
    network: MLP,
    loss: Loss,
    optimizer: SGD,
    x: Array,
    t: Array,
    learning_rate: float,
    *,
    number: int = 1,
    differences: bool = True,
) -> StepTrace:
    """Take one step, which changes the network's parameters, and keep every number of it.

    Args:
        network: of Dense layers and activations.
        loss: what is made smaller.
        optimizer: takes the step.
        x: inputs (B, n_in).
        t: targets (B, n_out).
        learning_rate: of this step.
        number: which step it is.
        differences: also take each gradient by centred differences, in a network of few parameters.
    """
    numerical = _numerical_gradient(network, loss, x, t) if differences else None
    before = _with_parameters(network, network.theta.copy())
    listeners, output_delta = _listen(network, loss, x, t)
    z = listeners[-1].forward_result
    gradient = _with_parameters(network, network.grad.copy())
    optimizer.step(network.theta, network.grad, learning_rate)
    layers = []
    starts = [network.layers.index(dense) for dense in network.dense]
    for i, (start, end) in enumerate(itertools.pairwise([*starts, len(listeners)])):
        behind = listeners[start + 1 : end]
        dense, linear = network.dense[i], listeners[start]
        slope = np.ones_like(linear.forward_result)
        name = "identity"
        for listener in behind:
            if not isinstance(listener.layer, Elementwise):
                continue
            activation = listener.layer.activation
            name = activation.name
            activation.derivative(linear.forward_result, listener.forward_result, slope)
        layers.append(
            LayerTrace(
                number=i + 1,
                activation=name,
                W=before.dense[i].W,
                b=before.dense[i].b,
                z=linear.forward_result,
                a=listeners[end - 1].forward_result,
                da=listeners[end].backward_result if end < len(listeners) else output_delta,
                slope=slope,
                delta=dense.delta.copy(),
                dW=gradient.dense[i].W,
                db=gradient.dense[i].b,
                new_W=dense.W.copy(),
                new_b=dense.b.copy(),
                numerical_dW=None if numerical is None else numerical.dense[i].W,
                numerical_db=None if numerical is None else numerical.dense[i].b,
            )
        )
    return StepTrace(
        number=number,
        x=x.copy(),
        t=t.copy(),
        layers=layers,
        probabilities=loss.probabilities(z),
        loss=float(loss.value(z, t).mean()),
        learning_rate=learning_rate,
        loss_after=float(loss.value(network.forward(x), t).mean()),
    )


def in_float64(network: MLP) -> MLP:
    """A copy that computes in float64, without dropout."""
    return _with_parameters(network, network.theta.astype(np.float64))


def _listen(network: MLP, loss: Loss, x: Array, t: Array) -> tuple[list[_Listener], Array]:
    """Forward and backward: what each layer handed on, and dL/d(output) (B, n_out)."""
    layers: list[Any] = network.layers
    listeners: list[Any] = [_Listener(layer) for layer in layers]
    network.layers = listeners
    try:
        z = network.forward(x)
        delta = np.empty_like(z)
        loss.delta(z, t, delta)
        delta /= len(delta)
        output_delta = delta.copy()
        network.backward(delta)
    finally:
        network.layers = layers
    return listeners, output_delta


def _with_parameters(network: MLP, theta: Array) -> MLP:
    """A network of the same layers with other parameters."""
    return MLP(
        network.sizes,
        network.activation,
        network.output_activation,
        theta.dtype,
        theta,
        batch_norm=network.batch_norm,
    )


def _numerical_gradient(network: MLP, loss: Loss, x: Array, t: Array) -> MLP | None:
    """The gradient of each parameter at that parameter's place."""
    if len(network.theta) > MOST_DIFFERENCES:
        return None
    copy = in_float64(network)
    gradient = numerical_gradient(copy, loss, x.astype(np.float64), t.astype(np.float64))
    return _with_parameters(network, gradient)
