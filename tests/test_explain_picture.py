"""`mlpcli explain RUN IMAGE`: its numbers, computed once more from the checkpoint's weights."""

import dataclasses
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import mlpcli
from mlpcli.cli.main import command
from mlpcli.config.loading import config_of_checkpoint
from mlpcli.errors import CheckpointError, ConfigError, DataError, ImageError
from mlpcli.explaining import prediction as picture
from mlpcli.explaining.documents.plain_text import as_text
from mlpcli.explaining.documents.prediction import prediction_document, prediction_facts
from mlpcli.explaining.documents.ways import ways_document
from mlpcli.explaining.prediction import TracedPrediction, explain_prediction
from mlpcli.explaining.trace import trace_step
from mlpcli.explaining.ways import ways
from mlpcli.nn.losses import LOSSES, CrossEntropy
from mlpcli.nn.network import MLP
from mlpcli.nn.optimizers import SGD
from mlpcli.pictures import prediction as sheet
from mlpcli.pictures.style import house_style
from mlpcli.reading.digit import prepare
from mlpcli.reporting import Reporter
from mlpcli.training.setup import prepare as setup_of

SEVEN = Path(__file__).parents[1] / "docs" / "seven.png"
RATE = 0.01


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    config = mlpcli.load_config(
        "quickstart",
        overrides=[
            "dtype=float64",
            "data.train_size=600",
            "data.test_size=50",
            "training.epochs=2",
            "network.hidden=[12]",
            "network.activation=tanh",
            f"optimizer.learning_rate={RATE}",
        ],
    )
    return mlpcli.train(config, runs_dir=tmp_path_factory.mktemp("runs")).folder


@pytest.fixture(scope="module")
def facts(run):
    return json.loads(explain(run, "--label", "2", "--format", "json"))


def explain(*arguments):
    done = CliRunner().invoke(
        command,
        ["explain", str(arguments[0]), str(SEVEN), *map(str, arguments[1:])],
        catch_exceptions=False,
    )
    assert done.exit_code == 0, done.output
    return done.output


def softmax(z):
    return np.exp(z) / np.exp(z).sum()


@pytest.fixture(scope="module")
def by_hand(run):
    """Forward, backward and one step as the textbook has them."""
    model = mlpcli.load_model(run)
    first, last = model.network.dense
    x = (prepare(SEVEN).pixels - model.normalization.mean) / model.normalization.std
    a = np.tanh(x @ first.W + first.b)
    z = a @ last.W + last.b
    p = softmax(z)
    assert model.temperature != 1
    delta2 = p - np.eye(10)[2]
    delta1 = (last.W @ delta2) * (1 - a * a)
    moved = np.tanh(x @ (first.W - RATE * np.outer(x, delta1)) + first.b - RATE * delta1)
    z_after = moved @ (last.W - RATE * np.outer(a, delta2)) + last.b - RATE * delta2
    return {
        "x": x,
        "a": a,
        "z": z,
        "p": p,
        "delta2": delta2,
        "delta1": delta1,
        "dW2": np.outer(a, delta2),
        "dx": first.W @ delta1,
        "loss_after": -np.log(softmax(z_after)[2]),
        "believed": softmax(z / model.temperature),
        "p_after": softmax(z_after),
    }


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-15)


def test_the_way_forward(facts, by_hand):
    hidden, output = facts["layers"]
    assert_close(hidden["a"], by_hand["a"])
    assert_close(output["z"], by_hand["z"])
    assert_close(facts["outputs"], by_hand["z"])
    assert_close(list(facts["probabilities"].values()), by_hand["p"])
    assert_close(list(facts["calibrated_probabilities"].values()), by_hand["believed"])
    assert facts["predicted"] == str(by_hand["p"].argmax())
    assert facts["label"] == "2"
    assert_close(facts["loss"], -np.log(by_hand["p"][2]))
    assert facts["pixels"] == prepare(SEVEN).pixels.reshape(28, 28).tolist()


def test_the_way_back(facts, by_hand):
    hidden, output = facts["layers"]
    assert_close(list(facts["prediction_minus_target"].values()), by_hand["delta2"])
    assert_close(output["delta"], by_hand["delta2"])
    assert_close(hidden["delta"], by_hand["delta1"])
    assert_close(output["gradient_norm"], np.linalg.norm(by_hand["dW2"]))
    assert_close(
        hidden["gradient_norm"], np.linalg.norm(by_hand["x"]) * np.linalg.norm(by_hand["delta1"])
    )
    assert_close(np.ravel(facts["for_the_label"]), -by_hand["dx"])


