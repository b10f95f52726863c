"""Recording a run: its rows and checkpoints after each epoch, its summary, and when it ends."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlpcli.errors import CheckpointError, WriteError
from mlpcli.files import duplicate, write_json
from mlpcli.inference.calibration import calibrate
from mlpcli.nn.arrays import Array
from mlpcli.reporting import Reporter
from mlpcli.storage.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from mlpcli.storage.run_folder import RunFolder, summary_of
from mlpcli.training.epoch_log import EpochLog
from mlpcli.training.evaluation import Evaluation
from mlpcli.training.gradient_probe import GradientProbe
from mlpcli.training.metrics import EpochMetrics, GradientNorms
from mlpcli.training.progress import Progress
from mlpcli.training.setup import Setup

SAVE_EVERY = 1.0
"""seconds of training after which the epochs done since are saved: saving takes some milliseconds,
in which a small network would learn a hundred epochs. A kill loses no more than these seconds, and
a resumed run trains them again to the same bits."""


@dataclass
class _Unsaved:
    """Epochs that are done and not saved yet."""

    rows: list[EpochMetrics] = field(default_factory=list)
    norms: list[GradientNorms] = field(default_factory=list)
    last: Checkpoint | None = None
    best: Checkpoint | None = None
    """of the best epoch, if it is one of these"""


class Recorder(EpochLog):
    """Records the epochs of one run in its folder, and decides when it ends.

    Whatever writes raises WriteError, which names the last whole checkpoint, if it cannot.

    Args:
        setup, folder: the run and its folder.
        reporter: receives each epoch.
        started: `time.perf_counter()` at the beginning, less the seconds of earlier sessions.
        history: the rows of the epochs that are done.
        epoch_start: the parameters (P,) at the beginning of an epoch that is not done.
    """

    def __init__(
        self,
        setup: Setup,
        folder: RunFolder,
        reporter: Reporter,
        started: float,
        history: Sequence[EpochMetrics] = (),
        epoch_start: Array | None = None,
    ) -> None:
        super().__init__(setup, history)
        self.folder, self.reporter = folder, reporter
        self._started = started
        self._unsaved = _Unsaved()
        self._saved_at = time.perf_counter()
        self._probe = GradientProbe(setup, epoch_start)

    @property
    def seconds(self) -> float:
        """Wall time of all sessions until now."""
        return time.perf_counter() - self._started

    def end_epoch(self, row: EpochMetrics) -> bool:
        """Record an epoch, save it if it is time to; return whether training ends here."""
        is_best = self.add_trained(row)
        checkpoint = Checkpoint.of(self.setup, self.progress)
        unsaved = self._unsaved
        unsaved.rows.append(row)
        unsaved.norms += self._probe.end_epoch(row.epoch)
        is_time = self.is_done or time.perf_counter() - self._saved_at >= SAVE_EVERY
        unsaved.last = checkpoint if is_time else checkpoint.copied()
        if is_best:
            unsaved.best = unsaved.last
        if is_time:
            self.flush()
        self.reporter.epoch_done(row, is_best=is_best)
        return self.stopped_early or self.reached_loss

    def flush(self) -> None:
        """Save the epochs that are not saved yet."""
        unsaved, self._unsaved = self._unsaved, _Unsaved()
        if unsaved.last is None:
            return
        with self._naming_the_last_checkpoint():
            # In this order a resumed run can remove rows that the last checkpoint lacks, and write
            # those that are missing.
            self.folder.append_gradients(unsaved.norms)
            if unsaved.best is not None:
                save_checkpoint(self.folder.last, unsaved.best)
                duplicate(self.folder.last, self.folder.best)
            if unsaved.best is not unsaved.last:
                save_checkpoint(self.folder.last, unsaved.last)
            self.folder.append_metrics(unsaved.rows)
        self._saved_at = time.perf_counter()

    def save(self, progress: Progress) -> None:
        """Save the state of the run, between two epochs or within one."""
        self.flush()
        epoch_start = self._probe.epoch_start if progress.examples else None
        with self._naming_the_last_checkpoint():
            save_checkpoint(self.folder.last, Checkpoint.of(self.setup, progress, epoch_start))

    def keep_the_start(self) -> None:
        """Make the starting weights the best ones of a run that trains nothing."""
        if not self.history:
            with self._naming_the_last_checkpoint():
                duplicate(self.folder.last, self.folder.best)

    def calibrate(self) -> None:
        """Fit the temperature of the best weights, at the end of the run, if it has trained any."""
        if not self.history:
            return
        with self._naming_the_last_checkpoint():
            calibrate(self.folder.best, self.setup.calibration_set())

    def summarize(self, stopped: str, test: Evaluation | None = None) -> None:
        """Write summary.json of a run that has stopped for this reason."""
        content = summary_of(
            self.folder.name,
            stopped,
            self.history,
            self.best.best_epoch,
            self.best.monitor,
            test,
            self.seconds,
        )
        write_json(self.folder.summary, content)

    @contextlib.contextmanager
    def _naming_the_last_checkpoint(self) -> Iterator[None]:
        try:
            yield
        except WriteError as error:
            raise WriteError(f"{error} {self._last_checkpoint()}") from error

    def _last_checkpoint(self) -> str:
        """Read the checkpoints back: after a failure nothing else is reliable."""
        found: list[tuple[int, Path]] = []
        for path in (self.folder.best, self.folder.last):
            with contextlib.suppress(CheckpointError):
                found.append((load_checkpoint(path).epoch, path))
        if not found:
            return "No epoch is saved."
        epoch, path = max(found)
        if epoch == 0:
            return f"No epoch is saved; the run can begin again from {path}."
        return f"The last whole checkpoint is that of epoch {epoch}: {path}."
