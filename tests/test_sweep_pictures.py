"""What is drawn of sweeps: the numbers by hand, and the files."""

import itertools
import json
import math
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from helpers.processes import in_process
from helpers.sweep_results import sweep_of
from PIL import Image

from mlpcli.config.schema.sweep import ParameterConfig
from mlpcli.errors import CheckpointError, ConfigError, DataError, WriteError
from mlpcli.files import write_json, write_text
from mlpcli.pictures import (
    sweep_heat_map,
    sweep_importance,
    sweep_parallel_coordinates,
    sweep_parameters,
    sweep_scales,
    sweep_seeds,
)
from mlpcli.pictures.catalogue import SWEEP_PICTURES
from mlpcli.pictures.of_sweeps import draw_pictures
from mlpcli.pictures.style import house_style
from mlpcli.pictures.sweep_scales import EDGE, monitor_scale, parameter_scale
from mlpcli.pictures.sweep_subject import SweepSubject
from mlpcli.sweeps.reading import read_sweep_result
from mlpcli.sweeps.results import results_csv, summary

RATE, HIDDEN, MOMENTUM = "optimizer.learning_rate", "network.hidden", "optimizer.momentum"
ALL_BUT_SEEDS = [name for name in SWEEP_PICTURES if name != "seeds"]


def crossed(parameters, outcome):
    """Every combination of lists of values, with what `outcome` makes of it."""
    combinations = itertools.product(*parameters.values())
    return [
        (values, outcome(values))
        for values in (dict(zip(parameters, c, strict=True)) for c in combinations)
    ]


def scale_of(*values, **range_):
    return parameter_scale(ParameterConfig(values=values or None, **range_))


def subject_of(*arguments, folder, **settings):
    return SweepSubject(sweep_of(folder, *arguments, **settings))


@pytest.fixture
def mixed(tmp_path):
    """A sweep with a trial of each kind; the third is the best."""
    parameters = {RATE: {"low": 0.001, "high": 10, "log": True}, HIDDEN: [[16], [64, 32]]}
    trials = [
        ({RATE: 0.001, HIDDEN: [16]}, ("pruned", 0.5)),
        ({RATE: 0.1, HIDDEN: [16]}, 0.8),
        ({RATE: 1.0, HIDDEN: [64, 32]}, 0.95),
        ({RATE: 10.0, HIDDEN: [16]}, "diverged"),
        ({RATE: 0.01, HIDDEN: [64, 32]}, ("paused", 0.7)),
        ({RATE: 0.01, HIDDEN: [16]}, "waiting"),
        ({RATE: 2.0, HIDDEN: [16]}, "impossible"),
    ]
    return sweep_of(tmp_path / "sweeps" / "mixed", parameters, trials)


def save(result):
    """Write the files of a sweep as its driver does."""
    result.folder.mkdir(parents=True, exist_ok=True)
    write_text(result.folder / "sweep.yaml", result.sweep.as_yaml())
    write_text(result.folder / "results.csv", results_csv(result.table))
    write_json(result.folder / "summary.json", summary(result))
    return result.folder


# Axes


def test_a_range_lies_along_its_numbers_or_their_logarithms():
    assert scale_of(low=0.0, high=4.0).position(1.0) == 0.25
    by_factors = scale_of(low=0.001, high=1.0, log=True)
    assert by_factors.position(0.01) == pytest.approx(1 / 3)
    assert [label for _, label in by_factors.ticks] == ["0.001", "0.01", "0.1", "1"]
    assert [at for at, _ in by_factors.ticks] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert not by_factors.is_discrete
    assert scale_of(low=1, high=4).is_discrete
    assert scale_of(low=0.0, high=1.0, step=0.25).is_discrete


