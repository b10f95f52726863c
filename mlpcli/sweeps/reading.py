"""Reading the folder of a sweep, an unfinished one too."""

import csv
import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

from mlpcli.config.schema.sweep import ParameterConfig
from mlpcli.config.sweep_loading import Sweep, load_sweep
from mlpcli.errors import ConfigError, DataError
from mlpcli.files import as_argument, os_errors_as, read_json
from mlpcli.storage.records import read_table
from mlpcli.storage.run_folder import MOST_BYTES
from mlpcli.sweeps.results import SweepResult, results_csv, row
from mlpcli.sweeps.sweep_folder import SweepFolder
from mlpcli.sweeps.trials import State, Trial

_N = TypeVar("_N", int, float)


@dataclass(frozen=True)
class _Recorded:
    """What a row of results.csv says of a trial, besides its values of the parameters."""

    state: State
    seed_values: tuple[float, ...]
    epochs: int
    seconds: float
    reason: str


class RecordedTrial(Trial):
    """A trial as results.csv has it: without its trainings, which are in its run folders."""

    def __init__(self, number: int, values: dict[str, Any], recorded: _Recorded) -> None:
        super().__init__(number, values)
        self._recorded = recorded

    @property
    def state(self) -> State:
        """What has become of it."""
        return self._recorded.state

    @property
    def reason(self) -> str:
        """Why it failed; empty if it did not."""
        return self._recorded.reason

    @property
    def epochs(self) -> int:
        """The epochs of all its trainings."""
        return self._recorded.epochs

    @property
    def seconds(self) -> float:
        """The time of all its trainings."""
        return self._recorded.seconds

    def seed_values(self, minimize: bool, until: int | None = None) -> list[float]:
        """Return each training's best value; results.csv has those of all epochs only."""
        if until is not None:
            raise ValueError("results.csv does not have the values of each epoch")
        return list(self._recorded.seed_values)


def read_sweep_result(path: Path) -> SweepResult:
    """Return the result in the folder of a sweep, or what there is of it so far.

    Raises:
        CheckpointError: there is no sweep.
        DataError: a file of it is missing, cannot be read or is damaged.
    """
    folder = SweepFolder.find(path)
    sweep = recorded_sweep(folder)
    trials = _read_trials(folder, sweep)
    with os_errors_as(DataError, folder.summary, "cannot be read"):
        has_summary = folder.summary.exists()
        try:
            summary = read_json(folder.summary, MOST_BYTES) if has_summary else {}
            return SweepResult(
                folder=path,
                sweep=sweep,
                trials=trials,
                stopped=str(summary.get("stopped", "interrupted")),
                seconds=float(summary.get("seconds", sum(trial.seconds for trial in trials))),
                test={int(seed): found for seed, found in summary.get("test", {}).items()},
                importance={
                    key: float(share) for key, share in summary.get("importance", {}).items()
                },
            )
        except (ValueError, TypeError, AttributeError) as error:
            raise DataError(f"{folder.summary}: damaged: {error}.") from error


def recorded_sweep(folder: SweepFolder) -> Sweep:
    """Return the sweep that a folder is of, or raise DataError if it cannot be read."""
    try:
        return load_sweep(folder.sweep)
    except ConfigError as error:
        raise DataError(f"The sweep cannot be read: {error}") from error


def _read_trials(folder: SweepFolder, sweep: Sweep) -> list[Trial]:
    path = folder.results
    if not path.exists():
        raise DataError(
            f"{path}: there is none yet: no trial is done. To resume the sweep: "
            f"mlpcli sweep --resume {as_argument(folder.path)}"
        )
    columns = list(row(sweep, Trial(0, dict.fromkeys(sweep.settings.parameters))))
    readers = {key: _reader(each) for key, each in sweep.settings.parameters.items()}
    trials: list[Trial] = []
    for line, cells in read_table(path, columns):
        place = f"{path}:{line}"
        number = _number(int, cells, "trial", place)
        if number != len(trials):
            raise DataError(f"{place}: trial: expected {len(trials)}, found {number}.")
        values = {key: read(cells[key], f"{place}: {key}") for key, read in readers.items()}
        trials.append(RecordedTrial(number, values, _recorded(sweep, cells, place)))
    return trials


def _recorded(sweep: Sweep, cells: Mapping[str, str], place: str) -> _Recorded:
    state = next((each for each in get_args(State) if each == cells["state"]), None)
    if state is None:
        known = ", ".join(get_args(State))
        raise DataError(f"{place}: state: expected one of {known}, found {cells['state'][:40]!r}.")
    columns = [sweep.monitor]
    if len(sweep.seeds) > 1:
        columns = [f"{sweep.monitor}_seed_{seed}" for seed in sweep.seeds]
    has_value = cells[sweep.monitor] != ""
    return _Recorded(
        state=state,
        seed_values=tuple(_number(float, cells, key, place) for key in columns if has_value),
        epochs=_number(int, cells, "epochs", place),
        seconds=_number(float, cells, "seconds", place),
        reason=cells["reason"],
    )


def _reader(parameter: ParameterConfig) -> Callable[[str, str], Any]:
    """Return a function that reads a value of a parameter from a cell, named by its place."""
    choices = parameter.values
    if choices is not None:
        written = csv.reader(io.StringIO(results_csv([{"value": each} for each in choices])))
        by_text = {
            "".join(cell): each for cell, each in zip(list(written)[1:], choices, strict=True)
        }

        def choice(text: str, place: str) -> Any:
            if text not in by_text:
                raise DataError(f"{place}: expected one of its values, found {text[:40]!r}.")
            return by_text[text]

        return choice
    if parameter.is_integer:
        return lambda text, place: _parsed(int, text, place)
    return lambda text, place: _parsed(float, text, place)


def _number(kind: type[_N], cells: Mapping[str, str], column: str, place: str) -> _N:
    return _parsed(kind, cells[column], f"{place}: {column}")


def _parsed(kind: type[_N], text: str, place: str) -> _N:
    try:
        number = kind(text)
        if math.isfinite(number):
            return number
    except (ValueError, OverflowError):
        pass
    expected = "an integer" if kind is int else "a finite number"
    raise DataError(f"{place}: expected {expected}, found {text[:40]!r}.")
