"""One step of gradient descent with every number on the way recorded.

The numbers come from the code that trains: the layers' own `forward` and `backward`, the loss, the
optimizer and the constraints.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from mlpcli.config.schema.optimizers import Optimizer, SgdConfig
from mlpcli.data.augmentation import Augmenter
from mlpcli.nn.arrays import Array
from mlpcli.nn.constraints import clip_norm, clip_value, max_norm
from mlpcli.nn.gradcheck import (
    STEP,
    VANISHED,
    centred_differences,
    relative_error,
    rounding_error,
)
from mlpcli.nn.layers import Dropout, Layer
from mlpcli.nn.losses import Loss
from mlpcli.nn.network import MLP, Layout
from mlpcli.nn.optimizers import SGD
from mlpcli.nn.stepping import penalize, update
from mlpcli.parallel.communicator import shard
from mlpcli.randomness import Purpose, generator
from mlpcli.training.setup import Setup

_ByLayer: TypeAlias = dict[Layer, Array]

UNLIMITED = SgdConfig(name="sgd")
MOST_DIFFERENCES = 2000
"""number of parameters whose differences are taken; each costs two forward passes"""


@dataclass(frozen=True)
class ParameterTrace:
    """An array of parameters in a step; all of these arrays have its shape."""

    value: Array
    """before the update"""
    gradient: Array
    numerical: Array | None
    """the gradient by centred differences; None in a network too large for them"""
    taken: Array
    """the gradient that the step takes: clipped, plus the gradient of the penalties"""
    new: Array
    """after the update"""
    state: dict[str, Array]
    """what the optimizer remembers after the update, by name"""
    state_before: dict[str, Array]
    """the same before it"""


@dataclass(frozen=True)
class BatchNormTrace:
    """Batch normalisation between a layer's weighted sum and its activation."""

    mean: Array
    """(n_out,), over the batch; for a single example, the running mean"""
    variance: Array
    """variance (n_out,), likewise"""
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
    """One dense layer in a step, with its dropout, batch normalisation and activation."""

    number: int
    """from 1 on"""
    activation: str
    mask: Array | None
    """(B, n_in), the factors of dropout on the layer's input; None without dropout"""
    a_in: Array
    """the input (B, n_in), after dropout"""
    W: ParameterTrace
    """(n_in, n_out)"""
    b: ParameterTrace
    """(n_out,)"""
    z: Array
    """(B, n_out)"""
    batch_norm: BatchNormTrace | None
    a: Array
    """(B, n_out); the activation's input where it is the identity"""
    da: Array
    """dL/da (B, n_out)"""
    slope: Array
    """σ' (B, n_out)"""
    delta: Array
    """dL/dz (B, n_out)"""

    @property
    def parameters(self) -> dict[str, ParameterTrace]:
        """The parameters by the names W, b, gamma and beta."""
        found = {"W": self.W, "b": self.b}
        if self.batch_norm is not None:
            found |= {"gamma": self.batch_norm.gamma, "beta": self.batch_norm.beta}
        return found

    @property
    def gradient_norm(self) -> float:
        """The norm of dL/dW."""
        return float(np.linalg.norm(self.W.gradient))

    @property
    def relative_error(self) -> float | None:
        """The relative error of the layer's gradient against its differences, if there are any."""
        both = self._both_gradients()
        return None if both is None else relative_error(*both)

    def is_too_small_to_check(self, loss: float) -> bool:
        """Return whether rounding alone explains a relative error that is not small.

        `loss` is that of the step.
        """
        both = self._both_gradients()
        if both is None or relative_error(*both) <= VANISHED:
            return False
        error = float(np.linalg.norm(both[0] - both[1]))
        return error <= rounding_error(loss, STEP, len(both[0]))

    def _both_gradients(self) -> tuple[Array, Array] | None:
        """Return all of the layer's gradient by backpropagation, and by differences, if taken."""
        gradient, numerical = [], []
        for each in self.parameters.values():
            if each.numerical is None:
                return None
            gradient.append(each.gradient.ravel())
            numerical.append(each.numerical.ravel())
        return np.concatenate(gradient), np.concatenate(numerical)


@dataclass(frozen=True)
class StepTrace:
    """One step of training on one batch."""

    x: Array
    """(B, n_in)"""
    t: Array
    """(B, n_out)"""
    layers: list[LayerTrace]
    prediction: Array
    """(B, n_out), what the loss compares with `target`"""
    target: Array
    """(B, n_out): t, or the smoothed t"""
    loss: float
    """mean over the batch, before the update"""
    learning_rate: float
    gradient_norm: float
    """norm of the whole gradient, before clipping"""
    clipped_norm: float
    """the same after the norm is clipped"""
    lengths: list[Array] | None
    """norms of the weights into each hidden unit (n_out,) before max-norm; None without it"""
    crosses_a_kink: bool
    """whether a difference was taken across the kink of a unit's activation"""
    loss_after: float
    """loss of the same batch after the update, with the same units switched off"""


