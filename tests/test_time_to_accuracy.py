"""What the benchmark of the time to an accuracy makes of its runs; no peer needs to be there."""

import dataclasses
import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mlpcli.data.dataset import Dataset
from mlpcli.data.shaping import Shaping

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module", autouse=True)
def on_the_path():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(BENCHMARKS), str(BENCHMARKS / "peers"), *sys.path])
        yield


@pytest.fixture(scope="module")
def accuracy():
    return importlib.import_module("parts.accuracy")


def record(name="JAX", goal="98", seconds=(), right=(), limit=None):
    return {
        "goal": goal,
        "contestant": name,
        "seconds": list(seconds),
        "accuracies": list(right),
        "limit": limit,
    }


OURS = record("mlpcli", seconds=[2, 1, 9, 3, 2], right=[0.981, 0.98, 0.979, 0.982, 0.985])


def cells(table, row):
    return [cell.strip() for cell in table.splitlines()[2 + row].strip("|").split("|")]


def test_the_median_is_of_all_five_runs_one_of_which_may_fail(accuracy):
    peer = record(seconds=[5, 4, 8, 60, 3], right=[0.99, 0.98, 0.9799, 0.98, 0.98])
    table = accuracy.table([OURS, peer])
    assert cells(table, 0) == [
        "98 %", "mlpcli", "2.00", "1.00 to 9.00", "1.00", "97.90 to 98.50 %", "4 of 5",
    ]  # fmt: skip
    assert cells(table, 1) == [
        "98 %", "JAX", "5.00", "3.00 to 60.00", "2.50", "97.99 to 99.00 %", "4 of 5",
    ]  # fmt: skip


def test_whoever_misses_the_goal_twice_in_five_is_void(accuracy):
    peer = record(seconds=[1] * 5, right=[0.979, 0.9799, 0.98, 0.98, 0.98])
    row = cells(accuracy.table([OURS, peer]), 1)
    assert row[1] == "JAX (void: goal missed)"
    assert row[-1] == "3 of 5"


def test_a_peer_that_was_ended_did_not_get_there(accuracy):
    before = record(seconds=[5], right=[0.99], limit=120.0)
    at_once = record("Keras, on JAX", limit=120.0)
    table = accuracy.table([OURS, before, at_once])
    assert cells(table, 1)[1:5] == [
        "JAX (void: goal missed)",
        "ended after 120",
        "5.00",
        "over 60.0",
    ]
    assert cells(table, 1)[-1] == "1 of 2"
    assert cells(table, 2)[2:] == ["ended after 120", "–", "over 60.0", "–", "0 of 1"]


def test_a_goal_that_nobody_was_measured_for_is_named(accuracy):
    assert accuracy.table([OURS]).endswith("99 %: not measured. 99.5 %: not measured.")


def test_an_accuracy_that_only_rounding_keeps_below_the_goal_reaches_it(accuracy):
    assert accuracy.reached(record(right=[float(np.float32(0.995))], goal="99.5"))
    assert not accuracy.reached(record(right=[0.9949], goal="99.5"))


def test_goals_measured_earlier_stay_beside_new_ones_in_their_order(accuracy):
    earlier = [record(goal="98"), record(goal="99"), record(goal="99.5")]
    new = [record("PyTorch", goal="99")]
    assert accuracy.joined(earlier, new) == [earlier[0], new[0], earlier[2]]


@pytest.fixture
def settings(tmp_path):
    return importlib.import_module("parts.settings").Settings(
        dataset="mnist",
        repeats=1,
        epochs=1,
        quick=False,
        folder=tmp_path,
        goals=("98",),
        seeds=3,
        peer_seeds=3,
    )


