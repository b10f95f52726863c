"""From the words of the config to the parts in `nn/`."""

from typing import TYPE_CHECKING

from mlpcli.nn import initializers, schedules
from mlpcli.nn.initializers import Initializer
from mlpcli.nn.losses import LOSSES, Loss
from mlpcli.nn.network import MLP
from mlpcli.nn.optimizers import OPTIMIZERS, SGD
from mlpcli.nn.schedules import Schedule
from mlpcli.randomness import Purpose, generator

if TYPE_CHECKING:
    from mlpcli.config.schema import Config


def build_network(config: "Config", n_in: int, n_out: int) -> MLP:
    """The network with its starting weights."""
    network = MLP(
        sizes=[n_in, *config.network.hidden, n_out],
        activation=config.network.activation,
        output_activation=config.network.output_activation,
        dtype=config.dtype,
    )
    network.initialize(build_initializer(config), generator(config.seed, Purpose.INITIALIZATION))
    return network


def build_initializer(config: "Config") -> Initializer:
    """The initializer, with its settings filled in."""
    settings = config.network.initializer
    match settings.name:
        case "normal":
            return initializers.normal(settings.mean, settings.std)
        case "he_normal":
            return initializers.he_normal
        case "he_uniform":
            return initializers.he_uniform
        case "xavier_normal":
            return initializers.xavier_normal
        case "xavier_uniform":
            return initializers.xavier_uniform


def build_loss(config: "Config") -> Loss:
    """The loss."""
    return LOSSES[config.loss.name]()


def build_optimizer(config: "Config", network: MLP) -> SGD:
    """The optimizer, with empty state."""
    settings = config.optimizer.model_dump(exclude={"name", "learning_rate"})
    return OPTIMIZERS[config.optimizer.name](
        len(network.theta), network.n_weights, network.dtype, **settings
    )


def build_schedule(config: "Config") -> Schedule:
    """The schedule with its warm-up."""
    settings = config.schedule
    schedule: Schedule
    match settings.name:
        case "constant":
            schedule = schedules.constant
        case "step":
            schedule = schedules.step(settings.every_epochs, settings.factor)
        case "cosine":
            schedule = schedules.cosine(settings.final_fraction)
    return schedules.with_warmup(schedule, settings.warmup_epochs)
