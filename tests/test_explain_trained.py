"""`mlpcli explain RUN --inputs` and `--example`: a trained network's way forward and back."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.processes import in_process

import mlpcli
from mlpcli.config.loading import load_config


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    quiet = ["training.pictures=false"]
    for name in ("examples/xor", "examples/worked_3_2_3"):
        mlpcli.train(load_config(name, overrides=quiet), runs_dir=folder)
    house = {
        "name": "house",
        "dtype": "float64",
        "data": {
            "dataset": "table",
            "normalization": "standardize",
            "table": {
                "names": {"inputs": ["area", "rooms"], "targets": ["price"]},
                "inputs": [[50, 1], [70, 2], [120, 3]],
                "targets": [[150], [210], [350]],
            },
        },
        "network": {"hidden": [2], "activation": "tanh", "initializer": "xavier_normal"},
        "loss": "mse",
        "optimizer": {"name": "adam", "learning_rate": 0.1},
        "training": {"epochs": 20},
    }
    mlpcli.train(load_config(house), runs_dir=folder)
    return folder


def explain(*arguments):
    return in_process("explain", *arguments, cwd=Path.cwd())


def facts_of(*arguments):
    done = explain(*arguments, "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def values(facts, part):
    return {
        name: np.array(quantity["values"])
        for section in facts[part]
        for name, quantity in section.get("quantities", {}).items()
    }


def test_the_numbers_are_those_of_the_trained_network(runs):
    first, second = mlpcli.load_model(runs / "xor").network.dense
    x, t = np.array([[0.0, 1]]), np.array([[1.0]])
    a = np.tanh(x @ first.W + first.b)
    z = a @ second.W + second.b
    delta = (z - t) @ second.W.T * (1 - a * a)
    facts = facts_of(runs / "xor", "--inputs", "0,1", "--target", "1")
    forward, backward = values(facts, "forward"), values(facts, "backward")
    np.testing.assert_allclose(forward["z2"], z, rtol=1e-12)
    np.testing.assert_allclose(forward["answer"], z, rtol=1e-12)
    np.testing.assert_allclose(backward["dW1"], x.T @ delta, rtol=1e-12)
    np.testing.assert_allclose(backward["numerical_dW1"], x.T @ delta, rtol=1e-5, atol=1e-9)
    assert facts["loss"] == pytest.approx((z - t).item() ** 2 / 2, rel=1e-12)
    new = values(facts, "update")["new_W1"]
    np.testing.assert_allclose(new, first.W - 0.5 * x.T @ delta, rtol=1e-12)
    assert facts["optimizer"] == "sgd"


def test_a_training_example_brings_its_target(runs):
    same = facts_of(runs / "xor", "--inputs", "0,1", "--target", "1")
    facts = facts_of(runs / "xor", "--example", "2")
    assert facts["loss"] == same["loss"]
    assert facts["examples"] == [2]
    assert facts["what"] == "example 2"


def test_a_class_is_the_networks_own_or_the_one_named(runs):
    own = facts_of(runs / "worked_3_2_3", "--inputs", "1,1,1")
    named = facts_of(runs / "worked_3_2_3", "--inputs", "1,1,1", "--target", "third")
    assert values(own, "forward")["t"].tolist() == [[1, 0, 0]]
    assert values(named, "forward")["t"].tolist() == [[0, 0, 1]]
    assert own["loss"] == pytest.approx(0.009970, abs=5e-7)


def test_a_regression_without_a_target_goes_forward_only(runs):
    facts = facts_of(runs / "house", "--inputs", "120,3")
    model = mlpcli.load_model(runs / "house")
    answer = values(facts, "forward")["answer"]
    np.testing.assert_allclose(answer, model.predict([[120, 3]]), rtol=1e-12)
    assert "backward" not in facts
    text = explain(runs / "house", "--inputs", "120,3").stdout
    assert "The inputs are area and rooms." in text
    assert "--target says what the output should be" in text


def test_what_is_standardised_is_told_both_ways(runs):
    facts = facts_of(runs / "house", "--example", "3")
    forward = values(facts, "forward")
    np.testing.assert_allclose(forward["inputs"], [[120, 3]])
    np.testing.assert_allclose(forward["targets"], [[350]])
    x, t = np.array([[50, 1], [70, 2], [120, 3]]), np.array([150, 210, 350])
    np.testing.assert_allclose(forward["x"], [(x[2] - x.mean(0)) / x.std(0)])
    np.testing.assert_allclose(forward["t"], [[(350 - t.mean()) / t.std()]])
    assert facts["learning_rate"] == 0.1


def test_the_checkpoint_stays_as_it_is(runs):
    weights = runs / "xor" / "weights" / "best.safetensors"
    before = weights.read_bytes()
    assert explain(runs / "xor", "--example", "1").returncode == 0
    assert weights.read_bytes() == before


def test_its_graph(runs, tmp_path):
    facts = facts_of(runs / "xor", "--inputs", "0,1", "--target", "1", "--graph")
    last = facts["nodes"][-1]
    assert (last["name"], last["value"]) == (
        "L",
        facts_of(runs / "xor", "--example", "2")["loss"],
    )
    drawn = tmp_path / "graph.png"
    done = explain(runs / "xor", "--example", "2", "--graph", "-o", drawn)
    assert done.stdout == f"{drawn}: written\n"
    done = explain(runs / "house", "--inputs", "1,2", "--graph")
    assert (done.returncode, "--target says" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["xor", "--example", "9"], 2, "--example 9: there are 4 of them"),
        (["xor", "--example", "0"], 2, "--example 0: expected a number from 1 on"),
        (["xor", "--inputs", "0"], 3, "0: expected 2 numbers (x1, x2), found '0'"),
        (["xor", "--inputs", "0,1", "--target", "a"], 3, "a: expected 1 number"),
        (["worked_3_2_3", "--inputs", "1,1,1", "--target", "a"], 2, "knows no such class"),
        (["xor", "--inputs", "0,1", "--example", "1"], 2, "--inputs goes with a RUN"),
        (["xor", "--target", "1"], 2, "--target goes with --inputs"),
        (["xor", "--inputs", "0,1", "--label", "1"], 2, "--label goes with RUN and IMAGE"),
        (["xor", "--inputs", "0,1", "-o", "a.png"], 2, "Drawn is only the graph"),
        (["xor"], 2, "Give --config"),
        (["gone", "--inputs", "0,1"], 4, "no such"),
    ],
)
def test_what_does_not_go(runs, arguments, code, message):
    done = explain(runs / arguments[0], *arguments[1:])
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr


def test_a_network_of_images_is_told(runs):
    done = explain("boxed", "--inputs", "0,1")
    assert (done.returncode, "trained on images" in done.stderr) == (3, True)


def test_a_graph_has_the_names_of_the_columns(runs):
    facts = facts_of(runs / "house", "--example", "3", "--graph")
    labels = {node["name"]: node["label"] for node in facts["nodes"]}
    assert (labels["x[1]"], labels["x[2]"], labels["t"], labels["e"]) == (
        "area",
        "rooms",
        "price",
        "",
    )
    text = explain(runs / "house", "--example", "3", "--graph", "--format", "text").stdout
    assert "given: rooms" in text


def test_batch_normalisation_is_told_to_be_folded(runs, tmp_path):
    overrides = ["training.pictures=false", "training.epochs=1", "network.batch_norm=true"]
    run = mlpcli.train(load_config("examples/xor", overrides=overrides), runs_dir=tmp_path)
    told = "Batch normalisation is folded into the weights and biases before it."
    assert told in " ".join(explain(run.folder, "--example", "1").stdout.split())
    assert told not in " ".join(explain(runs / "xor", "--example", "1").stdout.split())
    first = mlpcli.load_model(run.folder).network.dense[0]
    forward = values(facts_of(run.folder, "--example", "1"), "forward")
    np.testing.assert_allclose(forward["z1"], forward["x"] @ first.W + first.b)
