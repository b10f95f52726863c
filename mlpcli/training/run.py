"""A whole run: from a config to a folder with a trained network and the record of its training."""

import dataclasses
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlpcli.config.loading import resolved_yaml
from mlpcli.config.schema.config import Config
from mlpcli.data.cache import data_directory
from mlpcli.data.loading import DataLoader
from mlpcli.errors import ConfigError, DivergedError, Interrupted
from mlpcli.files import write_text
from mlpcli.reporting import Reporter
from mlpcli.training import resuming
from mlpcli.training.calibration import calibrate
from mlpcli.training.checkpoint import to_bytes
from mlpcli.training.environment import differences, environment, sessions
from mlpcli.training.evaluation import Evaluation, evaluate
from mlpcli.training.interruption import Interruption
from mlpcli.training.loop import FROM_THE_START, diverged, train_epochs
from mlpcli.training.metrics import EpochMetrics
from mlpcli.training.model import Model, load_model
from mlpcli.training.progress import Progress
from mlpcli.training.recorder import Recorder
from mlpcli.training.run_directory import RunDirectory
from mlpcli.training.setup import Setup, set_up
from mlpcli.training.step import Training
from mlpcli.training.threads import one_blas_thread


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
    """wall time, from loading the data to the test; since it was last gone on with"""

    @property
    def best(self) -> EpochMetrics:
        """The row of the best epoch."""
        return self.history[self.best_epoch - 1]

    def load_model(self) -> Model:
        """The network of the best epoch."""
        return load_model(self.folder)


@dataclass(frozen=True)
class DryRun:
    """What one batch showed."""

    sizes: tuple[int, ...]
    parameters: int
    training_images: int
    validation_images: int
    test_images: int
    loss_before: float
    """of the batch, at the starting weights"""
    loss_after: float
    """of the same batch, after one step"""


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
        Interrupted: Ctrl-C came; `resume` goes on from there. A second one is a KeyboardInterrupt
            at once.
    """
    started = time.perf_counter()
    reporter = reporter or Reporter()
    setup = _set_up(config, data_dir, reporter, may_fetch=True)
    directory = RunDirectory.create(Path(runs_dir), config.name or "run")
    write_text(directory.config, resolved_yaml(config))
    directory.write_json(directory.environment, environment(config.seed, setup.threads))
    return _to_the_end(setup, directory, Recorder(setup, directory, reporter), reporter, started)


def resume(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    data_dir: str | Path | None = None,
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
        reporter: told of the progress, and of another NumPy, BLAS, processor or number of threads.

    Raises:
        CheckpointError: there is nothing to go on from.
        ConfigError: an override would make another run of it.
        DataError, DivergedError, WriteError, Interrupted: as `train`.
    """
    started = time.perf_counter()
    reporter = reporter or Reporter()
    found = resuming.find(path, overrides)
    directory, progress = found.directory, found.checkpoint.progress
    setup = _set_up(found.config, data_dir, reporter, may_fetch=True)
    resuming.restore(setup, found.checkpoint, found.path)
    recorder = Recorder(setup, directory, reporter, directory.timed(progress.history))
    if recorder.is_done and directory.has_ended():
        reporter.remark(_nothing_to_do(recorder, found))
        with one_blas_thread():
            test = load_model(directory.path).evaluate(setup.test)
        return _run(setup, directory, recorder, test, started)
    resuming.put_folder_in_order(found, recorder.history, recorder.best.best_epoch)
    _record_environment(setup, directory, progress, reporter)
    return _to_the_end(setup, directory, recorder, reporter, started, progress)


def _to_the_end(
    setup: Setup,
    directory: RunDirectory,
    recorder: Recorder,
    reporter: Reporter,
    started: float,
    progress: Progress = FROM_THE_START,
) -> Run:
    """Train what is left, test, and leave the summary, also of what ends before its time."""

    def summarize(stopped: str, test: Evaluation | None = None) -> None:
        seconds = time.perf_counter() - started
        content = _summary(setup, directory, recorder, stopped, test, seconds)
        directory.write_json(directory.summary, content)

    epochs = setup.config.training.epochs
    reporter.training_begins(directory.path, epochs, len(setup.batches), progress.epoch)
    test = None
    with Interruption() as interruption:
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
                    calibrate(directory.best, setup.validation)
                    test = load_model(directory.path).evaluate(setup.test)
                    if not math.isfinite(test.loss):
                        raise diverged(setup, f"the loss on the test set is {test.loss}")
                    summarize(recorder.why_it_is_done, test)
                else:
                    recorder.save(progress)
                    summarize("interrupted")
        except DivergedError as error:
            summarize("diverged")
            raise DivergedError(f"{error} What was recorded is in {directory.path}.") from error
        finally:
            reporter.training_ends()
    if test is None or interruption.signal:
        where = _where(setup, progress) if test is None else "The run is done, and saved"
        raise Interrupted(f"{where} in {directory.path}.", interruption.signal, directory.path)
    return _run(setup, directory, recorder, test, started)


