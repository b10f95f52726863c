"""Sweeps made by hand, without any training."""

from mlpcli.config.sweep_loading import load_sweep
from mlpcli.sweeps.results import SweepResult
from mlpcli.sweeps.task import DIVERGED, IMPOSSIBLE
from mlpcli.sweeps.trials import Result, Training, Trial


def sweep_of(folder, parameters, trials, *, importance=(), base="quickstart", **settings):
    """A result of trials, each `(values, outcome)`.

    An outcome is a number, or one a seed; `("pruned", number)` or `("paused", number)`; "waiting",
    "diverged" or "impossible".
    """
    described = {"base": base, "parameters": parameters, "trials": len(trials), **settings}
    sweep = load_sweep(described)
    made = [
        _trial(sweep, number, values, outcome) for number, (values, outcome) in enumerate(trials)
    ]
    return SweepResult(folder, sweep, made, "all_trials_done", 12.5, {}, dict(importance))


def _trial(sweep, number, values, outcome):
    trial = Trial(number, dict(values))
    kind = "done"
    if isinstance(outcome, tuple) and isinstance(outcome[0], str):
        kind, outcome = outcome
    if outcome == "impossible":
        trial.problem = "these values cannot be together"
        return trial
    trial.is_pruned = kind == "pruned"
    numbers = outcome if isinstance(outcome, tuple) else (outcome,) * len(sweep.seeds)
    for seed, number in zip(sweep.seeds, numbers, strict=True):
        trial.trainings.append(Training(seed, sweep.base, sweep.base, _result(number, kind)))
    return trial


def _result(outcome, kind):
    if outcome == "waiting":
        return None
    if outcome in (DIVERGED, IMPOSSIBLE):
        return Result((), 0, outcome, "the loss is not finite", 1.0)
    return Result((outcome,), 1, "all_epochs_done" if kind == "done" else "paused", "", 1.5)