@pytest.mark.parametrize(
    ("values", "kind", "positions"),
    [
        ([1, 2, 3, 5, 6], "linear", [0, 0.2, 0.4, 0.8, 1]),
        ([0.01, 0.1, 1, 10], "log", [0, 1 / 3, 2 / 3, 1]),
        ([0.1, 0.03, 0.01], "log", [1, math.log(3) / math.log(10), 0]),  # sorted on the axis
        ([0, 1e-5, 1e-4, 1e-3], "categories", [0.125, 0.375, 0.625, 0.875]),  # 0 has no logarithm
        ([0, 0.5], "linear", [0, 1]),
        ([None, 0.9], "categories", [0.25, 0.75]),
        ([True, False], "categories", [0.25, 0.75]),
        (["relu", "tanh", "gelu"], "categories", [1 / 6, 0.5, 5 / 6]),
        ([[64], [128, 64]], "categories", [0.25, 0.75]),
        ([{"name": "sgd", "momentum": 0.9}, "adam"], "categories", [0.25, 0.75]),
        ([7], "categories", [0.5]),
    ],
)
def test_a_list_lies_as_suits_its_values(values, kind, positions):
    scale = scale_of(*values)
    assert scale.kind == kind
    assert [scale.position(value) for value in values] == pytest.approx(positions)
    assert scale.is_discrete


def test_labels_are_short_and_tell_values_apart():
    assert sweep_scales.labels([None, True, 0.1, 3, "relu", [128, 64]]) == [
        "null",
        "true",
        "0.1",
        "3",
        "relu",
        "[128, 64]",
    ]
    named = [{"name": "sgd", "momentum": 0.5}, {"name": "sgd", "momentum": 0.9}, {"name": "adam"}]
    assert sweep_scales.labels(named, 40) == [
        "name=sgd momentum=0.5",
        "name=sgd momentum=0.9",
        "adam",
    ]
    nested = [{"data": {"deslant": True, "digit_width": width}} for width in (14, 16)]
    assert sweep_scales.labels(nested, 18) == ["deslant=…_width=14", "deslant=…_width=16"]
    alike = ["a" * 30 + middle + "b" * 30 for middle in "xy"]
    found = sweep_scales.labels(alike, 18)
    assert len(set(found)) == 2
    assert max(map(len, found)) <= 18


def test_a_long_list_has_few_ticks():
    scale = scale_of(*(f"value {i}" for i in range(1000)))
    assert len(scale.ticks) <= sweep_scales.MOST_CATEGORIES
    assert len(scale_of(*range(1000)).ticks) <= 12


def test_accuracies_that_differ_enough_lie_along_their_numbers():
    scale = monitor_scale([90, 92, 96, 98], minimize=False)
    assert scale.kind == "linear"
    assert [scale.position(value) for value in (90, 92, 98)] == pytest.approx([0, 0.25, 1])


def test_crowded_accuracies_lie_along_the_logarithms_of_their_errors():
    values = [0.0, 10.0, 90.0, 99.0, 99.9]  # errors of 100, 90, 10, 1 and 0.1 %
    scale = monitor_scale(values, minimize=False)
    assert scale.kind == "errors"
    assert scale.position(90.0) == pytest.approx(1 / 3)
    assert scale.position(99.0) == pytest.approx(2 / 3)
    assert {label: at for at, label in scale.ticks}["99"] == pytest.approx(2 / 3)
    perfect = monitor_scale([10.0, 50.0, 60.0, 100.0, 100.0, 99.0, 99.0], minimize=False)
    assert perfect.position(100.0) == 1
    assert perfect.position(99.0) < 1


def test_where_that_is_not_enough_the_worse_lie_beyond_the_end_of_the_axis():
    values = [10.0, 10.5, 98.0, 98.1, 98.2, 98.4]
    scale = monitor_scale(values, minimize=False)
    assert (scale.low, scale.high) == (98.0, 98.4)
    assert scale.position(10.0) == scale.position(10.5) == -EDGE
    assert scale.ticks[0] == (-EDGE, "< 98")
    losses = monitor_scale([0.1, 0.101, 0.103, 0.11, 1e6], minimize=True)
    assert losses.kind == "log"
    assert losses.position(1e6) == 1 + EDGE
    assert losses.ticks[-1] == (1 + EDGE, "> 0.11")


