"""Settings that are valid by themselves and do not fit together."""

from collections.abc import Iterator
from typing import NamedTuple

from mlpcli.config.schema.augmentation import AugmentationConfig
from mlpcli.config.schema.data import SYNTHETIC_TRAIN_SIZE, DataConfig, TableConfig
from mlpcli.config.schema.initializers import UniformInitializer
from mlpcli.config.schema.losses import LossConfig, losses_for
from mlpcli.config.schema.network import NetworkConfig
from mlpcli.config.schema.optimizers import (
    MuonConfig,
    OptimizerConfig,
    ScheduleFreeAdamwConfig,
    ScheduleFreeSgdConfig,
)
from mlpcli.config.schema.schedules import PlateauConfig, ScheduleConfig
from mlpcli.config.schema.training import TrainingConfig
from mlpcli.text import listed

IMAGE_SETTINGS = ("deslant", "digit_width", "interpolation")
"""the settings that shape images"""
DECIDED_BY_START = {
    "network": {"hidden", "activation", "output_activation", "batch_norm"},
    "data": {*IMAGE_SETTINGS, "prepare", "image_size"},
}
"""settings that the network decides which `training.start_from` names"""
OWN_IMAGES = ("folder", "csv", "npz", "idx", "arrays")
ONLY_FOR = {
    "files": ("idx",),
    "path": ("folder", "csv", "npz"),
    "test_path": ("folder", "csv", "npz"),
    "test_share": ("folder", "csv", "npz", "arrays"),
    "image_size": ("folder", "csv", "npz"),
    "prepare": ("folder",),
    "on_error": ("folder", "csv"),
    "label_column": ("csv",),
    "mix": OWN_IMAGES,
    "table": ("table",),
    "class_names": (*OWN_IMAGES, "table"),
    "added_digits": ("mnist",),
    "no_digits": ("mnist",),
}
"""settings of data that only some datasets have"""


class Conflict(NamedTuple):
    """Settings, each valid by itself, that do not fit together."""

    key: str | tuple[str, ...]
    """dotted key of the setting to change, or its path where a key has dots of its own"""
    others: tuple[str, ...]
    """dotted keys of the other settings involved"""
    message: str


def conflicts(
    data: DataConfig,
    network: NetworkConfig,
    loss: LossConfig,
    optimizer: OptimizerConfig,
    schedule: ScheduleConfig,
    training: TrainingConfig,
) -> Iterator[Conflict]:
    """Yield all settings in the sections of a config that do not fit together."""
    table = data.table
    yield from _data_conflicts(data)
    if data.dataset == "table":
        yield from _table_conflicts(data, table or TableConfig())
    if table is not None and table.is_regression:
        yield from _regression_conflicts(loss, data)
    yield from _network_conflicts(network, loss, training)
    yield from _optimizer_conflicts(network, optimizer, schedule, training)
    yield from _monitor_conflicts(data, schedule, training)
    yield from _start_conflicts(data, training)


def _start_conflicts(data: DataConfig, training: TrainingConfig) -> Iterator[Conflict]:
    if training.start_from is None and training.start_from_sha256 is not None:
        message = "found a SHA-256, but there is no training.start_from that could have it"
        yield Conflict("training.start_from_sha256", ("training.start_from",), message)
    if training.start_from is not None and data.dataset == "table":
        message = "expected null: only a training on images can start from another network"
        yield Conflict("training.start_from", ("data.dataset",), message)


def _monitor_conflicts(
    data: DataConfig, schedule: ScheduleConfig, training: TrainingConfig
) -> Iterator[Conflict]:
    monitors = {}
    if training.monitor:
        monitors["training.monitor"] = training.monitor
    if training.early_stopping:
        monitors["training.early_stopping.monitor"] = training.early_stopping.monitor
    if isinstance(schedule, PlateauConfig):
        monitors["schedule.monitor"] = schedule.monitor
    is_regression = data.table is not None and data.table.is_regression
    available = "train_loss" if is_regression else "train_loss or train_accuracy"
    for key, metric in monitors.items():
        if is_regression and metric.endswith("accuracy"):
            message = f"expected a loss, found {metric!r}: a regression has no accuracy"
            yield Conflict(key, ("data.table",), message)
        if data.validation == 0 and metric.startswith("val_"):
            message = (
                f"expected {available}, found {metric!r}: with data.validation 0 there are no"
                " validation images to measure"
            )
            yield Conflict(key, ("data.validation",), message)