def follow_training(setup: Setup, steps: int, shown: int = 1) -> Iterator[StepTrace]:
    """Train the network of `setup`, which has not begun, in place; yield each step.

    Differences are taken in the step `shown`, from 1 on.
    """
    batches, network = setup.batches, setup.network
    augmenter = Augmenter.from_config(setup.config, setup.training.image_shape)
    x = np.empty((batches.batch_size, network.sizes[0]), network.dtype)
    t = np.empty((batches.batch_size, network.sizes[-1]), network.dtype)
    for number in range(1, steps + 1):
        epochs_done, step = divmod(number - 1, len(batches))
        epoch, start = epochs_done + 1, step * batches.batch_size
        indices = batches.order(epoch)[start : start + batches.batch_size]
        n = len(indices)
        batches.fill(indices, epoch, augmenter, x[:n], t[:n])
        if start % batches.block_size == 0:
            rngs = _generators_of_dropout(setup, epoch, start)
        _draw_dropout(network, n, rngs)
        yield trace_step(
            network,
            setup.loss,
            setup.optimizer,
            setup.vectors,
            x[:n],
            t[:n],
            setup.learning_rate(epoch, step),
            limits=setup.config.optimizer,
            number=number,
            differences=number == shown,
        )


def draw_dropout_of(setup: Setup, example: int) -> None:
    """Draw the units that the first epoch switches off for a training example, from 0 on.

    They are drawn for the network of `setup` and a batch of this example alone.
    """
    batches, network = setup.batches, setup.network
    (place,) = np.flatnonzero(batches.order(1) == example).tolist()
    block = place - place % batches.block_size
    rngs = _generators_of_dropout(setup, 1, block)
    for start in range(block, place + 1, batches.batch_size):
        n = min(batches.batch_size, len(setup.training) - start)
        _draw_dropout(network, n, rngs)
    for layer in _dropouts(network):
        layer.mask(1)[...] = layer.mask(n)[[place - start]]


def _generators_of_dropout(setup: Setup, epoch: int, start: int) -> list[np.random.Generator]:
    """Return each worker's generator for the block of batches that starts with this example."""
    return [
        generator(setup.config.seed, Purpose.DROPOUT, epoch, start, rank)
        for rank in range(setup.workers)
    ]


def _draw_dropout(network: MLP, n: int, rngs: list[np.random.Generator]) -> None:
    """Draw the units that are switched off for `n` rows as each worker would for its units."""
    for rank, rng in enumerate(rngs):
        for layer in _dropouts(network):
            units = shard(layer.width, rank, len(rngs))
            own = layer.some(units)
            own.draw(n, rng)
            layer.mask(n)[:, units] = own.mask(n)


def _dropouts(network: MLP) -> list[Dropout]:
    return [stage.dropout for stage in network.stages if stage.dropout]


def trace_step(
    network: MLP,
    loss: Loss,
    optimizer: SGD,
    vectors: dict[str, Array],
    x: Array,
    t: Array,
    learning_rate: float,
    *,
    limits: Optimizer = UNLIMITED,
    number: int = 1,
    differences: bool = True,
) -> StepTrace:
    """Take one step, which changes the network's parameters, and record every number of it.

    The dropout of `network` is drawn for this batch of inputs x (B, n_in) and targets t (B, n_out).
    `vectors` holds what the optimizer remembers (P,), by name. `limits` bounds the gradient and the
    weights into a hidden unit. Steps are numbered from 1 on. With `differences`, a network of few
    parameters has its gradient taken by centred differences too.
    """
    numerical, crosses = _differences(network, loss, x, t) if differences else (None, False)
    before = network.theta.copy()
    state_before = {name: vector.copy() for name, vector in vectors.items()}
    outputs, errors = _pass(network, loss, x, t)
    gradient = network.grad.copy()
    g = network.grad
    gradient_norm = clipped_norm = float(np.linalg.norm(g))
    if limits.clip_norm:
        clip_norm(g, gradient_norm, limits.clip_norm)
        clipped_norm = float(np.linalg.norm(g))
    if limits.clip_value:
        clip_value(g, limits.clip_value)
    remembered = [*vectors.values()]
    penalize(optimizer, network, g, learning_rate, remembered)
    taken = g.copy()
    update(optimizer, network, g, learning_rate, number, remembered)
    lengths = None
    if limits.max_norm:
        lengths = [np.linalg.norm(layer.W, axis=0) for layer in network.dense[:-1]]
        for layer in network.dense[:-1]:
            max_norm(layer.W, limits.max_norm)
    parameters = ParameterTrace(
        value=before,
        gradient=gradient,
        numerical=numerical,
        taken=taken,
        new=network.theta.copy(),
        state={name: vector.copy() for name, vector in vectors.items()},
        state_before=state_before,
    )
    z = outputs[network.layers[-1]]
    return StepTrace(
        x=x.copy(),
        t=t.copy(),
        layers=list(_layers(network, x, outputs, errors, _split(parameters, network.layout))),
        prediction=loss.prediction(z),
        target=loss.target(t).copy(),
        loss=float(loss.value(z, t).mean()),
        learning_rate=learning_rate,
        gradient_norm=gradient_norm,
        clipped_norm=clipped_norm,
        lengths=lengths,
        crosses_a_kink=crosses,
        loss_after=float(loss.value(_twin(network, network.theta, len(x)).forward(x), t).mean()),
    )


