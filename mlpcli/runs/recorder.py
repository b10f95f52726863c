"""Recording a run: its rows and checkpoints after each epoch, its summary, and when it ends."""

import contextlib
import time
from collections.abc import Iterator, Sequence
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
from mlpcli.training.metrics import EpochMetrics
from mlpcli.training.progress import Progress
from mlpcli.training.setup import Setup

WORTH_A_FLUSH = 0.5
"""length in seconds of an epoch whose rows are flushed to the disk: in a shorter one, that would
take most of the time. The last checkpoint is always flushed, and lacks only the seconds and the
norms of a row."""


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
        self._probe = GradientProbe(setup, epoch_start)

    @property
    def seconds(self) -> float:
        """Wall time of all sessions until now."""
        return time.perf_counter() - self._started

    def end_epoch(self, row: EpochMetrics) -> bool:
        """Record and save an epoch; return whether training ends here."""
        is_best = self.add(row)
        steps = len(self.history) * len(self.setup.batches)
        norms = self._probe.end_epoch(row.epoch)
        checkpoint = Checkpoint.of(self.setup, Progress(tuple(self.history), steps))
        is_long = (row.seconds or 0) > WORTH_A_FLUSH
        with self._naming_the_last_checkpoint():
            # In this order a resumed run can remove rows that the last checkpoint lacks, and write
            # those that are missing.
            self.folder.append_gradients(norms, flush=is_long)
            save_checkpoint(self.folder.last, checkpoint)
            if is_best:
                duplicate(self.folder.last, self.folder.best)
            self.folder.append_metrics(row, flush=is_long)
        self.reporter.epoch_done(row, is_best=is_best)
        return self.stopped_early or self.reached_loss

    def save(self, progress: Progress) -> None:
        """Save the state of the run, between two epochs or within one."""
        epoch_start = self._probe.epoch_start if progress.examples else None
        with self._naming_the_last_checkpoint():
            save_checkpoint(self.folder.last, Checkpoint.of(self.setup, progress, epoch_start))

    def calibrate(self) -> None:
        """Fit the temperature of the best weights, at the end of the run."""
        with self._naming_the_last_checkpoint():
            calibrate(self.folder.best, self.setup.validation)

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