def test_one_step_of_sgd(facts, by_hand):
    assert facts["learning_rate"] == RATE
    assert_close(list(facts["probabilities_after"].values()), by_hand["p_after"])
    assert_close(facts["loss_after"], by_hand["loss_after"])
    changes = -RATE * by_hand["dW2"]
    found = [each["change"] for each in facts["weight_changes"]]
    assert_close(found, [*np.sort(changes.ravel())[::-1][:5], *np.sort(changes.ravel())[:5]])
    for each in facts["weight_changes"]:
        assert_close(each["change"], changes[each["unit"] - 1, int(each["class_name"])])
        assert_close(each["activation"], by_hand["a"][each["unit"] - 1])


def test_the_step_is_not_kept(run):
    weights = run / "weights" / "best.safetensors"
    before = weights.read_bytes()
    explain(run)
    assert weights.read_bytes() == before


def test_without_a_label_it_is_what_the_network_says(run):
    found = json.loads(explain(run, "--format", "json"))
    assert found["label"] == found["predicted"]


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_the_other_forms(run, facts, form):
    text = explain(run, "--label", "2", "--format", form)
    assert f"{facts['prediction_minus_target']['2']:+.4f}" in text
    assert f"{facts['probabilities_after']['2']:.4f}" in text
    assert "↑" in text
    assert ("<svg" in text) == (form == "html")
    assert ("▀" in text) == (form != "html")


def test_the_sheet_is_drawn(run, tmp_path):
    for name in ("sheet.png", "sheet.svg"):
        file = tmp_path / name
        assert explain(run, "--label", "2", "--output", file) == f"{file}: written\n"
    with Image.open(tmp_path / "sheet.png") as image:
        assert image.size[0] > 1000
    ET.parse(tmp_path / "sheet.svg")
    explain(run, "--output", tmp_path / "sheet.html")
    assert (tmp_path / "sheet.html").read_text(encoding="utf-8") == explain(run, "--format", "html")


def widths(axes):
    return [bar.get_width() for bar in axes.patches]


def test_the_numbers_of_the_sheet(run, by_hand):
    figure = sheet.draw("seven.png", explain_prediction(run, SEVEN, "2"))
    panels = {axes.get_title() or axes.get_title("left"): axes for axes in figure.axes}
    outputs, should, after = figure.axes[-5:-2]
    assert_close(widths(outputs), by_hand["z"])
    assert should.get_title().endswith("go from p to t")
    assert should.get_xlabel() == "dot: p, the prediction; bar: t, the target"
    assert_close(should.lines[0].get_xdata(), by_hand["p"])
    assert_close(should.lines[1].get_xdata(), np.eye(10)[2])
    assert_close(widths(after), np.concatenate([by_hand["p"], by_hand["p_after"]]))
    speaks = panels["Which pixels speak for 2"].images[0].get_array()
    assert_close(np.ravel(speaks), -by_hand["dx"])
    changes = np.sort((-RATE * by_hand["dW2"]).ravel())
    raised = panels["Weights of the last layer that are raised most"]
    assert_close(widths(raised), changes[::-1][:5])


def story_of(loss, sizes=(784, 12, 62), **settings):
    network = MLP(sizes, "tanh", dtype=np.float64)
    network.theta[:] = np.random.default_rng(0).normal(0, 0.1, len(network.theta))
    x = np.linspace(-1, 1, 784)[np.newaxis]
    t = np.eye(sizes[-1])[:1]
    plain = SGD()
    step = trace_step(network, LOSSES[loss](**settings), plain, {}, x, t, 0.01, differences=False)
    names = tuple(f"the class with the long name {i}" for i in range(sizes[-1]))
    pixels = np.zeros((28, 28), np.uint8)
    p = step.prediction[0]
    return TracedPrediction(pixels, names, 0, 1, step, 0.9, p, p, p, "log p", x.reshape(28, 28))


def test_with_many_classes_the_sheet_has_those_furthest_off():
    story = story_of("cross_entropy")
    chosen = sheet.classes_drawn(story)
    error = np.abs(story.step.prediction[0] - story.step.t[0])
    assert len(chosen) == 30
    assert error[chosen].min() > np.delete(error, chosen).max()
    with house_style():
        figure = sheet.draw("a-picture-with-quite-a-long-name.png", story)
        figure.draw_without_rendering()
    extents = [axes.get_tightbbox() for axes in figure.axes]
    for i, one in enumerate(extents):
        assert figure.bbox.x0 <= one.x0 < one.x1 <= figure.bbox.x1
        assert not any(one.overlaps(other) for other in extents[:i])


