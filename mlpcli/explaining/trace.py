"""One step of gradient descent with every number on the way written down.

The numbers come from the code that trains: the layers' own `forward` and `backward`, the loss, the
optimizer and the constraints, with a listener in front of each layer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcli.data.augmentation import Augmenter
from mlpcli.nn.arrays import WHOLE, Array, Share, part_of
from mlpcli.nn.constraints import MaxNorm, NormClipping
from mlpcli.nn.gradcheck import centred_differences, relative_error
from mlpcli.nn.layers import BatchNorm, Dropout, Elementwise
from mlpcli.nn.losses import Loss
from mlpcli.nn.network import MLP, Block
from mlpcli.nn.optimizers import SGD
from mlpcli.randomness import Purpose, generator
from mlpcli.training.setup import Setup

MOST_DIFFERENCES = 2000
"""Parameters whose gradient is checked; each costs two forward passes."""


@dataclass(frozen=True)
class ParameterTrace:
    """An array of parameters in a step; all of its arrays have one shape."""

    value: Array
    """before the update"""
    gradient: Array
    numerical: Array | None
    """the gradient by centred differences; None in a network too large for them"""
    taken: Array
    """the gradient that the step takes: clipped, and with that of the penalties"""
    new: Array
    """after the update"""
    state: dict[str, Array]
    """what the optimizer remembers of it after the update, by the names in its `state`"""


@dataclass(frozen=True)
class NormTrace:
    """What batch normalisation did between a layer's weighted sum and its activation."""

    mean: Array
    """(n_out,), of the batch; of a single example, the running mean"""
    variance: Array
    """(n_out,), likewise"""
    s: Array
    """the standardised sums (B, n_out)"""
    y: Array
    """γ s + β (B, n_out)"""
    dy: Array
    """dL/dy (B, n_out)"""
    gamma: ParameterTrace
    beta: ParameterTrace


@dataclass(frozen=True)
class LayerTrace:
    """What one dense layer, and what stands around it, did in a step."""

    number: int
    """from 1 on"""
    activation: str
    mask: Array | None
    """(B, n_in), by which dropout multiplied what came in; None where there is no dropout"""
    a_in: Array
    """(B, n_in), after dropout"""
    W: ParameterTrace
    """(n_in, n_out)"""
    b: ParameterTrace
    """(n_out,)"""
    z: Array
    """(B, n_out)"""
    norm: NormTrace | None
    """None where there is no batch normalisation"""
    a: Array
    """(B, n_out); what the activation was given where it is identity"""
    da: Array
    """dL/da (B, n_out), what came back to the layer's output"""
    slope: Array
    """σ' (B, n_out)"""
    delta: Array
    """dL/dz (B, n_out)"""

    @property
    def parameters(self) -> dict[str, ParameterTrace]:
        """By the names W, b, gamma and beta."""
        found = {"W": self.W, "b": self.b}
        if self.norm is not None:
            found |= {"gamma": self.norm.gamma, "beta": self.norm.beta}
        return found

    @property
    def gradient_norm(self) -> float:
        """Of dL/dW."""
        return float(np.linalg.norm(self.W.gradient))

    @property
    def relative_error(self) -> float | None:
        """Between both gradients of all its parameters; None where there are no differences."""
        gradient, numerical = [], []
        for each in self.parameters.values():
            if each.numerical is None:
                return None
            gradient.append(each.gradient.ravel())
            numerical.append(each.numerical.ravel())
        return relative_error(np.concatenate(gradient), np.concatenate(numerical))


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
    prediction: Array
    """(B, n_out), what the loss holds against `target`"""
    target: Array
    """(B, n_out): t, smoothed where the loss smooths it"""
    probabilities: Array
    """(B, n_out), as the loss reads the output"""
    loss: float
    """mean over the batch, before the update"""
    learning_rate: float
    gradient_norm: float
    """of all parameters together, before clipping"""
    clipped_norm: float
    """after clipping of the norm"""
    lengths: list[Array] | None
    """of the weights into each hidden unit (n_out,) before they are shortened; None where not"""
    crosses_a_kink: bool
    """whether a difference was taken across the kink of a unit's activation"""
    loss_after: float
    """of the same batch, after the update, with the same units switched off"""


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
    batches, network, settings = setup.batches, setup.network, setup.config.optimizer
    augmenter = Augmenter.from_config(setup.config, setup.training.image_shape)
    clipping = NormClipping(settings.clip_norm) if settings.clip_norm else None
    max_norm = MaxNorm(settings.max_norm, network) if settings.max_norm else None
    dropout = _DropoutOfTraining(setup)
    x = np.empty((batches.batch_size, network.sizes[0]), network.dtype)
    t = np.empty((batches.batch_size, network.sizes[-1]), network.dtype)
    for number in range(1, steps + 1):
        epoch, step = 1 + (number - 1) // len(batches), (number - 1) % len(batches)
        start = step * batches.batch_size
        indices = batches.order(epoch)[start : start + batches.batch_size]
        n = len(indices)
        batches.fill(indices, epoch, augmenter, x[:n], t[:n])
        dropout.draw(epoch, start, n)
        yield trace_step(
            network,
            setup.loss,
            setup.optimizer,
            x[:n],
            t[:n],
            setup.learning_rate(epoch, step),
            clipping=clipping,
            max_norm=max_norm,
            number=number,
            differences=number == 1,
        )


