"""Settings that are valid by themselves and do not fit together."""

from collections.abc import Iterator
from typing import NamedTuple

from mlpcli.config.schema.augmentation import AugmentationConfig
from mlpcli.config.schema.data import SYNTHETIC_TRAIN_SIZE, DataConfig, TableConfig
from mlpcli.config.schema.initializers import UniformInitializer
from mlpcli.config.schema.losses import LossConfig, losses_for
from mlpcli.config.schema.metrics import Metric
from mlpcli.config.schema.network import NetworkConfig
from mlpcli.config.schema.optimizers import OptimizerConfig
from mlpcli.config.schema.schedules import PlateauConfig, ScheduleConfig
from mlpcli.config.schema.training import TrainingConfig


class Conflict(NamedTuple):
    """Settings, each valid by itself, that do not fit together."""

    key: str
    """The dotted key to look at."""
    depends_on: tuple[str, ...]
    """Every dotted key that is involved."""
    message: str


class Monitor(NamedTuple):
    """A setting that names a metric."""

    key: str
    section: str
    """The dotted key of the section it depends on."""
    metric: Metric


def conflicts(
    data: DataConfig,
    network: NetworkConfig,
    loss: LossConfig,
    optimizer: OptimizerConfig,
    schedule: ScheduleConfig,
    training: TrainingConfig,
) -> Iterator[Conflict]:
    """Yield every set of settings in the sections of a config that do not fit together."""
    monitors = list(_monitors(schedule, training))
    yield from _data_conflicts(data)
    if data.table is not None and data.table.is_regression:
        yield from _regression_conflicts(loss, data.table, monitors)
    yield from _network_conflicts(network)
    if loss.contains is not None and network.output_activation != "identity":
        yield Conflict(
            "network.output_activation",
            ("network.output_activation", "loss"),
            f"expected identity, found {network.output_activation!r}: {loss.contains} is part of"
            f" the loss {loss.name} and must be the only activation of the last layer",
        )
    if optimizer.max_norm is not None and not network.hidden:
        yield Conflict(
            "optimizer.max_norm",
            ("optimizer", "network.hidden"),
            f"found {optimizer.max_norm:g}, but it is for the weights into hidden units, and"
            " network.hidden has none",
        )
    if network.batch_norm and training.batch_size == 1:
        yield Conflict(
            "network.batch_norm",
            ("network.batch_norm", "training.batch_size"),
            "cannot normalise over a batch of one example; expected training.batch_size of at"
            " least 2, found 1",
        )
    if data.validation == 0:
        yield from _conflicts_without_validation(data.table, monitors)


def _conflicts_without_validation(
    table: TableConfig | None, monitors: list[Monitor]
) -> Iterator[Conflict]:
    others = "train_loss" if table and table.is_regression else "train_loss or train_accuracy"
    for key, section, metric in monitors:
        if metric.startswith("val_"):
            yield Conflict(
                key,
                (section, "data.validation"),
                f"expected {others}, found {metric!r}: with data.validation 0 there are no"
                " validation images to measure",
            )


def _monitors(schedule: ScheduleConfig, training: TrainingConfig) -> Iterator[Monitor]:
    if training.monitor:
        yield Monitor("training.monitor", "training.monitor", training.monitor)
    if training.early_stopping:
        section = "training.early_stopping"
        yield Monitor(f"{section}.monitor", section, training.early_stopping.monitor)
    if isinstance(schedule, PlateauConfig):
        yield Monitor("schedule.monitor", "schedule", schedule.monitor)


def _network_conflicts(network: NetworkConfig) -> Iterator[Conflict]:
    names, hidden = network.activation, len(network.hidden)
    if not isinstance(names, str) and len(names) != hidden:
        yield Conflict(
            "network.activation",
            ("network.activation", "network.hidden"),
            f"expected one name, or a list of {hidden}, one for each layer of network.hidden, found"
            f" a list of {len(names)}",
        )
    for key, on in (("batch_norm", network.batch_norm), ("dropout.hidden", network.dropout.hidden)):
        if on and not hidden:
            yield Conflict(
                f"network.{key}",
                (f"network.{key}", "network.hidden"),
                f"found {str(on).lower()}, but it is for hidden layers, and network.hidden has "
                "none",
            )
    for key in ("initializer", "bias_initializer"):
        start = getattr(network, key)
        if isinstance(start, UniformInitializer) and not start.low < start.high:
            yield Conflict(
                f"network.{key}.high",
                (f"network.{key}",),
                f"expected a number above network.{key}.low, {start.low}, found {start.high}",
            )