def dry_run(
    config: Config, *, data_dir: str | Path | None = None, reporter: Reporter | None = None
) -> DryRun:
    """Push one batch through forward, backward, update, evaluation and checkpoint; write nothing.

    Raises:
        DivergedError: the first step leads out of the finite numbers.
        DataError: the data is not there; a dry run does not download it.
    """
    setup = _set_up(config, data_dir, reporter or Reporter(), may_fetch=False)
    network, loss = setup.network, setup.loss
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        training = Training(setup)
        batch = setup.training.part(setup.batches.order(1)[: setup.batches.batch_size])
        before = evaluate(setup.for_prediction(), loss, batch, setup.normalization).loss
        with training.team:
            training.run_block(1, 0, len(batch))
        after = evaluate(setup.for_prediction(), loss, batch, setup.normalization).loss
        for dataset in (setup.validation, setup.test):
            if dataset is not None:
                few = np.arange(min(len(dataset), len(batch)))
                evaluate(setup.for_prediction(), loss, dataset.part(few), setup.normalization)
    if not math.isfinite(after):
        raise diverged(setup, f"the loss of the first batch is {after} after one step")
    to_bytes(Recorder(setup, RunDirectory(Path()), Reporter()).checkpoint(Progress()))
    return DryRun(
        sizes=network.sizes,
        parameters=len(network.theta),
        training_images=len(setup.training),
        validation_images=len(setup.validation) if setup.validation is not None else 0,
        test_images=len(setup.test),
        loss_before=before,
        loss_after=after,
    )


def _set_up(
    config: Config, data_dir: str | Path | None, reporter: Reporter, *, may_fetch: bool
) -> Setup:
    cache = data_directory(Path(data_dir) if data_dir is not None else None)
    try:
        return set_up(config, DataLoader(config.data, config.seed, cache, reporter, may_fetch))
    except MemoryError as error:
        raise ConfigError(
            f"This run does not fit into memory ({error}); make data.train_size, data.test_size or "
            "network.hidden smaller."
        ) from error


def _run(
    setup: Setup, directory: RunDirectory, recorder: Recorder, test: Evaluation, started: float
) -> Run:
    return Run(
        folder=directory.path,
        config=setup.config,
        history=recorder.history,
        best_epoch=recorder.best.best_epoch,
        monitor=setup.monitor,
        test=test,
        stopped_early=recorder.stopped_early,
        reached_loss=recorder.reached_loss,
        seconds=time.perf_counter() - started,
    )


def _summary(
    setup: Setup,
    directory: RunDirectory,
    recorder: Recorder,
    stopped: str,
    test: Evaluation | None,
    seconds: float,
) -> dict[str, Any]:
    """What summary.json says."""
    history, best_epoch = recorder.history, recorder.best.best_epoch
    return {
        "name": directory.path.name,
        "stopped": stopped,
        "epochs": len(history),
        "best_epoch": best_epoch or None,
        "monitor": setup.monitor,
        "best": dataclasses.asdict(history[best_epoch - 1]) if best_epoch else None,
        "last": dataclasses.asdict(history[-1]) if history else None,
        "test_loss": test.loss if test else None,
        "test_accuracy": test.accuracy if test else None,
        "test_images": len(test.labels) if test else None,
        "seconds": seconds,
    }


def _where(setup: Setup, progress: Progress) -> str:
    """Where an interrupted run stands, in words."""
    if progress.examples:
        step = progress.examples // setup.batches.batch_size
        return f"Epoch {progress.epoch + 1} is saved up to step {step} of {len(setup.batches)}"
    if progress.epoch:
        return f"Everything up to the end of epoch {progress.epoch} is saved"
    return "The starting weights are saved"


def _nothing_to_do(recorder: Recorder, found: resuming.Resumption) -> str:
    done = len(recorder.history)
    if recorder.reached_loss:
        why, more = "training.stop_at_loss is reached", "training.stop_at_loss=null"
    elif recorder.stopped_early:
        why, more = "early stopping has ended it", "training.early_stopping=null"
    else:
        why, more = "all of its epochs are done", f"training.epochs={2 * done}"
    return (
        f"There is nothing to do: {found.path} is at epoch {done}, and {why}. To train longer: "
        f"mlpcli train --resume {found.directory.path} {more}"
    )


def _record_environment(
    setup: Setup, directory: RunDirectory, progress: Progress, reporter: Reporter
) -> None:
    """Add this session to environment.json; say what makes the last bits different from now on."""
    now = environment(setup.config.seed, setup.threads)
    first, *later = sessions(directory.environment) or [{}]
    different = differences((later or [first])[-1], now)
    if not first:
        reporter.remark(
            f"Warning: {directory.environment} cannot be read, so it is not known whether this is "
            "still the same machine and NumPy."
        )
    elif different:
        reporter.remark(
            f"Warning: the last bits may differ from those of a run that never stopped: "
            f"{'; '.join(different)}."
        )
    now["after_epoch"], now["after_steps"] = progress.epoch, progress.steps
    directory.write_json(directory.environment, {**first, "resumed": [*later, now]})
