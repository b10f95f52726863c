"""The values of the trials: what they depend on, and what they do not."""

import math
from typing import Any

import pytest

from mlpcli.config.sweep_loading import load_sweep
from mlpcli.sweeps.halving import planned_epochs, promoted, rungs
from mlpcli.sweeps.search import Search, Values

SPACE = {
    "optimizer.learning_rate": {"low": 0.001, "high": 0.1, "log": True},
    "training.batch_size": {"low": 8, "high": 64, "step": 8},
    "network.hidden": [[64], [128, 64]],
    "network.batch_norm": [True, False],
}


def searched(sampler, trials, parameters=SPACE, results=lambda number: float(number % 5)):
    """The values of all trials of a search."""
    sweep = load_sweep({"parameters": parameters, "sampler": sampler, "trials": trials})
    search = Search(sweep)
    chosen: list[Values] = []
    while len(chosen) < trials:
        new = list(search.next_round(len(chosen)))
        search.tell([results(len(chosen) + i) for i in range(len(new))])
        chosen += new
    return chosen


def test_a_grid_is_in_order_and_its_last_parameter_changes_fastest():
    parameters = {"training.epochs": [1, 2], "network.hidden": [[3], [4, 5], []]}
    assert [tuple(each.values()) for each in searched("grid", 6, parameters)] == [
        (1, [3]),
        (1, [4, 5]),
        (1, []),
        (2, [3]),
        (2, [4, 5]),
        (2, []),
    ]


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_values_are_of_the_parameters(sampler):
    rates = []
    for values in searched(sampler, 60):
        assert 0.001 <= values["optimizer.learning_rate"] <= 0.1
        assert values["training.batch_size"] in range(8, 65, 8)
        assert type(values["training.batch_size"]) is int
        assert values["network.hidden"] in ([64], [128, 64])
        assert values["network.batch_norm"] in (True, False)
        rates.append(values["optimizer.learning_rate"])
    if sampler == "random":
        below = sum(rate < 0.01 for rate in rates)  # the middle, by factors
        assert 15 < below < 45


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_the_same_seed_chooses_the_same_and_another_does_not(sampler):
    assert searched(sampler, 16) == searched(sampler, 16)
    assert searched({"name": sampler, "seed": 2}, 16) != searched(sampler, 16)


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_more_trials_begin_with_the_same(sampler):
    assert searched(sampler, 24)[:12] == searched(sampler, 12)


def test_tpe_depends_on_results_and_random_does_not():
    def worse(number):
        return -float(number)

    assert searched("random", 24) == searched("random", 24, results=worse)
    assert searched("tpe", 24)[:8] == searched("tpe", 24, results=worse)[:8]
    assert searched("tpe", 24) != searched("tpe", 24, results=worse)


def test_tpe_learns():
    """It looks for the best learning rate where that is, and random values do not."""

    def distances(sampler):
        sweep = load_sweep({"parameters": SPACE, "sampler": sampler, "trials": 60})
        search = Search(sweep)
        chosen: list[float] = []
        while len(chosen) < 60:
            new = list(search.next_round(len(chosen)))
            found = [abs(math.log10(each["optimizer.learning_rate"]) + 1.3) for each in new]
            search.tell([-each for each in found])
            chosen += found
        return sum(chosen[40:]) / len(chosen[40:])

    assert distances("tpe") < 0.5 * distances("random")


def test_trials_without_a_result_are_avoided():
    def failing(sampler):
        sweep = load_sweep(
            {"parameters": {"optimizer.momentum": {"low": 0.0, "high": 0.99}}, "sampler": sampler}
            | {"trials": 48}
        )
        search = Search(sweep)
        failed: list[bool] = []
        while len(failed) < 48:
            new = [each["optimizer.momentum"] > 0.5 for each in search.next_round(len(failed))]
            search.tell([None if fails else 0.5 for fails in new])
            failed += new
        return sum(failed[24:])

    assert failing("tpe") < failing("random")


def test_random_combinations_of_few_values_are_all_different():
    parameters = {"training.epochs": [1, 2, 3], "network.hidden": [[1], [2]]}
    chosen = searched("random", 6, parameters)
    assert len({str(each) for each in chosen}) == 6


def test_a_grid_that_is_drawn_whole_has_every_combination_once(monkeypatch):
    """However few draws are made before what is left is listed."""
    monkeypatch.setattr("mlpcli.sweeps.search.MOST_TRIES", 1)
    parameters = {
        "optimizer.momentum": {"low": 0.1, "high": 0.7, "step": 0.1},
        "network.hidden": [[1], [2, 3], []],
        "training.batch_size": {"low": 1, "high": 3},
    }
    chosen = searched("random", 63, parameters)
    rounded = {
        (round(rate, 6), str(hidden), size) for rate, hidden, size in map(dict.values, chosen)
    }
    assert len(rounded) == 63
    assert chosen == searched("random", 63, parameters)
    assert chosen[:40] == searched("random", 40, parameters)


def test_no_value_and_nested_values():
    parameters: dict[str, list[Any]] = {
        "optimizer.clip_norm": [None, 1.0],
        "data.augmentation": [{"shift": 1}, {"rotation": 5, "shear": 0.1}],
    }
    for sampler in ("random", "tpe"):
        for values in searched(sampler, 4, parameters):
            assert values["optimizer.clip_norm"] in (None, 1.0)
            assert values["data.augmentation"] in parameters["data.augmentation"]


@pytest.mark.parametrize(
    ("first", "factor", "epochs", "ends"),
    [
        (2, 3, 18, [2, 6, 18]),
        (2, 3, 20, [2, 6, 18, 20]),
        (1, 2, 8, [1, 2, 4, 8]),
        (5, 3, 5, [5]),
        (9, 3, 5, [5]),
    ],
)
def test_rungs(first, factor, epochs, ends):
    sweep = load_sweep(
        {"base": "smoke", "halving": {"first": first, "factor": factor}},
        overrides=[f"training.epochs={epochs}", "optimizer.momentum=0.1,0.2"],
    )
    halving = sweep.settings.halving
    assert rungs(halving, epochs) == ends
    assert rungs(None, epochs) == [epochs]


def test_a_third_is_promoted_and_at_least_one():
    halving = load_sweep({"base": "smoke", "halving": {}}).settings.halving
    assert [promoted(halving, n) for n in (24, 8, 2, 1)] == [8, 2, 1, 1]
    # 24 to epoch 2, 8 to epoch 6, 2 to epoch 18
    assert planned_epochs(halving, 18, 24) == 24 * 2 + 8 * 4 + 2 * 12
    assert planned_epochs(None, 18, 24) == 24 * 18
