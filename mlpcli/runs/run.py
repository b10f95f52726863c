"""A whole run: from a config to a folder with a trained network and the record of its training."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlpcli import notebook
from mlpcli.config.schema.config import Config
from mlpcli.config.writing import resolved_yaml
from mlpcli.data.dataset import Dataset
from mlpcli.data.loading import with_arrays
from mlpcli.errors import CheckpointError, ConfigError, DivergedError, Interrupted
from mlpcli.inference.layer_table import layer_rows
from mlpcli.inference.model import Model, load_model
from mlpcli.parallel.processors import one_blas_thread
from mlpcli.reporting import Reporter
from mlpcli.runs import messages, resumption
from mlpcli.runs.interruption import Interruption
from mlpcli.runs.recorder import Recorder
from mlpcli.runs.starting import read_start
from mlpcli.storage.checkpoint import Checkpoint
from mlpcli.storage.environment import add_session, environment
from mlpcli.storage.run_folder import RunFolder, has_ended, wall_time
from mlpcli.text import count, number, percent
from mlpcli.training.evaluation import Evaluation
from mlpcli.training.loop import FROM_THE_START, check_start, diverged, train_epochs
from mlpcli.training.metrics import EpochMetrics
from mlpcli.training.progress import Progress
from mlpcli.training.saturated_start import saturated_start
from mlpcli.training.setup import prepare


@dataclass(frozen=True)
class Run:
    """A finished run."""

    folder: Path
    config: Config
    history: list[EpochMetrics]
    """one row an epoch, as in metrics.csv"""
    best_epoch: int
    """0 in a run of no epochs"""
    monitor: str
    """the column of metrics.csv by which an epoch is the best; "epoch" for the last one"""
    test: Evaluation
    """of the weights of the best epoch on the test set"""
    stopped_early: bool
    reached_loss: bool
    """whether the loss fell below `training.stop_at_loss`"""
    took_back: bool
    """whether the last step was taken back, because the weights before it have that loss"""
    seconds: float
    """wall time from loading the data to the test, summed over all sessions"""

    @property
    def best(self) -> EpochMetrics | None:
        """The row of the best epoch; None in a run of no epochs."""
        return self.history[self.best_epoch - 1] if self.history else None

    def __repr__(self) -> str:
        epochs = count(len(self.history), "epoch")
        best = f", the best {self.best_epoch:,}" if self.history else ""
        loss, accuracy = _cells(self.test.loss, self.test.accuracy)
        right = f"{accuracy} right, " if accuracy else ""
        return f"<Run {self.folder}: {epochs}{best}; test: {right}loss {loss}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: curves, the results, and the network's layers."""
        rows = self.history
        curves = [
            notebook.Curves(
                quantity,
                {
                    word: [getattr(row, f"{part}_{quantity}") for row in rows]
                    for part, word in (("train", "training"), ("val", "validation"))
                },
                self.best_epoch,
            )
            for quantity in ("loss", "accuracy")
        ]
        facts = [
            ("epochs", f"{len(rows):,} of {self.config.training.epochs:,}"),
            ("best epoch", f"{self.best_epoch:,}" if rows else "none: nothing was trained"),
            ("time", f"{self.seconds:.1f} s"),
        ]
        results: list[tuple[str, ...]] = [("", "loss", "accuracy")]
        if self.best is not None:
            results.append(("training", *_cells(self.best.train_loss, self.best.train_accuracy)))
        if self.best is not None and self.best.val_loss is not None:
            results.append(("validation", *_cells(self.best.val_loss, self.best.val_accuracy)))
        results.append(("test", *_cells(self.test.loss, self.test.accuracy)))
        if self.test.accuracy is None:
            results = [row[:2] for row in results]
        try:
            layers = notebook.table(layer_rows(self.load_model().network), has_header=True)
        except CheckpointError:  # the folder is no longer there
            layers = ""
        return notebook.page(
            f"Run {self.folder}",
            notebook.plots(*curves),
            notebook.table(facts),
            notebook.table(results, has_header=True),
            layers,
        )

    def load_model(self) -> Model:
        """Load the network of the best epoch."""
        return load_model(self.folder)


