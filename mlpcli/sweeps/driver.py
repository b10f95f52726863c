"""A sweep from its beginning to its end, driven by one process.

It alone writes the sweep's folder. What a trial is follows from the sweep and the trial's number,
and its run folder says how far it is trained; so a sweep that was stopped at any moment goes on as
if it never had been.
"""

import itertools
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from mlpcli.config.schema.config import Config
from mlpcli.config.sweep_loading import Sweep
from mlpcli.config.writing import resolved_yaml
from mlpcli.data.loading import DataLoader
from mlpcli.data.published.sources import SOURCES
from mlpcli.errors import CheckpointError, ClusterError, ConfigError, DataError, Interrupted
from mlpcli.files import read_json, write_json, write_text
from mlpcli.reporting import Reporter
from mlpcli.runs.interruption import Interruption
from mlpcli.runs.starting import read_start
from mlpcli.storage.run_folder import MOST_BYTES, RunFolder
from mlpcli.sweeps import halving
from mlpcli.sweeps.cluster import Cluster
from mlpcli.sweeps.journal import Journal, importances
from mlpcli.sweeps.results import SweepResult, results_csv, row, summary
from mlpcli.sweeps.search import Search, Values
from mlpcli.sweeps.sweep_folder import SweepFolder, read_result, read_run, result_of, write_run
from mlpcli.sweeps.task import WITHOUT_FILES, RawData, Task, evaluate_on_test, train
from mlpcli.sweeps.trials import Training, Trial, ranked
from mlpcli.training.starting import Start

STOPPED_BY = {
    Interrupted: "interrupted",
    ClusterError: "cluster_failed",
    DataError: "data_failed",
}
"""reasons in summary.json why a sweep stopped before its end"""
POLL_SECONDS = 0.2
"""how long a result is waited for before signals and the time are looked at"""
WRITE_SECONDS = 2.0
"""how often results.csv and the journal are written while trials end, at most"""
LEAST_REST = 20
"""times as long as writing takes, because it writes all trials, nothing is written after it"""


class _OutOfTimeError(Exception):
    """Raised when the budget of minutes is spent."""


