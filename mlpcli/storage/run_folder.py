"""The folder of a run: what lies where, and how each file is written."""

import contextlib
import csv
import dataclasses
import io
import itertools
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlpcli.errors import CheckpointError, WriteError
from mlpcli.files import (
    make_filled_folder,
    make_folder,
    open_ordinary,
    read_json,
    read_ordinary,
    write_bytes,
    write_text,
)
from mlpcli.locking import held
from mlpcli.training.metrics import EpochMetrics, GradientNorms

COLUMNS = [field.name for field in dataclasses.fields(EpochMetrics)]
GRADIENT_COLUMNS = [field.name for field in dataclasses.fields(GradientNorms)]
ENDINGS = ("all_epochs_done", "early_stopping", "stop_at_loss")
"""why a run that came to its end stopped, as summary.json says it"""
_MOST_OF_A_SUMMARY = 2**20
"""bytes"""
_MOST_OF_GRADIENTS = 2**27
"""bytes; a million rows have fewer"""
_LONGEST_ROW = 400
"""bytes; seven numbers have fewer than 200"""


@dataclass(frozen=True)
class RunDirectory:
    """One run's folder and the files in it."""

    path: Path

    @property
    def name(self) -> str:
        """The folder's, whatever path led to it."""
        return self.path.resolve().name

    @property
    def config(self) -> Path:
        """The resolved config; training from it repeats the run."""
        return self.path / "config.yaml"

    @property
    def environment(self) -> Path:
        """Versions, machine, threads, seed."""
        return self.path / "environment.json"

    @property
    def metrics(self) -> Path:
        """One row an epoch."""
        return self.path / "metrics.csv"

    @property
    def summary(self) -> Path:
        """How the run ended."""
        return self.path / "summary.json"

    @property
    def gradients(self) -> Path:
        """The norms of each layer's gradient and update, one row an epoch and layer."""
        return self.path / "gradients.csv"

    @property
    def pictures(self) -> Path:
        """Where `mlpcli plot` draws."""
        return self.path / "pictures"

    @property
    def best(self) -> Path:
        """The weights of the best epoch."""
        return self.path / "weights" / "best.safetensors"

    @property
    def last(self) -> Path:
        """Where the run stands: after an epoch, or where it was interrupted within one."""
        return self.path / "weights" / "last.safetensors"

    @classmethod
    def create(
        cls, runs: Path, name: str, fill: Callable[["RunDirectory"], None]
    ) -> "RunDirectory":
        """A new folder `runs/name`, or `name-2`, `name-3`, ...: a run is never overwritten.

        It gets its name when `fill` has written the run's first files, so a run that was killed at
        any moment can be gone on with.

        Raises:
            WriteError: it could not be made.
        """
        make_folder(runs)

        def fill_with_weights(path: Path) -> None:
            (path / "weights").mkdir()
            fill(cls(path))

        names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        return cls(make_filled_folder((runs / each for each in names), fill_with_weights))

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from training this run at the same time.

        Raises:
            WriteError: one does already.
        """
        with held(self.path / ".lock") as is_ours:
            if not is_ours:
                raise WriteError(
                    f"{self.path}: another process is training this run; let it finish, or stop "
                    "it, and go on from there."
                )
            yield

    def refuse_links_outside(self) -> None:
        """Make sure that writing into this folder changes nothing elsewhere.

        Raises:
            CheckpointError: something in it is a link that leads out of it.
        """
        inside = os.path.realpath(self.path)
        for path in self.path.rglob("*"):
            target = os.path.realpath(path)
            if not Path(target).is_relative_to(inside):
                raise CheckpointError(
                    f"{path}: leads out of the run, to {target}, but a run writes nowhere except "
                    "in its own folder; put the thing itself there."
                )

    def has_ended(self) -> bool:
        """Whether summary.json says that the run came to its end."""
        return self._summarized("stopped") in ENDINGS

    def seconds(self, history: Sequence[EpochMetrics]) -> float:
        """Wall time of the sessions so far; of one that was killed, that of its epochs."""
        seconds = self._summarized("seconds")
        if isinstance(seconds, float) and 0 <= seconds < math.inf:
            return seconds
        return sum(row.seconds or 0.0 for row in history)

    def _summarized(self, key: str) -> object:
        """What summary.json says; None where it cannot be understood."""
        try:
            return read_json(self.summary, _MOST_OF_A_SUMMARY)[key]
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def forget_summary(self) -> None:
        """Remove summary.json: the run goes on.

        Raises:
            WriteError: it could not be removed.
        """
        try:
            self.summary.unlink(missing_ok=True)
        except OSError as error:
            raise WriteError(f"{self.summary}: cannot be removed: {error.strerror}.") from error

    def timed(self, history: Sequence[EpochMetrics]) -> list[EpochMetrics]:
        """The same rows with the seconds that metrics.csv knows of them.

        Raises:
            WriteError: it cannot be read, and so not be written.
        """
        try:
            with open_ordinary(self.metrics) as file:
                text = file.read(_LONGEST_ROW * (len(history) + 1)).decode(errors="replace")
        except FileNotFoundError:
            text = ""
        except OSError as error:
            raise WriteError(
                f"{self.metrics}: cannot be read: {error.strerror or error}."
            ) from error
        seconds = dict(line.split(",")[:2] for line in text.splitlines()[1:] if "," in line)
        return [
            dataclasses.replace(row, seconds=_time(seconds.get(str(row.epoch), "")))
            for row in history
        ]

    def set_metrics(self, history: Sequence[EpochMetrics]) -> None:
        """Let metrics.csv have exactly these rows.

        Raises:
            WriteError: it could not be written.
        """
        rows = [COLUMNS, *map(dataclasses.astuple, history)] if history else []
        write_text(self.metrics, "".join(map(_csv_line, rows)))

    def append_metrics(self, row: EpochMetrics, *, flush: bool = True) -> None:
        """Add a row to metrics.csv, with the header if it is the first.

        Args:
            row: of the epoch.
            flush: wait until it is safe from a power cut.

        Raises:
            WriteError: it could not be written.
        """
        _append(self.metrics, COLUMNS, [dataclasses.astuple(row)], flush=flush)

    def append_gradients(self, rows: Sequence[GradientNorms], *, flush: bool) -> None:
        """Add an epoch's rows to gradients.csv, with the header if they are the first.

        Args:
            rows: one for each layer.
            flush: wait until they are safe from a power cut.

        Raises:
            WriteError: they could not be written.
        """
        lines = [dataclasses.astuple(row) for row in rows]
        _append(self.gradients, GRADIENT_COLUMNS, lines, flush=flush)

    def forget_gradients_after(self, epoch: int) -> None:
        """Let gradients.csv end with this epoch's rows, and have no half row.

        Raises:
            WriteError: it could not be read or written.
        """
        try:
            content = read_ordinary(self.gradients, _MOST_OF_GRADIENTS)
        except FileNotFoundError:
            return
        except OSError as error:
            raise WriteError(
                f"{self.gradients}: cannot be read: {error.strerror or error}."
            ) from error
        epochs = {b"%d" % number for number in range(1, epoch + 1)}
        header, *rows = content.splitlines(keepends=True) or [b""]
        kept = itertools.takewhile(
            lambda row: row.partition(b",")[0] in epochs and row.endswith(b"\n"), rows
        )
        wanted = b"".join([header, *kept]) if epoch else b""
        if wanted != content:
            write_bytes(self.gradients, wanted)


def _append(
    path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]], *, flush: bool
) -> None:
    """Add rows to a table, with its header if they are the first."""
    try:
        with path.open("ab", buffering=0) as file:
            whole = file.tell()
            lines = [columns, *rows] if whole == 0 else rows
            try:
                rest = "".join(map(_csv_line, lines)).encode()
                while rest:
                    rest = rest[file.write(rest) :]
                if flush:
                    os.fsync(file.fileno())
            except OSError:
                file.truncate(whole)  # no half row
                raise
    except OSError as error:
        raise WriteError(f"{path}: cannot be written: {error.strerror or error}.") from error


def _csv_line(values: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue()


def _time(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


BOXED = Path(__file__).parents[1] / "boxed.safetensors"
"""The network that comes with mlpcli."""


def checkpoint_path(path: Path) -> Path:
    """The checkpoint meant by a path: itself if it is a file, a run folder's best weights.

    Where there is nothing called `boxed`, that is the network that comes with mlpcli.

    Raises:
        CheckpointError: a folder without any.
    """
    try:
        if not path.is_dir():
            return BOXED if str(path) == "boxed" and not path.exists() else path
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}.") from error
    best = RunDirectory(path).best
    if not best.is_file():
        raise CheckpointError(
            f"{path}: a folder without {best.relative_to(path)}; give a run folder or a checkpoint."
        )
    return best


def newest_checkpoints(runs: Path) -> list[Path]:
    """The best weights of each run under `runs`, those written last first.

    Raises:
        CheckpointError: the folder cannot be read.
    """
    try:
        weights = {path: path.stat() for path in runs.glob("*/weights/best.safetensors")}
    except OSError as error:
        raise CheckpointError(f"{runs}: cannot be read: {error.strerror}.") from error
    return sorted(weights, key=lambda path: weights[path].st_mtime, reverse=True)
