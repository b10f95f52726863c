"""The training of a trial as a pure function: of a config and a run so far, until an epoch.

It opens no file but those of the data, and what it returns depends on nothing else: so it can run
on any machine, be lost there, and be run again with the same bytes as its result.
"""

import functools
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from mlpcli.config.loading import load_config
from mlpcli.config.schema.config import Config
from mlpcli.config.writing import resolved_yaml
from mlpcli.data.dataset import Dataset
from mlpcli.data.loading import DataLoader
from mlpcli.data.published.cache import data_directory
from mlpcli.errors import ConfigError, DataError, DivergedError
from mlpcli.inference.calibration import calibrated
from mlpcli.inference.model import model_of
from mlpcli.parallel.processors import one_blas_thread
from mlpcli.reporting import Reporter
from mlpcli.runs.resumption import restore
from mlpcli.runs.starting import start_of
from mlpcli.storage import checkpoint
from mlpcli.storage.checkpoint import Checkpoint
from mlpcli.storage.environment import environment
from mlpcli.storage.run_folder import gradients_text, metrics_text, summary_of, with_seconds
from mlpcli.training.epoch_log import EpochLog
from mlpcli.training.gradient_probe import GradientProbe
from mlpcli.training.loop import FROM_THE_START, check_start, train_epochs
from mlpcli.training.metrics import EpochMetrics
from mlpcli.training.setup import Setup, Splits, assemble, assemble_from

WITHOUT_FILES = ("synthetic", "table")
"""datasets that any machine can make from the config"""
LONG_ENOUGH = 20.0
"""After so many seconds a task ends with the epoch, and another continues its training: then a
worker that is lost takes less than that with it."""
PAUSED, DIVERGED, IMPOSSIBLE = "paused", "diverged", "impossible"
"""reasons in summary.json why a training stopped, besides those of a run that is done"""

Files = Mapping[str, bytes]
"""the files of a run folder, by their paths in it"""
BEST, LAST = "weights/best.safetensors", "weights/last.safetensors"
TABLES = ("config.yaml", "environment.json", "metrics.csv", "gradients.csv", "summary.json")
FILES = (*TABLES, BEST, LAST)
"""the names of those files"""


@dataclass(frozen=True)
class RawData:
    """The data of a config as it is in its files, where a worker cannot read those itself."""

    training: Dataset
    test: Dataset


@dataclass(frozen=True)
class Task:
    """A part of a training."""

    name: str
    """name of its run"""
    config: Mapping[str, Any]
    until: int
    """the epoch after which it ends"""
    run: Files
    """the run so far; empty at the start"""
    data_dir: str | None
    """the worker's cache of datasets; None for its usual one"""
    start: bytes = b""
    """the checkpoint of the network from which the training starts, if it starts from one"""


def train(task: Task, data: RawData | None = None) -> Files:
    """Train until an epoch, or until the training is over, and return the run folder's files.

    Raises:
        DataError: the data cannot be had.
    """
    started = time.perf_counter()
    config = load_config(task.config)
    loader = _loader(config, task.data_dir)
    raw = _kept_training(loader) if data is None else data.training
    try:
        training, validation = loader.training_and_validation(raw)
        nothing = training.take(np.arange(0))  # the test images are for the best trial only
        run = _Run(task, _assembled(task, config, (training, validation, nothing)))
    except (ConfigError, DataError) as error:
        return _impossible(task, config, error)
    return run.train(started)


def evaluate_on_test(task: Task, data: RawData | None = None) -> dict[str, float | int | None]:
    """Evaluate the best weights of a run on its test set; return what its summary says of that.

    Raises:
        DataError: the data cannot be had.
    """
    best = checkpoint.from_bytes(task.run[BEST], Path(task.name))
    model = model_of(best, Path(task.name))
    loader = _loader(load_config(task.config), task.data_dir)
    raw = None if data is None else data.test
    found = model.evaluate(loader.test(model.class_names, raw))
    return {
        "test_loss": found.loss,
        "test_accuracy": found.accuracy,
        "test_images": len(found.labels),
    }


def _loader(config: Config, data_dir: str | None) -> DataLoader:
    cache = data_directory(None if data_dir is None else Path(data_dir))
    return DataLoader(config.data, config.seed, cache, Reporter())


_kept: dict[str, Dataset] = {}
"""the training images of the latest trial of this process"""


def _kept_training(loader: DataLoader) -> Dataset:
    """Return the training images in the files of a config, which the next trial may need again."""
    if loader.raw_key not in _kept:
        _kept.clear()
        _kept[loader.raw_key] = loader.raw_training()
    return _kept[loader.raw_key]


