"""A whole run: from a config to a folder with a trained network and the record of its training."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlpcli.config.schema.config import Config
from mlpcli.config.writing import resolved_yaml
from mlpcli.errors import DivergedError, Interrupted
from mlpcli.files import write_json, write_text
from mlpcli.inference.model import Model, load_model
from mlpcli.parallel.processors import one_blas_thread
from mlpcli.reporting import Reporter
from mlpcli.runs import resuming
from mlpcli.runs.interruption import Interruption
from mlpcli.runs.recorder import Recorder
from mlpcli.runs.summary import nothing_to_do, summary, where
from mlpcli.storage.checkpoint import Checkpoint, save_checkpoint
from mlpcli.storage.environment import add_session, environment
from mlpcli.storage.run_folder import RunDirectory
from mlpcli.training.evaluation import Evaluation
from mlpcli.training.loop import FROM_THE_START, check_start, diverged, train_epochs
from mlpcli.training.metrics import EpochMetrics
from mlpcli.training.progress import Progress
from mlpcli.training.setup import Setup, prepare


@dataclass(frozen=True)
class Run:
    """A finished run."""

    folder: Path
    config: Config
    history: list[EpochMetrics]
    """one row an epoch, as in metrics.csv"""
    best_epoch: int
    monitor: str
    """the column of metrics.csv that says so; "epoch" where the last is the best"""
    test: Evaluation
    """the weights of the best epoch on the test set"""
    stopped_early: bool
    reached_loss: bool
    """training ended because the loss was below `training.stop_at_loss`"""
    seconds: float
    """wall time, from loading the data to the test; of all the times it was gone on with, too"""

    @property
    def best(self) -> EpochMetrics:
        """The row of the best epoch."""
        return self.history[self.best_epoch - 1]

    def load_model(self) -> Model:
        """The network of the best epoch."""
        return load_model(self.folder)


def train(
    config: Config,
    *,
    runs_dir: str | Path = "runs",
    data_dir: str | Path | None = None,
    reporter: Reporter | None = None,
) -> Run:
    """Train the network a config describes, and leave the run in a new folder under `runs_dir`.

    The test set is used once, at the end, on the weights of the best epoch.

    Args:
        config: from `load_config`.
        runs_dir: where runs lie.
        data_dir: the cache of datasets; None for MLPCLI_DATA, or else `data`.
        reporter: told of the progress.

    Raises:
        DataError: the data cannot be had.
        DivergedError: the loss is no longer finite.
        WriteError: the run cannot be recorded.
        Interrupted: Ctrl-C came; `resume` goes on from there. A second one leaves at once.
    """
    started = time.perf_counter()
    reporter = reporter or Reporter()
    setup = prepare(config, data_dir, reporter)
    check_start(setup)

    def begin(directory: RunDirectory) -> None:
        save_checkpoint(directory.last, Checkpoint.of(setup, FROM_THE_START))
        write_text(directory.config, resolved_yaml(config))
        write_json(directory.environment, environment(config.seed, setup.workers))

    with Interruption() as interruption:
        directory = RunDirectory.create(Path(runs_dir), config.name or "run", begin)
        interruption.folder = directory.path
        with directory.alone():
            recorder = Recorder(setup, directory, reporter)
            session = _Session(setup, directory, recorder, reporter, started)
            return session.to_the_end(FROM_THE_START, interruption)


def resume(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    data_dir: str | Path | None = None,
    trust_paths: bool = False,
    reporter: Reporter | None = None,
) -> Run:
    """Go on with a run that was interrupted, killed, or shall have more epochs.

    It ends with the same bits as if it had never stopped. A run that is done already is judged on
    the test set, and its folder left as it is.

    Args:
        path: the run's folder, or a checkpoint in it: epochs after that one are trained again.
        overrides: `training.epochs=30`, or others of `resuming.MAY_CHANGE`. A schedule that depends
            on the number of epochs is another one from here on.
        data_dir: as for `train`.
        trust_paths: as for `judge`.
        reporter: told of the progress, and of another NumPy, BLAS, processor or number of threads.

    Raises:
        CheckpointError: there is nothing to go on from.
        ConfigError: an override would make another run of it.
        WriteError: another process trains it, or as `train`.
        DataError, DivergedError, Interrupted: as `train`.
    """
    started = time.perf_counter()
    reporter = reporter or Reporter()
    directory, _ = resuming.locate(path)
    directory.refuse_links_outside()
    with directory.alone():
        found = resuming.find(path, overrides)
        progress = found.checkpoint.progress
        setup = prepare(found.config, data_dir, reporter, trust_paths=trust_paths)
        resuming.restore(setup, found.checkpoint, found.path)
        recorder = Recorder(
            setup,
            directory,
            reporter,
            directory.timed(progress.history),
            found.checkpoint.epoch_start,
        )
        session = _Session(
            setup, directory, recorder, reporter, started - directory.seconds(recorder.history)
        )
        if recorder.is_done and directory.has_ended():
            reporter.remark(nothing_to_do(recorder, found.path, found.config, data_dir))
            with one_blas_thread():
                return session.run(session.test())
        with Interruption(directory.path) as interruption:
            resuming.put_folder_in_order(found, recorder.history, recorder.best.best_epoch)
            now = environment(setup.config.seed, setup.workers)
            now["after_epoch"], now["after_steps"] = progress.epoch, progress.steps
            if warning := add_session(directory.environment, now):
                reporter.remark(warning)
            return session.to_the_end(progress, interruption)


@dataclass(frozen=True)
class _Session:
    """A run from where it stands to its end, or to where it is interrupted."""

    setup: Setup
    directory: RunDirectory
    recorder: Recorder
    reporter: Reporter
    started: float
    """by the clock `time.perf_counter`, as if there had been no pause between the sessions"""

    def to_the_end(self, progress: Progress, interruption: Interruption) -> Run:
        """Train what is left, test, and leave the summary, also of what ends before its time."""
        setup, directory, recorder, reporter = (
            self.setup,
            self.directory,
            self.recorder,
            self.reporter,
        )
        epochs = setup.config.training.epochs
        self._warn_of_a_warmup_that_never_ends()
        reporter.training_begins(directory.path, epochs, len(setup.batches), progress.epoch)
        test = None
        try:
            with one_blas_thread():
                progress = train_epochs(
                    setup,
                    on_batch=reporter.batches_done,
                    on_epoch=recorder.end_epoch,
                    progress=progress,
                    should_stop=lambda: recorder.is_done or interruption.signal != 0,
                )
                if recorder.is_done:
                    recorder.calibrate()
                    test = self.test()
                    self._summarize(recorder.why_it_is_done, test)
                else:
                    recorder.save(progress)
                    self._summarize("interrupted")
        except DivergedError as error:
            self._summarize("diverged")
            raise DivergedError(f"{error} What was recorded is in {directory.path}.") from error
        finally:
            reporter.training_ends()
        if test is None or interruption.signal:
            stands = where(setup, progress) if test is None else "The run is done, and saved"
            raise Interrupted(f"{stands} in {directory.path}.", interruption.signal, directory.path)
        self._warn_of_a_loss_that_rose()
        return self.run(test)

    def _warn_of_a_warmup_that_never_ends(self) -> None:
        config = self.setup.config
        if config.schedule.warmup_epochs >= config.training.epochs:
            self.reporter.remark(
                "Warning: the learning rate will only rise, for schedule.warmup_epochs "
                f"({config.schedule.warmup_epochs:g}) is not less than training.epochs "
                f"({config.training.epochs}); try fewer."
            )

    def _warn_of_a_loss_that_rose(self) -> None:
        first, last = (self.recorder.history[i].train_loss for i in (0, -1))
        if last > first:
            self.reporter.remark(
                f"Warning: the training loss rose from {first:.4g} in the first epoch to "
                f"{last:.4g}; try a smaller optimizer.learning_rate."
            )

    def test(self) -> Evaluation:
        """What the weights of the best epoch make of the test set.

        Raises:
            DivergedError: nothing finite.
        """
        test = load_model(self.directory.path).evaluate(self.setup.test)
        if not math.isfinite(test.loss):
            raise diverged(self.setup, f"the loss on the test set is {test.loss}")
        return test

    def run(self, test: Evaluation) -> Run:
        """The finished run."""
        recorder = self.recorder
        return Run(
            folder=self.directory.path,
            config=self.setup.config,
            history=recorder.history,
            best_epoch=recorder.best.best_epoch,
            monitor=self.setup.monitor,
            test=test,
            stopped_early=recorder.stopped_early,
            reached_loss=recorder.reached_loss,
            seconds=self._seconds,
        )

    @property
    def _seconds(self) -> float:
        return time.perf_counter() - self.started

    def _summarize(self, stopped: str, test: Evaluation | None = None) -> None:
        content = summary(self.directory.name, self.recorder, stopped, test, self._seconds)
        write_json(self.directory.summary, content)
