"""Resuming a run: finding its checkpoint and config, and restoring everything.

A resumed run ends with the same bits as one that was never interrupted, because all randomness is a
function of the seed, the epoch and the position in it, and the checkpoint holds the rest.
"""

import contextlib
import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

from mlpcli.config.loading import config_of_checkpoint, load_config
from mlpcli.config.schema.config import Config
from mlpcli.config.schema.training import MOST_WORKERS
from mlpcli.config.writing import resolved_yaml
from mlpcli.data.normalization import Normalization
from mlpcli.errors import CheckpointError, ConfigError, DataError
from mlpcli.files import as_argument, os_errors_as, write_bytes, write_text
from mlpcli.storage.checkpoint import Checkpoint, load_checkpoint, to_bytes
from mlpcli.storage.environment import workers_before
from mlpcli.storage.records import differences
from mlpcli.storage.run_folder import RunFolder
from mlpcli.text import listed, setting
from mlpcli.training.metrics import EpochMetrics, filled_columns
from mlpcli.training.setup import Setup

MAY_CHANGE = (
    "training.epochs",
    "training.early_stopping",
    "training.stop_at_loss",
    "training.workers",
    "training.pictures",
)
"""settings that change when the run ends, how its numbers are rounded, or what it draws"""


@dataclasses.dataclass(frozen=True)
class Resumption:
    """A run that can be resumed."""

    folder: RunFolder
    path: Path
    """the checkpoint's file"""
    checkpoint: Checkpoint
    config: Config
    """the config of the checkpoint, with the changes"""

    @property
    def normalization_to_keep(self) -> Normalization | None:
        """That of the network which the run started from, if it did: it is not the data's."""
        started = self.config.training.start_from is not None
        return self.checkpoint.normalization if started else None

    @property
    def workers_to_keep(self) -> int | None:
        """As many as before, where the config leaves it open: the last bits depend on them."""
        if self.config.training.workers != "auto":
            return None
        return workers_before(self.folder.environment, MOST_WORKERS)


def find(path: str | Path, overrides: Sequence[str] = ()) -> Resumption:
    """Find the run to resume: `path` is its folder, for the last checkpoint, or a checkpoint in it.

    Raises:
        CheckpointError: there is no checkpoint, or it is damaged.
        ConfigError: an override changes another setting.
    """
    folder, file = locate(path)
    checkpoint = load_checkpoint(file)
    if checkpoint.is_exported:
        raise CheckpointError(
            f"{file}: exported for prediction, without what training needs; resume the run that it "
            "came from."
        )
    before = config_of_checkpoint(checkpoint.config, file)
    config = load_config(checkpoint.config, overrides=overrides)
    _refuse_other_changes(before, config, folder)
    done = checkpoint.progress.epoch + (checkpoint.progress.examples > 0)
    if config.training.epochs < done:
        raise ConfigError(
            f"training.epochs={config.training.epochs}: {file} is in epoch {done} already; "
            f"expected at least {done}."
        )
    return Resumption(folder, file, checkpoint, config)


def restore(setup: Setup, checkpoint: Checkpoint, path: Path) -> None:
    """Copy a checkpoint's numbers into the run.

    Raises:
        DataError: the checkpoint was trained on other data.
        CheckpointError: its progress is impossible on this data.
    """
    progress, batches = checkpoint.progress, setup.batches
    steps = progress.epoch * len(batches) + progress.examples // batches.batch_size
    if progress.took_back and len(batches) == 1:
        steps -= 1
    if (
        setup.training.image_shape != checkpoint.image_shape
        or (
            (setup.training.targets is None)
            and setup.training.class_names != checkpoint.class_names
        )
        or setup.normalization != checkpoint.normalization
        or setup.target_normalization != checkpoint.target_normalization
        or progress.steps != steps
    ):
        raise DataError(
            f"{path}: was trained on other data than its config names now; put the old files back, "
            "or begin a new run."
        )
    if (
        progress.examples % batches.block_size
        or progress.examples >= len(setup.training)
        or any(filled_columns(row) != setup.measured for row in progress.history)
    ):
        raise CheckpointError(
            f"{path}: its progress does not fit its data; use another checkpoint."
        )
    setup.network.theta[...] = checkpoint.network.theta
    setup.network.running[...] = checkpoint.network.running
    for name, vector in setup.vectors.items():
        vector[...] = checkpoint.optimizer[name]
    if setup.average is not None and checkpoint.average is not None:
        setup.average[...] = checkpoint.average
    if setup.running_average is not None and checkpoint.running_average is not None:
        setup.running_average[...] = checkpoint.running_average


