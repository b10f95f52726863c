"""A table of numbers instead of images: what a config may say, and what is learned from it."""

import csv
import math

import numpy as np
import pytest

import mlpcli
from mlpcli.data.loading import DataLoader
from mlpcli.errors import ConfigError, DataError
from mlpcli.inference.evaluate_checkpoints import evaluate_checkpoints
from mlpcli.reporting import Reporter

XOR = {
    "data": {
        "dataset": "table",
        "table": {"inputs": [[0, 0], [0, 1], [1, 0], [1, 1]], "targets": [[0], [1], [1], [0]]},
    },
    "loss": "quadratic",
    "network": {"hidden": [3]},
    "training": {"epochs": 3},
}


def loader(tmp_path, config):
    return DataLoader(config.data, config.seed, tmp_path, Reporter(), may_fetch=False)


def problems(*sources):
    with pytest.raises(ConfigError) as caught:
        mlpcli.load_config(*sources)
    return str(caught.value).splitlines()


def test_rows_are_taken_as_they_are_and_all_are_trained_on(tmp_path):
    config = mlpcli.load_config(XOR)
    training, validation = loader(tmp_path, config).training_and_validation()
    assert validation is None
    assert config.data.normalization == "none"
    assert training.images.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert training.targets.tolist() == [[0], [1], [1], [0]]
    assert training.class_names == ("1",)
    assert loader(tmp_path, config).test(training.class_names).targets.tolist() == (
        training.targets.tolist()
    )


def test_labels_make_classes(tmp_path):
    table = {"inputs": [[0.5], [1.5], [2.5]], "labels": [0, 2, 1]}
    config = mlpcli.load_config({"data": {"dataset": "table", "table": table}})
    training, _ = loader(tmp_path, config).training_and_validation()
    assert training.targets is None
    assert training.labels.tolist() == [0, 2, 1]
    assert training.class_names == ("0", "1", "2")


def test_a_formula_is_tested_midway_between_its_training_points(tmp_path):
    table = {"formula": "x**2", "low": 0, "high": 4, "points": 3}
    config = mlpcli.load_config({"data": {"dataset": "table", "table": table}, "loss": "mse"})
    load = loader(tmp_path, config)
    training, _ = load.training_and_validation()
    test = load.test(training.class_names)
    assert (training.images.tolist(), training.targets.tolist()) == (
        [[0], [2], [4]],
        [[0], [4], [16]],
    )
    assert (test.images.tolist(), test.targets.tolist()) == ([[1], [3]], [[1], [9]])


def test_a_formula_without_a_value_is_an_error_of_the_data(tmp_path):
    table = {"formula": "1 / x", "low": -1, "high": 1, "points": 3}
    config = mlpcli.load_config({"data": {"dataset": "table", "table": table}, "loss": "mse"})
    with pytest.raises(DataError, match="1 / x has no value at x = 0"):
        loader(tmp_path, config).training_and_validation()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": {"table": {"labels": [0, 1, 1, 0]}}}, "expected inputs and targets, or"),
        ({"data": {"table": {"formula": "x"}}}, "expected inputs and targets, or"),
        ({"data": {"table": {"inputs": None}}}, "expected inputs and targets, or"),
        ({"data": {"table": {"targets": [[1]]}}}, "data.table.targets: expected 4"),
        ({"data": {"table": {"inputs": [[1], [1, 2], [1], [1]]}}}, "rows of one length"),
        ({"data": {"table": {"inputs": [[]]}}}, "a list of 1 to 65536 items"),
        ({"data": {"normalization": "unit"}}, "data.normalization: expected standardize or none"),
        ({"data": {"augmentation": {"shift": 1}}}, "data.augmentation: only for images"),
        ({"data": {"class_names": ["a", "b"]}}, "a regression has no classes"),
        ({"data": {"train_classes": [1]}}, "data.train_classes=null takes it out"),
        ({"data": {"dataset": "mnist"}}, "data.table: only for dataset table"),
        ({"loss": "cross_entropy"}, "loss: expected one of binary_cross_entropy, mse"),
        ({"training": {"monitor": "train_accuracy"}}, "training.monitor: expected a loss"),
        (
            {"training": {"early_stopping": {"monitor": "train_accuracy"}}},
            "training.early_stopping.monitor: expected a loss",
        ),
        (
            {"loss": "binary_cross_entropy", "data": {"table": {"targets": [[0], [2], [1], [0]]}}},
            "loss: expected one of mse, quadratic",
        ),
    ],
)
def test_what_does_not_fit_together(change, message):
    assert any(message in line for line in problems(XOR, change))


