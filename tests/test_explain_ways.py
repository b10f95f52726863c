"""`mlpcli explain RUN IMAGE --ways CLASS`: its numbers from the weights, and its arrows."""

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import mlpcli
from mlpcli.cli.main import command
from mlpcli.errors import ConfigError
from mlpcli.explaining.documents.arrows import arrow
from mlpcli.explaining.documents.plain_text import as_text
from mlpcli.explaining.documents.ways import ways_document
from mlpcli.explaining.prediction import explain_prediction
from mlpcli.explaining.ways import ways
from mlpcli.pictures import ways as ways_picture
from mlpcli.reading.digit import prepare

SEVEN = Path(__file__).parents[1] / "docs" / "seven.png"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    config = mlpcli.load_config("examples/three_ways", overrides=["training.pictures=false"])
    return mlpcli.train(config, runs_dir=tmp_path_factory.mktemp("runs")).folder


def explain(run, *arguments):
    return CliRunner().invoke(
        command, ["explain", str(run), str(SEVEN), *arguments], catch_exceptions=False
    )


@pytest.fixture(scope="module")
def facts(run):
    done = explain(run, "--label", "7", "--ways", "2", "--format", "json")
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def test_every_number_by_hand(run, facts):
    model = mlpcli.load_model(run)
    first, last = model.network.dense
    x = (prepare(SEVEN).pixels - model.normalization.mean) / model.normalization.std
    a = sigmoid(x @ first.W + first.b)
    p = sigmoid(a @ last.W + last.b)
    delta = (p - np.eye(10)[7]) * p * (1 - p)
    expected = {
        "prediction": p[2],
        "target": 0,
        "terms": a * last.W[:, 2],
        "wish_for_the_bias": -delta[2],
        "wishes_for_the_weights": -a * delta[2],
        "wishes_for_the_activations": -last.W[:, 2] * delta[2],
        "wishes_of_all_outputs": -last.W * delta,
        "wishes_added_up": -last.W @ delta,
    }
    for name, values in expected.items():
        np.testing.assert_allclose(facts[name], values, rtol=1e-9, atol=1e-15)
    assert (facts["label"], facts["output"]) == ("7", "2")
    assert facts["z"] == pytest.approx(sum(facts["terms"]) + facts["bias"])


def test_an_arrow_points_up_where_a_number_should_rise_and_is_as_long_as_the_way():
    assert [arrow(way, 2.0, 10) for way in (2, 1, -0.5, 0.001, 0, 9)] == [
        "↑" * 10,
        "↑" * 5,
        "↓" * 2,
        "↑",
        "stay",
        "↑" * 10,
    ]
    assert arrow(0.0, 0.0, 10) == "stay"


def test_text_and_page_and_picture(run, tmp_path):
    text = explain(run, "--label", "7", "--ways", "7").output
    assert "wishes to rise" in text.replace("\n", " ")
    rows = [line.split() for line in text.splitlines() if line.startswith("  bias")]
    assert rows[-1][1].startswith("+")
    assert set(rows[-1][2]) == {"↑"}
    assert "of 0" in text
    page = explain(run, "--label", "7", "--ways", "7", "--format", "html").output
    assert '<span class="up">↑' in page
    assert '<span class="down">↓' in page
    picture = tmp_path / "ways.png"
    assert explain(run, "--label", "7", "--ways", "7", "-o", str(picture)).exit_code == 0
    with Image.open(picture) as image:
        colours = {colour for _, colour in image.convert("RGB").getcolors(2**20)}
    assert {(0, 114, 178), (213, 94, 0)} <= colours


def test_only_what_matters_has_an_arrow_in_the_picture(run):
    found = ways(explain_prediction(run, SEVEN, "7"), "7")
    of_weights, wishes = found.of_weights.copy(), found.wishes.copy()
    of_weights[2:] *= 1e-9
    wishes[:, 4] = 0
    found = dataclasses.replace(found, of_weights=of_weights, wishes=wishes)
    _terms, moves, wanted = ways_picture.draw("seven.png", found).axes
    assert len(moves.texts) == 2 + 1 + 16  # weights, the bias, activations
    assert len(wanted.texts) == 9 * 16 + 16


def test_an_output_that_is_right_has_no_wish(tmp_path):
    overrides = ["network.output_activation=identity", "loss=perceptron", "training.pictures=false"]
    config = mlpcli.load_config("examples/three_ways", overrides=overrides)
    traced = explain_prediction(mlpcli.train(config, runs_dir=tmp_path).folder, SEVEN, "7")
    decisions, targets = traced.step.prediction[0], traced.step.target[0]
    right = str(int(np.flatnonzero(decisions == targets)[0]))
    text = as_text(ways_document("seven", ways(traced, right)))
    assert "and has nothing to wish" in " ".join(text.split())
    assert not re.search(r"-0\.0+\b", text)


def test_a_weight_matters_by_its_activation_whatever_the_sign(run):
    a = np.full(16, 0.5)
    a[3] = -0.9
    found = dataclasses.replace(ways(explain_prediction(run, SEVEN, "7"), "7"), activations=a)
    text = " ".join(as_text(ways_document("seven", found)).split())
    assert "the activation it is multiplied by, that of unit 4 most" in text


def test_a_class_that_is_unknown_and_a_network_without_a_hidden_layer(run, tmp_path):
    traced = explain_prediction(run, SEVEN, None)
    with pytest.raises(ConfigError, match=r"--ways x: the network knows no such class.* are 0, 1"):
        ways(traced, "x")
    overrides = ["network.hidden=[]", "training.pictures=false"]
    config = mlpcli.load_config("examples/three_ways", overrides=overrides)
    flat = mlpcli.train(config, runs_dir=tmp_path).folder
    with pytest.raises(ConfigError, match="no hidden layer"):
        ways(explain_prediction(flat, SEVEN, None), "7")


def test_it_goes_with_a_run_alone():
    done = CliRunner().invoke(command, ["explain", "--config", "examples/chain", "--ways", "7"])
    assert done.exit_code == 2
    assert "--ways goes with RUN and IMAGE alone" in done.output


def test_columns(run):
    rows, columns = (
        explain(run, "--label", "7", "--ways", "7", "--notation", each).output
        for each in ("rows", "columns")
    )
    assert "z₂ = Σ a₁ W₂ + b₂" in rows
    assert "z⁽³⁾ = Σ W⁽²⁾ a⁽²⁾ + b⁽²⁾" in columns
    options = ("--label", "7", "--ways", "7", "--notation", "columns", "--format", "json")
    assert json.loads(explain(run, *options).output)["notation"] == "columns"


def test_an_image_of_the_training_set(run):
    arguments = ["explain", str(run), "--example", "1", "--ways", "7"]
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert done.output.startswith("example 1: three ways to change the output 7")