class _DropoutOfTraining:
    """Draws which units are switched off as each member of the training's team would."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._dice: list[np.random.Generator] = []

    def draw(self, epoch: int, start: int, n: int) -> None:
        """For the `n` examples from `start` on in an epoch's order, the steps before it drawn."""
        setup, members = self._setup, self._setup.threads
        if start % setup.batches.block_size == 0:
            self._dice = [
                generator(setup.config.seed, Purpose.DROPOUT, epoch, start, member)
                for member in range(members)
            ]
        for member, dice in enumerate(self._dice):
            share = Share(part_of(n, member, members), member, members)
            setup.network.draw_dropout(n, dice, share)


def trace_step(
    network: MLP,
    loss: Loss,
    optimizer: SGD,
    x: Array,
    t: Array,
    learning_rate: float,
    *,
    clipping: NormClipping | None = None,
    max_norm: MaxNorm | None = None,
    number: int = 1,
    differences: bool = True,
) -> StepTrace:
    """Take one step, which changes the network's parameters, and keep every number of it.

    Args:
        network: whose dropout, if any, has been drawn for this batch.
        loss: what is made smaller.
        optimizer: takes the step.
        x: inputs (B, n_in).
        t: targets (B, n_out).
        learning_rate: of this step.
        clipping: shortens the gradient before the step.
        max_norm: shortens the weights after it.
        number: which step it is.
        differences: also take each gradient by centred differences, in a network of few parameters.
    """
    numerical, crosses = _differences(network, loss, x, t) if differences else (None, False)
    before = network.with_parameters(network.theta.copy())
    listeners, output_delta = _listen(network, loss, x, t)
    gradient = network.with_parameters(network.grad.copy())
    everything = Block(slice(0, len(network.theta)), tuple((d, slice(None)) for d in network.dense))
    if clipping is not None:
        clipping.apply(network.grad, [everything], 1.0, WHOLE)
    clipped_norm = float(np.linalg.norm(network.grad))
    taken = network.with_parameters(
        optimizer.changed_gradient(network.theta, network.grad, learning_rate)
    )
    optimizer.step(network.theta, network.grad, learning_rate)
    lengths = None
    if max_norm is not None:
        lengths = [np.linalg.norm(layer.W, axis=0) for layer in network.dense[:-1]]
        max_norm.apply([everything], WHOLE)
    parameters = _parameters(network, before, gradient, numerical, taken, optimizer)
    z = listeners[-1].forward_result
    return StepTrace(
        number=number,
        x=x.copy(),
        t=t.copy(),
        layers=list(_layers(network, listeners, x, output_delta, parameters)),
        prediction=loss.prediction(z),
        target=loss.target(t).copy(),
        probabilities=loss.probabilities(z),
        loss=float(loss.value(z, t).mean()),
        learning_rate=learning_rate,
        gradient_norm=float(np.linalg.norm(gradient.theta)),
        clipped_norm=clipped_norm,
        lengths=lengths,
        crosses_a_kink=crosses,
        loss_after=float(loss.value(_twin(network, network.theta, len(x)).forward(x), t).mean()),
    )


def in_float64(network: MLP) -> MLP:
    """A copy that computes in float64, with running means of its own; its dropout is not drawn."""
    return _twin(network, network.theta.astype(np.float64), 0)