def _assembled(task: Task, config: Config, splits: Splits) -> Setup:
    if not task.start:
        return assemble(config, *splits)
    start = start_of(task.start, Path(str(config.training.start_from)))
    return assemble_from(start, config, splits, Reporter())


class _Run:
    """A run between two points of its training."""

    def __init__(self, task: Task, setup: Setup) -> None:
        self.task, self.setup = task, setup
        self.progress = FROM_THE_START
        self.seconds = 0.0
        self.best, self.last = task.run.get(BEST, b""), task.run.get(LAST, b"")
        self.gradients = task.run.get("gradients.csv", b"").decode()
        history: list[EpochMetrics] = []
        if self.last:
            path = Path(task.name)
            found = checkpoint.from_bytes(self.last, path)
            restore(setup, found, path)
            self.progress = found.progress
            self.seconds = json.loads(task.run["summary.json"])["seconds"]
            history = with_seconds(found.progress.history, task.run["metrics.csv"])
        self.log = EpochLog(setup, history)
        self.probe = GradientProbe(setup)

    def train(self, started: float) -> Files:
        """Train until the task's epoch and return the files."""
        try:
            if not self.last:
                check_start(self.setup)
                self.last = checkpoint.to_bytes(Checkpoint.of(self.setup, FROM_THE_START))
            with one_blas_thread():
                train_epochs(
                    self.setup,
                    on_batch=lambda *_: None,
                    on_epoch=lambda row: self._end_epoch(row, started),
                    progress=self.progress,
                    should_stop=lambda: self._is_over,
                )
                if self.log.is_done:
                    self._calibrate()
        except DivergedError as error:
            return self._files(DIVERGED, started, str(error))
        return self._files(self.log.ending if self.log.is_done else PAUSED, started)

    @property
    def _is_over(self) -> bool:
        return self.log.is_done or len(self.log.history) >= self.task.until

    def _end_epoch(self, row: EpochMetrics, started: float) -> bool:
        """Keep an epoch; return whether the task ends here."""
        is_best = self.log.add_trained(row)
        norms = gradients_text(self.probe.end_epoch(row.epoch))
        self.gradients += norms.partition("\n")[2] if self.gradients else norms
        self.last = checkpoint.to_bytes(Checkpoint.of(self.setup, self.log.progress))
        if is_best:
            self.best = self.last
        return self._is_over or time.perf_counter() - started > LONG_ENOUGH

    def _calibrate(self) -> None:
        held_out = self.setup.calibration_set()
        if self.best and held_out is not None and held_out.targets is None:
            best = checkpoint.from_bytes(self.best, Path(self.task.name))
            self.best = checkpoint.to_bytes(calibrated(best, held_out))

    def _files(self, stopped: str, started: float, reason: str = "") -> Files:
        log = self.log
        summary = summary_of(
            self.task.name,
            stopped,
            log.history,
            log.best.best_epoch,
            log.best.monitor,
            None,
            self.seconds + time.perf_counter() - started,
        )
        here = environment_here() | {"started": _when(started), "seed": self.setup.config.seed}
        files = {
            "config.yaml": resolved_yaml(self.setup.config).encode(),
            "environment.json": self.task.run.get("environment.json") or _json(here),
            "metrics.csv": metrics_text(log.history).encode(),
            "gradients.csv": self.gradients.encode(),
            "summary.json": _json(summary | ({"reason": reason} if reason else {})),
            BEST: self.best,
            LAST: self.last,
        }
        return {name: content for name, content in files.items() if content}


def _impossible(task: Task, config: Config, error: Exception) -> Files:
    """Return the files of a training that cannot begin."""
    summary = summary_of(task.name, IMPOSSIBLE, [], 0, str(config.training.monitor), None, 0.0)
    return {
        "config.yaml": resolved_yaml(config).encode(),
        "summary.json": _json(summary | {"reason": str(error)}),
    }


@functools.cache
def environment_here() -> dict[str, Any]:
    """Return the environment of this process, which takes a moment to find out.

    Its time is that of the process, not of a training.
    """
    return environment(seed=0, workers=1)


def _when(started: float) -> str:
    """Return the time, in UTC, at which `time.perf_counter()` was `started`."""
    ago = timedelta(seconds=time.perf_counter() - started)
    return (datetime.now(UTC) - ago).isoformat(timespec="seconds")


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, allow_nan=False) + "\n").encode()
