"""Which values of the parameters each trial gets: a grid, or what Optuna chooses.

A choice depends on the seed, on the trial's number and on the results of earlier rounds, and on
nothing else. So a sweep that is resumed, or extended, chooses as one that never stopped.
"""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study import StudyDirection
from optuna.trial import TrialState

from mlpcli.config.schema.sweep import ParameterConfig, TpeConfig
from mlpcli.config.sweep_loading import Sweep, grid_values

optuna.logging.set_verbosity(optuna.logging.WARNING)

Values = Mapping[str, Any]
"""the values of a trial by the keys of the parameters"""
MOST_TRIES = 1000
"""random draws of a combination until it is a new one"""


class Search:
    """Chooses the values of the trials, a round at a time."""

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._sampler = sweep.settings.sampler
        self._parameters = sweep.settings.parameters
        self._distributions = distributions(sweep)
        self._study = optuna.create_study(direction=direction(sweep))
        self._asked: list[optuna.Trial] = []
        self._chosen: set[str] = set()
        self._grid = itertools.product(*map(grid_values, self._parameters.values()))
        self._left: list[Values] = []
        """the combinations that are left, once random draws meet no new one"""

    def next_round(self, done: int) -> Iterator[Values]:
        """Yield the values of the trials that are trained next, after the first `done`.

        Each is chosen when it is asked for, so that the first training need not wait for the last
        choice.
        """
        left = self._sweep.trials - done
        size = self._sampler.round if isinstance(self._sampler, TpeConfig) else left
        return (self._choose(done + i) for i in range(min(size, left)))

    def _choose(self, number: int) -> Values:
        if self._sampler is None or self._sampler.name == "grid":
            return dict(zip(self._parameters, next(self._grid), strict=True))
        seed = np.random.SeedSequence(self._sampler.seed, spawn_key=(number,)).generate_state(1)
        if isinstance(self._sampler, TpeConfig):
            self._study.sampler = optuna.samplers.TPESampler(
                seed=int(seed[0]),
                n_startup_trials=self._sampler.random_trials,
                multivariate=True,
                constant_liar=True,
            )
            trial = self._study.ask(self._distributions)
            self._asked.append(trial)
            return decoded(trial.params, self._parameters)
        return self._random(int(seed[0]))

    def _random(self, seed: int) -> Values:
        """Return a new combination: drawn, or, once draws meet none, one of those that are left.

        A range whose values cannot be listed has no end: it may be drawn twice.
        """
        if self._left:
            return self._left.pop(seed % len(self._left))
        self._study.sampler = optuna.samplers.RandomSampler(seed=seed)
        for _ in range(MOST_TRIES):
            trial = self._study.ask(self._distributions)
            self._study.tell(trial, state=TrialState.FAIL)
            values = decoded(trial.params, self._parameters)
            if _key(values) not in self._chosen:
                self._chosen.add(_key(values))
                return values
        combinations = (dict(zip(self._parameters, each, strict=True)) for each in self._grid)
        self._left = [each for each in combinations if _key(each) not in self._chosen]
        return self._random(seed) if self._left else values

    def tell(self, results: Sequence[float | None]) -> None:
        """Learn the results of the latest round, in its order; None for a trial that failed."""
        for trial, value in zip(self._asked, results, strict=False):
            # A pruned trial without any value ranks behind all others.
            state = TrialState.PRUNED if value is None else TrialState.COMPLETE
            self._study.tell(trial, value, state=state)
        self._asked.clear()


def _key(values: Values) -> str:
    """Return a text that is the same for equal values, however the steps of a range are rounded."""
    return json.dumps(
        [f"{value:.12g}" if isinstance(value, float) else value for value in values.values()]
    )


def direction(sweep: Sweep) -> StudyDirection:
    """Return whether a trial is better with a higher value, or with a lower one."""
    return StudyDirection.MINIMIZE if sweep.minimize else StudyDirection.MAXIMIZE


def distributions(sweep: Sweep) -> dict[str, BaseDistribution]:
    """Return Optuna's descriptions of the parameters."""
    return {key: _distribution(each) for key, each in sweep.settings.parameters.items()}


def _distribution(parameter: ParameterConfig) -> BaseDistribution:
    if parameter.values is not None:
        return CategoricalDistribution([_choice(value) for value in parameter.values])
    low, high, step = parameter.low or 0, parameter.high or 0, parameter.step
    if parameter.is_integer:
        return IntDistribution(int(low), int(high), log=parameter.log, step=int(step or 1))
    return FloatDistribution(low, high, log=parameter.log, step=step)


def _choice(value: Any) -> Any:
    """Return a value as one that Optuna can have: a list becomes text."""
    is_plain = value is None or isinstance(value, bool | int | float | str)
    return value if is_plain else json.dumps(value)


def encoded(values: Values) -> dict[str, Any]:
    """Return the values of a trial as Optuna has them."""
    return {key: _choice(value) for key, value in values.items()}


def decoded(choices: Mapping[str, Any], parameters: Mapping[str, ParameterConfig]) -> Values:
    """Return the values of a trial from Optuna's."""
    return {
        key: next(
            (each for each in parameter.values or () if _choice(each) == choices[key]),
            choices[key],
        )
        for key, parameter in parameters.items()
    }
