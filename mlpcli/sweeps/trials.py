"""The trials of a sweep, and what is known of them."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mlpcli.config.schema.config import Config
from mlpcli.storage.run_folder import ENDINGS
from mlpcli.sweeps.task import DIVERGED, IMPOSSIBLE

State = Literal["waiting", "paused", "done", "pruned", "diverged", "impossible"]


@dataclass(frozen=True)
class Result:
    """What is known of a training so far."""

    monitored: tuple[float, ...]
    """the monitored metric of each epoch"""
    best_epoch: int
    """0 before the first"""
    stopped: str
    """as in summary.json"""
    reason: str
    """why it diverged, or could not begin"""
    seconds: float

    @property
    def epochs(self) -> int:
        """The number of its epochs."""
        return len(self.monitored)

    @property
    def has_ended(self) -> bool:
        """Whether no epoch can follow."""
        return self.stopped in (*ENDINGS, DIVERGED, IMPOSSIBLE)

    @property
    def failed(self) -> bool:
        """Whether it has no value."""
        return self.stopped in (DIVERGED, IMPOSSIBLE)


@dataclass
class Training:
    """One training of a trial, with one of its seeds."""

    seed: int
    config: Config
    folder: Path
    result: Result | None = None
    start: bytes = b""
    """the checkpoint of the network that it starts from, if it does"""


@dataclass
class Trial:
    """A combination of values, trained once with each seed."""

    number: int
    """as in the study, from 0 on"""
    values: dict[str, Any]
    trainings: list[Training] = field(default_factory=list)
    problem: str = ""
    """why these values cannot be together"""
    is_pruned: bool = False
    """halving has ended it"""

    @property
    def state(self) -> State:
        """What has become of it."""
        results = [each.result for each in self.trainings]
        if self.problem or any(each and each.stopped == IMPOSSIBLE for each in results):
            return "impossible"
        if any(each and each.stopped == DIVERGED for each in results):
            return "diverged"
        if all(each and each.has_ended for each in results):
            return "done"
        if self.is_pruned:
            return "pruned"
        return "paused" if all(results) else "waiting"

    @property
    def reason(self) -> str:
        """Why it failed; empty if it did not."""
        reasons = [each.result.reason for each in self.trainings if each.result]
        return self.problem or next(filter(None, reasons), "")

    @property
    def epochs(self) -> int:
        """The epochs of all its trainings."""
        return sum(each.result.epochs for each in self.trainings if each.result)

    @property
    def seconds(self) -> float:
        """The time of all its trainings."""
        return sum((each.result.seconds for each in self.trainings if each.result), 0.0)

    def seed_values(self, minimize: bool, until: int | None = None) -> list[float]:
        """Return each training's best value, of its first `until` epochs; empty if one failed."""
        results = [each.result for each in self.trainings]
        if self.problem or not results:
            return []
        values = []
        for result in results:
            if result is None or result.failed or not result.monitored[:until]:
                return []
            values.append((min if minimize else max)(result.monitored[:until]))
        return values

    def value(self, minimize: bool, until: int | None = None) -> float | None:
        """Return the mean of `seed_values`; None if a training failed."""
        values = self.seed_values(minimize, until)
        return statistics.fmean(values) if values else None


def ranked(trials: Sequence[Trial], minimize: bool, until: int | None = None) -> list[Trial]:
    """Return the trials that have a value, the best first; of equals, the earlier."""
    valued = [(trial.value(minimize, until), trial) for trial in trials]
    sign = 1 if minimize else -1
    found = [(sign * value, trial.number, trial) for value, trial in valued if value is not None]
    return [trial for _, _, trial in sorted(found, key=lambda each: each[:2])]
