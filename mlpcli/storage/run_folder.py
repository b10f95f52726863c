"""The folder of a run: the paths of its files, and how each is written.

Whatever writes raises WriteError if it cannot, also where it first has to read a table. Whatever
looks for weights raises CheckpointError.
"""

import contextlib
import csv
import dataclasses
import io
import itertools
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlpcli.errors import CheckpointError, WriteError
from mlpcli.files import (
    as_argument,
    flush_to_disk,
    make_numbered_folder,
    os_errors_as,
    read_json,
    read_ordinary,
    write_bytes,
    write_json,
    write_text,
)
from mlpcli.locking import held
from mlpcli.storage.checkpoint import Checkpoint, save_checkpoint
from mlpcli.storage.folders import BEST, CONFIG, LAST
from mlpcli.training.evaluation import Evaluation
from mlpcli.training.metrics import EpochMetrics, GradientNorms

COLUMNS = [field.name for field in dataclasses.fields(EpochMetrics)]
GRADIENT_COLUMNS = [field.name for field in dataclasses.fields(GradientNorms)]
ENDINGS = ("all_epochs_done", "early_stopping", "stop_at_loss")
"""values of `stopped` in the summary.json of a run that came to its end"""
BOXED = Path(__file__).parents[1] / "boxed.safetensors"
"""the network that comes with mlpcli"""
MOST_BYTES = 2**27
"""size of the largest file of a run, in bytes: a million epochs"""


class RunFolder:
    """The folder of one run.

    Attributes:
        config: the resolved config; training from it repeats the run.
        metrics: one row an epoch.
        gradients: the norms of each layer's gradient and update, one row an epoch and layer.
        summary: the result, and why the run stopped.
        best: the weights of the best epoch.
        last: the latest state of the run, after an epoch or within one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / CONFIG
        self.environment = path / "environment.json"
        self.metrics = path / "metrics.csv"
        self.gradients = path / "gradients.csv"
        self.summary = path / "summary.json"
        self.pictures = path / "pictures"
        self.best = path / BEST
        self.last = path / LAST

    @property
    def name(self) -> str:
        """The name of the folder, whatever path led to it."""
        return self.path.resolve().name

    @classmethod
    def create(
        cls, runs: Path, name: str, start: Checkpoint, config: str, environment: Mapping[str, Any]
    ) -> "RunFolder":
        """Create `runs/name`, or `name-2`, `name-3`, ...: a run is never overwritten.

        The folder gets this name once it holds the state before the first step, config.yaml and
        environment.json, so a run that is killed at any moment can be resumed.
        """

        def fill(path: Path) -> None:
            folder = cls(path)
            folder.last.parent.mkdir()
            save_checkpoint(folder.last, start)
            write_text(folder.config, config)
            write_json(folder.environment, environment)

        return cls(make_numbered_folder(runs / name, fill))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training this run; WriteError if one is training it."""
        with held(self.path / ".lock") as is_ours:
            if not is_ours:
                raise WriteError(
                    f"{self.path}: another process is training this run; let it finish, or stop "
                    "it and resume the run."
                )
            yield

    def refuse_links_outside(self) -> None:
        """Raise CheckpointError if a link leads out of this folder: writing would follow it."""
        refuse_links_outside(self.path, self.path.rglob("*"), "run")

    def read_summary(self) -> Mapping[str, Any]:
        """Return the content of summary.json; empty where it is missing or damaged."""
        try:
            content = read_json(self.summary, MOST_BYTES)
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def remove_summary(self) -> None:
        """Remove summary.json: the run resumes."""
        _remove(self.summary)

    def with_seconds(self, history: Sequence[EpochMetrics]) -> list[EpochMetrics]:
        """Return the same rows with the seconds in metrics.csv, where that has them."""
        return with_seconds(history, _read(self.metrics))

    def write_metrics(self, history: Sequence[EpochMetrics]) -> None:
        """Write metrics.csv with exactly these rows; without any there is no such file."""
        _write_table(self.metrics, metrics_text(history).encode())

    def append_metrics(self, rows: Sequence[EpochMetrics]) -> None:
        """Add rows to metrics.csv."""
        _append(self.metrics, COLUMNS, rows)

    def append_gradients(self, rows: Sequence[GradientNorms]) -> None:
        """Add rows to gradients.csv, one for each epoch and layer."""
        _append(self.gradients, GRADIENT_COLUMNS, rows)

    def cut_gradients_after(self, epoch: int) -> None:
        """Remove the rows of later epochs from gradients.csv, and a half-written one.

        Without any row left there is no such file.
        """
        content = _read(self.gradients)
        epochs = {b"%d" % number for number in range(1, epoch + 1)}
        header, *rows = content.splitlines(keepends=True) or [b""]
        kept = itertools.takewhile(
            lambda row: row.partition(b",")[0] in epochs and row.endswith(b"\n"), rows
        )
        wanted = b"".join([header, *kept]) if epoch else b""
        if wanted != content:
            _write_table(self.gradients, wanted)


def metrics_text(history: Sequence[EpochMetrics]) -> str:
    """Return the content of a metrics.csv with these rows."""
    rows = [COLUMNS, *map(dataclasses.astuple, history)] if history else []
    return "".join(map(_csv_line, rows))