def train(
    config: Config,
    *,
    training: Dataset | None = None,
    test: Dataset | None = None,
    runs_dir: str | Path = "runs",
    data_dir: str | Path | None = None,
    reporter: Reporter | None = None,
) -> Run:
    """Train the network that a config describes, and leave the run in a new folder.

    The test set is used once, at the end, on the weights of the best epoch.

    Args:
        config: from `load_config`.
        training: arrays to learn from, instead of the config's dataset; the validation part is
            split off them.
        test: arrays to test on; None holds `data.test_share` of `training` out.
        runs_dir: the folder in which the run's folder is created.
        data_dir: the cache of datasets; None for MLPCLI_DATA, or else `data`.
        reporter: receives the progress.

    Raises:
        ConfigError: there is a `test` and no `training`.
        DataError: the data is not available.
        DivergedError: the loss is no longer finite.
        WriteError: the run cannot be recorded.
        Interrupted: Ctrl-C stopped it; `resume` continues it. A second one stops it at once.
    """
    started = time.perf_counter()
    reporter = reporter or Reporter()
    arrays = _arrays(training, test)
    if arrays is not None:
        config = with_arrays(config)
    start = read_start(config, data_dir)
    setup = prepare(config, data_dir, reporter, start=start, arrays=arrays)
    config = setup.config
    check_start(setup)
    if warning := saturated_start(setup):
        reporter.remark(warning)
    with Interruption() as interruption:
        folder = RunFolder.create(
            Path(runs_dir),
            config.name or "run",
            Checkpoint.of(setup, FROM_THE_START),
            resolved_yaml(config),
            environment(config.seed, setup.workers),
        )
        interruption.folder = folder.path
        recorder = Recorder(setup, folder, reporter, started)
        with folder.locked(), _reported(recorder):
            progress = train_epochs(
                setup,
                on_batch=reporter.batches_done,
                on_epoch=recorder.end_epoch,
                should_stop=lambda: interruption.signal != 0,
            )
            return _end(recorder, progress, interruption)


def resume(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    training: Dataset | None = None,
    test: Dataset | None = None,
    data_dir: str | Path | None = None,
    trust_paths: bool = False,
    reporter: Reporter | None = None,
) -> Run:
    """Resume a run that was interrupted or killed, or that gets more epochs.

    It ends with the same bits as if it had never stopped. A run that is done already is evaluated
    on the test set, and its folder is left unchanged.

    Args:
        path: the run's folder, or a checkpoint in it: epochs after that one are trained again.
        overrides: `training.epochs=30`, or others of `resumption.MAY_CHANGE`. A schedule that
            depends on the number of epochs changes from here on.
        training: the arrays that it was trained on, if it was; `test` likewise.
        test: as for `train`.
        data_dir: as for `train`.
        trust_paths: as for `evaluate_checkpoints`.
        reporter: receives the progress, and a warning if another environment may change last bits.

    Raises:
        CheckpointError: there is nothing to resume.
        ConfigError: an override, or the arrays, would make it another run.
        WriteError: another process is training it, or as for `train`.
        DataError, DivergedError, Interrupted: as for `train`.
    """
    started = time.perf_counter()
    reporter = reporter or Reporter()
    arrays = _arrays(training, test)
    folder, _ = resumption.locate(path)
    folder.refuse_links_outside()
    with folder.locked():
        found = resumption.find(path, overrides)
        if arrays is not None and found.config.data.dataset != "arrays":
            raise ConfigError(
                f"{found.path}: was trained on the dataset {found.config.data.dataset}, not on "
                "arrays; resume it without `training` and `test`."
            )
        setup = prepare(
            found.config,
            data_dir,
            reporter,
            trust_paths=trust_paths,
            normalization=found.normalization_to_keep,
            workers=found.workers_to_keep,
            arrays=arrays,
        )
        resumption.restore(setup, found.checkpoint, found.path)
        found = resumption.without_a_step_taken_back(found)
        progress = found.checkpoint.progress
        summary, history = folder.read_summary(), folder.with_seconds(progress.history)
        started -= wall_time(summary, history)
        epoch_start = found.checkpoint.epoch_start
        recorder = Recorder(setup, folder, reporter, started, history, epoch_start)
        recorder.took_back = progress.took_back
        if recorder.is_done and has_ended(summary):
            reporter.remark(messages.nothing_to_do(recorder, found.path, found.config, data_dir))
            with one_blas_thread():
                return _finished(recorder, _test(recorder))
        with Interruption(folder.path) as interruption:
            resumption.restore_folder(found, history, recorder.best.best_epoch)
            now = environment(setup.config.seed, setup.workers)
            now["after_epoch"], now["after_steps"] = progress.epoch, progress.steps
            if warning := add_session(folder.environment, now):
                reporter.remark(warning)
            if found.workers_to_keep and (remark := messages.too_many_workers(setup.workers)):
                reporter.remark(remark)
            with _reported(recorder):
                progress = train_epochs(
                    setup,
                    on_batch=reporter.batches_done,
                    on_epoch=recorder.end_epoch,
                    progress=progress,
                    should_stop=lambda: recorder.is_done or interruption.signal != 0,
                )
                return _end(recorder, progress, interruption)