def test_contestants_take_turns_and_one_that_is_ended_is_not_started_again(
    accuracy, settings, monkeypatch
):
    started = []

    def timed(command, folder, limit=None):
        name = "ours" if "train" in command else Path(command[1]).name
        started.append((name, limit))
        if name.startswith("keras"):
            raise subprocess.TimeoutExpired(command, limit)
        return 100.0, "… 98.10 % right" if name == "ours" else "0.9833\n"

    monkeypatch.setattr(accuracy, "timed", timed)
    monkeypatch.setattr(accuracy, "version", lambda _: "3")
    records = {r["contestant"]: r for r in accuracy.measure(settings)}
    a_round = ["ours", "torch_accuracy.py", "torch_accuracy.py", "jax_accuracy.py"]
    a_round += ["scikit_learn_accuracy.py"]
    names = [name for name, _ in started]
    assert names == [*a_round, "keras_accuracy.py", *a_round, *a_round]
    limits = {limit for name, limit in started if name != "ours"}
    assert limits == {200.0}  # twice mlpcli's slowest
    assert started[0][1] is None
    assert records["mlpcli"]["accuracies"] == [0.981] * 3
    assert records["JAX"]["accuracies"] == [0.9833] * 3
    assert records["Keras, on JAX"]["limit"] == 200.0


def test_peers_with_fewer_seeds_run_beside_different_runs_of_mlpcli(
    accuracy, settings, monkeypatch
):
    rounds = []

    def timed(command, folder, limit=None):
        if limit is None:
            rounds.append(0)
        else:
            rounds[-1] += 1
        return 100.0, "98.10 % right\n0.981\n"

    monkeypatch.setattr(accuracy, "timed", timed)
    monkeypatch.setattr(accuracy, "version", lambda _: "3")
    records = accuracy.measure(dataclasses.replace(settings, seeds=5, peer_seeds=1))
    assert [len(record["seconds"]) for record in records] == [5, 1, 1, 1, 1, 1]
    assert rounds == [1] * 5


def test_a_goal_without_a_config_is_left_out(accuracy, settings, monkeypatch):
    monkeypatch.setattr(accuracy, "config_names", lambda: ["mnist"])
    assert accuracy.measure(settings) == []


def test_mlpcli_trains_by_the_shipped_config_with_the_seed(accuracy, settings, monkeypatch):
    commands = []

    def timed(command, folder, limit=None):
        commands.append(command)
        return 1.0, "98.10 % right 0.98"

    monkeypatch.setattr(accuracy, "timed", timed)
    monkeypatch.setattr(accuracy, "version", lambda _: "3")
    accuracy.measure(settings)
    assert [command[-3:] for command in commands if "mlpcli" in command] == [
        ["--config", "fast_98", f"seed={seed}"] for seed in range(3)
    ]


def test_the_picture_is_drawn_of_runs_and_of_a_peer_that_was_ended(accuracy, tmp_path):
    picture = importlib.import_module("parts.picture")
    records = [OURS, record(limit=9.0), record("mlpcli", "99", [20], [0.9912])]
    picture.draw({"accuracy": records}, tmp_path / "results.png")
    assert (tmp_path / "results.png").stat().st_size > 10_000


def test_the_peers_set_digits_upright_as_mlpcli_does():
    goal = importlib.import_module("goal")
    rng = np.random.default_rng(0)
    images = np.zeros((300, 28, 28), np.uint8)
    for image in images:
        row, column = rng.integers(3, 12, 2)
        image[row : row + 14, column : column + 9] = rng.integers(0, 256, (14, 9))
    pixels = images.reshape(-1, 784)
    dataset = Dataset(pixels, np.zeros(300, np.intp), (28, 28), ("0",))
    expected = Shaping(deslant=True).apply(dataset).images
    assert np.abs(goal.upright(pixels) - expected).max() < 0.51  # mlpcli rounds to whole numbers


def test_a_map_that_moves_nothing_leaves_the_images(monkeypatch):
    goal = importlib.import_module("goal")
    nothing = goal.Distortion(shift=0, rotation=0, scale=0, shear=0)
    x = np.random.default_rng(0).random((300, 784), np.float32)
    moved = goal.distorted(x, nothing, np.random.default_rng(0)).reshape(-1, 28, 28)
    # The last row and column lie on the border of what is interpolated.
    assert np.abs(moved - x.reshape(-1, 28, 28))[:, :-1, :-1].max() < 1e-4


def test_one_cycle_begins_small_is_largest_after_three_tenths_and_ends_at_nothing():
    goal = importlib.import_module("goal")
    rates = list(goal.one_cycle(1_000))
    assert rates[0] == pytest.approx(1 / 25)
    assert max(rates) == rates[300] == pytest.approx(1)
    assert rates[-1] < 1e-5
