"""The progress of a sweep: a live table in a terminal, a line a trial elsewhere."""

import json
import time
from typing import TYPE_CHECKING, Any

from mlpcli.cli.reporters import BAR, bar
from mlpcli.sweeps.spread import Spread
from mlpcli.text import count, percent, table

if TYPE_CHECKING:
    from mlpcli.config.sweep_loading import Sweep
    from mlpcli.sweeps.driver import Driver
    from mlpcli.sweeps.trials import Trial

MOST_SHOWN = 8
REDRAW_SECONDS = 0.2
LEAST_REST = 20
"""times as long as a drawing takes, because it looks at all trials, nothing is drawn after it"""
LONGEST_VALUE = 32


class LiveTable:
    """The best trials so far, above a bar of all epochs; drawn in place on stderr."""

    def __init__(self, sweep: "Driver") -> None:
        shown = min(MOST_SHOWN, sweep.sweep.trials)
        self._lines = [bar("", 0, form="{desc}", position=i) for i in range(shown + 1)]
        form = BAR + "{postfix}"  # tqdm puts ", " in front
        self._bar = bar("epochs", sweep.epochs_planned, form=form, position=shown + 1)
        self._rests_until = 0.0

    def draw(self, sweep: "Driver") -> None:
        """Draw the state of a sweep, unless it was drawn a moment ago."""
        now = time.monotonic()
        if now < self._rests_until:
            return
        rows = [headers(sweep.sweep)]
        rows += [cells(sweep.sweep, trial) for trial in sweep.ranking[: len(self._lines) - 1]]
        for line, text in zip(self._lines, table(rows).split("\n"), strict=False):
            line.set_description_str(text)
        self._bar.set_postfix_str(state(sweep), refresh=False)
        self._bar.update(sweep.epochs_done - self._bar.n)
        self._bar.refresh()
        took = time.monotonic() - now
        self._rests_until = now + max(REDRAW_SECONDS, LEAST_REST * took)

    def close(self) -> None:
        """Take the table away."""
        for line in reversed([*self._lines, self._bar]):  # the cursor ends where the table began
            line.close()


def begun(sweep: "Driver") -> str:
    """Return what a sweep is going to do, in one line."""
    trials, seeds = sweep.sweep.trials, len(sweep.sweep.seeds)
    each = f" of {count(seeds, 'seed')}" if seeds > 1 else ""
    settings = sweep.sweep.settings
    how = settings.sampler.name if settings.sampler else "grid"
    workers = count(sweep.cluster.size, "worker")
    return (
        f"Sweep: {sweep.folder.path} ({count(trials, 'trial')}{each}, {how}, on {workers}, at most "
        f"{count(sweep.epochs_planned, 'epoch')} in all)"
    )


def state(sweep: "Driver") -> str:
    """Return how many trials are done and running."""
    settled = sum(trial.state not in ("waiting", "paused") for trial in sweep.trials)
    running = min(sweep.cluster.outstanding, sweep.cluster.size)
    return f"{settled} of {sweep.sweep.trials} trials done, {running} running"


def trial_line(sweep: "Driver", trial: "Trial") -> str:
    """Return a trial in one line, for logs."""
    values = " ".join(f"{key}={plain(value)}" for key, value in trial.values.items())
    value = trial.value(sweep.sweep.minimize)
    monitor = sweep.sweep.monitor
    result = trial.reason if value is None else f"{monitor} {as_shown(monitor, value)}"
    trained = f"{count(trial.epochs, 'epoch')}  {trial.seconds:.1f} s"
    return f"trial {trial.number:4}  {trial.state}  {result}  {trained}  {values}"


def headers(sweep: "Sweep") -> list[str]:
    """Return the names of the columns that `cells` fills."""
    return ["trial", *short_names(list(sweep.settings.parameters)), sweep.monitor, "epochs", ""]


def cells(sweep: "Sweep", trial: "Trial") -> list[str]:
    """Return a trial's row for people."""
    value = trial.value(sweep.minimize)
    shown = "-" if value is None else as_shown(sweep.monitor, value)
    if len(sweep.seeds) > 1 and value is not None:
        deviation = Spread.of(trial.seed_values(sweep.minimize)).deviation
        shown += f" ± {as_shown(sweep.monitor, deviation or 0.0)}"
    values = [plain(value) for value in trial.values.values()]
    return [str(trial.number), *values, shown, str(trial.epochs), trial.state]


def short_names(keys: list[str]) -> list[str]:
    """Return the last word of each dotted key, or the whole key where two words are the same."""
    last = [key.rpartition(".")[2] for key in keys]
    return [word if last.count(word) == 1 else key for word, key in zip(last, keys, strict=True)]


def plain(value: Any) -> str:
    """Return the value of a parameter, not too long."""
    if isinstance(value, dict) and "name" in value:
        value = value["name"]
    if isinstance(value, float):
        return f"{value:.4g}"
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."


def as_shown(monitor: str, value: float) -> str:
    """Return a value of the monitored metric."""
    return percent(value) if monitor.endswith("accuracy") else f"{value:.4f}"
