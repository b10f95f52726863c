"""Everything a run needs, made before its first step, so that what is wrong shows at once."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mlpcli.config.schema.augmentation import AugmentationConfig
from mlpcli.config.schema.config import Config
from mlpcli.data.batches import Batches
from mlpcli.data.classes import with_classes
from mlpcli.data.dataset import Dataset
from mlpcli.data.drawn import with_others_drawn
from mlpcli.data.loading import DataLoader
from mlpcli.data.normalization import Normalization, standardized, with_normal_targets
from mlpcli.data.published.cache import data_directory
from mlpcli.data.shaping import Shaping
from mlpcli.errors import ConfigError
from mlpcli.nn.arrays import Array
from mlpcli.nn.losses import Loss
from mlpcli.nn.network import MLP
from mlpcli.nn.optimizers import SGD
from mlpcli.nn.optimizers.muon import Muon
from mlpcli.nn.schedules import Schedule
from mlpcli.parallel.shared_memory import shared_zeros
from mlpcli.reporting import Reporter
from mlpcli.training import building
from mlpcli.training.improvement import ReduceOnPlateau, monitored_column
from mlpcli.training.metrics import measured_columns
from mlpcli.training.starting import Start
from mlpcli.training.worker_count import may_prefetch, worker_count

Splits = tuple[Dataset, Dataset | None, Dataset]
"""the training set, the validation set, if any, and the test set"""


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
    vectors: dict[str, Array]
    """what the optimizer remembers (P,), by the names that it has for them"""
    schedule: Schedule
    average: Array | None
    """the averaged parameters (P,), if the config wants them"""
    running_average: Array | None
    """the averaged running means and variances (2, R), if there is batch normalisation too"""
    plateau: ReduceOnPlateau | None
    """lowers the learning rate when a metric stops improving, if the config wants it"""
    target_normalization: Normalization
    """of the targets of a regression, measured on the training set too"""
    workers: int
    """how many divide each step among them"""
    prefetch: bool
    """whether another worker fills the next block of examples meanwhile"""

    @property
    def training(self) -> Dataset:
        """The training set, the validation part taken out."""
        return self.batches.dataset

    def calibration_set(self) -> Dataset | None:
        """Return what the temperature is fitted to: the validation set, and what is drawn for it.

        It has as large a share of drawn images as the training set has. They differ from people's
        own in other ways than the validation set does from the training set, and are harder.
        """
        validation, data = self.validation, self.config.data
        n_drawn = data.added_digits + data.no_digits
        if validation is None or data.mix is not None or not n_drawn:
            return validation
        share = len(validation) / max(len(self.training) - n_drawn, len(validation))
        drawn = with_others_drawn(validation, data, self.config.seed, share)
        return Shaping.from_settings(data.model_dump()).apply(drawn)

    @property
    def decay(self) -> float:
        """The share of the average that a step keeps, in the long run."""
        averaging = self.config.training.averaging
        return averaging.decay if averaging else 0.0

    @property
    def measured(self) -> set[str]:
        """The optional columns of metrics.csv that this run fills, besides the seconds."""
        return measured_columns(
            has_validation=self.validation is not None, has_classes=self.training.targets is None
        )

    @property
    def monitor(self) -> str:
        """The column of metrics.csv by which an epoch is the best."""
        return monitored_column(self.config.training.monitor, {"train_loss", *self.measured})

    @property
    def arrays(self) -> list[Array]:
        """What a step changes: parameters, running means, and what the optimizer remembers."""
        own = [self.network.theta, self.network.running, *self.vectors.values()]
        return [*own, *(a for a in (self.average, self.running_average) if a is not None)]

    def learning_rate(self, epoch: int, step: int) -> float:
        """Return the learning rate of a step, from 0 on, in an epoch, from 1 on."""
        middle_of_step = epoch - 1 + (step + 0.5) / len(self.batches)
        fraction = self.schedule(middle_of_step, max(self.config.training.epochs, 1))
        return self.config.optimizer.learning_rate * fraction

    @property
    def evaluated(self) -> Array:
        """The parameters (P,) that are evaluated and used: averaged, if the config wants it."""
        if self.average is not None:
            return self.average
        name = self.optimizer.evaluated
        return self.network.theta if name is None else self.vectors[name]

    def spread_examples(self, most: int) -> tuple[Array, Array]:
        """Return at most `most` training examples, evenly spread over the set and undistorted.

        Returns:
            Their inputs (n, n_in), normalised, and targets (n, n_out).
        """
        training, network = self.training, self.network
        n = min(most, len(training))
        chosen = np.linspace(0, len(training) - 1, n).astype(np.intp)
        x = np.empty((n, network.sizes[0]), network.dtype)
        t = np.empty((n, network.sizes[-1]), network.dtype)
        self.normalization.apply(training.images[chosen], x)
        training.write_targets(chosen, t)
        return x, t

    def for_prediction(self) -> MLP:
        """Return the network as it is evaluated and used."""
        if self.evaluated is self.network.theta:
            return self.network.for_prediction()
        return self.network.with_parameters(self.evaluated, self.running_average).for_prediction()

    def begin_averages(self) -> None:
        """Set the averages to the numbers that the network has, those of the optimizer too."""
        for name in self.optimizer.begins_at_theta:
            self.vectors[name][...] = self.network.theta
        if self.average is not None:
            self.average[...] = self.network.theta
        if self.running_average is not None:
            self.running_average[...] = self.network.running

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
    start: Start | None = None,
    normalization: Normalization | None = None,
    workers: int | None = None,
    arrays: tuple[Dataset, Dataset | None] | None = None,
) -> Setup:
    """Load the data of a config and return the parts of its run.

    Args:
        config: of the run.
        data_dir: the cache; None for the usual one.
        reporter: follows the download.
        may_fetch: whether missing data may be downloaded.
        trust_paths: whether files may lie anywhere.
        start: the trained network that `training.start_from` names.
        normalization: that of a run that is resumed and started so; None measures it.
        workers: how many a run that is resumed has had; None for what the config says.
        arrays: the training set and perhaps the test set of dataset arrays.

    Raises:
        DataError: the data cannot be had, or does not fit together.
        ConfigError: there is not enough memory for it, or it does not fit `start`.
    """
    if start is not None:
        config = start.completed(config)
    cache = data_directory(Path(data_dir) if data_dir is not None else None)
    try:
        loader = DataLoader(
            config.data, config.seed, cache, reporter, may_fetch, trust_paths, arrays
        )
        splits = loader.splits()
        if start is not None:
            return assemble_from(start, config, splits, reporter)
        return assemble(config, *splits, normalization, workers)
    except MemoryError as error:
        raise ConfigError(
            f"This run does not fit into memory ({error}); make data.train_size, data.test_size or "
            "network.hidden smaller."
        ) from error


def assemble_from(start: Start, config: Config, splits: Splits, reporter: Reporter) -> Setup:
    """Return the parts of a run that begins with a trained network.

    Args:
        start: the network.
        config: of the run, completed by `start`.
        splits: the data as it was loaded.
        reporter: told where the classes differ.

    Raises:
        ConfigError: the network reads images of another size.
    """
    config, splits = _with_classes_of(start, config, splits, reporter)
    setup = assemble(config, *splits, start.normalization)
    start.write_weights(setup.network, setup.training.class_names)
    setup.begin_averages()
    return setup


def _with_classes_of(
    start: Start, config: Config, splits: Splits, reporter: Reporter
) -> tuple[Config, Splits]:
    """Return a config and its data with the classes of the network, where it has them all.

    Raises:
        ConfigError: the network reads images of another size.
    """
    training, validation, test = splits
    start.refuse_other_images(training.image_shape)
    names = start.class_names
    if training.class_names == names:
        return config, splits
    if config.data.class_names is None and start.knows_classes_of(config, training.class_names):
        data = config.data.model_copy(update={"class_names": names})
        training, test = (with_classes(each, names, "The data") for each in (training, test))
        validation = validation and with_classes(validation, names, "The data")
        return config.model_copy(update={"data": data}), (training, validation, test)
    if not set(training.class_names) <= set(names):
        reporter.remark(
            f"The classes are others than those of {start.name}: the last layer of the network is "
            "new."
        )
    return config, splits


def assemble(
    config: Config,
    training: Dataset,
    validation: Dataset | None,
    test: Dataset,
    normalization: Normalization | None = None,
    workers: int | None = None,
) -> Setup:
    """Return the parts of a run on data that is in memory, as it was loaded.

    Without a normalization, the one that the config asks for is measured; without workers, there
    are as many as it says.
    """
    shaping = Shaping.from_settings(config.data.model_dump())
    training, validation = shaping.apply(training), validation and shaping.apply(validation)
    if normalization is None:
        normalization = {
            "standardize": lambda: standardized(training),
            "unit": Normalization.unit,
            "none": Normalization.none,
        }[config.data.normalization]()
    target_normalization = Normalization.none()
    if training.targets is not None and config.data.normalization == "standardize":
        target_normalization = Normalization.of_columns(training.targets)
        training = with_normal_targets(training, target_normalization)
        validation = validation and with_normal_targets(validation, target_normalization)
    network = building.build_network(config, training.images.shape[1], len(training.class_names))
    averaging = config.training.averaging
    average: Array | None = None
    if averaging:
        average = shared_zeros(network.theta.shape, network.dtype)
    batch_size = min(config.training.batch_size, len(training))
    batches = Batches(training, batch_size, normalization, config.seed, network.dtype)
    schedule, epochs = building.build_schedule(config), max(config.training.epochs, 1)
    steps_per_epoch = len(batches)
    optimizer = building.build_optimizer(
        config, lambda t: schedule((t - 0.5) / steps_per_epoch, epochs)
    )
    workers = workers or worker_count(
        config.training.workers,
        network.sizes,
        batch_size,
        distorted=config.data.augmentation != AugmentationConfig(),
        orthogonalized=isinstance(optimizer, Muon),
    )
    several_blocks = len(training) > batches.block_size
    setup = Setup(
        config=config,
        batches=batches,
        validation=validation,
        test=test,
        network=network,
        loss=building.build_loss(config.loss.model_dump()),
        optimizer=optimizer,
        vectors=building.build_vectors(optimizer, network),
        schedule=schedule,
        average=average,
        running_average=(network.running.copy() if averaging and network.batch_norms else None),
        plateau=building.build_plateau(config),
        target_normalization=target_normalization,
        workers=workers,
        prefetch=several_blocks and may_prefetch(config.training.workers, workers),
    )
    setup.begin_averages()
    return setup
