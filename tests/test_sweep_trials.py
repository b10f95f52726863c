"""Trials, their order and their spread."""

import math

import pytest

from mlpcli.config.loading import load_config
from mlpcli.sweeps.spread import Spread, t_quantile
from mlpcli.sweeps.trials import Result, Training, Trial, ranked

CONFIG = load_config({})


def trial(number, *histories, stopped="all_epochs_done", **fields):
    trainings = [
        Training(seed, CONFIG, None, Result(tuple(history), 1, stopped, "", 1.0))
        for seed, history in enumerate(histories)
    ]
    return Trial(number, {}, trainings, **fields)


def test_a_value_is_that_of_the_best_epoch_and_the_mean_of_the_seeds():
    several = trial(0, [0.5, 0.9, 0.7], [0.6, 0.5, 0.8])
    assert several.value(minimize=False) == pytest.approx(0.85)
    assert several.value(minimize=True) == pytest.approx(0.5)
    assert several.value(minimize=False, until=1) == pytest.approx(0.55)
    assert several.seed_values(minimize=False) == [0.9, 0.8]
    assert (several.epochs, several.seconds) == (6, 2.0)


def test_the_best_is_first_and_of_equals_the_earlier():
    trials = [trial(0, [0.5]), trial(1, [0.9]), trial(2, [0.9]), trial(3, [0.1])]
    assert [each.number for each in ranked(trials, minimize=False)] == [1, 2, 0, 3]
    assert [each.number for each in ranked(trials, minimize=True)] == [3, 0, 1, 2]


def test_a_trial_fails_with_one_of_its_trainings():
    one = trial(0, [0.5, 0.9], [0.5, 0.9])
    one.trainings[1].result = Result((0.99,), 1, "diverged", "the loss is nan", 1.0)
    assert one.value(minimize=False) is None
    assert (one.state, one.reason) == ("diverged", "the loss is nan")
    assert ranked([one], minimize=False) == []


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (trial(0, [0.5]), "done"),
        (trial(0, [0.5], stopped="early_stopping"), "done"),
        (trial(0, [0.5], stopped="paused"), "paused"),
        (trial(0, [0.5], stopped="paused", is_pruned=True), "pruned"),
        (trial(0, [0.5], is_pruned=True), "done"),
        (trial(0, [], stopped="impossible"), "impossible"),
        (Trial(0, {}, [Training(1, CONFIG, None)]), "waiting"),
        (Trial(0, {}, [], problem="unknown key"), "impossible"),
    ],
)
def test_states(found, state):
    assert found.state == state


@pytest.mark.parametrize(
    ("freedom", "expected"),  # Fisher and Yates, 1963, table III, for 0.05
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (10, 2.228), (30, 2.042)],
)
def test_students_t(freedom, expected):
    assert t_quantile(freedom) == pytest.approx(expected, abs=5e-4)


def test_the_spread_of_values_by_hand():
    spread = Spread.of([1.0, 2.0, 3.0])
    half = 4.30265 * 1 / math.sqrt(3)
    assert (spread.mean, spread.deviation) == (2.0, 1.0)
    assert (spread.low, spread.high) == pytest.approx((2 - half, 2 + half), abs=1e-4)
    assert Spread.of([0.5]) == Spread(0.5, None, None, None)