class Driver:
    """Drives one sweep.

    Args:
        sweep: what to try.
        folder: its folder, new or of a sweep that is resumed.
        cluster: where it runs.
        data_dir: the cache of datasets on this machine.
        reporter: receives the progress.
        interruption: of this process.
    """

    def __init__(
        self,
        sweep: Sweep,
        folder: SweepFolder,
        cluster: Cluster,
        data_dir: Path,
        reporter: Reporter,
        interruption: Interruption,
    ) -> None:
        self.sweep, self.folder, self.cluster = sweep, folder, cluster
        self.reporter, self.interruption = reporter, interruption
        self.trials: list[Trial] = []
        self._data_dir = data_dir
        self._halving = sweep.settings.halving
        self._journal = Journal(folder.journal, folder.path.resolve().name, sweep)
        self._starts: dict[Path | str, Start | None] = {}
        self._rung = 0
        self._started = time.perf_counter()
        self._next_writing = self._started + WRITE_SECONDS
        self._seconds_before = self._earlier_seconds()

    def run(self) -> SweepResult:
        """Train all trials, evaluate the best one, and write the results.

        Raises:
            Interrupted: a signal came; the sweep can be resumed.
            ClusterError: the workers cannot do their work.
            DataError: the data cannot be had.
            WriteError: the folder cannot be written.
        """
        try:
            stopped = self._train_all()
            self._submit_tests()
            importance = importances(self.sweep, self.trials)
            test = self._test_results()
        except (Interrupted, ClusterError, DataError) as error:
            self._write_unfinished(STOPPED_BY[type(error)])
            raise
        result = self._result(stopped, importance, test)
        self._write(result)
        return result

    @property
    def ranking(self) -> list[Trial]:
        """The trials that have a value, the best first."""
        return ranked(self.trials, self.sweep.minimize)

    @property
    def epochs_planned(self) -> int:
        """The number of epochs that all trainings have together, if none ends early."""
        trials, seeds = self.sweep.trials, len(self.sweep.seeds)
        varied = self.sweep.settings.parameters.get("training.epochs")
        epochs = self.sweep.base.training.epochs
        if varied is not None:
            epochs = int(max(varied.values or (varied.high or 0,)))
        return seeds * halving.planned_epochs(self._halving, epochs, trials)

    @property
    def epochs_done(self) -> int:
        """How many of them are done, or left out because a training ended early."""
        done = 0
        for trial in self.trials:
            for training in trial.trainings:
                if (result := training.result) is not None:
                    rung = self._until(training, self._rung)
                    done += max(result.epochs, rung) if result.has_ended else result.epochs
        return min(done, self.epochs_planned)

    def _train_all(self) -> str:
        """Train all trials, or as many as the time allows; return why it stopped."""
        try:
            self._train_rounds()
        except _OutOfTimeError:
            return "minutes"
        return "all_trials_done"

    def _train_rounds(self) -> None:
        search = Search(self.sweep)
        first, *later = halving.rungs(self._halving, self.sweep.base.training.epochs)
        while len(self.trials) < self.sweep.trials:
            before = len(self.trials)
            self._train(self._new_trials(search.next_round(before)), first)
            search.tell([trial.value(self.sweep.minimize, first) for trial in self.trials[before:]])
        entered = self.trials
        for rung, end in itertools.pairwise([first, *later]):
            best = ranked(entered, self.sweep.minimize, rung)
            best = best[: halving.promoted(self._halving, len(entered))]
            promoted = {trial.number for trial in best}
            for trial in entered:
                trial.is_pruned = trial.number not in promoted
                self._end_in_journal(trial)
            entered = sorted(best, key=lambda trial: trial.number)
            self._train(entered, end)

    def _new_trials(self, chosen: Iterable[Values]) -> Iterator[Trial]:
        for values in chosen:
            self.trials.append(self._trial(len(self.trials), values))
            yield self.trials[-1]

    def _trial(self, number: int, values: Values) -> Trial:
        """Return a trial with what its run folders say of it."""
        trial = Trial(number, dict(values))
        seeds = self.sweep.seeds
        try:
            for seed in seeds:
                config, start = self._completed(self.sweep.config(values, seed))
                folder = self.folder.run_folder(number, seed, len(seeds))
                training = Training(seed, config, folder, start=start)
                training.result = read_result(training) if folder.exists() else None
                trial.trainings.append(training)
        except (CheckpointError, ConfigError) as error:
            trial.problem = str(error)
        return trial

    def _completed(self, config: Config) -> tuple[Config, bytes]:
        """Return a config as the network that it starts from completes it, and that network."""
        path = config.training.start_from
        if path is None:
            return config, b""
        if path not in self._starts:
            self._starts[path] = read_start(config, self._data_dir)
        start = cast(Start, self._starts[path])  # the config names one
        return start.completed(config), start.content

    def _train(self, trials: Iterable[Trial], rung: int) -> None:
        """Train trials until the epoch of a rung, or until their training is over."""
        self._rung = rung
        waiting = self._begun(trials, rung)
        continued: deque[tuple[Trial, Training]] = deque()
        exhausted = False
        while True:
            self._check_time()
            while not exhausted and self.cluster.has_room:
                following = continued.popleft() if continued else next(waiting, None)
                if following is None:
                    exhausted = True
                else:
                    self._submit(*following, rung)
            self.reporter.sweep_changed(self)
            if exhausted and self.cluster.is_idle and not continued:
                return
            found = self.cluster.next_result(POLL_SECONDS)
            if found is None:
                continue
            (trial, training), files = found
            write_run(training.folder, files)
            training.result = result_of(files)
            if self._needs_more(training, rung):
                continued.append((trial, training))
                exhausted = False
            elif not any(self._needs_more(each, rung) for each in trial.trainings):
                self._settle(trial, rung)

    def _begun(self, trials: Iterable[Trial], rung: int) -> Iterator[tuple[Trial, Training]]:
        """Yield the trainings that need more, and enter trials in the journal."""
        for trial in trials:
            self._journal.begin(trial)
            needing = [each for each in trial.trainings if self._needs_more(each, rung)]
            if not needing or trial.problem:
                self._settle(trial, rung)
                continue
            for training in needing:
                yield trial, training

    def _until(self, training: Training, rung: int) -> int:
        return rung if self._halving else training.config.training.epochs

    def _needs_more(self, training: Training, rung: int) -> bool:
        result = training.result
        if result is None:
            return True
        return not result.has_ended and result.epochs < self._until(training, rung)

    def _submit(self, trial: Trial, training: Training, rung: int) -> None:
        task = self._task(training, self._until(training, rung))
        self.cluster.submit((trial, training), train, task, self._data_for(training.config))

    def _task(self, training: Training, until: int) -> Task:
        return Task(
            name=training.folder.name,
            config=training.config.model_dump(mode="json", exclude_none=True),
            until=until,
            run=read_run(training.folder) if training.result else {},
            data_dir=str(self._data_dir) if self.cluster.is_local else None,
            start=training.start,
        )

    def _data_for(self, config: Config) -> Any:
        """Return the data that a worker cannot have by itself, or None."""
        dataset = config.data.dataset
        if self.cluster.is_local or dataset in SOURCES or dataset in WITHOUT_FILES:
            return None
        loader = DataLoader(config.data, config.seed, self._data_dir, self.reporter)

        def read() -> RawData:
            training = loader.raw_training()
            return RawData(training, loader.raw_test(training.class_names))

        return self.cluster.shared(loader.raw_key, read)

    def _settle(self, trial: Trial, rung: int) -> None:
        """Record that a trial has reached a rung, or its end."""
        self._journal.report(trial, min(rung, trial.epochs))
        self._end_in_journal(trial)
        self.reporter.trial_settled(self, trial)
        if time.perf_counter() > self._next_writing:
            self._write_results()

    def _end_in_journal(self, trial: Trial) -> None:
        if trial.state not in ("waiting", "paused"):
            self._journal.end(trial)

    def _check_time(self) -> None:
        """Stop everything if a signal came or the time is over."""
        self._check_signal()
        minutes = self.sweep.settings.minutes
        if minutes is not None and self._seconds > 60 * minutes:
            self.cluster.cancel()
            raise _OutOfTimeError

    def _check_signal(self) -> None:
        """Stop everything if a signal came."""
        if not self.interruption.signal:
            return
        self.cluster.cancel()
        done = sum(trial.state in ("done", "pruned") for trial in self.trials)
        raise Interrupted(
            f"{done} of {self.sweep.trials} trials are done in {self.folder.path}.",
            self.interruption.signal,
            self.folder.path,
        )

    @property
    def _seconds(self) -> float:
        return time.perf_counter() - self._started

    def _earlier_seconds(self) -> float:
        try:
            return float(read_json(self.folder.summary, MOST_BYTES)["seconds"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0.0

    def _submit_tests(self) -> None:
        """Have the best trial evaluated on the test set, with each of its seeds."""
        for best in self.ranking[:1]:
            for training in best.trainings:
                task = self._task(training, until=0)
                data = self._data_for(training.config)
                self.cluster.submit(training, evaluate_on_test, task, data)

    def _test_results(self) -> dict[int, Mapping[str, Any]]:
        """Return what came of `_submit_tests`, and write it into the summaries of the runs."""
        found: dict[int, Mapping[str, Any]] = {}
        while not self.cluster.is_idle:
            self._check_signal()
            if got := self.cluster.next_result(POLL_SECONDS):
                training, figures = got
                found[training.seed] = figures
                file = RunFolder(training.folder).summary
                write_json(file, read_json(file, MOST_BYTES) | figures)
        return {seed: found[seed] for seed in sorted(found)}

    def _result(
        self, stopped: str, importance: Mapping[str, float], test: Mapping[int, Mapping[str, Any]]
    ) -> SweepResult:
        return SweepResult(
            folder=self.folder.path,
            sweep=self.sweep,
            trials=self.trials,
            stopped=stopped,
            seconds=self._seconds_before + self._seconds,
            test=test,
            importance=importance,
        )

    def _write_unfinished(self, stopped: str) -> None:
        self._write(self._result(stopped, importances(self.sweep, self.trials), {}))

    def _write(self, result: SweepResult) -> None:
        self._write_results()
        write_json(self.folder.summary, summary(result))
        if result.best is not None:
            write_text(self.folder.best, resolved_yaml(result.best.trainings[0].config))

    def _write_results(self) -> None:
        began = time.perf_counter()
        write_text(
            self.folder.results, results_csv([row(self.sweep, trial) for trial in self.trials])
        )
        self._journal.write()
        ended = time.perf_counter()
        self._next_writing = ended + max(WRITE_SECONDS, LEAST_REST * (ended - began))