def _arrays(
    training: Dataset | None, test: Dataset | None
) -> tuple[Dataset, Dataset | None] | None:
    """Return the arrays to learn from and to test on; None where the config names the data.

    Raises:
        ConfigError: there is nothing to learn from beside the arrays to test on.
    """
    if training is not None:
        return training, test
    if test is not None:
        raise ConfigError(
            "test: these arrays would not be used, because the config names the data; give "
            "`training` too, or test the trained network on them with Model.evaluate."
        )
    return None


@contextlib.contextmanager
def _reported(recorder: Recorder) -> Iterator[None]:
    """Report when training begins and ends, and record that it diverged."""
    setup, reporter, folder = recorder.setup, recorder.reporter, recorder.folder.path
    if warning := messages.endless_warmup(setup.config):
        reporter.remark(warning)
    epochs, done = setup.config.training.epochs, len(recorder.history)
    reporter.training_begins(folder, epochs, len(setup.batches), done)
    try:
        with one_blas_thread():
            yield
    except DivergedError as error:
        recorder.flush()
        recorder.summarize("diverged")
        raise DivergedError(f"{error} What was recorded is in {folder}.") from error
    finally:
        reporter.training_ends()


def _end(recorder: Recorder, progress: Progress, interruption: Interruption) -> Run:
    """Test the network if all is trained, and save what is needed to resume if not.

    Raises:
        Interrupted: a signal came.
        DivergedError: a number is not finite in the test.
    """
    folder = recorder.folder.path
    if not recorder.is_done:
        recorder.save(progress)
        recorder.summarize("interrupted")
        saved = messages.what_is_saved(recorder.setup, progress)
        raise Interrupted(f"{saved} in {folder}.", interruption.signal, folder)
    recorder.keep_the_start()
    recorder.calibrate()
    test = _test(recorder)
    recorder.summarize(recorder.ending, test)
    if interruption.signal:
        raise Interrupted(f"The run is done, and saved in {folder}.", interruption.signal, folder)
    if warning := messages.rising_loss(recorder.history):
        recorder.reporter.remark(warning)
    return _finished(recorder, test)


def _test(recorder: Recorder) -> Evaluation:
    """Evaluate the weights of the best epoch on the test set; DivergedError as in training."""
    model = load_model(recorder.folder.path)
    try:
        return model.evaluate(recorder.setup.test)
    except CheckpointError as error:
        what = "an output or the loss on the test set is not finite"
        raise diverged(recorder.setup, what) from error


def _cells(loss: float, accuracy: float | None) -> tuple[str, str]:
    return number(loss), "" if accuracy is None else percent(accuracy)


def _finished(recorder: Recorder, test: Evaluation) -> Run:
    return Run(
        folder=recorder.folder.path,
        config=recorder.setup.config,
        history=recorder.history,
        best_epoch=recorder.best.best_epoch,
        monitor=recorder.setup.monitor,
        test=test,
        stopped_early=recorder.stopped_early,
        reached_loss=recorder.reached_loss,
        took_back=recorder.took_back,
        seconds=recorder.seconds,
    )
