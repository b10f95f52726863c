"""Going on with a run: which checkpoint, with which config, and everything put back in its place.

A run that is gone on with ends with the same bits as one that never stopped. What makes it so: all
randomness is a function of the seed, the epoch and the place in it, and the checkpoint holds the
rest.
"""

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlpcli.config.loading import config_of_checkpoint, load_config
from mlpcli.config.schema.config import Config
from mlpcli.config.writing import resolved_yaml
from mlpcli.errors import CheckpointError, ConfigError, DataError
from mlpcli.files import as_argument, write_bytes, write_text
from mlpcli.storage.checkpoint import Checkpoint, load_checkpoint, to_bytes
from mlpcli.storage.run_folder import RunDirectory
from mlpcli.training.metrics import EpochMetrics
from mlpcli.training.setup import Setup

MAY_CHANGE = (
    "training.epochs",
    "training.early_stopping",
    "training.stop_at_loss",
    "training.workers",
    "training.pictures",
)
"""When the run ends, what only moves the rounding, and what is drawn of it."""


@dataclasses.dataclass(frozen=True)
class Resumption:
    """A run that can go on."""

    directory: RunDirectory
    path: Path
    """of the checkpoint"""
    checkpoint: Checkpoint
    config: Config
    """the checkpoint's, with the changes"""

    @property
    def is_changed(self) -> bool:
        """Whether the checkpoint does not say yet how the run goes on."""
        return self.config.model_dump(mode="json") != self.checkpoint.config


def find(path: str | Path, overrides: Sequence[str] = ()) -> Resumption:
    """The run to go on with, and how.

    Args:
        path: a run folder, for its last checkpoint, or a checkpoint in one.
        overrides: as for `load_config`; of `MAY_CHANGE` only.

    Raises:
        CheckpointError: there is none, or it is damaged.
        ConfigError: what would change is not to change.
    """
    directory, file = locate(path)
    checkpoint = load_checkpoint(file)
    if checkpoint.is_exported:
        raise CheckpointError(
            f"{file}: exported for prediction, without what training needs; resume the run that it "
            "came from."
        )
    before = config_of_checkpoint(checkpoint.config, file)
    config = load_config(checkpoint.config, overrides=overrides)
    _refuse_other_changes(before, config, directory)
    done = checkpoint.progress.epoch + (checkpoint.progress.examples > 0)
    if config.training.epochs < done:
        raise ConfigError(
            f"training.epochs={config.training.epochs}: {file} is in epoch {done} already; "
            f"expected at least {done}."
        )
    return Resumption(directory, file, checkpoint, config)


def restore(setup: Setup, checkpoint: Checkpoint, path: Path) -> None:
    """Put the checkpoint's numbers into the network, the optimizer and the average.

    Raises:
        DataError: the data are not those that the checkpoint was trained on.
        CheckpointError: it says that it is where no run on them can be.
    """
    progress, batches = checkpoint.progress, setup.batches
    steps = progress.epoch * len(batches) + progress.examples // batches.batch_size
    if (
        setup.training.image_shape != checkpoint.image_shape
        or setup.training.class_names != checkpoint.class_names
        or setup.normalization != checkpoint.normalization
        or progress.steps != steps
    ):
        raise DataError(
            f"{path}: was trained on other images than those that its config names now; put the "
            "old files back, or begin a new run."
        )
    validated, has_classes = setup.validation is not None, setup.training.targets is None
    measured = {"train_accuracy": has_classes, "val_loss": validated}
    measured["val_accuracy"] = validated and has_classes
    if (
        progress.examples % batches.block_size
        or progress.examples >= len(setup.training)
        or any(
            (getattr(row, column) is not None) != is_measured
            for row in progress.history
            for column, is_measured in measured.items()
        )
    ):
        raise CheckpointError(
            f"{path}: its progress does not fit its data; use another checkpoint."
        )
    setup.network.theta[...] = checkpoint.network.theta
    setup.network.running[...] = checkpoint.network.running
    for name, vector in setup.optimizer.state().items():
        vector[...] = checkpoint.optimizer[name]
    if setup.average and checkpoint.average is not None:
        setup.average.theta[...] = checkpoint.average
    if setup.running_average and checkpoint.running_average is not None:
        setup.running_average.theta[...] = checkpoint.running_average


