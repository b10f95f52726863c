"""Progress on stderr: bars in a terminal, plain lines elsewhere."""

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

from mlpcli.reporting import Reporter
from mlpcli.text import count, number, percent
from mlpcli.training.metrics import EpochMetrics

if TYPE_CHECKING:
    from mlpcli.cli.sweep_progress import LiveTable
    from mlpcli.sweeps.driver import Driver
    from mlpcli.sweeps.trials import Trial

tqdm.monitor_interval = 0  # no thread of its own: beside one, workers would be threads, too
BAR = "{desc} {bar} {n_fmt}/{total_fmt}  {elapsed} < {remaining}"


class QuietReporter(Reporter):
    """Writes only what the user must know."""

    def remark(self, text: str) -> None:
        _write_line(text)


class LineReporter(QuietReporter):
    """Writes one plain line an epoch, for logs."""

    def training_begins(self, folder: Path, epochs: int, steps: int, done: int = 0) -> None:
        batches = count(steps, "batch", "batches")
        before = f", {done:,} done before" if done else ""
        _write_line(f"Run: {folder} (at most {count(epochs, 'epoch')} of {batches}{before})")

    def epoch_done(self, row: EpochMetrics, *, is_best: bool) -> None:
        _write_line(epoch_line(row, is_best=is_best))

    def sweep_begins(self, sweep: "Driver") -> None:
        from mlpcli.cli.sweep_progress import begun

        _write_line(begun(sweep))

    def trial_settled(self, sweep: "Driver", trial: "Trial") -> None:
        from mlpcli.cli.sweep_progress import trial_line

        _write_line(trial_line(sweep, trial))


class BarReporter(LineReporter):
    """Draws a bar for the epochs and one for the batches, with the finished epochs above them."""

    def __init__(self) -> None:
        self._download: tqdm[Any] | None = None
        self._work: tqdm[Any] | None = None
        self._epochs: tqdm[Any] | None = None
        self._batches: tqdm[Any] | None = None
        self._table: LiveTable | None = None

    def remark(self, text: str) -> None:
        tqdm.write(text, file=sys.stderr)

    def download(self, name: str, received: int, size: int | None) -> None:
        if self._download is None or self._download.desc != name:
            self._close_download()
            self._download = tqdm(
                desc=name, total=size, unit="B", unit_scale=True, dynamic_ncols=True
            )
        self._download.update(received - self._download.n)
        if size is not None and received == size:
            self._close_download()

    def work_done(self, what: str, done: int, total: int) -> None:
        self._close_download()
        if self._work is None:
            self._work = bar(what, total)
        self._work.update(done - self._work.n)
        if done == total:
            self._work.close()
            self._work = None

    def training_begins(self, folder: Path, epochs: int, steps: int, done: int = 0) -> None:
        self._close_download()
        super().training_begins(folder, epochs, steps, done)
        self._epochs = bar("epochs ", epochs, done)
        self._batches = bar("batches", steps, form=BAR + "{postfix}")  # tqdm puts ", " in front

    def batches_done(self, steps: int, loss: float, accuracy: float | None) -> None:
        if self._batches is not None:
            self._batches.set_postfix_str(_metrics(loss, accuracy), False)
            self._batches.update(steps - self._batches.n)

    def epoch_done(self, row: EpochMetrics, *, is_best: bool) -> None:
        if self._epochs is not None and self._batches is not None:
            self._epochs.update(1)
            self.remark(epoch_line(row, is_best=is_best))
            self._batches.reset()

    def training_ends(self) -> None:
        for bar in (self._batches, self._epochs):
            if bar is not None:
                bar.close()

    def sweep_begins(self, sweep: "Driver") -> None:
        from mlpcli.cli.sweep_progress import LiveTable

        self._close_download()
        super().sweep_begins(sweep)
        self._table = LiveTable(sweep)

    def sweep_changed(self, sweep: "Driver") -> None:
        if self._table is not None:
            self._table.draw(sweep)

    def trial_settled(self, sweep: "Driver", trial: "Trial") -> None:
        self.sweep_changed(sweep)

    def sweep_ends(self, sweep: "Driver") -> None:
        if self._table is not None:
            self._table.close()
            self._table = None

    def close(self) -> None:
        """Close the bars of what was not finished, so that its error has a line of its own."""
        self._close_download()
        for bar in (self._work, self._batches, self._epochs, self._table):
            if bar is not None:
                bar.close()

    def _close_download(self) -> None:
        if self._download is not None:
            self._download.close()
            self._download = None


def reporter(quiet: bool) -> Reporter:
    """Return the reporter that suits stderr; the end of the running command closes its bars."""
    if quiet:
        return QuietReporter()
    if not sys.stderr.isatty():
        return LineReporter()
    bars = BarReporter()
    if context := click.get_current_context(silent=True):
        context.call_on_close(bars.close)
    return bars


def bar(
    name: str, total: int, done: int = 0, form: str = BAR, *, position: int | None = None
) -> "tqdm[Any]":
    """Return a bar that is taken away when it is closed; `position` is its line, from 0 on."""
    return _Bar(
        desc=name,
        total=total,
        initial=done,
        bar_format=form,
        position=position,
        leave=False,
        dynamic_ncols=True,
    )


class _Bar(tqdm):  # type: ignore[type-arg]
    """Leaves the cursor at the left, where the ^C that a terminal echoes does not break the line.

    What is drawn later, or taken away, would otherwise be a line too low.
    """

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        super().display(msg, pos)
        self.fp.write("\r")
        self.fp.flush()


def _write_line(text: str) -> None:
    """Write a line on stderr; no run is given up because that fails."""
    with contextlib.suppress(OSError):
        click.echo(text, err=True)


def epoch_line(row: EpochMetrics, *, is_best: bool) -> str:
    """Return the metrics of an epoch in one line."""
    line = f"epoch {row.epoch:3}  train {_metrics(row.train_loss, row.train_accuracy)}"
    if row.val_loss is not None:
        line += f"  validation {_metrics(row.val_loss, row.val_accuracy)}"
    return f"{line}  {row.seconds or 0:.1f} s{'  best' if is_best else ''}"


def _metrics(loss: float, accuracy: float | None) -> str:
    return f"loss {number(loss)}" + ("" if accuracy is None else f" accuracy {percent(accuracy)}")