def without_a_step_taken_back(found: Resumption) -> Resumption:
    """Return the state from which a run goes on that took its last step back, and now goes on."""
    checkpoint, stop = found.checkpoint, found.config.training.stop_at_loss
    progress = checkpoint.progress
    if not progress.took_back or (stop is not None and progress.history[-1].train_loss < stop):
        return found
    before = dataclasses.replace(checkpoint, progress=progress.before_the_last_epoch)
    return dataclasses.replace(found, checkpoint=before)


def restore_folder(found: Resumption, history: Sequence[EpochMetrics], best_epoch: int) -> None:
    """Leave in the folder what would be there if the run had stopped cleanly at the checkpoint.

    The last checkpoint becomes this one, with the new config. The best one must be that of its best
    epoch. metrics.csv and gradients.csv keep its epochs only, and summary.json goes.

    Raises:
        CheckpointError: the weights of the best epoch are missing.
        WriteError: the folder cannot be written.
    """
    folder, checkpoint = found.folder, found.checkpoint
    progress, config = checkpoint.progress, found.config.model_dump(mode="json")
    content = to_bytes(dataclasses.replace(checkpoint, config=config))
    if best_epoch and _epoch_of(folder.best) != best_epoch:
        if progress.epoch != best_epoch or progress.examples:
            raise CheckpointError(
                f"{folder.best}: should hold epoch {best_epoch}, the best when {found.path} was "
                "saved, and does not; resume another checkpoint, or train again."
            )
        write_bytes(folder.best, content)
    if found.path != folder.last or config != checkpoint.config:
        write_bytes(folder.last, content)
        write_text(folder.config, resolved_yaml(found.config))
    folder.write_metrics(history)
    folder.cut_gradients_after(len(history))
    folder.remove_summary()


def locate(path: str | Path) -> tuple[RunFolder, Path]:
    """Return the run that a path means and the checkpoint in it, or raise CheckpointError."""
    with os_errors_as(CheckpointError, path, "cannot be read"):
        return _located(Path(path))


def _located(path: Path) -> tuple[RunFolder, Path]:
    if path.is_file():
        folder = RunFolder(_run_of(path))
        if _absolute(path.parent) != _absolute(folder.last.parent) or not folder.config.is_file():
            raise CheckpointError(
                f"{path}: lies in no run folder; give a run folder, or a checkpoint in its weights."
            )
        return folder, path
    folder = RunFolder(path)
    if not path.is_dir():
        raise CheckpointError(f"{path}: no such run; give a folder that `mlpcli train` made.")
    for file in (folder.last, folder.best):
        if file.is_file():
            return folder, file
    if folder.config.is_file():
        raise CheckpointError(
            f"{path}: the weights of this run are gone; begin it again with "
            f"`mlpcli train --config {as_argument(folder.config)}`."
        )
    raise CheckpointError(f"{path}: no run folder; give one that `mlpcli train` made.")


def _run_of(file: Path) -> Path:
    """Return the folder two above, relative as the path is where its dots allow that."""
    above, home = file.parent.parent, _absolute(file).parent.parent
    return above if _absolute(above) == home else home


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 (Path.absolute leaves .. in it)


def _refuse_other_changes(before: Config, after: Config, folder: RunFolder) -> None:
    """Raise ConfigError with a line for each setting that must not change."""
    changes = differences(before.model_dump(mode="json"), after.model_dump(mode="json"))
    allowed = listed(MAY_CHANGE)
    lines = [
        f"{key}: was {setting(old)} and would be {setting(new)}; a resumed run may change "
        f"{allowed} only. For a new run: mlpcli train --config {as_argument(folder.config)} "
        f"{key}=..."
        for key, (old, new) in sorted(changes.items())
        if not key.startswith(MAY_CHANGE)
    ]
    if lines:
        raise ConfigError("\n".join(lines))


def _epoch_of(path: Path) -> int | None:
    with contextlib.suppress(CheckpointError):
        return load_checkpoint(path).epoch
    return None
