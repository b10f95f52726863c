"""The trials of a sweep, and what is known of them."""

import math
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


@dataclass(frozen=True)
class Spread:
    """The mean of some values, and how far chance moves it."""

    mean: float
    deviation: float | None
    """standard deviation of the values, from two on"""
    low: float | None
    high: float | None
    """interval that holds the true mean in 95 of 100 such samples, by Student's t"""

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Return the spread of at least one value."""
        mean = statistics.fmean(values)
        if len(values) < 2:
            return cls(mean, None, None, None)
        deviation = statistics.stdev(values)
        half = t_quantile(len(values) - 1) * deviation / math.sqrt(len(values))
        return cls(mean, deviation, mean - half, mean + half)


def t_quantile(freedom: int) -> float:
    """Return the t that Student's distribution stays within, up and down, in 95 of 100 cases.

    Found by bisection of the probability, a finite sum for whole degrees of freedom (Abramowitz and
    Stegun, 1964, 26.7.3 and 26.7.4).
    """
    low, high = 0.0, 16.0
    for _ in range(60):
        middle = (low + high) / 2
        if _within(middle, freedom) < 0.95:
            low = middle
        else:
            high = middle
    return high


def _within(t: float, freedom: int) -> float:
    """Return the probability that Student's t lies between -t and t."""
    angle = math.atan(t / math.sqrt(freedom))
    cosine = math.cos(angle)
    is_odd = freedom % 2 == 1
    term, total = (cosine, cosine) if is_odd else (1.0, 1.0)
    if freedom == 1:
        total = 0.0
    for k in range(3 if is_odd else 2, freedom, 2):
        term *= cosine**2 * (k - 1) / k
        total += term
    if is_odd:
        return 2 / math.pi * (angle + math.sin(angle) * total)
    return math.sin(angle) * total