def test_losses_over_decades_lie_along_their_logarithms():
    scale = monitor_scale([0.01, 0.1, 1.0, 10.0], minimize=True)
    assert scale.kind == "log"
    assert scale.position(0.1) == pytest.approx(1 / 3)


def test_an_axis_has_room_for_bars_but_not_for_what_cannot_be():
    scale = monitor_scale([98.0, 99.0], minimize=False, ends=[97.0, 101.0])
    assert (scale.low, scale.high) == (97.0, 99.0)
    assert monitor_scale([0.5, 0.6], minimize=True, ends=[-1.0, 2.0]).high == 2.0


def test_equal_values_lie_in_the_middle():
    assert monitor_scale([0.5] * 6, minimize=True).position(0.5) == 0.5
    assert monitor_scale([98.0] * 6 + [10.0], minimize=False).position(98.0) == 1


# Points


def test_points_are_the_trials_with_a_value_or_a_failure(mixed):
    subject = SweepSubject(mixed)
    kinds = [(point.number, point.kind) for point in subject.points]
    assert kinds == [
        (0, "pruned"),
        (1, "done"),
        (2, "done"),
        (3, "failed"),
        (4, "unfinished"),
        (6, "failed"),
    ]
    assert [point.number for point in subject.valued] == [0, 4, 1, 2]  # the best is drawn last
    assert subject.best.value == pytest.approx(95)
    assert [subject.goodness(point) for point in subject.valued] == pytest.approx(
        [0, 20 / 45, 30 / 45, 1]
    )
    assert subject.kind_label("failed") == "no value: 1 diverged, 1 impossible"
    assert subject.kind_label("pruned") == "pruned by halving (1)"


def test_a_loss_is_better_when_it_is_lower(tmp_path):
    trials = [({RATE: rate}, loss) for rate, loss in ((0.1, 0.2), (0.2, 0.1), (0.3, 0.3))]
    subject = subject_of({RATE: [0.1, 0.2, 0.3]}, trials, folder=tmp_path, monitor="val_loss")
    assert [point.number for point in subject.valued] == [2, 0, 1]
    assert subject.goodness(subject.points[0]) == pytest.approx(0.5)
    assert subject.monitor_label == "validation loss\n(nats)"
    losses = {"loss.name": ["cross_entropy", "quadratic"]}
    other = subject_of(losses, crossed(losses, lambda _: 0.1), folder=tmp_path, monitor="val_loss")
    assert "each trial's loss" in other.monitor_label


# Parallel coordinates


def test_lines_go_through_the_positions_of_the_values(mixed):
    found = sweep_parallel_coordinates.lines(SweepSubject(mixed))
    assert [point.number for point, _ in found] == [3, 6, 0, 4, 1, 2]
    by_number = {point.number: at for point, at in found}
    assert by_number[2][0] == pytest.approx(0.75)  # 1, from 0.001 to 10
    assert by_number[2][2] == 1
    assert by_number[0][2] == 0
    assert by_number[3][2] == by_number[6][2] < -0.05  # no value


def test_lines_that_share_a_value_lie_side_by_side_the_better_above(mixed):
    found = sweep_parallel_coordinates.lines(SweepSubject(mixed))
    upper = [at[1] for point, at in found if point.values[HIDDEN] == [16]]  # the first is above
    assert upper == sorted(upper)
    assert len(set(upper)) == 4
    band = sweep_parallel_coordinates.BAND
    assert upper[0] == pytest.approx(0.75 - band / 2)
    assert upper[-1] == pytest.approx(0.75 + band / 2)


# Each parameter


def test_trials_of_one_value_of_a_list_lie_aside_each_other(mixed):
    subject = SweepSubject(mixed)
    at = sweep_parameters.places_along(subject, HIDDEN)
    first = [at[number] for number in (0, 1, 3, 6)]
    assert len(set(first)) == 4
    assert all(abs(place - 0.25) <= sweep_parameters.WIDEST / 2 for place in first)
    assert sweep_parameters.places_along(subject, RATE)[2] == pytest.approx(0.75)


