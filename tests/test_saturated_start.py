"""A start at which nearly no error passes is told, with what to do."""

import pytest
from helpers.runs import Told

import mlpcli

START = {"name": "constant", "value": 0.2}
HOUSE = {
    "data": {
        "dataset": "table",
        "table": {
            "inputs": [[50, 1], [70, 2], [120, 3], [200, 5]],
            "targets": [[1.5], [2.1], [3.5], [5.6]],
        },
    },
    "network": {
        "hidden": [2],
        "activation": "sigmoid",
        "initializer": START,
    },
    "loss": "mse",
    "training": {"epochs": 1},
}


def told(tmp_path, *overrides):
    reporter = Told()
    config = mlpcli.load_config(HOUSE, overrides=overrides)
    mlpcli.train(config, runs_dir=tmp_path, reporter=reporter)
    return " ".join(text for text in reporter.remarks if "saturated" in text)


def test_large_inputs_saturate_a_sigmoid(tmp_path):
    text = told(tmp_path)
    assert text.startswith("Warning: layer 1 begins saturated: for 100 % of its units")
    assert "of which the largest is 200 (data.normalization=standardize)" in text
    assert "xavier_normal" in text
    assert "another activation than sigmoid" in text


@pytest.mark.parametrize(
    "cure",
    ["data.normalization=standardize", "network.activation=leaky_relu", "network.hidden=[]"],
)
def test_each_cure_is_one(tmp_path, cure):
    assert told(tmp_path, cure) == ""


def test_units_of_relu_that_are_all_off_are_told(tmp_path):
    start = "network.initializer={name: constant, value: -1}"
    text = told(tmp_path, start, "network.activation=relu")
    assert "another activation than relu, such as leaky_relu" in text
    assert "layer 2" in told(
        tmp_path, start, "network.activation=[identity, tanh]", "network.hidden=[2, 2]"
    )


def test_an_output_has_an_activation_of_its_own(tmp_path):
    text = told(
        tmp_path,
        "network.initializer={name: constant, value: 60}",
        "network.activation=identity",
        "network.output_activation=sigmoid",
    )
    assert "layer 2" in text
    assert "another activation than sigmoid, such as identity (network.output_activation)" in text


@pytest.mark.parametrize("key", ["network.activation", "network.output_activation"])
def test_no_weights_help_a_step(tmp_path, key):
    text = told(tmp_path, "network.initializer=xavier_normal", f"{key}=step")
    assert text.endswith(f"Try another activation than step, whose slope is 0 everywhere ({key}).")


def test_where_it_is_not_saturated_nothing_is_told(tmp_path):
    for name in ("examples/xor", "examples/vanishing", "examples/worked_3_2_3"):
        reporter = Told()
        config = mlpcli.load_config(name, overrides=["training.epochs=0"])
        mlpcli.train(config, runs_dir=tmp_path, reporter=reporter)
        assert not reporter.remarks