def put_folder_in_order(
    found: Resumption, history: Sequence[EpochMetrics], best_epoch: int
) -> None:
    """Let the folder hold what it would if the run had stopped cleanly at the checkpoint.

    So the last checkpoint is this one, with the config that holds from now on; the best one is
    that of its best epoch; metrics.csv and gradients.csv have its epochs and no others; and nothing
    says that the run has ended.

    Raises:
        CheckpointError: the weights of the best epoch are gone.
        WriteError: the folder cannot be written.
    """
    directory, checkpoint = found.directory, found.checkpoint
    progress = checkpoint.progress
    content = to_bytes(dataclasses.replace(checkpoint, config=found.config.model_dump(mode="json")))
    if not progress.examples and progress.epoch == best_epoch > 0:
        if _epoch_of(directory.best) != best_epoch:
            write_bytes(directory.best, content)
    elif best_epoch and _epoch_of(directory.best) != best_epoch:
        raise CheckpointError(
            f"{directory.best}: should hold epoch {best_epoch}, the best when {found.path} was "
            "saved, and does not; go on from another checkpoint, or train again."
        )
    if found.path != directory.last or found.is_changed:
        write_bytes(directory.last, content)
        write_text(directory.config, resolved_yaml(found.config))
    directory.set_metrics(history)
    directory.forget_gradients_after(len(history))
    directory.forget_summary()


def locate(path: str | Path) -> tuple[RunDirectory, Path]:
    """The run and the checkpoint in it that a path means.

    Raises:
        CheckpointError: there is none.
    """
    try:
        return _located(Path(path))
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}.") from error


def _located(path: Path) -> tuple[RunDirectory, Path]:
    if path.is_file():
        directory = RunDirectory(_run_of(path))
        if _absolute(path.parent) != _absolute(directory.last.parent) or not (
            directory.config.is_file()
        ):
            raise CheckpointError(
                f"{path}: lies in no run folder; give a run folder, or a checkpoint in its weights."
            )
        return directory, path
    directory = RunDirectory(path)
    if not path.is_dir():
        raise CheckpointError(f"{path}: no such run; give a folder that `mlpcli train` made.")
    for file in (directory.last, directory.best):
        if file.is_file():
            return directory, file
    if directory.config.is_file():
        raise CheckpointError(
            f"{path}: the weights of this run are gone; begin it again with "
            f"`mlpcli train --config {as_argument(directory.config)}`."
        )
    raise CheckpointError(f"{path}: no run folder; give one that `mlpcli train` made.")


def _run_of(file: Path) -> Path:
    """The folder two above, in the words of the path where those lead there."""
    above, home = file.parent.parent, _absolute(file).parent.parent
    return above if _absolute(above) == home else home


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 (Path.absolute leaves .. in it)


def _refuse_other_changes(before: Config, after: Config, directory: RunDirectory) -> None:
    """Raise ConfigError with a line for each setting that is not to change."""
    old, new = (dict(_settings(config.model_dump(mode="json"))) for config in (before, after))
    lines = []
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) == new.get(key) or key.startswith(MAY_CHANGE):
            continue
        lines.append(
            f"{key}: was {old.get(key)} and would be {new.get(key)}; a run that goes on may change "
            f"{', '.join(MAY_CHANGE[:-1])} and {MAY_CHANGE[-1]} only. For a new run: "
            f"mlpcli train --config {as_argument(directory.config)} {key}=..."
        )
    if lines:
        raise ConfigError("\n".join(lines))


def _settings(values: Mapping[str, Any], section: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each setting with its dotted key."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _settings(value, f"{section}{key}.")
        else:
            yield f"{section}{key}", value


def _epoch_of(path: Path) -> int | None:
    with contextlib.suppress(CheckpointError):
        return load_checkpoint(path).epoch
    return None