def test_medians_are_those_of_the_trials_that_are_done(tmp_path):
    parameters = {HIDDEN: [[16], [32]], RATE: [0.1, 0.2, 0.3]}
    values = {0.1: 0.5, 0.2: 0.6, 0.3: 0.9}
    trials = crossed(
        parameters, lambda v: values[v[RATE]] if v[HIDDEN] == [16] else ("pruned", 0.5)
    )
    subject = subject_of(parameters, trials, folder=tmp_path)
    assert sweep_parameters.medians(subject, HIDDEN) == {0.25: pytest.approx(60)}
    assert sweep_parameters.medians(subject, RATE) == {}  # one trial each


def test_bars_reach_a_standard_deviation_down_and_up(tmp_path):
    trials = [({RATE: 0.1}, (0.90, 0.92, 0.94)), ({RATE: 0.2}, (0.5, 0.5, 0.5))]
    subject = subject_of({RATE: [0.1, 0.2]}, trials, folder=tmp_path, seeds=[1, 2, 3])
    assert subject.points[0].deviation == pytest.approx(2)
    _, (low, high) = sweep_parameters.deviations(subject, {0: 0.0, 1: 1.0})
    scale = subject.monitor
    assert low == pytest.approx((0.0, scale.position(90)))
    assert high == pytest.approx((0.0, scale.position(94)))


# Importance


def test_importance_is_that_of_the_epochs_that_all_trials_have(tmp_path):
    trials = [({RATE: 0.1}, 0.5), ({RATE: 0.2}, ("pruned", 0.4)), ({RATE: 0.3}, "diverged")]
    parameters = {RATE: [0.1, 0.2, 0.3]}
    importance, halving = {RATE: 0.5, MOMENTUM: 0.5}, {"first": 2}
    subject = subject_of(
        parameters, trials, folder=tmp_path, importance=importance, halving=halving
    )
    title = sweep_importance.draw(subject).axes[0].get_title()
    assert title.endswith("by 2 trials after 2 epochs")


def test_shares_are_in_percent_the_largest_first(tmp_path):
    parameters = {RATE: [0.1, 0.2], HIDDEN: [[16], [32]], MOMENTUM: [None, 0.9]}
    importance = {RATE: 0.25, HIDDEN: 0.75, MOMENTUM: math.nan}
    trials = crossed(parameters, lambda _: 0.5)
    subject = subject_of(parameters, trials, folder=tmp_path, importance=importance)
    assert list(sweep_importance.shares(subject).items()) == [(HIDDEN, 75), (RATE, 25)]
    assert sweep_importance.why_not(subject) is None
    lone = subject_of(parameters, trials, folder=tmp_path, importance={RATE: 1.0})
    assert "several parameters" in sweep_importance.why_not(lone)


# Heat map


def test_the_cells_of_two_parameters_that_make_a_grid(tmp_path):
    parameters = {RATE: [0.3, 0.1], HIDDEN: [[16], [64], [64, 32]]}
    trials = crossed(parameters, lambda v: 0.5 + v[RATE] + 0.01 * len(v[HIDDEN]))
    subject = subject_of(parameters, trials, folder=tmp_path)
    found = sweep_heat_map.heat_map(subject)
    assert (found.down, found.across) == (RATE, HIDDEN)
    assert found.rows == [0.1, 0.3]
    assert found.columns == [[16], [64], [64, 32]]
    assert found.value(0, 2) == pytest.approx(62)
    assert found.best(minimize=False) == (1, 2)
    assert found.best(minimize=True) == (0, 0)
    assert found.averaged == []


