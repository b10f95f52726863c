"""A sweep to be drawn: its trials as points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from mlpcli.nn.losses import LOSSES
from mlpcli.pictures.style import run_label
from mlpcli.pictures.sweep_scales import Scale, monitor_scale, parameter_scale
from mlpcli.sweeps.results import SweepResult
from mlpcli.sweeps.spread import Spread
from mlpcli.sweeps.trials import State
from mlpcli.text import count

Kind = Literal["done", "pruned", "unfinished", "failed"]
KINDS: dict[State, Kind] = {
    "done": "done",
    "pruned": "pruned",
    "paused": "unfinished",
    "waiting": "unfinished",
    "diverged": "failed",
    "impossible": "failed",
}
MAY_CHANGE_THE_UNIT = ("loss", "config")
"""parameters by which the losses of two trials may be of different kinds"""


@dataclass(frozen=True)
class Point:
    """A trial as it is drawn."""

    number: int
    state: State
    values: Mapping[str, Any]
    value: float | None
    """of the monitored metric, the mean over the seeds; an accuracy in percent"""
    deviation: float | None
    """standard deviation over the seeds"""

    @property
    def kind(self) -> Kind:
        """What it counts as."""
        return KINDS[self.state]


class SweepSubject:
    """A sweep to be drawn; each thing is worked out when a picture first needs it."""

    def __init__(self, result: SweepResult) -> None:
        self.result = result
        self.name = result.folder.resolve().name
        self.keys = list(result.sweep.settings.parameters)
        self.minimize = result.sweep.minimize

    @cached_property
    def points(self) -> list[Point]:
        """Every trial that has a value, or failed; by number."""
        found = []
        for trial in self.result.trials:
            values = [self._factor * value for value in trial.seed_values(self.minimize)]
            if values or KINDS[trial.state] == "failed":
                spread = Spread.of(values) if values else None
                mean = spread.mean if spread else None
                deviation = spread.deviation if spread else None
                found.append(Point(trial.number, trial.state, trial.values, mean, deviation))
        return found

    @cached_property
    def valued(self) -> list[Point]:
        """The points that have a value, the worst first, so that the better are drawn over it."""
        sign = -1 if self.minimize else 1
        found = [
            (sign * point.value, -point.number, point)
            for point in self.points
            if point.value is not None
        ]
        return [point for *_, point in sorted(found, key=lambda each: each[:2])]

    @property
    def best(self) -> Point:
        """The best point, of at least one."""
        return self.valued[-1]

    @property
    def seed_values(self) -> list[float]:
        """The value of the best trial with each seed."""
        best = self.result.best
        values = [] if best is None else best.seed_values(self.minimize)
        return [self._factor * value for value in values]

    @cached_property
    def scales(self) -> dict[str, Scale]:
        """The axis of each parameter."""
        parameters = self.result.sweep.settings.parameters
        return {key: parameter_scale(parameter) for key, parameter in parameters.items()}

    @cached_property
    def monitor(self) -> Scale:
        """The axis of the monitored metric."""
        values = [point.value for point in self.valued if point.value is not None]
        spread = [(point.value, point.deviation) for point in self.valued]
        ends = [v + s * d for v, d in spread if v is not None and d is not None for s in (-1, 1)]
        return monitor_scale(values, self.minimize, ends)

    @property
    def monitor_label(self) -> str:
        """The monitored metric with its unit."""
        if not self.minimize:
            by_errors = ", errors on a log scale" if self.monitor.kind == "errors" else ""
            return f"validation accuracy\n(% of the {self.noun}{by_errors})"
        name = self.result.sweep.base.loss.name
        unit = LOSSES[name]().unit
        if any(key.split(".")[0] in MAY_CHANGE_THE_UNIT for key in self.keys):
            unit = "in the unit of each trial's loss"
        return f"validation loss\n({unit})"

    @property
    def bottom(self) -> float:
        """The lowest position along the axis of the metric, a little below which is room."""
        return min([0.0, *(at for at, _ in self.monitor.ticks)])

    @property
    def top(self) -> float:
        """The highest position along that axis."""
        return max([1.0, *(at for at, _ in self.monitor.ticks)])

    @property
    def better(self) -> str:
        """Which direction is better."""
        return "lower is better" if self.minimize else "higher is better"

    @property
    def noun(self) -> str:
        """The word for the examples."""
        return "examples" if self.result.sweep.base.data.dataset == "table" else "images"

    @property
    def _factor(self) -> float:
        return 1.0 if self.minimize else 100.0

    def goodness(self, point: Point) -> float:
        """Return where a point's value lies from the worst, 0, to the best, 1."""
        worst, best, own = (
            self.monitor.position(each.value) for each in (self.valued[0], self.best, point)
        )
        return 1.0 if worst == best else (own - worst) / (best - worst)

    def shown_value(self, value: float) -> str:
        """Return a value of the monitored metric with its unit, if it has a short one."""
        return f"{value:.4g}" if self.minimize else f"{value:.2f} %"

    def title(self) -> str:
        """Return how many trials there are, and which is the best."""
        best = self.best
        each = f" of {count(len(self.result.sweep.seeds), 'seed')}"
        seeds = each if len(self.result.sweep.seeds) > 1 else ""
        found = "" if best.value is None else self.shown_value(best.value)
        trials = count(len(self.result.trials), "trial")
        return f"{run_label(self.name)}: {trials}{seeds}; the best is trial {best.number}: {found}"

    def kind_label(self, kind: Kind) -> str:
        """Return the name of a kind of points with their number; empty if there is none."""
        n = sum(point.kind == kind for point in self.points)
        if not n:
            return ""
        if kind != "failed":
            return f"{'pruned by halving' if kind == 'pruned' else kind} ({n:,})"
        states = [point.state for point in self.points]
        counts = [(states.count(state), state) for state in ("diverged", "impossible")]
        return "no value: " + ", ".join(f"{n:,} {state}" for n, state in counts if n)


def varying(points: Sequence[Point], keys: Sequence[str]) -> list[str]:
    """Return the parameters of which the points have several values."""
    return [
        key for key in keys if any(point.values[key] != points[0].values[key] for point in points)
    ]
