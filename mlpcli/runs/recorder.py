"""What the end of each epoch leaves behind: a row, a checkpoint, and whether to go on."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from mlpcli.errors import CheckpointError, WriteError
from mlpcli.files import duplicate
from mlpcli.inference.calibration import calibrate
from mlpcli.nn.arrays import Array
from mlpcli.reporting import Reporter
from mlpcli.storage.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from mlpcli.storage.run_folder import RunDirectory
from mlpcli.training.gradient_probe import GradientProbe
from mlpcli.training.metrics import EpochMetrics
from mlpcli.training.progress import Progress
from mlpcli.training.setup import Setup
from mlpcli.training.watch import Watch

WORTH_A_FLUSH = 0.5
"""Seconds that an epoch takes, from which on its rows are kept from a power cut: waiting for the
disk takes up to 3 ms, which would be most of the time of an epoch on a small table. The last
checkpoint, which always waits, knows all but the seconds and the norms."""


class Recorder:
    """Records one run's epochs in its folder and keeps count of the best.

    Args:
        setup: the run, as it stands.
        directory: its folder.
        reporter: told of each epoch.
        history: the rows of the epochs that are done.
        epoch_start: the parameters (P,) at the beginning of the epoch that it is within.

    Attributes:
        history: the rows so far, as in metrics.csv, those before the run was gone on with too.
        best: the watch on `training.monitor`.
        stopped_early: early stopping has ended the run.
        reached_loss: `training.stop_at_loss` has.
    """

    def __init__(
        self,
        setup: Setup,
        directory: RunDirectory,
        reporter: Reporter,
        history: Sequence[EpochMetrics] = (),
        epoch_start: Array | None = None,
    ) -> None:
        self._setup, self._directory, self._reporter = setup, directory, reporter
        self.history = list(history)
        self.best = Watch(setup.monitor)
        self.stopped_early = False
        self.reached_loss = False
        self._probe = GradientProbe(setup, epoch_start)
        stopping = setup.config.training.early_stopping
        self._patience = stopping.patience if stopping else 0
        self._stopping = Watch(stopping.monitor, stopping.min_delta) if stopping else None
        for row in history:
            self._watch(row)

    @property
    def is_done(self) -> bool:
        """No epoch is left to train."""
        epochs = self._setup.config.training.epochs
        return self.stopped_early or self.reached_loss or len(self.history) >= epochs

    @property
    def why_it_is_done(self) -> str:
        """As summary.json says it."""
        if self.reached_loss:
            return "stop_at_loss"
        return "early_stopping" if self.stopped_early else "all_epochs_done"

    def end_epoch(self, row: EpochMetrics) -> bool:
        """Record and save the epoch; True if training should end here.

        Raises:
            WriteError: it could not be recorded.
        """
        self.history.append(row)
        is_best = self._watch(row)
        steps = len(self.history) * len(self._setup.batches)
        norms = self._probe.end_epoch(row.epoch)
        checkpoint = Checkpoint.of(self._setup, Progress(tuple(self.history), steps))
        is_long = (row.seconds or 0) > WORTH_A_FLUSH
        with self._saying_what_is_whole():
            # In this order, what the last checkpoint does not know of can be taken away again, and
            # what is missing can be put back from it.
            self._directory.append_gradients(norms, flush=is_long)
            save_checkpoint(self._directory.last, checkpoint)
            if is_best:
                duplicate(self._directory.last, self._directory.best)
            self._directory.append_metrics(row, flush=is_long)
        self._reporter.epoch_done(row, is_best=is_best)
        return self.stopped_early or self.reached_loss

    def _watch(self, row: EpochMetrics) -> bool:
        """Take in an epoch; True if it is the best so far."""
        if self._stopping:
            self._stopping.improves(row)
            self.stopped_early = self._stopping.epochs_without_improvement >= self._patience
        enough = self._setup.config.training.stop_at_loss
        self.reached_loss = enough is not None and row.train_loss < enough
        return self.best.improves(row)

    def save(self, progress: Progress) -> None:
        """Save where the run stands, between two epochs or in the middle of one.

        Raises:
            WriteError: it could not be saved.
        """
        epoch_start = self._probe.epoch_start if progress.examples else None
        with self._saying_what_is_whole():
            save_checkpoint(self._directory.last, Checkpoint.of(self._setup, progress, epoch_start))

    def calibrate(self) -> None:
        """Fit the temperature of the best weights, when the run is done.

        Raises:
            WriteError: it could not be saved.
        """
        with self._saying_what_is_whole():
            calibrate(self._directory.best, self._setup.validation)

    @contextlib.contextmanager
    def _saying_what_is_whole(self) -> Iterator[None]:
        try:
            yield
        except WriteError as error:
            raise WriteError(f"{error} {self._what_is_whole()}") from error

    def _what_is_whole(self) -> str:
        """Read back what is on the disk: after a failure nothing else can be relied on."""
        found: list[tuple[int, Path]] = []
        for path in (self._directory.best, self._directory.last):
            with contextlib.suppress(CheckpointError):
                found.append((load_checkpoint(path).epoch, path))
        if not found:
            return "No epoch is saved."
        epoch, path = max(found)
        if epoch == 0:
            return f"No epoch is saved; the run can begin again from {path}."
        return f"The last whole checkpoint is that of epoch {epoch}: {path}."