def test_two_parameters_that_leave_a_pair_out_make_no_grid(tmp_path):
    parameters = {RATE: [0.3, 0.1], HIDDEN: [[16], [64]]}
    trials = crossed(parameters, lambda _: 0.5)
    assert sweep_heat_map.heat_map(subject_of(parameters, trials, folder=tmp_path))
    assert sweep_heat_map.heat_map(subject_of(parameters, trials[:3], folder=tmp_path)) is None
    any_value = {RATE: {"low": 0.1, "high": 0.3}, HIDDEN: [[16], [64]]}
    drawn = [({RATE: 0.1 + i / 10, HIDDEN: [16 + 48 * (i % 2)]}, 0.5) for i in range(3)]
    assert sweep_heat_map.heat_map(subject_of(any_value, drawn, folder=tmp_path)) is None


def test_of_more_parameters_the_most_important_two_are_taken_and_the_others_averaged(tmp_path):
    parameters = {RATE: [0.1, 0.2], HIDDEN: [[16], [64]], MOMENTUM: [None, 0.9]}
    trials = crossed(parameters, lambda v: v[RATE] + (0.1 if v[MOMENTUM] else 0.0))
    importance = {RATE: 0.2, HIDDEN: 0.7, MOMENTUM: 0.1}
    subject = subject_of(parameters, trials, folder=tmp_path, importance=importance)
    found = sweep_heat_map.heat_map(subject)
    assert {found.down, found.across} == {RATE, HIDDEN}
    assert found.averaged == [MOMENTUM]
    assert found.value(0, 0) == pytest.approx(15)  # the mean of 10 and 20
    with house_style():
        assert (
            "mean over optimizer.momentum"
            in sweep_heat_map.draw(subject, found).axes[0].get_title()
        )


@pytest.mark.parametrize("spoilt", ["unequal", "halving"])
def test_an_average_that_would_not_be_fair_is_not_drawn(tmp_path, spoilt):
    parameters = {RATE: [0.1, 0.2], HIDDEN: [[16], [64]], MOMENTUM: [None, 0.9]}
    trials = crossed(parameters, lambda _: 0.5)
    if spoilt == "unequal":
        trials.pop()  # every pair still has a trial
    else:
        trials[0] = (trials[0][0], ("pruned", 0.4))
    assert sweep_heat_map.heat_map(subject_of(parameters, trials, folder=tmp_path)) is None


def test_a_parameter_of_one_value_does_not_count(tmp_path):
    parameters = {RATE: [0.1, 0.2], HIDDEN: [[16], [64]], MOMENTUM: [0.9]}
    subject = subject_of(parameters, crossed(parameters, lambda _: 0.5), folder=tmp_path)
    assert sweep_heat_map.heat_map(subject).averaged == []


def test_a_cell_says_what_must_be_known_of_its_value(mixed, tmp_path):
    subject = SweepSubject(mixed)
    pruned, done, best, diverged, *_ = subject.points
    assert sweep_heat_map.cell_text(subject, [done]) == "80.00"
    assert sweep_heat_map.cell_text(subject, [done, best]) == "87.50"
    assert sweep_heat_map.cell_text(subject, [pruned]) == "50.00\npruned"
    assert sweep_heat_map.cell_text(subject, [diverged]) == "diverged"
    assert sweep_heat_map.cell_text(subject, [done, diverged]) == "80.00\n1 of 2 failed"
    seeds = subject_of({RATE: [0.1]}, [({RATE: 0.1}, (0.5, 0.6))], folder=tmp_path, seeds=[1, 2])
    assert sweep_heat_map.cell_text(seeds, seeds.points) == "55.00\n± 7.07"


# Seeds


def test_dots_that_are_close_are_stacked():
    assert sweep_seeds.stacked([5.0, 1.0, 1.5, 1.9, 2.1], width=1.0) == [
        (5.0, 0),
        (1.0, 0),
        (1.5, 1),
        (1.9, 2),
        (2.1, 0),
    ]


def test_equal_dots_are_stacked():
    assert sweep_seeds.stacked([2.0, 2.0, 2.0], width=0.0) == [(2.0, 0), (2.0, 1), (2.0, 2)]