def in_float64(network: MLP) -> MLP:
    """Return a float64 copy with running means of its own, in which no dropout is drawn."""
    return _twin(network, network.theta.astype(np.float64), 0)


def _split(whole: ParameterTrace, layout: Layout) -> list[dict[str, ParameterTrace]]:
    """Return the trace of each layer's arrays by name, from that of all parameters (P,)."""

    def trace(i: int, name: str) -> ParameterTrace:
        def part(vector: Array) -> Array:
            return layout.views(vector)[i][name]

        return ParameterTrace(
            value=part(whole.value),
            gradient=part(whole.gradient),
            numerical=None if whole.numerical is None else part(whole.numerical),
            taken=part(whole.taken),
            new=part(whole.new),
            state={vector: part(values) for vector, values in whole.state.items()},
            state_before={vector: part(values) for vector, values in whole.state_before.items()},
        )

    return [
        {name: trace(i, name) for name in layer}
        for i, layer in enumerate(layout.views(whole.value))
    ]


def _pass(network: MLP, loss: Loss, x: Array, t: Array) -> tuple[_ByLayer, _ByLayer]:
    """Go forward and back; return the output of each layer, and dL/d(output) of each."""
    outputs, errors = {}, {}
    a = x
    for layer in network.layers:
        a = layer.forward(a)
        outputs[layer] = a.copy()
    error = np.empty_like(a)
    loss.delta(a, t, error)
    error /= len(error)
    for layer in reversed(network.layers):
        errors[layer] = error.copy()
        error = layer.backward(error)
    for dense in network.dense:
        dense.gradient()
    return outputs, errors


def _layers(
    network: MLP,
    x: Array,
    outputs: _ByLayer,
    errors: _ByLayer,
    parameters: list[dict[str, ParameterTrace]],
) -> Iterator[LayerTrace]:
    """Yield the trace of each dense layer of a network that has taken the step on `x` (B, n_in)."""
    a = x
    for number, (stage, own) in enumerate(zip(network.stages, parameters, strict=True), 1):
        a_in, mask = a, None
        if stage.dropout:
            a_in, mask = outputs[stage.dropout], stage.dropout.mask(len(x)).copy()
        batch_norm = None
        if stage.batch_norm:
            batch_norm = BatchNormTrace(
                mean=stage.batch_norm.batch_mean.copy(),
                variance=stage.batch_norm.batch_variance.copy(),
                s=stage.batch_norm.s.copy(),
                y=outputs[stage.batch_norm],
                dy=errors[stage.batch_norm],
                gamma=own["gamma"],
                beta=own["beta"],
            )
        given = outputs[stage.batch_norm or stage.dense]
        last = stage.activation or stage.batch_norm or stage.dense
        a, slope, activation = outputs[last], np.ones_like(given), "identity"
        if stage.activation:
            activation = stage.activation.activation.name
            stage.activation.activation.derivative(given, a, slope)
        yield LayerTrace(
            number=number,
            activation=activation,
            mask=mask,
            a_in=a_in,
            W=own["W"],
            b=own["b"],
            z=outputs[stage.dense],
            batch_norm=batch_norm,
            a=a,
            da=errors[last],
            slope=slope,
            delta=errors[stage.dense],
        )


def _twin(network: MLP, theta: Array, n: int) -> MLP:
    """Return the network with other parameters, copied running means and the same dropout masks.

    The masks (n, n_in) are copied; nothing done to the twin changes the network.
    """
    twin = network.with_parameters(theta, network.running.astype(theta.dtype))
    for layer, copied in zip(_dropouts(network), _dropouts(twin), strict=True):
        copied.mask(n)[...] = layer.mask(n)
    return twin


def _differences(network: MLP, loss: Loss, x: Array, t: Array) -> tuple[Array | None, bool]:
    """Return the gradient (P,) by centred differences, and whether any crosses a kink."""
    if len(network.theta) > MOST_DIFFERENCES:
        return None, False
    copy = _twin(network, network.theta.astype(np.float64), len(x))
    gradient, crossed = centred_differences(copy, loss, x.astype(np.float64), t.astype(np.float64))
    return gradient, bool(crossed.any())