def _optimizer_conflicts(
    network: NetworkConfig,
    optimizer: OptimizerConfig,
    schedule: ScheduleConfig,
    training: TrainingConfig,
) -> Iterator[Conflict]:
    hidden, name = len(network.hidden), ("optimizer.name",)
    if optimizer.max_norm is not None and not hidden:
        message = (
            f"found {optimizer.max_norm:g}, but it is for the weights into hidden units, and"
            " network.hidden has none"
        )
        yield Conflict("optimizer.max_norm", ("network.hidden",), message)
    if isinstance(optimizer, MuonConfig) and not hidden:
        message = "found 'muon', which is adamw where there are no hidden layers; expected adamw"
        yield Conflict("optimizer.name", ("network.hidden",), message)
    if not isinstance(optimizer, ScheduleFreeSgdConfig | ScheduleFreeAdamwConfig):
        return
    if schedule.name != "constant":
        message = (
            f"expected constant, found {schedule.name!r}: {optimizer.name} has an average in its"
            " place (schedule.warmup_epochs may be set)"
        )
        yield Conflict("schedule.name", name, message)
    if training.averaging is not None:
        message = f"expected null: {optimizer.name} has an average of its own"
        yield Conflict("training.averaging", name, message)
    if optimizer.max_norm is not None:
        message = f"expected null: {optimizer.name} makes all weights anew from its average"
        yield Conflict("optimizer.max_norm", name, message)


def _network_conflicts(
    network: NetworkConfig, loss: LossConfig, training: TrainingConfig
) -> Iterator[Conflict]:
    names, hidden = network.activation, len(network.hidden)
    if not isinstance(names, str) and len(names) != hidden:
        message = (
            f"expected one name, or a list of {hidden}, one for each layer of network.hidden, found"
            f" a list of {len(names)}"
        )
        yield Conflict("network.activation", ("network.hidden",), message)
    for key, on in (("batch_norm", network.batch_norm), ("dropout.hidden", network.dropout.hidden)):
        if on and not hidden:
            message = (
                f"found {str(on).lower()}, but it is for hidden layers, and network.hidden has none"
            )
            yield Conflict(f"network.{key}", ("network.hidden",), message)
    for key in ("initializer", "bias_initializer"):
        start = getattr(network, key)
        if isinstance(start, UniformInitializer) and not start.low < start.high:
            message = f"expected a number above network.{key}.low, {start.low}, found {start.high}"
            yield Conflict(f"network.{key}.high", (), message)
    if loss.contains is not None and network.output_activation != "identity":
        message = (
            f"expected identity, found {network.output_activation!r}: {loss.contains} is part of"
            f" the loss {loss.name} and must be the only activation of the last layer"
        )
        yield Conflict("network.output_activation", ("loss",), message)
    if network.batch_norm and training.batch_size == 1:
        message = (
            "cannot normalise over a batch of one example; expected training.batch_size of at"
            " least 2, found 1"
        )
        yield Conflict("network.batch_norm", ("training.batch_size",), message)


def _data_conflicts(data: DataConfig) -> Iterator[Conflict]:
    if data.dataset == "idx" and data.files is None:
        message = (
            "idx needs data.files with train_images, train_labels, test_images and test_labels"
        )
        yield Conflict("data.dataset", ("data.files",), message)
    if data.dataset in ONLY_FOR["path"] and data.path is None:
        message = f"{data.dataset} needs data.path, which says what is read"
        yield Conflict("data.dataset", ("data.path",), message)
    usual_share = DataConfig.model_fields["test_share"].default
    if data.test_path is not None and data.test_share != usual_share:
        message = "expected no share: data.test_path has the test images, and none are held out"
        yield Conflict("data.test_share", ("data.test_path",), message)
    if data.test_share == 0 and data.mix is None:
        message = "expected a share above 0: without data.mix there are no other test images"
        yield Conflict("data.test_share", ("data.mix",), message)
    for key in ("added_digits", "no_digits"):
        if data.mix is not None and getattr(data.mix, key) and data.mix.dataset != "mnist":
            message = f"only for dataset mnist, found dataset {data.mix.dataset!r}"
            yield Conflict(f"data.mix.{key}", ("data.mix.dataset",), message)
    if data.mix is not None and isinstance(data.validation, int) and data.validation:
        message = (
            f"expected a share below 1, found {data.validation}: with data.mix, that share of each"
            " dataset is held out"
        )
        yield Conflict("data.validation", ("data.mix",), message)
    for key, datasets in ONLY_FOR.items():
        default = DataConfig.model_fields[key].default
        if getattr(data, key) != default and data.dataset not in datasets:
            message = (
                f"only for dataset {listed(datasets, 'or')}, found dataset {data.dataset!r};"
                f" data.{key}={'null' if default is None else default} takes it out"
            )
            yield Conflict(f"data.{key}", ("data.dataset",), message)
    train_size = data.train_size
    if train_size is None and data.dataset == "synthetic":
        train_size = SYNTHETIC_TRAIN_SIZE
    if train_size is not None and data.validation >= train_size:
        message = (
            f"expected fewer than the {train_size} images there are, found {data.validation}:"
            " some must be left to train on"
        )
        yield Conflict("data.validation", ("data.dataset", "data.train_size"), message)