@pytest.mark.parametrize("sizes", [(784, 10), (784, *[4] * 6, 10)])
def test_the_sheet_of_no_and_of_many_hidden_layers(sizes):
    figure = sheet.draw("a.png", story_of("cross_entropy", sizes))
    titles = [axes.get_title("left") for axes in figure.axes]
    assert sum(title.startswith("Layer ") for title in titles) == min(len(sizes) - 2, 4)
    assert ("the first 4 of 6 hidden layers" in figure.get_suptitle()) == (len(sizes) == 8)


def test_the_arrows_lead_to_the_smoothed_target():
    """Beyond (1 − ε) + ε / n the label's output should go down, although y is 1 there."""
    story = story_of("cross_entropy", (784, 12, 2), label_smoothing=0.4)
    step = dataclasses.replace(story.step, prediction=np.array([[0.9, 0.1]]))
    story = dataclasses.replace(story, step=step)
    facts = prediction_facts("a.png", story)
    assert_close(list(facts["prediction_minus_target"].values()), [0.9 - 0.8, 0.1 - 0.2])
    (section,) = (
        each for each in prediction_document("a.png", story).sections if "should do" in each.title
    )
    assert [row[1:] for row in section.rows[1:]] == [["+0.1000", "↓↓"], ["-0.1000", "↑↑"]]
    assert "smoothed, as the loss asks: 0.8 for the class" in section.words
    assert "and 0.2 for the others" in section.words
    should = sheet.draw("a.png", story).axes[-4]
    assert_close(should.lines[1].get_xdata(), [0.8, 0.2])
    assert should.get_xlabel().endswith("smoothed")


def test_an_arrow_has_a_longest_and_a_shortest_length():
    story = story_of("mse", (784, 12, 3))
    step = dataclasses.replace(story.step, prediction=np.array([[1.001, 1e9, -2.0]]))
    document = prediction_document("a.png", dataclasses.replace(story, step=step))
    (rows,) = (each.rows for each in document.sections if "should do" in each.title)
    assert [row[2] for row in rows[1:]] == ["↓", 20 * "↓", 20 * "↑"]


@pytest.mark.parametrize("loss", ["smoothed", "brier", "binary_cross_entropy", "mse", "quadratic"])
def test_more_ink_speaks_for_the_label_where_the_map_is_positive(loss, run, monkeypatch):
    """Centred differences of log softmax(z), or of the output, where the loss wants it lower."""
    model = mlpcli.load_model(run)
    label = 3
    model.network.dense[-1].b[label] += 8
    network = model.network.with_parameters(model.network.theta.copy())
    chosen = CrossEntropy(0.3) if loss == "smoothed" else LOSSES[loss]()
    model = dataclasses.replace(model, loss=chosen)
    monkeypatch.setattr(picture, "load_model", lambda path: model)
    story = explain_prediction(run, SEVEN, str(label))
    delta = story.step.layers[-1].delta[0, label]
    assert (delta > 0) == (loss not in ("binary_cross_entropy", "brier"))
    has_softmax = loss in ("smoothed", "brier")

    def scores(x):
        z = network.forward(x).copy()
        return (np.log(chosen.probabilities(z)) if has_softmax else z)[:, label]

    h = 1e-5
    x = (prepare(SEVEN).pixels - model.normalization.mean) / model.normalization.std
    moved = h * np.eye(x.size)
    expected = (scores(x + moved) - scores(x - moved)) / (2 * h)
    np.testing.assert_allclose(story.for_the_label.ravel(), expected, rtol=1e-5, atol=1e-9)
    page = as_text(prediction_document("seven.png", story))
    said = "log p" if has_softmax else "output"
    assert f"∂ {said}/∂x at each pixel, with the {said} of {label}: more ink speaks" in page


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "mse"])
def test_what_each_output_should_do_is_what_the_loss_says(loss):
    """The arrows are as long as p is away from t, where p is what the loss compares."""
    step = story_of(loss).step
    z = step.layers[-1].z
    expected = z if loss == "mse" else 1 / (1 + np.exp(-z))
    np.testing.assert_allclose(step.prediction, expected, rtol=1e-12)


