"""From the words of the config to the parts in `nn/`."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpcli.errors import ConfigError
from mlpcli.nn import initializers, schedules
from mlpcli.nn.initializers import Initializer
from mlpcli.nn.losses import LOSSES, Loss
from mlpcli.nn.network import MLP
from mlpcli.nn.optimizers import OPTIMIZERS, SGD
from mlpcli.nn.schedules import Schedule
from mlpcli.parallel.threads import one_blas_thread
from mlpcli.randomness import Purpose, generator
from mlpcli.training.plateau import Plateau

if TYPE_CHECKING:
    from mlpcli.config.schema.config import Config
    from mlpcli.config.schema.initializers import BiasInitializerConfig, InitializerConfig
    from mlpcli.config.schema.network import NetworkConfig


def build_network(config: "Config", n_in: int, n_out: int) -> MLP:
    """The network with its starting weights."""
    network = MLP(
        sizes=[n_in, *config.network.hidden, n_out],
        activation=config.network.activation,
        output_activation=config.network.output_activation,
        dtype=config.dtype,
        dropout=(config.network.dropout.input, config.network.dropout.hidden),
        batch_norm=config.network.batch_norm,
    )
    _check_given(config.network, network)
    with one_blas_thread():  # more of them round an orthogonal start in another way
        network.initialize(
            build_initializer(config.network.initializer),
            generator(config.seed, Purpose.INITIALIZATION),
            build_initializer(config.network.bias_initializer),
        )
    return network


def _check_given(settings: "NetworkConfig", network: MLP) -> None:
    """Refuse numbers written out for a network of another shape.

    Raises:
        ConfigError: a layer has more or fewer.
    """
    start, bias_start = settings.initializer, settings.bias_initializer
    if start.name == "given":
        shapes = [(len(W), *sorted({len(row) for row in W})) for W in start.values]
        _refuse_unless("initializer", shapes, [layer.W.shape for layer in network.dense])
    if bias_start.name == "given":
        lengths = [(len(row),) for row in bias_start.values]
        _refuse_unless("bias_initializer", lengths, [layer.b.shape for layer in network.dense])


def _refuse_unless(
    key: str, found: Sequence[tuple[int, ...]], expected: Sequence[tuple[int, ...]]
) -> None:
    if found != expected:
        wanted, given = (
            ", ".join("×".join(map(str, shape)) for shape in shapes) for shapes in (expected, found)
        )
        raise ConfigError(
            f"network.{key}.values: expected {wanted} numbers for the layers in turn, found {given}"
        )


def build_initializer(settings: "InitializerConfig | BiasInitializerConfig") -> Initializer:
    """The initializer, with its settings filled in."""
    match settings.name:
        case "zeros":
            return initializers.zeros
        case "constant":
            return initializers.constant(settings.value)
        case "normal":
            return initializers.normal(settings.mean, settings.std)
        case "uniform":
            return initializers.uniform(settings.low, settings.high)
        case "orthogonal":
            return initializers.orthogonal(settings.gain)
        case "given":
            return initializers.given(settings.values)
        case "he_normal":
            return initializers.he_normal
        case "he_uniform":
            return initializers.he_uniform
        case "xavier_normal":
            return initializers.xavier_normal
        case "xavier_uniform":
            return initializers.xavier_uniform
        case "lecun_normal":
            return initializers.lecun_normal
        case "lecun_uniform":
            return initializers.lecun_uniform


def build_loss(settings: Mapping[str, Any]) -> Loss:
    """The loss, from the section of a config or of a checkpoint.

    Raises:
        ValueError: there is none of that name, or its settings are out of range.
        TypeError: it has no such settings.
    """
    name = settings["name"]
    if name not in LOSSES:
        raise ValueError(f"unknown loss {name!r}")
    return LOSSES[name](**{key: value for key, value in settings.items() if key != "name"})


def build_optimizer(config: "Config", network: MLP) -> SGD:
    """The optimizer, with empty state."""
    settings = config.optimizer.model_dump(
        exclude={"name", "learning_rate", "clip_norm", "max_norm"}
    )
    return OPTIMIZERS[config.optimizer.name](
        len(network.theta), network.n_weights, network.dtype, **settings
    )


def optimizer_vectors(name: str) -> Collection[str]:
    """The names of the vectors that the optimizer of this name keeps.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"unknown optimizer {name!r}")
    return OPTIMIZERS[name](0, 0, np.dtype(np.float32)).state().keys()


def build_plateau(config: "Config") -> Plateau | None:
    """What lowers the learning rate by what was measured, if that is the schedule."""
    settings = config.schedule
    if settings.name != "plateau":
        return None
    return Plateau(settings.monitor, settings.factor, settings.patience, settings.min_delta)


def build_schedule(config: "Config") -> Schedule:
    """The schedule with its warm-up."""
    settings = config.schedule
    schedule: Schedule
    match settings.name:
        case "constant" | "plateau":
            schedule = schedules.constant
        case "step":
            schedule = schedules.step(settings.every_epochs, settings.factor)
        case "exponential":
            schedule = schedules.exponential(settings.factor)
        case "inverse_time":
            schedule = schedules.inverse_time(settings.decay)
        case "one_cycle":
            schedule = schedules.one_cycle(
                settings.rise, settings.initial_fraction, settings.final_fraction
            )
        case "cosine":
            schedule = schedules.cosine(settings.final_fraction)
    return schedules.with_warmup(schedule, settings.warmup_epochs)