def with_seconds(history: Sequence[EpochMetrics], table: bytes) -> list[EpochMetrics]:
    """Return the same rows with the seconds in the content of a metrics.csv, where it has them."""
    text = table.decode(errors="replace")
    seconds = dict(line.split(",")[:2] for line in text.splitlines()[1:] if "," in line)
    return [
        dataclasses.replace(row, seconds=_seconds(seconds.get(str(row.epoch), "")))
        for row in history
    ]


def gradients_text(rows: Sequence[GradientNorms]) -> str:
    """Return the content of a gradients.csv with these rows."""
    lines = [GRADIENT_COLUMNS, *map(dataclasses.astuple, rows)] if rows else []
    return "".join(map(_csv_line, lines))


def summary_of(
    name: str,
    stopped: str,
    history: Sequence[EpochMetrics],
    best_epoch: int,
    monitor: str,
    test: Evaluation | None,
    seconds: float,
) -> dict[str, Any]:
    """Return the content of the summary.json of a run that has stopped for this reason."""
    return {
        "name": name,
        "stopped": stopped,
        "epochs": len(history),
        "best_epoch": best_epoch or None,
        "monitor": monitor,
        "best": dataclasses.asdict(history[best_epoch - 1]) if best_epoch else None,
        "last": dataclasses.asdict(history[-1]) if history else None,
        "test_loss": test.loss if test else None,
        "test_accuracy": test.accuracy if test else None,
        "test_images": len(test.labels) if test else None,
        "seconds": seconds,
    }


def refuse_links_outside(folder: Path, paths: Iterable[Path], what: str) -> None:
    """Raise CheckpointError if one of these paths in a folder leads out of it through a link."""
    inside = os.path.realpath(folder)
    for path in paths:
        target = os.path.realpath(path)
        if not Path(target).is_relative_to(inside):
            raise CheckpointError(
                f"{path}: leads out of the {what}, to {target}, but a {what} writes nowhere except "
                "in its own folder; put the thing itself there."
            )


def has_ended(summary: Mapping[str, Any]) -> bool:
    """Return whether a run came to its end: it was not interrupted and did not diverge."""
    return summary.get("stopped") in ENDINGS


def wall_time(summary: Mapping[str, Any], history: Sequence[EpochMetrics]) -> float:
    """Return the seconds of all sessions; without a summary, those of the epochs."""
    seconds = summary.get("seconds")
    if isinstance(seconds, int | float) and seconds >= 0:
        return float(seconds)
    return sum(row.seconds or 0.0 for row in history)


def _append(
    path: Path, columns: Sequence[str], rows: Sequence[EpochMetrics] | Sequence[GradientNorms]
) -> None:
    """Add rows to a table, after the header if they are the first; they survive a power cut."""
    lines = [_csv_line(dataclasses.astuple(row)) for row in rows]
    with os_errors_as(WriteError, path, "cannot be written"), path.open("ab", buffering=0) as file:
        whole = file.tell()
        if whole == 0:
            lines = [_csv_line(columns), *lines]
        try:
            rest = "".join(lines).encode()
            while rest:
                rest = rest[file.write(rest) :]
            flush_to_disk(file.fileno())
        except OSError:
            file.truncate(whole)  # no half row
            raise


def _write_table(path: Path, content: bytes) -> None:
    """Write a table; one without rows is no file, as in a run that has not come so far."""
    if content:
        write_bytes(path, content)
    else:
        _remove(path)


def _remove(path: Path) -> None:
    with os_errors_as(WriteError, path, "cannot be removed"):
        path.unlink(missing_ok=True)


def _csv_line(values: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue()


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def _read(path: Path) -> bytes:
    """Return the content of a table; empty where there is none."""
    with os_errors_as(WriteError, path, "cannot be read"):
        try:
            return read_ordinary(path, MOST_BYTES)
        except FileNotFoundError:
            return b""


def checkpoint_path(path: Path) -> Path:
    """Return the checkpoint that a path means: a file itself, or the best weights of a run folder.

    `boxed` means the network that comes with mlpcli, unless something of that name exists.
    """
    with os_errors_as(CheckpointError, path, "cannot be read"):
        if not path.is_dir():
            return BOXED if str(path) == "boxed" and not path.exists() else path
    folder = RunFolder(path)
    if folder.best.is_file():
        return folder.best
    best = folder.best.relative_to(path)
    if folder.last.is_file():
        raise CheckpointError(
            f"{path}: a run without {best}, which the end of its first epoch leaves; type "
            f"`mlpcli train --resume {as_argument(path)}`, or give {folder.last}."
        )
    raise CheckpointError(f"{path}: a folder without {best}; give a run folder or a checkpoint.")


def newest_checkpoints(runs: Path) -> list[Path]:
    """Return the best weights of each run under `runs`, the newest first."""
    with os_errors_as(CheckpointError, runs, "cannot be read"):
        times = {path: path.stat().st_mtime for path in runs.glob(f"*/{BEST}")}
    return sorted(times, key=times.__getitem__, reverse=True)
