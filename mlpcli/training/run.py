"""A whole run: from a config to a folder with a trained network and the record of its training."""

import dataclasses
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlpcli.config.loading import resolved_yaml
from mlpcli.config.schema import Config
from mlpcli.data.cache import data_directory
from mlpcli.data.loading import DataLoader
from mlpcli.errors import ConfigError, DivergedError
from mlpcli.files import write_text
from mlpcli.reporting import Reporter
from mlpcli.training.checkpoint import to_bytes
from mlpcli.training.environment import environment
from mlpcli.training.evaluation import Evaluation, evaluate
from mlpcli.training.loop import diverged, train_epochs
from mlpcli.training.metrics import EpochMetrics
from mlpcli.training.model import Model, load_model
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
    """wall time, from loading the data to the test"""

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
    """
    started = time.perf_counter()
    reporter = reporter or Reporter()
    setup = _set_up(config, data_dir, reporter, may_fetch=True)
    directory = RunDirectory.create(Path(runs_dir), config.name or "run")
    write_text(directory.config, resolved_yaml(config))
    directory.write_json(directory.environment, environment(config.seed, setup.threads))
    recorder = Recorder(setup, directory, reporter)
    reporter.training_begins(directory.path, config.training.epochs, len(setup.batches))
    try:
        with one_blas_thread():
            train_epochs(setup, on_batch=reporter.batches_done, on_epoch=recorder.end_epoch)
            test = load_model(directory.path).evaluate(setup.test)
            if not math.isfinite(test.loss):
                raise diverged(setup, f"the loss on the test set is {test.loss}")
    except DivergedError as error:
        raise DivergedError(f"{error} What was recorded is in {directory.path}.") from error
    finally:
        reporter.training_ends()
    run = Run(
        folder=directory.path,
        config=config,
        history=recorder.history,
        best_epoch=recorder.best.best_epoch,
        monitor=setup.monitor,
        test=test,
        stopped_early=recorder.stopped_early,
        reached_loss=recorder.reached_loss,
        seconds=time.perf_counter() - started,
    )
    directory.write_json(directory.summary, _summary(run))
    return run


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
    to_bytes(Recorder(setup, RunDirectory(Path()), Reporter()).checkpoint(epoch=0))
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


def _summary(run: Run) -> dict[str, Any]:
    """What summary.json says."""
    return {
        "name": run.folder.name,
        "stopped": "stop_at_loss"
        if run.reached_loss
        else "early_stopping"
        if run.stopped_early
        else "all_epochs_done",
        "epochs": len(run.history),
        "best_epoch": run.best_epoch,
        "monitor": run.monitor,
        "best": dataclasses.asdict(run.best),
        "last": dataclasses.asdict(run.history[-1]),
        "test_loss": run.test.loss,
        "test_accuracy": run.test.accuracy,
        "test_images": len(run.test.labels),
        "seconds": run.seconds,
    }