def test_too_few_class_names():
    table = {"inputs": [[1], [2], [3]], "labels": [0, 1, 2]}
    data = {"dataset": "table", "table": table, "class_names": ["a", "b"]}
    assert problems({"data": data}) == [
        "data.class_names: expected 3, one for each label up to 2, found 2"
    ]


def test_a_regression_leaves_the_accuracy_columns_empty(tmp_path):
    run = mlpcli.train(mlpcli.load_config(XOR), runs_dir=tmp_path)
    (row, *_) = csv.DictReader((run.folder / "metrics.csv").read_text().splitlines())
    assert row["train_accuracy"] == row["val_accuracy"] == ""
    assert float(row["train_loss"]) == run.history[0].train_loss
    assert run.test.accuracy is None
    assert run.test.outputs.shape == (4, 1)


def test_a_regression_is_judged_by_its_outputs(tmp_path):
    run = mlpcli.train(mlpcli.load_config(XOR), runs_dir=tmp_path)
    judged = evaluate_checkpoints(run.folder)
    assert judged.loss == run.test.loss
    error = judged.outputs - judged.targets
    assert judged.loss == pytest.approx(float((error**2).sum()) / 8, rel=1e-6)


def test_a_regression_with_validation_is_best_by_its_loss(tmp_path):
    table = {"formula": "sin(x)", "points": 40}
    config = mlpcli.load_config(
        XOR, {"data": {"table": None}}, {"data": {"table": table}}, {"data": {"validation": 10}}
    )
    run = mlpcli.train(config, runs_dir=tmp_path)
    assert run.monitor == "val_loss"
    assert all(row.val_accuracy is None and math.isfinite(row.val_loss) for row in run.history)


@pytest.mark.parametrize("x", [np.zeros((1, 28, 28), np.uint8), [[1, 2, 3]], "ab", [[0, np.nan]]])
def test_a_network_of_numbers_refuses_what_are_not_its_rows(tmp_path, x):
    run = mlpcli.train(mlpcli.load_config(XOR), runs_dir=tmp_path)
    with pytest.raises(DataError, match=r"expected rows of 2 numbers \(x1, x2\)|finite"):
        run.load_model().predict(x)


def test_the_targets_reach_the_gradient(tmp_path):
    """z = w x + b and L = (z - t)²/2, so one step is w - η x (z - t) and b - η (z - t)."""
    config = mlpcli.load_config(
        {
            "dtype": "float64",
            "data": {"dataset": "table", "table": {"inputs": [[2.0]], "targets": [[3.0]]}},
            "network": {
                "hidden": [],
                "initializer": {"name": "given", "values": [[[0.5]]]},
                "bias_initializer": {"name": "given", "values": [[0.25]]},
            },
            "loss": "quadratic",
            "optimizer": {"name": "sgd", "learning_rate": 0.125},
            "training": {"epochs": 1},
        }
    )
    (layer,) = mlpcli.train(config, runs_dir=tmp_path).load_model().network.dense
    error = 0.5 * 2 + 0.25 - 3
    assert layer.W.tolist() == [[0.5 - 0.125 * 2 * error]]
    assert layer.b.tolist() == [0.25 - 0.125 * error]


@pytest.mark.parametrize(
    ("key", "values", "message"),
    [
        (
            "initializer",
            [[[1, 2, 3]]],
            "expected 2×3, 3×1 numbers for the layers in turn, found 1×3",
        ),
        ("initializer", [[[1, 2, 3], [1]], [[1], [1], [1]]], "found 2×1×3, 3×1"),
        (
            "bias_initializer",
            [[1, 2], [1]],
            "expected 3, 1 numbers for the layers in turn, found 2",
        ),
    ],
)
def test_given_numbers_of_another_shape(tmp_path, key, values, message):
    config = mlpcli.load_config(XOR, {"network": {key: {"name": "given", "values": values}}})
    with pytest.raises(ConfigError, match=f"network.{key}.values: .*{message}"):
        mlpcli.train(config, runs_dir=tmp_path)


def test_training_stops_with_the_first_epoch_below_a_loss(tmp_path):
    config = mlpcli.load_config(XOR, {"training": {"epochs": 50, "stop_at_loss": 0.2}})
    run = mlpcli.train(config, runs_dir=tmp_path)
    losses = [row.train_loss for row in run.history]
    assert run.reached_loss
    assert 1 < len(losses) < 50
    assert losses[-1] < 0.2 <= min(losses[:-1])
    assert '"stopped": "stop_at_loss"' in (run.folder / "summary.json").read_text()
