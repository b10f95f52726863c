"""The study of a sweep in Optuna's journal, for `optuna-dashboard` and Optuna's own functions.

It is written by this process alone, and never read: what a sweep is comes from its sweep.yaml and
the folders of its trials.
"""

import os
import warnings
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock, JournalFileSymlinkLock
from optuna.trial import TrialState

from mlpcli.config.sweep_loading import Sweep
from mlpcli.errors import WriteError
from mlpcli.files import os_errors_as
from mlpcli.sweeps.search import direction, distributions, encoded
from mlpcli.sweeps.trials import Trial

STATES = {"done": TrialState.COMPLETE, "pruned": TrialState.PRUNED}
"""Optuna's states of trials that did not fail"""


class Journal:
    """Writes the study of a sweep, anew each time the sweep begins or resumes.

    Whatever writes raises WriteError if it cannot.
    """

    def __init__(self, path: Path, name: str, sweep: Sweep) -> None:
        self._path = path
        self._distributions = distributions(sweep)
        self._minimize = sweep.minimize
        self._trials: dict[int, optuna.Trial] = {}
        self._begun = 0
        lock = JournalFileOpenLock if os.name == "nt" else JournalFileSymlinkLock
        with os_errors_as(WriteError, path, "cannot be written"):
            path.unlink(missing_ok=True)
            Path(f"{path}.lock").unlink(missing_ok=True)
            backend = JournalFileBackend(str(path), lock_obj=lock(str(path)))
            self._study = optuna.create_study(
                storage=JournalStorage(backend),
                study_name=name,
                direction=direction(sweep),
                sampler=optuna.samplers.RandomSampler(seed=0),
            )

    def begin(self, trial: Trial) -> None:
        """Add a trial, unless it is there; they are added in the order of their numbers."""
        if trial.number < self._begun:
            return
        self._begun += 1
        with os_errors_as(WriteError, self._path, "cannot be written"):
            self._study.enqueue_trial(encoded(trial.values))
            self._trials[trial.number] = self._study.ask(self._distributions)

    def report(self, trial: Trial, epoch: int) -> None:
        """Add the value that a trial has after an epoch."""
        value = trial.value(self._minimize, epoch)
        if value is not None and trial.number in self._trials:
            with os_errors_as(WriteError, self._path, "cannot be written"):
                self._trials[trial.number].report(value, epoch)

    def end(self, trial: Trial) -> None:
        """Add what has become of a trial, unless that is known."""
        if trial.number not in self._trials:
            return
        state = STATES.get(trial.state, TrialState.FAIL)
        value = trial.value(self._minimize) if state == TrialState.COMPLETE else None
        found = self._trials.pop(trial.number)
        with os_errors_as(WriteError, self._path, "cannot be written"):
            if trial.reason:
                found.set_user_attr("reason", trial.reason)
            self._study.tell(found, value, state=state)


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
