"""Reading what runs left in their folders: plain files, so also of runs that never ended."""

import csv
import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from mlpcli.config.renamed import with_present_names
from mlpcli.config.yaml_loader import read_yaml
from mlpcli.errors import CheckpointError, ConfigError, DataError
from mlpcli.files import read_json, read_ordinary
from mlpcli.storage.run_folder import COLUMNS, ENDINGS, GRADIENT_COLUMNS, RunDirectory
from mlpcli.training.metrics import EpochMetrics, LayerNorms
from mlpcli.training.watch import Watch

MOST_BYTES = 2**27
"""of a file of a run: a million epochs"""
OPTIONAL_COLUMNS = {
    "seconds",
    "train_accuracy",
    "val_loss",
    "val_accuracy",
    "gradient_norm",
    "update_norm",
}
MEASURED_OR_NOT = ("train_accuracy", "val_loss", "val_accuracy")
"""columns of metrics.csv that a run has in every row, or in none"""
_Row = TypeVar("_Row", EpochMetrics, LayerNorms)


@dataclass(frozen=True)
class RunRecord:
    """What a run's folder says of it."""

    directory: RunDirectory
    config: Mapping[str, Any]
    """config.yaml: every setting"""
    environment: Mapping[str, Any]
    """environment.json; empty where the run never got so far"""
    history: list[EpochMetrics]
    """the rows of metrics.csv"""
    summary: Mapping[str, Any] | None
    """summary.json; None where the run is unfinished"""

    @property
    def name(self) -> str:
        """The folder's."""
        return self.directory.name

    @cached_property
    def best(self) -> EpochMetrics | None:
        """The row of the best epoch so far, as training chooses it; None without any row."""
        watch = Watch(self.monitor)
        best = None
        for row in self.history:
            if watch.improves(row):
                best = row
        return best

    @property
    def monitor(self) -> str:
        """The column of metrics.csv by which an epoch is the best."""
        chosen = self.setting("training", "monitor")
        for column in (chosen, "val_accuracy", "val_loss"):
            if self.history and column in COLUMNS and getattr(self.history[-1], column) is not None:
                return str(column)
        return "epoch"

    @property
    def seconds(self) -> float:
        """Wall time; of an unfinished run, that of its epochs."""
        if self.summary is not None and isinstance(self.summary.get("seconds"), int | float):
            return float(self.summary["seconds"])
        return sum(row.seconds or 0.0 for row in self.history)

    @property
    def has_ended(self) -> bool:
        """Whether it came to its end: it was not interrupted, and did not diverge."""
        return self.summary is not None and self.summary.get("stopped") in ENDINGS

    def setting(self, *key: str) -> Any:
        """A setting of the config, or None where it is not there."""
        found: Any = self.config
        for part in key:
            found = found.get(part) if isinstance(found, Mapping) else None
        return found


def read_record(folder: Path) -> RunRecord:
    """Read what a run left.

    Raises:
        CheckpointError: `folder` is no run's.
        DataError: one of its files is damaged.
    """
    directory = RunDirectory(folder)
    if not is_run(folder):
        raise CheckpointError(
            f"{folder}: no run there (a run's folder has a config.yaml); `mlpcli runs` lists those "
            "there are."
        )
    try:
        config = with_present_names(read_yaml(directory.config).values)
    except ConfigError as error:
        raise DataError(f"The config of the run cannot be read: {error}") from error
    return RunRecord(
        directory=directory,
        config=config,
        environment=_read_json(directory.environment) or {},
        history=read_metrics(directory.metrics) if directory.metrics.exists() else [],
        summary=_read_json(directory.summary),
    )


def is_run(folder: Path) -> bool:
    """Whether a run began in this folder."""
    try:
        return RunDirectory(folder).config.is_file()
    except OSError:  # a folder that may not be entered
        return False


def run_folders(runs: Path) -> list[Path]:
    """The folders of runs under `runs`, by name; of a run's own folder, that one.

    Raises:
        CheckpointError: there is no such folder, or it cannot be read.
    """
    if is_run(runs):
        return [runs]
    try:
        return sorted(path for path in runs.iterdir() if path.name[0] != "." and is_run(path))
    except OSError as error:
        raise CheckpointError(
            f"{runs}: no folder of runs that can be read ({error.strerror}); `mlpcli train` makes "
            "one."
        ) from error


def read_metrics(path: Path) -> list[EpochMetrics]:
    """The rows of a metrics.csv.

    Raises:
        DataError: it cannot be read, is not one, or lacks an epoch.
    """
    rows = []
    for number, (line, row) in enumerate(read_table(path, COLUMNS), 1):
        rows.append(_row(EpochMetrics, row, f"{path}:{line}"))
        if rows[-1].epoch != number:
            raise DataError(f"{path}:{line}: epoch: expected {number}, found {row['epoch']}.")
    for column in MEASURED_OR_NOT:
        if len({getattr(row, column) is None for row in rows}) > 1:
            raise DataError(f"{path}: {column}: empty in some rows and not in others.")
    return rows


def read_gradients(path: Path) -> list[LayerNorms]:
    """The rows of a gradients.csv.

    Raises:
        DataError: it cannot be read, or is not one.
    """
    return [
        _row(LayerNorms, row, f"{path}:{line}") for line, row in read_table(path, GRADIENT_COLUMNS)
    ]


def read_table(path: Path, columns: list[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV file by column name, each with its line; other columns are left out.

    Raises:
        DataError: it cannot be read, or a column is missing in it.
    """
    try:
        text = read_ordinary(path, MOST_BYTES).decode()
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file; `mlpcli train` writes it.") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not a table of text ({error.reason}).") from error
    if text and not text.endswith("\n"):
        raise DataError(f"{path}: cut short within its last line.")
    reader = csv.DictReader(text.splitlines())
    try:
        missing = [name for name in columns if name not in (reader.fieldnames or ())]
        if missing:
            raise DataError(f"{path}: expected a column {missing[0]} in its first line.")
        return [(reader.line_num, {name: row[name] or "" for name in columns}) for row in reader]
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: {error}.") from error


def _row(kind: type[_Row], row: Mapping[str, str], place: str) -> _Row:
    """A row as an object; what is counted is above 0, and nothing is below it."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        text = row[field.name]
        if text == "" and field.name in OPTIONAL_COLUMNS:
            values[field.name] = None
            continue
        try:
            value = int(text) if field.type is int else float(text)
            is_fit = math.isfinite(value) and value >= (field.type is int)
        except (ValueError, OverflowError) as error:
            raise DataError(
                f"{place}: {field.name}: expected a number, found {text[:40]!r}."
            ) from error
        if not is_fit:
            least = 1 if field.type is int else 0
            raise DataError(
                f"{place}: {field.name}: expected a finite number of at least {least}, found "
                f"{text[:40]!r}."
            )
        values[field.name] = value
    return kind(**values)


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        content = read_json(path, MOST_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise DataError(f"{path}: damaged: {error}.") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: damaged: no object in it.")
    return content


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The settings, by dotted key, in which two configs differ; None where one has none.

    The name of the run is none of them.
    """
    flat_a, flat_b = dict(_flat(a)), dict(_flat(b))
    return {
        key: (flat_a.get(key), flat_b.get(key))
        for key in dict.fromkeys((*flat_a, *flat_b))
        if key != "name" and flat_a.get(key) != flat_b.get(key)
    }


def _flat(section: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value