def test_seeds_alone_have_a_picture_of_their_own(tmp_path):
    result = sweep_of(tmp_path / "chance", {}, [({}, (0.96, 0.97, 0.98))], seeds=[1, 2, 3])
    assert [path.name for path in draw_pictures(result)] == ["seeds.png"]
    with house_style():
        (axes,) = sweep_seeds.draw(SweepSubject(result)).axes
    assert axes.get_title() == "chance: 97.00 % ± 1.00 % over 3 seeds"
    dots = next(line for line in axes.lines if line.get_marker() == "o")
    assert dots.get_xdata() == pytest.approx([96, 97, 98])
    interval = next(line for line in axes.lines if line.get_marker() == "|")
    half = 4.3027 * 1 / math.sqrt(3)  # Student's t of two degrees of freedom
    assert interval.get_xdata() == pytest.approx([97 - half, 97 + half], rel=1e-4)


# Files


def test_the_readme_lists_every_picture():
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    for name, entry in SWEEP_PICTURES.items():
        assert f"| `{name}` | {entry.shows} |" in readme


def test_every_picture_of_a_sweep(mixed):
    paths = draw_pictures(mixed)
    assert [path.name for path in paths] == ["parallel_coordinates.png", "parameters.png"]
    assert {path.parent for path in paths} == {mixed.folder / "pictures"}
    for path in paths:
        with Image.open(path) as picture:
            picture.load()


PARAMETERS: dict[str, dict[str, Any]] = {
    "lists": {RATE: [0.001, 0.01, 0.1], HIDDEN: [[64], [128, 64]]},
    "switches": {MOMENTUM: [None, 0.5, 0.9], "network.batch_norm": [True, False]},
    "configs": {
        "config": [{"name": "long_" * 19}, {"data": {"deslant": True}}],
        RATE: [0.1, 0.2],
    },
    "one": {RATE: [0.001, 0.01, 0.1]},
}


@pytest.mark.parametrize(
    ("name", "monitor"),
    [
        ("lists", "val_accuracy"),
        ("switches", "val_loss"),
        ("configs", "val_accuracy"),
        ("one", "val_loss"),
    ],
)
def test_parameters_of_all_kinds_are_drawn(tmp_path, name, monitor):
    parameters = PARAMETERS[name]
    trials = crossed(parameters, lambda v: tuple(0.5 + 0.1 * i for i in range(2)))
    trials[-1] = (trials[-1][0], "diverged")
    importance = {key: 1 / len(parameters) for key in parameters}
    result = sweep_of(
        tmp_path / "x",
        parameters,
        trials,
        seeds=[1, 2],
        monitor=monitor,
        importance=importance,
    )
    names = [path.stem for path in draw_pictures(result)]
    assert names == (ALL_BUT_SEEDS if len(parameters) == 2 else names[:2])
    assert names[:2] == ["parallel_coordinates", "parameters"]


def test_one_trial_is_drawn(tmp_path):
    parameters = PARAMETERS["lists"]
    result = sweep_of(tmp_path / "x", parameters, [({RATE: 0.01, HIDDEN: [64]}, 0.9)])
    assert len(draw_pictures(result)) == 2


def test_many_trials_are_drawn(tmp_path):
    parameters = {
        RATE: {"low": 0.0001, "high": 1.0, "log": True},
        "network.dropout.hidden": [0.1, 0.5],
    }
    trials = [
        ({RATE: 10 ** (-4 * i / 999), "network.dropout.hidden": (0.1, 0.5)[i % 2]}, 0.2 + i / 2000)
        for i in range(1000)
    ]
    result = sweep_of(tmp_path / "x", parameters, trials)
    assert len(draw_pictures(result)) == 2


