"""One step of gradient descent with every number on the way recorded.

The numbers come from the code that trains: the layers' own `forward` and `backward`, the loss, the
optimizer and the constraints.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mlpcli.data.augmentation import Augmenter
from mlpcli.nn.arrays import Array
from mlpcli.nn.constraints import clip_norm, clip_value, max_norm
from mlpcli.nn.gradcheck import centred_differences, relative_error
from mlpcli.nn.layers import Dropout
from mlpcli.nn.losses import Loss
from mlpcli.nn.network import MLP
from mlpcli.nn.optimizers import SGD
from mlpcli.parallel.communicator import shard
from mlpcli.randomness import Purpose, generator
from mlpcli.training.setup import Setup

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
    """(B, n_out), what the loss compares with `target`"""
    target: Array
    """(B, n_out): t, or the smoothed t"""
    probabilities: Array
    """(B, n_out)"""
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


def follow_training(setup: Setup, steps: int) -> Iterator[StepTrace]:
    """Train the network of `setup`, which has not begun, in place; yield each step."""
    batches, network, limits = setup.batches, setup.network, setup.config.optimizer
    augmenter = Augmenter.from_config(setup.config, setup.training.image_shape)
    x = np.empty((batches.batch_size, network.sizes[0]), network.dtype)
    t = np.empty((batches.batch_size, network.sizes[-1]), network.dtype)
    for number in range(1, steps + 1):
        epoch, step = 1 + (number - 1) // len(batches), (number - 1) % len(batches)
        start = step * batches.batch_size
        indices = batches.order(epoch)[start : start + batches.batch_size]
        n = len(indices)
        batches.fill(indices, epoch, augmenter, x[:n], t[:n])
        if start % batches.block_size == 0:
            rngs = [
                generator(setup.config.seed, Purpose.DROPOUT, epoch, start, rank)
                for rank in range(setup.workers)
            ]
        _draw_dropout(network, n, rngs)
        yield trace_step(
            network,
            setup.loss,
            setup.optimizer,
            setup.vectors,
            x[:n],
            t[:n],
            setup.learning_rate(epoch, step),
            most_value=limits.clip_value,
            most_norm=limits.clip_norm,
            most_weights_norm=limits.max_norm,
            number=number,
            differences=number == 1,
        )


def _draw_dropout(network: MLP, n: int, rngs: list[np.random.Generator]) -> None:
    """Draw the units that are switched off for `n` rows as each worker would for its shard."""
    masks = []
    for rank, rng in enumerate(rngs):
        rows = shard(n, rank, len(rngs))
        size = rows.stop - rows.start
        network.draw_dropout(size, rng)
        masks.append([layer.mask(size).copy() for layer in _dropouts(network)])
    for layer, of_workers in zip(_dropouts(network), zip(*masks, strict=True), strict=True):
        layer.mask(n)[...] = np.concatenate(of_workers)


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
    most_value: float | None = None,
    most_norm: float | None = None,
    most_weights_norm: float | None = None,
    number: int = 1,
    differences: bool = True,
) -> StepTrace:
    """Take one step, which changes the network's parameters, and record every number of it.

    Args:
        network: the network, with its dropout drawn for this batch.
        loss: the loss.
        optimizer: takes the step.
        vectors: the optimizer's (P,), by name.
        x: inputs (B, n_in).
        t: targets (B, n_out).
        learning_rate: η of this step.
        most_value: limit on each number of the gradient.
        most_norm: limit on the norm of the gradient.
        most_weights_norm: limit on the norm of the weights into a hidden unit.
        number: the step's number, from 1 on.
        differences: also take centred differences, if the network has few parameters.
    """
    numerical, crosses = _differences(network, loss, x, t) if differences else (None, False)
    before, n = network.theta.copy(), network.n_weights
    forward, backward = _pass(network, loss, x, t)
    gradient = network.grad.copy()
    g = network.grad
    gradient_norm = clipped_norm = float(np.linalg.norm(g))
    if most_norm:
        clip_norm(g, gradient_norm, most_norm)
        clipped_norm = float(np.linalg.norm(g))
    if most_value:
        clip_value(g, most_value)
    optimizer.penalize(network.theta[:n], g[:n], learning_rate)
    taken = g.copy()
    optimizer.update(network.theta, g, learning_rate, number, *vectors.values())
    lengths = None
    if most_weights_norm:
        lengths = [np.linalg.norm(layer.W, axis=0) for layer in network.dense[:-1]]
        for layer in network.dense[:-1]:
            max_norm(layer.W, most_weights_norm)
    parameters = _parameters(network, before, gradient, numerical, taken, vectors)
    z = forward[-1]
    return StepTrace(
        number=number,
        x=x.copy(),
        t=t.copy(),
        layers=list(_layers(network, x, forward, backward, parameters)),
        prediction=loss.prediction(z),
        target=loss.target(t).copy(),
        probabilities=loss.probabilities(z),
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


def _parameters(
    network: MLP,
    before: Array,
    gradient: Array,
    numerical: Array | None,
    taken: Array,
    vectors: dict[str, Array],
) -> list[dict[str, ParameterTrace]]:
    """Return the arrays of each layer by name; the arguments are vectors (P,)."""
    views = network.layout.views
    after = views(network.theta.copy())
    differences = None if numerical is None else views(numerical)
    state = {name: views(vector.copy()) for name, vector in vectors.items()}
    return [
        {
            name: ParameterTrace(
                value=value,
                gradient=views(gradient)[i][name],
                numerical=None if differences is None else differences[i][name],
                taken=views(taken)[i][name],
                new=after[i][name],
                state={of: layers[i][name] for of, layers in state.items()},
            )
            for name, value in layer.items()
        }
        for i, layer in enumerate(views(before))
    ]


def _pass(network: MLP, loss: Loss, x: Array, t: Array) -> tuple[list[Array], list[Array]]:
    """Go forward and back; return the output of each layer, and dL/d(output) of each."""
    forward, a = [], x
    for layer in network.layers:
        a = layer.forward(a)
        forward.append(a.copy())
    delta = np.empty_like(a)
    loss.delta(a, t, delta)
    delta /= len(delta)
    backward: list[Array] = []
    for layer in reversed(network.layers):
        backward.insert(0, delta.copy())
        delta = layer.backward(delta)
    for dense in network.dense:
        dense.gradient()
    return forward, backward


def _layers(
    network: MLP,
    x: Array,
    forward: list[Array],
    backward: list[Array],
    parameters: list[dict[str, ParameterTrace]],
) -> Iterator[LayerTrace]:
    """Yield the trace of each dense layer.

    Args:
        network: the network after the step.
        x: the batch (B, n_in).
        forward: the output of each of its layers.
        backward: dL/d(output) of each of them.
        parameters: the parameters of each dense layer, by name.
    """
    passes = zip(forward, backward, strict=True)
    a = x
    for number, (stage, of_layer) in enumerate(zip(network.stages, parameters, strict=True), 1):
        mask = None
        if stage.dropout:
            mask = stage.dropout.mask(len(x)).copy()
            a, _ = next(passes)
        a_in = a
        z, error = next(passes)
        given, da, batch_norm = z, error, None
        if stage.batch_norm:
            y, error = next(passes)
            given, da = y, error
            batch_norm = BatchNormTrace(
                mean=stage.batch_norm.batch_mean.copy(),
                variance=stage.batch_norm.batch_variance.copy(),
                s=stage.batch_norm.s.copy(),
                y=y,
                dy=error,
                gamma=of_layer["gamma"],
                beta=of_layer["beta"],
            )
        a, slope, activation = given, np.ones_like(given), "identity"
        if stage.activation:
            a, da = next(passes)
            activation = stage.activation.activation.name
            stage.activation.activation.derivative(given, a, slope)
        yield LayerTrace(
            number=number,
            activation=activation,
            mask=mask,
            a_in=a_in,
            W=of_layer["W"],
            b=of_layer["b"],
            z=z,
            batch_norm=batch_norm,
            a=a,
            da=da,
            slope=slope,
            delta=stage.dense.delta.copy(),
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