def test_what_does_not_fit(run, tmp_path):
    with pytest.raises(
        ConfigError, match=r"--label seven: the network knows no such class; .* 0, 1"
    ):
        explain_prediction(run, SEVEN, "seven")
    (tmp_path / "not-a-picture.png").write_text("no")
    with pytest.raises(ImageError, match=r"not-a-picture\.png"):
        explain_prediction(run, tmp_path / "not-a-picture.png", None)
    with pytest.raises(ImageError):
        explain_prediction(run, tmp_path / "missing.png", None)
    with pytest.raises(CheckpointError):
        explain_prediction(tmp_path, SEVEN, None)


def test_a_network_of_numbers_has_no_pictures(tmp_path):
    config = mlpcli.load_config("examples/chain", overrides=["training.epochs=1"])
    numbers = mlpcli.train(config, runs_dir=tmp_path).folder
    with pytest.raises(DataError, match="trained on a table of numbers"):
        explain_prediction(numbers, SEVEN, None)


def test_what_it_saw_is_drawn_in_black_and_what_speaks_for_it_in_colours(run):
    page = explain(run, "--format", "html")
    saw, speaks = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    grey = r"rgb\((\d+),\1,\1\)"
    assert len(re.findall(grey, saw)) == saw.count("rgb(") > 0
    assert "rgb(255,0,0)" in speaks or "rgb(0,0,255)" in speaks
    assert ' role="img" aria-label="What it saw" ' in saw  # for those who cannot see it


def test_the_name_of_a_file_stays_on_one_line_and_has_no_control_characters():
    name, story = "a\nb\x1b[31m.png", story_of("cross_entropy", (784, 4, 10))
    sheets = (
        prediction_document(name, story),
        ways_document(name, ways(story, story.class_names[0])),
    )
    for document in sheets:
        assert as_text(document).startswith(r"a\nb\x1b[31m.png")


@pytest.mark.parametrize("shape", [(1, 100), (100, 1)])
def test_the_sheet_of_a_flat_picture(shape):
    story = story_of("cross_entropy", (784, 10))
    pixels = np.linspace(0, 255, 100).astype(np.uint8).reshape(shape)
    flat = dataclasses.replace(story, pixels=pixels, for_the_label=np.ones(shape))
    sheet.draw("a.png", flat).draw_without_rendering()


def test_the_temperature_is_told(run, facts):
    temperature = mlpcli.load_model(run).temperature
    assert facts["temperature"] == temperature
    assert f"the run's temperature first, {temperature:.3f}, and then says" in " ".join(
        explain(run, "--label", "2").split()
    )


def test_an_image_of_the_training_set_has_its_own_label(run):
    done = CliRunner().invoke(
        command, ["explain", str(run), "--example", "3", "--format", "json"], catch_exceptions=False
    )
    facts = json.loads(done.output)
    model = mlpcli.load_model(run)
    config = config_of_checkpoint(model.config, model.path)
    setup = setup_of(config, None, Reporter())
    assert facts["file"] == "example 3"
    assert np.ravel(facts["pixels"]).tolist() == setup.training.images[2].tolist()
    assert facts["label"] == str(setup.training.labels[2])
    done = CliRunner().invoke(command, ["explain", str(run), "--example", "9999"])
    assert "--example 9999: there are 540 of them." in str(done.exception)


def test_in_columns_layers_are_counted_from_the_input(run):
    rows = json.loads(explain(run, "--label", "2", "--format", "json"))
    columns = json.loads(explain(run, "--label", "2", "--format", "json", "--notation", "columns"))
    assert [layer["layer"] for layer in rows["layers"]] == [1, 2]
    assert [layer["layer"] for layer in columns["layers"]] == [2, 3]
    assert rows["layers"][0]["delta"] == columns["layers"][0]["delta"]
    text = explain(run, "--label", "2", "--notation", "columns")
    assert "a⁽²⁾ = " in text
    assert "Layer 2, tanh" in text


def test_before_any_training_the_answers_are_random(run, tmp_path):
    config = mlpcli.load_config("quickstart", overrides=["data.train_size=60", "training.epochs=0"])
    untrained = mlpcli.train(config, runs_dir=tmp_path)
    facts = json.loads(explain(untrained.folder, "--label", "7", "--format", "json"))
    p = np.array(list(facts["probabilities"].values()))
    assert facts["temperature"] == 1
    assert p.max() < 0.9
    np.testing.assert_allclose(p, list(facts["calibrated_probabilities"].values()), rtol=1e-6)
