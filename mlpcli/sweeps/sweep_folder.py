"""The folder of a sweep: the paths of its files, and how runs are written to it and read.

Whatever writes raises WriteError if it cannot.
"""

import contextlib
import csv
import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from mlpcli.config.writing import resolved_yaml
from mlpcli.errors import CheckpointError, DataError, WriteError
from mlpcli.files import (
    make_filled_folder,
    make_folder,
    make_numbered_folder,
    os_errors_as,
    read_ordinary,
    write_text,
)
from mlpcli.locking import held
from mlpcli.storage.checkpoint import load_checkpoint
from mlpcli.storage.folders import SWEEP
from mlpcli.storage.run_folder import MOST_BYTES, RunFolder
from mlpcli.sweeps.task import FILES, IMPOSSIBLE, Files
from mlpcli.sweeps.trials import Result, Training


class SweepFolder:
    """The folder of one sweep.

    Attributes:
        sweep: the whole sweep, as a sweep file.
        results: one row a trial.
        summary: the best trial, and why the sweep stopped.
        best: the config of the best trial.
        journal: the study, for Optuna's tools.
        trials: a run folder for each training.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sweep = path / SWEEP
        self.results = path / "results.csv"
        self.summary = path / "summary.json"
        self.best = path / "best.yaml"
        self.journal = path / "journal.log"
        self.trials = path / "trials"
        self.pictures = path / "pictures"

    @classmethod
    def create(cls, sweeps: Path, name: str, content: str) -> "SweepFolder":
        """Create `sweeps/name`, or `name-2`, ...: a sweep is never overwritten."""

        def fill(path: Path) -> None:
            (path / "trials").mkdir()
            write_text(cls(path).sweep, content)

        return cls(make_numbered_folder(sweeps / name, fill))

    @classmethod
    def find(cls, path: Path) -> "SweepFolder":
        """Return the sweep in a folder, or raise CheckpointError."""
        folder = cls(path)
        with os_errors_as(CheckpointError, path, "cannot be read"):
            if not folder.sweep.is_file():
                raise CheckpointError(
                    f"{path}: no sweep there (a sweep's folder has a sweep.yaml); `mlpcli sweep` "
                    "makes one."
                )
        return folder

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from this sweep; WriteError if one is at work on it."""
        with held(self.path / ".lock") as is_ours:
            if not is_ours:
                raise WriteError(
                    f"{self.path}: another process is at work on this sweep; let it finish, or "
                    "stop it and resume the sweep."
                )
            yield

    def run_folder(self, number: int, seed: int, seeds: int) -> Path:
        """Return the run folder of a trial: of one of its `seeds` seeds, if it has several."""
        trial = self.trials / f"{number:04}"
        return trial if seeds == 1 else trial / f"seed-{seed}"


def write_run(path: Path, files: Files) -> None:
    """Write a run folder in place of an earlier one.

    Nothing is flushed to the disk: after a power cut, what `read_result` cannot read is trained
    again, to the same bytes.
    """
    make_folder(path.parent)

    def fill(folder: Path) -> None:
        for name, content in files.items():
            file = folder / name
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(content)
        if path.exists():  # last, so that a full disk leaves the earlier one
            with os_errors_as(WriteError, path, "cannot be replaced"):
                shutil.rmtree(path)

    make_filled_folder(itertools.repeat(path), fill)


def read_run(path: Path) -> Files:
    """Return the files of a run folder that are needed to continue it, as far as they exist."""
    with os_errors_as(DataError, path, "cannot be read"):
        return {
            name: read_ordinary(path / name, MOST_BYTES)
            for name in FILES
            if (path / name).is_file()
        }


def read_result(training: Training) -> Result | None:
    """Return the result in a run folder; None if it is not whole, or is that of another config."""
    folder = RunFolder(training.folder)
    try:
        files = read_run(training.folder)
        if files["config.yaml"] != resolved_yaml(training.config).encode():
            return None
        result = result_of(files)
        if result.stopped != IMPOSSIBLE and load_checkpoint(folder.last).epoch != result.epochs:
            return None
        if result.best_epoch and load_checkpoint(folder.best).epoch != result.best_epoch:
            return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, CheckpointError, DataError):
        return None
    return result


def result_of(files: Files) -> Result:
    """Return the result in the files of a run folder.

    Raises:
        ValueError, KeyError, TypeError: they are not those of a run.
    """
    summary = json.loads(files["summary.json"])
    table = csv.DictReader(files.get("metrics.csv", b"").decode().splitlines())
    result = Result(
        monitored=tuple(float(row[summary["monitor"]]) for row in table),
        best_epoch=int(summary["best_epoch"] or 0),
        stopped=str(summary["stopped"]),
        reason=str(summary.get("reason", "")),
        seconds=float(summary["seconds"]),
    )
    if result.epochs != summary["epochs"]:
        raise ValueError("its table and its summary differ")
    return result
