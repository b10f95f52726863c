"""From the words of the config to the parts in `nn/`."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlpcli.errors import ConfigError
from mlpcli.nn.arrays import Array
from mlpcli.nn.initializers import INITIALIZERS, Initializer
from mlpcli.nn.losses import LOSSES, Loss
from mlpcli.nn.network import MLP, Layout
from mlpcli.nn.optimizers import OPTIMIZERS, SGD
from mlpcli.nn.optimizers.schedule_free import ScheduleFreeSGD
from mlpcli.nn.schedules import SCHEDULES, Schedule, constant, with_warmup
from mlpcli.parallel.processors import one_blas_thread
from mlpcli.parallel.shared_memory import shared_zeros
from mlpcli.randomness import Purpose, generator
from mlpcli.training.improvement import ReduceOnPlateau

if TYPE_CHECKING:
    from mlpcli.config.schema.config import Config
    from mlpcli.config.schema.initializers import BiasInitializerConfig, InitializerConfig
    from mlpcli.config.schema.network import NetworkConfig

OF_THE_STEP = {"name", "learning_rate", "clip_value", "clip_norm", "max_norm"}
"""settings of an optimizer's section that are not the optimizer's own"""


def build_network(config: "Config", n_in: int, n_out: int) -> MLP:
    """Return the network with its starting weights, in memory that workers can share."""
    settings = config.network
    layout = Layout((n_in, *settings.hidden, n_out), settings.batch_norm)
    network = MLP(
        layout.sizes,
        settings.activation,
        settings.output_activation,
        config.dtype,
        theta=shared_zeros(layout.n_parameters, config.dtype),
        grad=shared_zeros(layout.n_parameters, config.dtype),
        running=shared_zeros((2, layout.n_running), config.dtype),
        dropout=(settings.dropout.input, settings.dropout.hidden),
        batch_norm=settings.batch_norm,
    )
    for batch_norm in network.batch_norms:
        batch_norm.gamma.fill(1)
        batch_norm.variance.fill(1)
    _check_given(settings, network)
    with one_blas_thread():  # several round an orthogonal start in another way
        network.initialize(
            build_initializer(settings.initializer),
            generator(config.seed, Purpose.INITIALIZATION),
            build_initializer(settings.bias_initializer),
        )
    return network


def _check_given(settings: "NetworkConfig", network: MLP) -> None:
    """Check that numbers written out fit the network.

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
    """Return the initializer, with its settings filled in."""
    arguments = settings.model_dump(exclude={"name"})
    if "values" in arguments:
        arguments["values"] = iter(arguments["values"])
    return functools.partial(INITIALIZERS[settings.name], **arguments)


def build_loss(settings: Mapping[str, Any]) -> Loss:
    """Return the loss for a section of a config or of a checkpoint.

    Raises:
        ValueError: there is no loss of that name, or its settings are out of range.
        TypeError: it has no such settings.
    """
    arguments = dict(settings)
    name = arguments.pop("name")
    if name not in LOSSES:
        raise ValueError(f"unknown loss {name!r}")
    return LOSSES[name](**arguments)


def build_optimizer(config: "Config", fraction: Callable[[int], float] = lambda t: 1.0) -> SGD:
    """Return the optimizer.

    Args:
        config: of the run.
        fraction: what the schedule leaves of the learning rate, for the number of a step.
    """
    settings = config.optimizer.model_dump(exclude=OF_THE_STEP)
    optimizer = OPTIMIZERS[config.optimizer.name]
    if issubclass(optimizer, ScheduleFreeSGD):
        settings["fraction"] = fraction
    return optimizer(**settings)


def build_vectors(optimizer: SGD, network: MLP) -> dict[str, Array]:
    """Return what the optimizer remembers at first, (P,) each, in memory that workers can share."""
    return {name: shared_zeros(len(network.theta), network.dtype) for name in optimizer.vectors}


def build_plateau(config: "Config") -> ReduceOnPlateau | None:
    """Return what lowers the learning rate by what was measured, if that is the schedule."""
    settings = config.schedule
    if settings.name != "plateau":
        return None
    return ReduceOnPlateau(settings.monitor, settings.factor, settings.patience, settings.min_delta)


def build_schedule(config: "Config") -> Schedule:
    """Return the schedule with its warm-up."""
    settings = config.schedule
    if settings.name == "plateau":  # its factor is measured
        return with_warmup(constant, settings.warmup_epochs)
    arguments = settings.model_dump(exclude={"name", "warmup_epochs"})
    schedule = functools.partial(SCHEDULES[settings.name], **arguments)
    return with_warmup(schedule, settings.warmup_epochs)
