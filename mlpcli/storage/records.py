"""Reading the folders of runs, unfinished ones too.

Whatever reads a file raises DataError if it cannot be read or is damaged.
"""

import csv
import dataclasses
import io
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from mlpcli.config.renamed import with_present_names
from mlpcli.config.yaml_loader import read_yaml
from mlpcli.errors import CheckpointError, ConfigError, DataError
from mlpcli.files import os_errors_as, read_json, read_ordinary
from mlpcli.storage.folders import is_run, is_sweep
from mlpcli.storage.run_folder import (
    COLUMNS,
    GRADIENT_COLUMNS,
    MOST_BYTES,
    RunFolder,
    has_ended,
    wall_time,
)
from mlpcli.training.improvement import BestSoFar, monitored_column
from mlpcli.training.metrics import (
    EpochMetrics,
    GradientNorms,
    filled_columns,
    optional_columns,
)

_Row = TypeVar("_Row", EpochMetrics, GradientNorms)


@dataclass(frozen=True)
class RunRecord:
    """The content of a run's folder."""

    folder: RunFolder
    config: Mapping[str, Any]
    """config.yaml: every setting"""
    environment: Mapping[str, Any]
    """environment.json; empty where it is missing"""
    history: list[EpochMetrics]
    """the rows of metrics.csv"""
    summary: Mapping[str, Any]
    """summary.json; empty where the run is unfinished"""

    @cached_property
    def best(self) -> EpochMetrics | None:
        """The row of the best epoch so far, as training chooses it; None without rows."""
        watch = BestSoFar(self.monitor)
        for row in self.history:
            watch.improves(row)
        return self.history[watch.best_epoch - 1] if watch.best_epoch else None

    @property
    def monitor(self) -> str:
        """The column of metrics.csv that decides which epoch is the best."""
        if not self.history:
            return "epoch"
        measured = ["train_loss", *filled_columns(self.history[-1])]
        return monitored_column(self.setting("training", "monitor"), measured)

    @property
    def seconds(self) -> float:
        """Wall time; in an unfinished run, that of its epochs."""
        return wall_time(self.summary, self.history)

    @property
    def has_ended(self) -> bool:
        """Whether the run came to its end: it was not interrupted and did not diverge."""
        return has_ended(self.summary)

    def setting(self, *key: str) -> Any:
        """Return a setting of the config, or None where it is missing."""
        found: Any = self.config
        for each in key:
            found = found.get(each) if isinstance(found, Mapping) else None
        return found


def read_record(folder: Path) -> RunRecord:
    """Read the folder of a run.

    Raises:
        CheckpointError: there is no run in `folder`.
    """
    files = RunFolder(folder)
    if not is_run(folder):
        raise CheckpointError(
            f"{folder}: no run there (a run's folder has a config.yaml); `mlpcli runs` lists those "
            "there are."
        )
    try:
        config = with_present_names(read_yaml(files.config).values)
    except ConfigError as error:
        raise DataError(f"The config of the run cannot be read: {error}") from error
    return RunRecord(
        folder=files,
        config=config,
        environment=_read_json(files.environment),
        history=read_metrics(files.metrics) if files.metrics.exists() else [],
        summary=_read_json(files.summary),
    )


def _visible(folder: Path) -> list[Path]:
    """Return the folders in a folder, without those that are still being written."""
    return [path for path in folder.iterdir() if path.name[0] != "." and path.is_dir()]


def run_folders(runs: Path) -> list[Path]:
    """Return the folders of runs under `runs`, by name, or `runs` itself if it is a run's folder.

    Of a sweep, those are the folders of its trials, or of their seeds.

    Raises:
        CheckpointError: the folder is missing or cannot be read.
    """
    if is_run(runs):
        return [runs]
    try:
        folders = _visible(runs / "trials" if is_sweep(runs) else runs)
        if is_sweep(runs):
            folders += [seed for trial in folders for seed in _visible(trial)]
        return sorted(filter(is_run, folders))
    except OSError as error:
        raise CheckpointError(
            f"{runs}: no folder of runs that can be read ({error.strerror}); `mlpcli train` makes "
            "one."
        ) from error


def read_metrics(path: Path) -> list[EpochMetrics]:
    """Return the rows of a metrics.csv."""
    rows = []
    for number, (line, row) in enumerate(read_table(path, COLUMNS), 1):
        rows.append(_row(EpochMetrics, row, f"{path}:{line}"))
        if rows[-1].epoch != number:
            raise DataError(f"{path}:{line}: epoch: expected {number}, found {row['epoch']}.")
    for column in optional_columns(EpochMetrics):
        empty = {getattr(row, column) is None for row in rows}
        if len(empty) > 1 and column != "seconds":
            raise DataError(f"{path}: {column}: empty in some rows and not in others.")
    return rows


def read_gradients(path: Path) -> list[GradientNorms]:
    """Return the rows of a gradients.csv."""
    return [
        _row(GradientNorms, row, f"{path}:{line}")
        for line, row in read_table(path, GRADIENT_COLUMNS)
    ]


def read_table(path: Path, columns: list[str]) -> list[tuple[int, dict[str, str]]]:
    """Return (line number, values by column) for each row of a CSV file, without other columns."""
    try:
        with os_errors_as(DataError, path, "cannot be read"):
            text = read_ordinary(path, MOST_BYTES).decode()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not a table of text ({error.reason}).") from error
    if text and not text.endswith("\n"):
        raise DataError(f"{path}: cut short within its last line.")
    reader = csv.DictReader(io.StringIO(text, newline=""))  # a cell may have several lines
    try:
        missing = [name for name in columns if name not in (reader.fieldnames or ())]
        if missing:
            raise DataError(f"{path}: expected a column {missing[0]} in its first line.")
        return [(reader.line_num, {name: row[name] or "" for name in columns}) for row in reader]
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: {error}.") from error


def _row(kind: type[_Row], row: Mapping[str, str], place: str) -> _Row:
    """Return a row as an object; a whole number is at least 1, any other at least 0."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        text = row[field.name]
        if text == "" and field.name in optional_columns(kind):
            values[field.name] = None
            continue
        kind_of_number, least = (int, 1) if field.type is int else (float, 0)
        try:
            values[field.name] = value = kind_of_number(text)
            if not math.isfinite(value) or value < least:
                raise ValueError
        except (ValueError, OverflowError) as error:
            raise DataError(
                f"{place}: {field.name}: expected a finite number of at least {least}, found "
                f"{text[:40]!r}."
            ) from error
    return kind(**values)


def _read_json(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file; empty where there is none."""
    try:
        with os_errors_as(DataError, path, "cannot be read"):
            content = read_json(path, MOST_BYTES) if os.path.lexists(path) else {}
    except ValueError as error:
        raise DataError(f"{path}: damaged: {error}.") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: damaged: no object in it.")
    return content


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the settings, by dotted key, in which two configs differ; None where one has none."""
    flat_a, flat_b = dict(_flat(a)), dict(_flat(b))
    return {
        key: (flat_a.get(key), flat_b.get(key))
        for key in dict.fromkeys((*flat_a, *flat_b))
        if flat_a.get(key) != flat_b.get(key)
    }


def _flat(section: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value