def test_nothing_is_drawn_where_all_trials_failed(tmp_path):
    parameters = PARAMETERS["lists"]
    result = sweep_of(tmp_path / "x", parameters, crossed(parameters, lambda _: "diverged"))
    assert draw_pictures(result) == []
    assert not (tmp_path / "x").exists()
    with pytest.raises(DataError, match=r"No picture parameters: .*no trial has a result"):
        draw_pictures(result, only=["parameters"])


def test_svg_the_same_each_time_and_elsewhere(mixed, tmp_path):
    first, second = (
        draw_pictures(mixed, only=["parallel_coordinates"], file_format="svg", output=tmp_path / d)
        for d in ("a", "b")
    )
    assert first == [tmp_path / "a" / "parallel_coordinates.svg"]
    assert first[0].read_bytes() == second[0].read_bytes()
    ET.parse(first[0])
    assert not mixed.folder.exists()


def test_what_is_no_picture_of_a_sweep(mixed):
    with pytest.raises(ConfigError, match="no picture of sweeps named 'curves'"):
        draw_pictures(mixed, only=["curves"])
    with pytest.raises(DataError, match=r"No picture heat_map: .* no two parameters"):
        draw_pictures(mixed, only=["heat_map"])
    with pytest.raises(DataError, match=r"No picture seeds: .* it has parameters"):
        draw_pictures(mixed, only=["seeds"])


def test_pictures_are_not_written_through_a_link_out_of_the_sweep(mixed, tmp_path):
    mixed.folder.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (mixed.folder / "pictures").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match="leads out of the sweep"):
        draw_pictures(mixed)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_folder_that_cannot_be_written(mixed, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(WriteError):
        draw_pictures(mixed, output=tmp_path / "file")


# Read from the folder


def same(a, b):
    assert a.table == b.table
    assert [trial.values for trial in a.trials] == [trial.values for trial in b.trials]
    assert [trial.number for trial in a.ranking] == [trial.number for trial in b.ranking]
    assert summary(a) == summary(b)


def test_a_sweep_is_read_as_it_was_written(mixed):
    same(read_sweep_result(save(mixed)), mixed)


@pytest.mark.parametrize("name", PARAMETERS)
def test_values_of_all_kinds_are_read_as_they_were(tmp_path, name):
    trials = crossed(PARAMETERS[name], lambda v: (0.1 + 0.2, 1 / 3))
    result = sweep_of(
        tmp_path / "x", PARAMETERS[name], trials, seeds=[4, 5], importance={RATE: 0.5}
    )
    same(read_sweep_result(save(result)), result)


def test_integers_of_a_range_stay_integers(tmp_path):
    parameters = {"training.batch_size": {"low": 16, "high": 64}, MOMENTUM: {"low": 0, "high": 0.9}}
    trials = [({"training.batch_size": 32, MOMENTUM: 0.25}, 0.5)]
    read = read_sweep_result(save(sweep_of(tmp_path / "x", parameters, trials)))
    assert repr(read.trials[0].values) == repr(trials[0][0])


def test_a_reason_of_several_lines_is_read(tmp_path):
    result = sweep_of(
        tmp_path / "x", {RATE: [0.1, 0.2]}, [({RATE: 0.1}, 0.5), ({RATE: 0.2}, "impossible")]
    )
    result.trials[1].problem = "two\nlines\u2028and, a half"
    same(read_sweep_result(save(result)), result)


def test_an_unfinished_sweep_is_read(mixed):
    (save(mixed) / "summary.json").unlink()
    read = read_sweep_result(mixed.folder)
    assert (read.stopped, read.importance) == ("interrupted", {})
    assert read.table == mixed.table


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("results.csv", "diverged", "lost", r"results.csv:5: state: .* found 'lost'"),
        ("results.csv", "0.95,", "much,", r"results.csv:4: val_accuracy: expected a finite number"),
        ("results.csv", "0.95,", "nan,", r"found 'nan'"),
        ("results.csv", "1,done,0.1", "1,done,x", r"results.csv:3: optimizer.learning_rate: exp"),
        ("results.csv", '"[64, 32]"', "[65]", r"network.hidden: expected one of its values"),
        ("results.csv", "\n2,", "\n3,", r"trial: expected 2, found 3"),
        ("results.csv", "epochs", "epoch", r"expected a column epochs"),
        ("summary.json", "{", "[", r"summary.json: damaged"),
        ("summary.json", '"test": {}', '"test": 3', r"summary.json: damaged"),
        ("summary.json", '"seconds": 12.5', '"seconds": "x"', r"summary.json: damaged"),
        ("sweep.yaml", "parameters:", "parameter:", r"The sweep cannot be read: .*parameter"),
    ],
)
def test_a_damaged_sweep_is_told(mixed, file, old, new, message):
    path = save(mixed) / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DataError, match=message):
        read_sweep_result(mixed.folder)


