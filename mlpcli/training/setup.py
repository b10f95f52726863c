"""Everything a run needs, made before its first step, so that what is wrong shows at once."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mlpcli.config.schema.augmentation import AugmentationConfig
from mlpcli.config.schema.config import Config
from mlpcli.data.batches import Batches
from mlpcli.data.dataset import Dataset
from mlpcli.data.loading import DataLoader
from mlpcli.data.normalization import Normalization
from mlpcli.data.published.cache import data_directory
from mlpcli.data.shaping import Shaping
from mlpcli.errors import ConfigError, DataError
from mlpcli.nn.averaging import MovingAverage
from mlpcli.nn.losses import Loss
from mlpcli.nn.network import MLP
from mlpcli.nn.optimizers import SGD
from mlpcli.nn.schedules import Schedule
from mlpcli.parallel import threads
from mlpcli.reporting import Reporter
from mlpcli.training import building
from mlpcli.training.plateau import Plateau


@dataclass(frozen=True)
class Setup:
    """The parts of a run."""

    config: Config
    batches: Batches
    """the training set"""
    validation: Dataset | None
    test: Dataset
    """as it was loaded: a `Model` brings images into shape itself"""
    network: MLP
    loss: Loss
    optimizer: SGD
    schedule: Schedule
    average: MovingAverage | None
    """of the parameters, if the config wants one"""
    running_average: MovingAverage | None
    """of the running means and variances, if there is batch normalisation too"""
    plateau: Plateau | None
    """lowers the learning rate where a metric stays as it is, if the config wants it"""
    threads: int
    """members of the team that shares each step"""
    fills_ahead: bool
    """whether another member fills the next block of examples meanwhile"""

    @property
    def training(self) -> Dataset:
        """The training set, the validation part taken out."""
        return self.batches.dataset

    @property
    def monitor(self) -> str:
        """The column of metrics.csv by which an epoch is the best."""
        if self.config.training.monitor is not None:
            return self.config.training.monitor
        if self.validation is None:
            return "epoch"
        return "val_accuracy" if self.validation.targets is None else "val_loss"

    def learning_rate(self, epoch: int, step: int) -> float:
        """The learning rate of a step, counted from 0, of an epoch, counted from 1."""
        middle_of_step = epoch - 1 + (step + 0.5) / len(self.batches)
        share = self.schedule(middle_of_step, self.config.training.epochs)
        return self.config.optimizer.learning_rate * share

    def for_prediction(self) -> MLP:
        """The network as it is judged and used: its averaged parameters, if there are any."""
        if self.average is None:
            return self.network.for_prediction()
        running = self.running_average.theta if self.running_average else None
        return self.network.with_parameters(self.average.theta, running).for_prediction()

    @cached_property
    def plain_config(self) -> dict[str, Any]:
        """The config as JSON has it."""
        return self.config.model_dump(mode="json")

    @property
    def normalization(self) -> Normalization:
        """Measured on the training set."""
        return self.batches.normalization


def prepare(
    config: Config,
    data_dir: str | Path | None,
    reporter: Reporter,
    *,
    may_fetch: bool = True,
    trust_paths: bool = True,
) -> Setup:
    """Everything for training a config; `data_dir` None is the usual cache.

    Raises:
        DataError: the data cannot be had, or does not fit together.
        ConfigError: there is not memory enough for it.
    """
    cache = data_directory(Path(data_dir) if data_dir is not None else None)
    try:
        loader = DataLoader(config.data, config.seed, cache, reporter, may_fetch, trust_paths)
        return set_up(config, loader)
    except MemoryError as error:
        raise ConfigError(
            f"This run does not fit into memory ({error}); make data.train_size, data.test_size or "
            "network.hidden smaller."
        ) from error


def set_up(config: Config, loader: DataLoader) -> Setup:
    """Load the data and build the network with its starting weights.

    Raises:
        DataError: the data cannot be had, or does not fit together.
    """
    training, validation = loader.training_and_validation()
    test = loader.test(training.class_names)
    if test.image_shape != training.image_shape:
        raise DataError(
            f"The training images are {training.image_shape} pixels and the test images "
            f"{test.image_shape}; give files of one size."
        )
    return assemble(config, training, validation, test)


def assemble(config: Config, training: Dataset, validation: Dataset | None, test: Dataset) -> Setup:
    """The parts of a run on data that is in memory, as it was loaded."""
    shaping = Shaping.from_settings(config.data.model_dump())
    training, validation = shaping.apply(training), validation and shaping.apply(validation)
    normalization = {
        "standardize": lambda: Normalization.standardize(training.images),
        "unit": Normalization.unit,
        "none": Normalization.none,
    }[config.data.normalization]()
    network = building.build_network(config, training.images.shape[1], len(training.class_names))
    averaging = config.training.averaging
    batch_size = min(config.training.batch_size, len(training))
    batches = Batches(training, batch_size, normalization, config.seed, network.dtype)
    members = threads.choose(
        config.training.threads,
        network.sizes,
        batch_size,
        distorted=config.data.augmentation != AugmentationConfig(),
    )
    several_blocks = len(training) > batches.block_size
    return Setup(
        config=config,
        batches=batches,
        validation=validation,
        test=test,
        network=network,
        loss=building.build_loss(config.loss.model_dump()),
        optimizer=building.build_optimizer(config, network),
        schedule=building.build_schedule(config),
        average=MovingAverage(network.theta, averaging.decay) if averaging else None,
        running_average=(
            MovingAverage(network.running, averaging.decay) if averaging and network.norms else None
        ),
        plateau=building.build_plateau(config),
        threads=members,
        fills_ahead=several_blocks and threads.may_fill_ahead(config.training.threads, members),
    )
