"""The results of a sweep: its table, its summary, and the config of its best trial."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlpcli.config.sweep_loading import Sweep
from mlpcli.sweeps.spread import Spread
from mlpcli.sweeps.trials import Trial, ranked

Row = Mapping[str, Any]
"""a trial's row of results.csv, by column"""


@dataclass(frozen=True)
class SweepResult:
    """What came of a sweep."""

    folder: Path
    sweep: Sweep
    trials: Sequence[Trial]
    """by number"""
    stopped: str
    """all_trials_done or minutes; read from an unfinished sweep, also what stopped it"""
    seconds: float
    """wall time, of all sessions"""
    test: Mapping[int, Mapping[str, Any]]
    """what the best trial's weights make of the test set, by seed"""
    importance: Mapping[str, float]
    """the share of each parameter in the differences between the trials"""

    @property
    def ranking(self) -> list[Trial]:
        """The trials that have a value, the best first."""
        return ranked(self.trials, self.sweep.minimize)

    @property
    def best(self) -> Trial | None:
        """The best trial; None if all of them failed."""
        return next(iter(self.ranking), None)

    @property
    def table(self) -> list[Row]:
        """The rows of results.csv."""
        return [row(self.sweep, trial) for trial in self.trials]


def row(sweep: Sweep, trial: Trial) -> dict[str, Any]:
    """Return a trial's row; None where it has no value."""
    monitor, values = sweep.monitor, trial.seed_values(sweep.minimize)
    spread = Spread.of(values) if values else None
    found: dict[str, Any] = {"trial": trial.number, "state": trial.state, **trial.values}
    found[monitor] = spread and spread.mean
    if len(sweep.seeds) > 1:
        found[f"{monitor}_deviation"] = spread and spread.deviation
        found[f"{monitor}_low"] = spread and spread.low
        found[f"{monitor}_high"] = spread and spread.high
        for i, seed in enumerate(sweep.seeds):
            found[f"{monitor}_seed_{seed}"] = values[i] if values else None
    return found | {"epochs": trial.epochs, "seconds": trial.seconds, "reason": trial.reason}


def results_csv(rows: Sequence[Row]) -> str:
    """Return the content of results.csv."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if rows:
        writer.writerow(rows[0])
        writer.writerows([[_cell(value) for value in row.values()] for row in rows])
    return text.getvalue()


def _cell(value: Any) -> Any:
    """Return a value as text that YAML reads as the same one."""
    if value is None or (isinstance(value, str | int | float) and not isinstance(value, bool)):
        return value
    return json.dumps(value)


def summary(result: SweepResult) -> dict[str, Any]:
    """Return the content of summary.json."""
    sweep, best = result.sweep, result.best
    states = [trial.state for trial in result.trials]
    return {
        "name": result.folder.resolve().name,
        "stopped": result.stopped,
        "trials": len(states),
        "states": {state: states.count(state) for state in sorted(set(states))},
        "seeds": list(sweep.seeds),
        "monitor": sweep.monitor,
        "best": best and row(sweep, best),
        "test": {str(seed): found for seed, found in result.test.items()},
        "importance": dict(result.importance),
        "seconds": result.seconds,
    }