def _parameters(
    network: MLP,
    before: MLP,
    gradient: MLP,
    numerical: MLP | None,
    taken: MLP,
    optimizer: SGD,
) -> list[dict[str, ParameterTrace]]:
    """Of each layer, by name; what each network has in the place of a parameter is meant."""
    after = network.with_parameters(network.theta.copy())
    state = {
        name: network.with_parameters(vector.copy()) for name, vector in optimizer.state().items()
    }
    return [
        {
            name: ParameterTrace(
                value=value,
                gradient=_views(gradient, i)[name],
                numerical=None if numerical is None else _views(numerical, i)[name],
                taken=_views(taken, i)[name],
                new=_views(after, i)[name],
                state={of: _views(vector, i)[name] for of, vector in state.items()},
            )
            for name, value in _views(before, i).items()
        }
        for i in range(len(network.dense))
    ]


def _views(network: MLP, i: int) -> dict[str, Array]:
    """The parameters of the i-th layer, by name."""
    views = {"W": network.dense[i].W, "b": network.dense[i].b}
    if i < len(network.norms):
        views |= {"gamma": network.norms[i].gamma, "beta": network.norms[i].beta}
    return views


def _layers(
    network: MLP,
    listeners: list[_Listener],
    x: Array,
    output_delta: Array,
    parameters: list[dict[str, ParameterTrace]],
) -> Iterator[LayerTrace]:
    """Each dense layer with the dropout in front of it and what stands behind it."""
    for i, dense in enumerate(network.dense):
        at = network.layers.index(dense)
        end = network.layers.index(network.dense[i + 1]) if i + 1 < len(network.dense) else None
        dropout = network.layers[at - 1] if at else None
        linear, *behind = listeners[at:end]
        norm, activation = (_of_kind(behind, kind) for kind in (BatchNorm, Elementwise))
        given = (norm or linear).forward_result
        slope = np.ones_like(given)
        if activation is not None:
            sigma = activation.layer.activation
            sigma.derivative(given, activation.forward_result, slope)
        last = activation or norm or linear
        after = listeners.index(last) + 1
        da = listeners[after].backward_result if after < len(listeners) else output_delta
        yield LayerTrace(
            number=i + 1,
            activation="identity" if activation is None else sigma.name,
            mask=dropout.mask(len(x)).copy() if isinstance(dropout, Dropout) else None,
            a_in=listeners[at - 1].forward_result if at else x.copy(),
            W=parameters[i]["W"],
            b=parameters[i]["b"],
            z=linear.forward_result,
            norm=None
            if norm is None
            else NormTrace(
                mean=norm.layer.batch_mean.copy(),
                variance=norm.layer.batch_variance.copy(),
                s=norm.layer.s.copy(),
                y=norm.forward_result,
                dy=da if activation is None else activation.backward_result,
                gamma=parameters[i]["gamma"],
                beta=parameters[i]["beta"],
            ),
            a=last.forward_result,
            da=da,
            slope=slope,
            delta=dense.delta.copy(),
        )


def _of_kind(listeners: list[_Listener], kind: type) -> _Listener | None:
    return next((each for each in listeners if isinstance(each.layer, kind)), None)


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


def _twin(network: MLP, theta: Array, n: int) -> MLP:
    """The same network with other parameters, to be tried out: it leaves no mark on the first.

    Its running means are copies, and the next `n` rows lose the same units to dropout.
    """
    twin = network.with_parameters(theta)
    for norm, other in zip(network.norms, twin.norms, strict=True):
        other.mean, other.variance = (
            norm.mean.astype(theta.dtype),
            norm.variance.astype(theta.dtype),
        )
    for layer, copied in zip(network.layers, twin.layers, strict=True):
        if isinstance(layer, Dropout) and isinstance(copied, Dropout):
            copied.mask(n)[...] = layer.mask(n)
    return twin


def _differences(network: MLP, loss: Loss, x: Array, t: Array) -> tuple[MLP | None, bool]:
    """The gradient of each parameter at that parameter's place, and whether one crosses a kink."""
    if len(network.theta) > MOST_DIFFERENCES:
        return None, False
    copy = _twin(network, network.theta.astype(np.float64), len(x))
    gradient, crossed = centred_differences(copy, loss, x.astype(np.float64), t.astype(np.float64))
    return network.with_parameters(gradient), bool(crossed.any())