def test_a_sweep_without_results_says_how_to_go_on(mixed):
    (save(mixed) / "results.csv").unlink()
    with pytest.raises(DataError, match=r"no trial is done.*mlpcli sweep --resume"):
        read_sweep_result(mixed.folder)


def test_no_such_sweep(tmp_path):
    with pytest.raises(CheckpointError, match="no sweep there"):
        read_sweep_result(tmp_path)


# The command


def plot(mixed, *arguments):
    save(mixed)
    return in_process("plot", *arguments, cwd=mixed.folder.parent)


def test_the_command_draws_a_sweep_again(mixed):
    done = plot(mixed, "mixed")
    names = ["parallel_coordinates.png", "parameters.png"]
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"{Path('mixed', 'pictures', name)}: written" for name in names
    ]
    done = plot(mixed, "mixed", "--only", "parameters", "--format", "svg", "--output", "there")
    assert done.returncode == 0
    assert [path.name for path in (mixed.folder.parent / "there").iterdir()] == ["parameters.svg"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["mixed", "mixed"], 2, "One sweep is drawn at a time"),
        (["mixed", "--landscape"], 2, "picture of a run"),
        (["mixed", "--only", "curves"], 2, "no picture of sweeps named 'curves'"),
        (["mixed", "--only", "heat_map"], 3, "no two parameters make a grid"),
        (["nothing"], 4, "no run there"),
    ],
)
def test_what_the_command_cannot_draw(mixed, arguments, code, message):
    done = plot(mixed, *arguments)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("parameters", "outcome", "message"),
    [
        ({RATE: [0.1]}, "diverged", "no trial has a result, "),
        ({RATE: [0.1]}, "waiting", "no trial has a result yet"),
        ({}, 0.5, "a sweep of one training"),
    ],
)
def test_a_sweep_without_pictures_says_why(tmp_path, parameters, outcome, message):
    values = {key: each[0] for key, each in parameters.items()}
    result = sweep_of(tmp_path / "sweeps" / "x", parameters, [(values, outcome)])
    done = plot(result, "x")
    assert done.returncode == 3
    assert message in done.stderr


def test_a_picture_of_sweeps_is_none_of_runs(finished):
    done = in_process("plot", finished.folder, "--only", "heat_map", cwd=finished.folder.parents[1])
    assert done.returncode == 2
    assert "no picture of runs named 'heat_map'" in done.stderr


def test_drawing_needs_neither_optuna_nor_dask(mixed):
    save(mixed)
    script = (
        "import sys\n"
        "sys.modules['optuna'] = sys.modules['distributed'] = None\n"
        "from pathlib import Path\n"
        "from mlpcli.sweeps.reading import read_sweep_result\n"
        "from mlpcli.pictures import of_sweeps\n"
        "assert 'matplotlib' not in sys.modules\n"
        "result = read_sweep_result(Path(sys.argv[1]))\n"
        "assert 'matplotlib' not in sys.modules\n"
        "of_sweeps.draw_pictures(result, only=['parameters'])\n"
    )
    subprocess.run([sys.executable, "-c", script, str(mixed.folder)], check=True)
    assert json.loads((mixed.folder / "summary.json").read_text())["name"] == "mixed"