def _data_conflicts(data: DataConfig) -> Iterator[Conflict]:
    if data.dataset == "idx" and data.files is None:
        yield Conflict(
            "data.dataset",
            ("data.dataset", "data.files"),
            "idx needs data.files with train_images, train_labels, test_images and test_labels",
        )
    if data.dataset == "table":
        yield from _table_conflicts(data, data.table or TableConfig())
    for key, value, datasets in (
        ("files", data.files, ("idx",)),
        ("table", data.table, ("table",)),
        ("class_names", data.class_names, ("idx", "table")),
    ):
        if value is not None and data.dataset not in datasets:
            yield Conflict(
                f"data.{key}",
                ("data.dataset", f"data.{key}"),
                f"only for dataset {' or '.join(datasets)}, found dataset {data.dataset!r};"
                f" data.{key}=null takes it out",
            )
    if data.added_digits and data.dataset != "mnist":
        yield Conflict(
            "data.added_digits",
            ("data.dataset", "data.added_digits"),
            f"only for dataset mnist, found dataset {data.dataset!r}; data.added_digits=0 takes it"
            " out",
        )
    train_size = data.train_size
    if train_size is None and data.dataset == "synthetic":
        train_size = SYNTHETIC_TRAIN_SIZE
    if train_size is not None and data.validation >= train_size:
        yield Conflict(
            "data.validation",
            ("data.dataset", "data.train_size", "data.validation"),
            f"expected fewer than the {train_size} images there are, found {data.validation}:"
            " some must be left to train on",
        )


def _table_conflicts(data: DataConfig, table: TableConfig) -> Iterator[Conflict]:
    part = ("data.dataset", "data.table")
    given = [key for key in ("targets", "labels", "formula") if getattr(table, key) is not None]
    if len(given) != 1 or (table.inputs is None) != (table.formula is not None):
        yield Conflict(
            "data.table", part, "expected inputs and targets, or inputs and labels, or a formula"
        )
        return
    for key in ("low", "high", "points"):
        default = TableConfig.model_fields[key].default
        if table.formula is None and getattr(table, key) != default:
            yield Conflict(
                f"data.table.{key}",
                part,
                f"only for a formula; data.table.{key}=null takes it out",
            )
    if table.formula is not None and not table.low < table.high:
        yield Conflict(
            "data.table.high",
            part,
            f"expected a number above data.table.low, {table.low}, found {table.high}",
        )
    rows = len(table.inputs or ())
    for key in ("inputs", "targets", "labels"):
        found = getattr(table, key)
        if found is None:
            continue
        if len(found) != rows:
            yield Conflict(
                f"data.table.{key}",
                part,
                f"expected {rows}, one for each row of data.table.inputs, found {len(found)}",
            )
        if key != "labels" and len(set(map(len, found))) > 1:
            yield Conflict(f"data.table.{key}", part, "expected rows of one length")
    for key, shapes in (
        ("deslant", data.deslant),
        ("digit_width", data.digit_width is not None),
        ("interpolation", data.interpolation != "bilinear"),
    ):
        if shapes:
            yield Conflict(
                f"data.{key}", ("data.dataset", f"data.{key}"), "a table has no images to shape"
            )
    if data.normalization != "none":
        yield Conflict(
            "data.normalization",
            ("data.dataset", "data.normalization"),
            f"expected none, found {data.normalization!r}: a table's numbers are used as they are",
        )
    if data.augmentation != AugmentationConfig():
        yield Conflict(
            "data.augmentation",
            ("data.dataset", "data.augmentation"),
            "only for images, found dataset 'table'; data.augmentation=null takes it out",
        )
    if data.class_names is None:
        return
    if table.labels is None:
        wrong = "a regression has no classes; data.class_names=null takes it out"
    elif (classes := 1 + max(table.labels)) > len(data.class_names):
        wrong = (
            f"expected {classes}, one for each label up to {classes - 1}, found"
            f" {len(data.class_names)}"
        )
    else:
        return
    yield Conflict("data.class_names", ("data.class_names", "data.table"), wrong)


def _regression_conflicts(
    loss: LossConfig, table: TableConfig, monitors: list[Monitor]
) -> Iterator[Conflict]:
    numbers = [number for row in table.targets or () for number in row]
    fitting = {"any"}
    if numbers and 0 <= min(numbers) <= max(numbers) <= 1:
        fitting.add("from 0 to 1")
    if loss.targets not in fitting:
        purpose = f"targets {loss.targets}"
        if loss.targets == "classes":
            purpose = "classes, which data.table.labels would name"
        yield Conflict(
            "loss",
            ("loss", "data.table"),
            f"expected one of {', '.join(losses_for(fitting))}: {loss.name} is for {purpose}",
        )
    for key, section, metric in monitors:
        if metric.endswith("accuracy"):
            yield Conflict(
                key,
                (section, "data.table"),
                f"expected a loss, found {metric!r}: a regression has no accuracy",
            )