def _table_conflicts(data: DataConfig, table: TableConfig) -> Iterator[Conflict]:
    others = ("data.dataset", "data.table")
    given = [key for key in ("targets", "labels", "formula") if getattr(table, key) is not None]
    if len(given) != 1 or (table.inputs is None) != (table.formula is not None):
        message = "expected inputs and targets, or inputs and labels, or a formula"
        yield Conflict("data.table", others, message)
        return
    if table.formula is not None and not table.low < table.high:
        message = f"expected a number above data.table.low, {table.low}, found {table.high}"
        yield Conflict("data.table.high", others, message)
    for key in ("low", "high", "points"):
        default = TableConfig.model_fields[key].default
        if table.formula is None and getattr(table, key) != default:
            message = f"only for a formula; data.table.{key}=null takes it out"
            yield Conflict(f"data.table.{key}", others, message)
    rows = len(table.inputs or ())
    for key in ("inputs", "targets", "labels"):
        found = getattr(table, key)
        if found is not None and len(found) != rows:
            message = f"expected {rows}, one for each row of data.table.inputs, found {len(found)}"
            yield Conflict(f"data.table.{key}", others, message)
        if found is not None and key != "labels" and len(set(map(len, found))) > 1:
            yield Conflict(f"data.table.{key}", others, "expected rows of one length")
    for key in IMAGE_SETTINGS:
        if getattr(data, key) != DataConfig.model_fields[key].default:
            yield Conflict(f"data.{key}", ("data.dataset",), "a table has no images to shape")
    if data.normalization == "unit":
        message = "expected standardize or none, found 'unit', which is for the bytes of images"
        yield Conflict("data.normalization", ("data.dataset",), message)
    yield from _name_conflicts(table)
    if data.augmentation != AugmentationConfig():
        message = "only for images, found dataset 'table'; data.augmentation=null takes it out"
        yield Conflict("data.augmentation", ("data.dataset",), message)
    if data.train_classes is not None and table.labels is None:
        message = "a regression has no classes; data.train_classes=null takes it out"
        yield Conflict("data.train_classes", ("data.table",), message)
    if data.class_names is not None and table.labels is None:
        message = "a regression has no classes; data.class_names=null takes it out"
        yield Conflict("data.class_names", ("data.table",), message)
    elif data.class_names is not None and table.labels is not None:
        classes = 1 + max(table.labels)
        if classes > len(data.class_names):
            message = (
                f"expected {classes}, one for each label up to {classes - 1}, found"
                f" {len(data.class_names)}"
            )
            yield Conflict("data.class_names", ("data.table",), message)


def _name_conflicts(table: TableConfig) -> Iterator[Conflict]:
    if table.labels is not None and table.names.targets is not None:
        message = (
            "classes have names in data.class_names; data.table.names.targets=null takes it out"
        )
        yield Conflict("data.table.names.targets", ("data.table",), message)
        return
    for key in ("inputs", "targets"):
        names, rows = getattr(table.names, key), getattr(table, key)
        columns = 1 if table.formula is not None else len(rows[0]) if rows else 0
        if names is not None and columns and len(names) != columns:
            message = f"expected {columns}, one for each column of {key}, found {len(names)}"
            yield Conflict(f"data.table.names.{key}", ("data.table",), message)


def _regression_conflicts(loss: LossConfig, data: DataConfig) -> Iterator[Conflict]:
    table = data.table
    if table is None:
        return
    numbers = [number for row in table.targets or () for number in row]
    fitting = {"any"}
    is_plain = data.normalization == "none"
    if numbers and 0 <= min(numbers) <= max(numbers) <= 1 and is_plain:
        fitting.add("from 0 to 1")
    if loss.targets not in fitting:
        purpose = f"targets {loss.targets}"
        if loss.targets == "classes":
            purpose = "classes, which data.table.labels would name"
        message = f"expected one of {', '.join(losses_for(fitting))}: {loss.name} is for {purpose}"
        yield Conflict("loss", ("data.table",), message)
