"""The study of a sweep in Optuna's journal, for `optuna-dashboard` and Optuna's own functions.

It is written by this process alone, and never read: what a sweep is comes from its sweep.yaml and
the folders of its trials.
"""

import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import (
    BaseJournalBackend,
    JournalFileBackend,
    JournalFileOpenLock,
    JournalFileSymlinkLock,
)
from optuna.trial import TrialState

from mlpcli.config.sweep_loading import Sweep
from mlpcli.errors import WriteError
from mlpcli.files import os_errors_as
from mlpcli.sweeps.search import direction, distributions, encoded
from mlpcli.sweeps.trials import Trial

STATES = {"done": TrialState.COMPLETE, "pruned": TrialState.PRUNED}
"""Optuna's states of trials that did not fail"""


class Journal:
    """The study of a sweep, written anew each time the sweep begins or resumes.

    Raises:
        WriteError: the file cannot be written.
    """

    def __init__(self, path: Path, name: str, sweep: Sweep) -> None:
        self._path = path
        self._distributions = distributions(sweep)
        self._minimize = sweep.minimize
        self._trials: dict[int, optuna.Trial] = {}
        self._begun = 0
        with os_errors_as(WriteError, path, "cannot be written"):
            self._lines = _Lines(path)
            self._study = optuna.create_study(
                storage=JournalStorage(self._lines),
                study_name=name,
                direction=direction(sweep),
                sampler=optuna.samplers.RandomSampler(seed=0),
            )

    def begin(self, trial: Trial) -> None:
        """Add a trial, unless it is there; they are added in the order of their numbers."""
        if trial.number < self._begun:
            return
        self._begun += 1
        self._study.enqueue_trial(encoded(trial.values))
        self._trials[trial.number] = self._study.ask(self._distributions)

    def report(self, trial: Trial, epoch: int) -> None:
        """Add the value that a trial has after an epoch."""
        value = trial.value(self._minimize, epoch)
        if value is not None and trial.number in self._trials:
            self._trials[trial.number].report(value, epoch)

    def end(self, trial: Trial) -> None:
        """Add what has become of a trial, unless that is known."""
        if trial.number not in self._trials:
            return
        state = STATES.get(trial.state, TrialState.FAIL)
        value = trial.value(self._minimize) if state == TrialState.COMPLETE else None
        found = self._trials.pop(trial.number)
        if trial.reason:
            found.set_user_attr("reason", trial.reason)
        self._study.tell(found, value, state=state)

    def write(self) -> None:
        """Write what is new to the file; WriteError if that cannot be."""
        with os_errors_as(WriteError, self._path, "cannot be written"):
            self._lines.write()


class _Lines(BaseJournalBackend):
    """The lines of a journal to which nobody else adds; `write` adds the new ones to its file.

    Optuna's own backend would flush each of a trial's many lines to the disk, and read it again.
    """

    def __init__(self, path: Path) -> None:
        self._lines: list[dict[str, Any]] = []
        self._written = 0
        path.unlink(missing_ok=True)
        Path(f"{path}.lock").unlink(missing_ok=True)
        lock = JournalFileOpenLock if os.name == "nt" else JournalFileSymlinkLock
        self._file = JournalFileBackend(str(path), lock_obj=lock(str(path)))

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        self._lines += logs

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        return self._lines[log_number_from:]

    def write(self) -> None:
        """Add the new lines to the file."""
        self._file.append_logs(self._lines[self._written :])
        self._written = len(self._lines)


def importances(sweep: Sweep, trials: list[Trial]) -> dict[str, float]:
    """Return how much of the differences between trials each parameter explains.

    The shares add up to 1 (PED-ANOVA; Watanabe, Bansal and Hutter, 2023). With halving, trials are
    compared after the epochs that all of them have. Empty with fewer than two trials, or where all
    have the same value.
    """
    until = sweep.settings.halving.first if sweep.settings.halving else None
    study = optuna.create_study(direction=direction(sweep))
    described = distributions(sweep)
    for trial in trials:
        value = trial.value(sweep.minimize, until)
        if value is not None:
            study.add_trial(
                optuna.trial.create_trial(
                    params=encoded(trial.values), distributions=described, value=value
                )
            )
    if len({trial.value for trial in study.trials}) < 2:
        return {}
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {key: found[key] for key in sorted(described, key=lambda key: -found[key])}
