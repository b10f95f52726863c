"""What is drawn: the numbers by hand, and the files."""

import dataclasses
import io
import itertools
import os
import shutil
import warnings
import xml.etree.ElementTree as ET
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from helpers.runs import PICTURES_OF_IMAGES, Told
from matplotlib.contour import QuadContourSet
from matplotlib.lines import Line2D
from PIL import Image

import mlpcli
from mlpcli.data.dataset import Dataset
from mlpcli.data.normalization import Normalization
from mlpcli.errors import CheckpointError, ConfigError, DataError, WriteError
from mlpcli.inference.model import Model
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import MLP
from mlpcli.pictures import (
    activations,
    calibration,
    confusion_matrix,
    curves,
    decision,
    fit,
    gradients,
    landscape,
    mistakes,
    of_runs,
    style,
    weight_path,
    weights,
)
from mlpcli.pictures.catalogue import PICTURES
from mlpcli.pictures.of_runs import draw_pictures
from mlpcli.pictures.subject import Subject
from mlpcli.reporting import Reporter
from mlpcli.storage.records import read_gradients, read_record
from mlpcli.training.evaluation import Evaluation
from mlpcli.training.metrics import EpochMetrics, GradientNorms
from mlpcli.training.setup import prepare

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "pictures.md"


@pytest.fixture
def run(finished, monkeypatch):
    """A run on bars, only to be read; its data lie in the working directory."""
    monkeypatch.chdir(finished.folder.parents[1])
    return finished


@pytest.fixture
def own(run, tmp_path):
    """The same run in a folder of the test's own."""
    return dataclasses.replace(run, folder=shutil.copytree(run.folder, tmp_path / "runs" / "bars"))


@pytest.fixture
def learn(tmp_path):
    """Train on a table of numbers."""

    def train(table, *overrides, class_names=None, **network):
        data = {"dataset": "table", "table": table, "class_names": class_names}
        config = {
            "dtype": "float64",
            "data": data,
            "network": {"hidden": [3], "activation": "tanh", **network},
            "loss": "cross_entropy" if "labels" in table else "quadratic",
            "training": {"epochs": 2, "pictures": False},
        }
        return mlpcli.train(mlpcli.load_config(config, overrides=overrides), runs_dir=tmp_path)

    return train


def default_names(*runs):
    subjects = [Subject(run.folder, None, Reporter(), None, False) for run in runs]
    return of_runs._all_names(subjects, with_landscape=False)


def judged(labels, predictions, probabilities):
    """An evaluation in which each prediction was believed with the probability given."""
    believed = np.zeros((len(labels), 3))
    believed[np.arange(len(labels)), predictions] = probabilities
    return Evaluation(0.0, np.array(labels), np.array(predictions), believed, ("a", "b", "c"))


def network(*hidden, activation="relu", n_in=2):
    return MLP([n_in, *hidden, 3], activation, dtype=np.float64)


def model_of(net, image_shape=(1, 2)):
    return Model(
        network=net,
        loss=LOSSES["cross_entropy"](),
        normalization=Normalization(0.0, 1.0),
        image_shape=image_shape,
        output_names=("a", "b", "c"),
        config={"data": {}},
        epoch=1,
        path=None,
    )


def images_of(rows):
    images = np.array(rows, np.uint8)
    return Dataset(images, np.zeros(len(images), np.intp), (1, images.shape[1]), ("a", "b", "c"))


def test_mistakes_are_ordered_by_the_probability_of_the_prediction():
    evaluation = judged([0, 1, 2, 0, 1, 2], [1, 1, 0, 2, 0, 1], [0.5, 0.99, 0.9, 0.6, 0.9, 0.4])
    assert mistakes.worst_mistakes(evaluation, 10).tolist() == [2, 4, 3, 0, 5]
    assert mistakes.worst_mistakes(evaluation, 2).tolist() == [2, 4]
    assert mistakes.worst_mistakes(judged([0], [0], [1.0]), 5).tolist() == []


def test_shares_of_a_confusion_matrix_are_those_of_the_true_class():
    shares = confusion_matrix.shares(np.array([[3, 1], [0, 0]]))
    assert shares.tolist() == [[0.75, 0.25], [0, 0]]


def test_firing_rates_and_dead_units_by_hand():
    net = network(4)
    net.dense[0].W[...] = [[1, -1, 0, 1], [0, 0, 0, 0]]
    net.dense[0].b[...] = [-2, 2, -1, 1]  # fires above 2, below 2, never, always
    (layer,) = activations.firing(model_of(net), images_of([[0, 9], [1, 0], [2, 0], [3, 1]]))
    assert layer.rates.tolist() == [0.25, 0.5, 0, 1]
    assert layer.dead.tolist() == [2]
    assert layer.activation == "relu"


@pytest.mark.parametrize(
    ("activation", "rates", "dead"),
    [
        ("sigmoid", [0.5, 1], [1]),
        ("tanh", [0.5, 1], [1]),
        ("softplus", [0.5, 1], []),
        ("leaky_relu", [0.5, 1], []),
        ("identity", [0.5, 1], []),
    ],
)
def test_a_unit_fires_above_its_output_for_zero_and_is_dead_where_it_never_changes(
    activation, rates, dead
):
    net = network(2, activation=activation)
    net.dense[0].W[...] = [[1, 1], [0, 0]]
    net.dense[0].b[...] = [-1.5, 60]  # the second saturates sigmoid and tanh
    (layer,) = activations.firing(model_of(net), images_of([[0, 0], [1, 0], [2, 0], [3, 0]]))
    assert layer.rates.tolist() == rates
    assert layer.dead.tolist() == dead


def test_each_hidden_layer_is_watched_by_its_own_activation_over_all_blocks():
    net = network(3, 2, activation=["relu", "tanh"])
    rng = np.random.default_rng(0)
    net.theta[...] = rng.normal(size=net.theta.shape)
    x = rng.integers(0, 256, (5000, 2))
    first, second = activations.firing(model_of(net), images_of(x))
    a = np.maximum(x @ net.dense[0].W + net.dense[0].b, 0)
    assert first.rates == pytest.approx((a > 0).mean(axis=0))
    assert second.rates == pytest.approx((a @ net.dense[1].W + net.dense[1].b > 0).mean(axis=0))
    assert (first.activation, second.activation) == ("relu", "tanh")


def test_the_strongest_units_in_their_own_order():
    W = np.array([[3.0, 0, 1, 4], [4, 0, 1, 4]], np.float32)  # lengths 5, 0, √2, √32
    assert weights.strongest_units(W, 2).tolist() == [0, 3]
    assert weights.strongest_units(W, 9).tolist() == [0, 1, 2, 3]


def test_a_mosaic_puts_each_tile_in_its_place():
    tiles = np.arange(12).reshape(3, 2, 2)
    sheet = style.mosaic(tiles, columns=2, gap=(1, 2))
    assert sheet.shape == (6, 8)
    assert sheet[0:2, 1:3].tolist() == tiles[0].tolist()
    assert sheet[0:2, 5:7].tolist() == tiles[1].tolist()
    assert sheet[3:5, 1:3].tolist() == tiles[2].tolist()
    assert np.isnan(sheet).sum() == 48 - 12


def test_the_principal_directions_are_those_of_a_singular_value_decomposition():
    rng = np.random.default_rng(1)
    path = rng.normal(size=(9, 50)).cumsum(axis=0)
    plane = landscape.principal_plane(path)
    _, s, v = np.linalg.svd(path - path[-1], full_matrices=False)
    assert np.abs(plane.directions @ v[:2].T) == pytest.approx(np.eye(2), abs=1e-8)
    assert plane.shares == pytest.approx(s[:2] ** 2 / (s**2).sum())
    assert plane.origin.tolist() == path[-1].tolist()
    assert (plane.directions @ (path[0] - path[-1]) >= 0).all()


def test_a_path_along_a_line_spans_no_plane():
    line = np.outer(np.arange(5.0), np.ones(4))
    for path in (line, np.zeros((4, 3))):
        with pytest.raises(DataError, match="no plane"):
            landscape.principal_plane(path)


def setup_of(run):
    return prepare(run.config, None, Reporter())


def test_the_path_is_that_of_the_run_and_the_survey_measures_the_loss_there(run):
    setup = setup_of(run)
    start = setup.network.theta.copy()
    seen = []
    path = weight_path.follow(setup, 4, lambda done, total: seen.append((done, total)))
    last = mlpcli.load_model(run.folder / "weights" / "last.safetensors").network
    assert np.array_equal(path.thetas[0], start)
    assert np.array_equal(path.thetas[-1], last.theta)
    assert path.epochs[0] == 0
    assert path.epochs[-1] == len(path.thetas) - 1
    assert len(path.epochs) == 5
    assert seen[-1] == (4, 4)

    found = landscape.survey(setup, [path], lambda done, total: None)
    assert found.loss.shape == (landscape.COARSE, landscape.COARSE)
    assert found.paths[0][-1].tolist() == [0, 0]
    assert found.unit == "nats"
    plane = landscape.principal_plane(path.thetas)
    model = mlpcli.load_model(run.folder / "weights" / "last.safetensors")
    for i, j in ((0, 0), (3, 20)):
        model.network.theta[...] = plane.origin + np.float32(found.x[j]) * plane.directions[0]
        model.network.theta[...] += np.float32(found.y[i]) * plane.directions[1]
        assert found.loss[i, j] == pytest.approx(model.evaluate(setup.training).loss, rel=1e-4)


def test_a_long_training_keeps_no_more_points_than_can_be_drawn(run, monkeypatch):
    monkeypatch.setattr(weight_path, "MOST_POINTS", 3)
    path = weight_path.follow(setup_of(run), 4, lambda done, total: None)
    assert path.epochs_apart == 2
    assert path.epochs == (0, 2, 4)  # among them every 11th of the 32 steps, and the end
    assert len(path.thetas) == 5


@pytest.mark.parametrize("threads", [1, 2])
def test_the_path_has_every_step_and_knows_where_epochs_end(bars, tmp_path, threads):
    overrides = [f"training.workers={threads}", "optimizer={name: sgd, momentum: null}"]
    run = mlpcli.train(mlpcli.load_config(bars, overrides=overrides), runs_dir=tmp_path)
    path = weight_path.follow(setup_of(run), 3, lambda done, total: None)
    assert path.epochs == (0, 8, 16, 24)  # 120 images in batches of 16
    assert len(path.thetas) == 25
    assert all((a != b).any() for a, b in itertools.pairwise(path.thetas))


def test_curves_have_gaps_where_nothing_was_measured():
    rows = [EpochMetrics(1, 0.1, 0.5, 2.0, 0.25, None, None)]
    assert curves.values(rows, "train_accuracy", 100.0) == [25.0]
    assert np.isnan(curves.values(rows, "val_loss")).all()


def test_the_curves_drawn_are_the_columns_of_metrics_csv(run):
    picture = curves.draw([read_record(run.folder)], ["bars"])
    loss, accuracy, rate = picture.axes
    train, val, best = loss.lines
    assert train.get_ydata().tolist() == [row.train_loss for row in run.history]
    assert val.get_ydata().tolist() == [row.val_loss for row in run.history]
    assert np.asarray(best.get_xdata()).tolist() == [run.best_epoch, run.best_epoch]
    assert accuracy.lines[0].get_ydata() == pytest.approx(
        [100 * row.train_accuracy for row in run.history]
    )
    assert rate.lines[0].get_ydata().tolist() == [row.learning_rate for row in run.history]
    assert all(axes.get_ylabel() for axes in picture.axes)


@pytest.mark.parametrize("labels", [["bars"], ["bars", "cars"], [f"{i:040}" for i in range(9)]])
def test_a_legend_is_no_wider_than_its_picture(run, labels):
    record = read_record(run.folder)
    with style.house_style():
        picture = curves.draw([record] * len(labels), labels)
        picture.draw_without_rendering()
        box = picture.legends[0].get_window_extent()
    assert 0 <= box.x0 < box.x1 <= picture.bbox.width


@pytest.mark.parametrize("file_format", ["png", "svg"])
def test_everything_is_drawn_once(tmp_path, monkeypatch, file_format):
    picture = style.figure(3, 2)
    picture.subplots().plot([1, 2], [3, 4])
    drawn, draw = [], Line2D.draw

    def drawing(line, renderer):
        drawn.append(line)
        draw(line, renderer)

    monkeypatch.setattr(Line2D, "draw", drawing)
    style.save(picture, tmp_path / "picture", file_format)
    (data,) = picture.axes[0].lines
    assert drawn.count(data) == 1


def test_a_short_legend_has_all_its_columns():
    picture = style.figure(8, 4)
    handles = [Line2D([], [], label=name) for name in "abc"]
    legend = style.legend_outside(picture, handles, most=3)
    picture.draw_without_rendering()
    texts = legend.get_texts()
    assert len({text.get_window_extent().y0 for text in texts}) == 1
    assert picture.legends == [legend]


def test_gradients_are_drawn_by_layer(tmp_path):
    path = tmp_path / "gradients.csv"
    path.write_text(
        "epoch,layer,gradient_norm,update_norm\n1,1,0.5,0.1\n1,2,0.25,0.2\n2,1,0.125,0.05\n2,2,,0\n"
    )
    rows = read_gradients(path)
    assert rows[1] == GradientNorms(1, 2, 0.25, 0.2)
    layers = gradients.by_layer(rows)
    assert list(layers) == [1, 2]
    assert layers[1] == [GradientNorms(1, 1, 0.5, 0.1), GradientNorms(2, 1, 0.125, 0.05)]
    upper, lower = gradients.draw([layers], ["a"]).axes
    assert upper.lines[0].get_ydata().tolist() == [0.5, 0.125]
    assert lower.lines[1].get_ydata().tolist() == [0.2, 0]
    assert np.isnan(np.asarray(upper.lines[1].get_ydata())[1])


def test_gradients_of_several_runs_stand_side_by_side_on_one_scale():
    shallow = {1: [GradientNorms(1, 1, 1.0, 0.1)]}
    deep = {i: [GradientNorms(epoch, i, 10.0**-i, 0.1) for epoch in (1, 2)] for i in range(1, 10)}
    picture = gradients.draw([shallow, deep], ["shallow", "deep"])
    first, second = picture.axes[:2]
    assert [axes.get_title(loc="left") for axes in (first, second)] == ["shallow", "deep"]
    assert first.get_ylim() == second.get_ylim()
    assert first.get_yscale() == "log"
    legend = [text.get_text() for text in picture.legends[0].get_texts()]
    assert legend == [f"layer {layer}" for layer in range(1, 10)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("epoch,layer,gradient_norm\n1,1,1\n", "expected a column update_norm"),
        ("epoch,layer,gradient_norm,update_norm\n", "no row in it yet"),
        ("epoch,layer,gradient_norm,update_norm\n1,1,x,1\n", r":2: gradient_norm: .* found 'x'"),
        ("epoch,layer,gradient_norm,update_norm\n1,1,nan,1\n", "a finite number"),
        ("epoch,layer,gradient_norm,update_norm\n1,0,1,1\n", "layer: .* of at least 1"),
        ("epoch,layer,gradient_norm,update_norm\n1,1,1,1\n1,2,0.", "cut short"),
    ],
)
def test_damaged_gradients_are_told(own, content, message):
    (own.folder / "gradients.csv").write_text(content)
    with pytest.raises(DataError, match=message):
        draw_pictures(own.folder, only=["gradients"])


def test_the_curve_of_a_fit_is_the_networks_function(learn):
    run = learn({"formula": "x**2", "low": -2, "high": 2, "points": 9})
    model = run.load_model()
    training = Dataset(np.linspace(-2, 2, 9)[:, np.newaxis], np.zeros(9, np.intp), (1, 1), ("0",))
    curve = fit.curve(model, training, 0.123456, "mine")
    hidden, output = model.network.dense
    expected = np.tanh(curve.x[:, np.newaxis] @ hidden.W + hidden.b) @ output.W + output.b
    assert curve.y == pytest.approx(expected[:, 0])
    assert curve.x[[0, -1]] == pytest.approx([-2.2, 2.2])
    assert curve.label == "mine (1-3-1): test loss 0.123"


def test_fits_of_several_runs_are_laid_over_each_other(learn):
    table = {"formula": "sin(x)", "low": -1, "high": 1, "points": 5}
    few, many = learn(table, "name=few"), learn(table, "name=many", "network.hidden=[7, 5]")
    assert default_names(few) == ["curves", "activations", "gradients", "fit"]
    names = [path.name for path in draw_pictures(few.folder, many.folder)]
    assert names == [f"{name}_compared.png" for name in ("curves", "gradients", "fit")]

    other = learn({**table, "high": 2})
    with pytest.raises(DataError, match=r"fit: .*learned from other data than .*few"):
        draw_pictures(few.folder, other.folder, only=["fit"])
    assert default_names(few, other) == ["curves", "gradients"]


def test_one_point_can_be_drawn(learn):
    run = learn({"inputs": [[1]], "targets": [[0]]})
    assert len(draw_pictures(run.folder)) == 4


CORNERS = [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_the_regions_of_classes(learn):
    run = learn({"inputs": CORNERS, "labels": [0, 1, 1, 2]}, class_names=["a", "b", "c"])
    training = Dataset(np.array(CORNERS, float), np.array([0, 1, 1, 2]), (1, 2), ("a", "b", "c"))
    model = run.load_model()
    plane = decision.decision_surface(model, training, "mine")
    assert plane.x[[0, -1]] == pytest.approx([-0.25, 1.25])
    for i, j in ((0, 0), (30, 120), (160, 7)):
        point = np.array([[plane.x[j], plane.y[i]]])
        assert plane.answer[i, j] == model.network.forward(point).argmax()
    picture = decision.draw([plane])
    legend = [text.get_text() for text in picture.legends[0].get_texts()]
    assert legend[:3] == ["a", "b", "c"]
    assert picture.axes[0].get_xlabel()
    expected = "curves calibration confusion_matrix activations gradients decision"
    assert default_names(run) == expected.split()
    assert draw_pictures(run.folder, only=["decision"])


def test_the_output_of_a_regression_of_two_inputs(learn):
    table = {"inputs": CORNERS, "targets": [[0], [1], [1], [0]]}
    run = learn(table)
    targets = np.array(table["targets"], float)
    training = Dataset(np.array(CORNERS, float), np.zeros(4, np.intp), (1, 2), ("0",), targets)
    plane = decision.decision_surface(run.load_model(), training, "mine")
    point = np.array([[plane.x[7], plane.y[90]]])
    assert plane.answer[90, 7] == pytest.approx(run.load_model().network.forward(point).item())
    flat = decision.DecisionSurface(
        "flat", plane.x, plane.y, np.full_like(plane.answer, 0.5), training
    )
    with style.house_style():
        picture = decision.draw([plane, flat, plane, plane, plane])
        style.save(picture, run.folder / "five.png", "png")
    assert [axes.get_title(loc="left") for axes in picture.axes[:2]] == ["mine", "flat"]
    assert len([axes for axes in picture.axes if axes.axison]) == 5 + 1  # and the colour bar
    classes = learn({"inputs": CORNERS, "labels": [0, 1, 1, 0]})
    with pytest.raises(DataError, match=r"decision: .*learned from other data"):
        draw_pictures(run.folder, classes.folder, only=["decision"])


@pytest.mark.parametrize(("low", "high"), [(-1.0, 0.0), (0.0, 2.0), (-3.0, -2.0)])
def test_the_shades_of_an_output_end_where_it_ends(low, high):
    x = np.linspace(0, 1, 3)
    answer = np.linspace(low, high, 9).reshape(3, 3)
    targets = np.full((4, 1), high)
    training = Dataset(np.array(CORNERS, float), np.zeros(4, np.intp), (1, 2), ("0",), targets)
    picture = decision.draw([decision.DecisionSurface("mine", x, x, answer, training)])
    shades = picture.axes[0].collections[0]
    assert isinstance(shades, QuadContourSet)
    assert np.asarray(shades.levels)[[0, -1]].tolist() == [low, high]
    lines = picture.axes[0].collections[1]
    # Solid, an offset without a pattern of dashes: only halfway is dashed.
    assert all(str(each).endswith(" None)") for each in lines.get_linestyle())


def test_no_two_of_64_classes_look_alike():
    names = tuple(f"class {i}" for i in range(64))
    x = np.linspace(0, 1, 8)
    plane = decision.DecisionSurface(
        "mine",
        x,
        x,
        np.arange(64.0).reshape(8, 8),
        Dataset(np.zeros((64, 2)), np.arange(64), (1, 2), names),
    )
    picture = decision.draw([plane])
    points = [(line.get_markerfacecolor(), line.get_marker()) for line in picture.axes[0].lines]
    patches = [
        (each.get_facecolor(), each.get_hatch()) for each in picture.legends[0].get_patches()
    ]
    assert len(set(points)) == len(set(patches)) == 64


def test_a_picture_that_a_run_has_nothing_for_says_why(run, learn):
    regression = learn({"inputs": CORNERS, "targets": [[0], [1], [1], [0]]})
    for folder, name, why in (
        (regression.folder, "calibration", "the picture is of classes"),
        (regression.folder, "weights", "the picture is of images"),
        (regression.folder, "fit", "one input and one output"),
        (run.folder, "decision", "a table with two inputs"),
    ):
        with pytest.raises(DataError, match=rf"No picture {name}: .*{why}"):
            draw_pictures(folder, only=[name])


def test_a_unit_that_sees_one_example_is_not_called_dead():
    (layer,) = activations.firing(model_of(network(2, activation="tanh")), images_of([[0, 9]]))
    assert layer.dead.tolist() == []


def test_every_picture_of_a_run_even_an_unfinished_one(own):
    (own.folder / "summary.json").unlink()
    written = draw_pictures(own.folder)
    assert [path.name for path in written] == [f"{name}.png" for name in PICTURES_OF_IMAGES]
    for path in written:
        assert path.parent == own.folder / "pictures"
        with Image.open(path) as picture:
            assert picture.format == "PNG"
            assert np.asarray(picture.convert("L")).std() > 1


def test_svg_the_same_each_time_and_elsewhere(run, tmp_path):
    first = draw_pictures(run.folder, only=["curves"], output=tmp_path / "a", file_format="svg")
    second = draw_pictures(run.folder, only=["curves"], output=tmp_path / "b", file_format="svg")
    assert first == [tmp_path / "a" / "curves.svg"]
    assert first[0].read_bytes() == second[0].read_bytes()
    assert ET.parse(first[0]).getroot().tag.endswith("svg")
    assert not (run.folder / "pictures").exists()


def test_an_evaluation_that_is_known_is_not_made_again(own, monkeypatch):
    monkeypatch.setattr(Model, "evaluate", None)
    assert draw_pictures(own.folder, only=["confusion_matrix"], test=own.test)


def test_several_runs_are_laid_over_each_other(run, own):
    written = draw_pictures(own.folder, run.folder)
    names = [path.relative_to(own.folder).as_posix() for path in written]
    assert names == [
        f"pictures/{name}_compared.png" for name in ("curves", "calibration", "gradients")
    ]
    records = [read_record(folder) for folder in (own.folder, run.folder)]
    picture = curves.draw(records, ["bars", "bars-2"])
    assert len(picture.axes[0].lines) == 6
    legend = [text.get_text() for text in picture.legends[0].get_texts()]
    assert {"bars", "bars-2"} <= set(legend)


def test_what_is_drawn_of_one_run_at_a_time(run):
    with pytest.raises(ConfigError, match="mistakes is drawn of one run at a time"):
        draw_pictures(run.folder, run.folder, only=["mistakes"])
    with pytest.raises(ConfigError, match="no picture of runs named 'curve'"):
        draw_pictures(run.folder, only=["curve"])
    with pytest.raises(ConfigError, match="from 1 to 8 runs"):
        draw_pictures(*[run.folder] * 9)


def test_gradients_of_zero_are_drawn(own):
    rows = "1,1,0.5,0\n1,2,0,0\n"  # a logarithm has no 0
    (own.folder / "gradients.csv").write_text("epoch,layer,gradient_norm,update_norm\n" + rows)
    assert draw_pictures(own.folder, only=["gradients"])


def test_gradients_are_left_out_where_there_are_none(own):
    path = own.folder / "gradients.csv"
    path.unlink()
    with pytest.raises(DataError, match=r"gradients\.csv: cannot be read: No such file"):
        draw_pictures(own.folder, only=["gradients"])
    reporter = Told()
    subject = Subject(own.folder, None, reporter, None, False)
    names = [name for name in PICTURES_OF_IMAGES if name != "gradients"]
    assert of_runs._all_names([subject], with_landscape=False) == names
    assert reporter.remarks == [f"{path}: there is no such file, so gradients is left out."]


def test_curves_need_no_weights(own):
    (own.folder / "weights" / "best.safetensors").unlink()
    assert draw_pictures(own.folder, only=["curves", "gradients"])


def test_runs_of_one_name_are_told_apart_by_their_folders(run, tmp_path):
    other = shutil.copytree(run.folder, tmp_path / "elsewhere" / "bars")
    folders = (run.folder, other, run.folder)
    subjects = [Subject(folder, None, Reporter(), None, True) for folder in folders]
    assert of_runs._labels(subjects) == ["runs/bars", "elsewhere/bars", "runs/bars"]
    assert style.run_label("a" * 30 + "b" * 30) == "a" * 17 + "…" + "b" * 18


def test_a_line_of_many_points_has_few_markers():
    assert style.marked(25) == {"markevery": (0, 1)}
    assert style.marked(201, 1, 3) == {"markevery": (3, 9)}


def test_a_wide_range_of_losses_is_drawn_logarithmically(run):
    record = read_record(run.folder)

    def scale(*losses, validation=None):
        rows = [
            EpochMetrics(i, 0.1, 0.5, loss, 0.5, validation, None)
            for i, loss in enumerate(losses, 1)
        ]
        narrow = dataclasses.replace(record, history=rows)
        return curves.draw([narrow], ["a"]).axes[0].get_yscale()

    assert scale(2.0, 0.1) == "linear"
    assert scale(2.0, 0.01, 0.0) == "log"
    assert scale(0.0) == "linear"
    assert scale(2.0, 0.001, validation=1.0) == "linear"  # else the overfitting would not be seen


def test_the_landscape_is_drawn_when_asked_for(own):
    reporter = Mock(Reporter)
    (path,) = draw_pictures(own.folder, only=["landscape"], reporter=reporter)
    assert path.is_file()
    points = landscape.COARSE**2
    assert reporter.work_done.call_args.args == ("measuring the loss", points, points)


def test_a_path_ends_where_a_run_took_back_its_last_step(tmp_path):
    config = mlpcli.load_config("examples/xor", overrides=["training.pictures=false"])
    run = mlpcli.train(config, runs_dir=tmp_path)
    assert run.took_back
    reporter = Mock(Reporter)
    draw_pictures(run.folder, only=["landscape"], reporter=reporter)
    reporter.remark.assert_not_called()


def test_a_network_without_hidden_layers(bars, tmp_path):
    config = mlpcli.load_config(bars, overrides=["network.hidden=[]"])
    run = mlpcli.train(config, runs_dir=tmp_path / "runs")
    assert draw_pictures(run.folder, only=["weights"])
    assert "activations" not in default_names(run)
    with pytest.raises(DataError, match="no hidden layer"):
        draw_pictures(run.folder, only=["activations"])


def test_a_run_without_an_epoch_is_not_drawn(own):
    (own.folder / "metrics.csv").unlink()
    with pytest.raises(CheckpointError, match="has not finished an epoch"):
        draw_pictures(own.folder)


def test_the_reference_lists_every_picture():
    rows = "".join(f"| `{name}` | {entry.shows} |\n" for name, entry in PICTURES.items())
    assert f"| picture | shows |\n| --- | --- |\n{rows}\n" in PAGE.read_text(encoding="utf-8")


NAMES = [r"$\bad$", "猫", "a name that is far too long for an axis"]


def test_class_names_from_outside_are_drawn_as_text(bars, tmp_path):
    config = mlpcli.load_config(bars, {"data": {"class_names": NAMES}})
    run = mlpcli.train(config, runs_dir=tmp_path / "runs")
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        draw_pictures(run.folder)
    assert raised == []
    assert [style.shown(name) for name in NAMES] == [r"$\bad$", "U+732B", "a name that is …"]


def test_many_classes_deep_networks_and_odd_shapes_fit():
    """Nothing is squeezed to nothing: matplotlib would warn, which is an error here."""
    rng = np.random.default_rng(0)
    names = tuple(f"class number {i}" for i in range(60))
    labels, predictions = rng.integers(0, 60, (2, 500))
    probabilities = rng.dirichlet(np.ones(60), 500)
    evaluation = Evaluation(1.0, labels, predictions, probabilities, names)
    test = Dataset(rng.integers(0, 256, (500, 300), np.uint8), labels, (5, 60), names)
    deep = MLP([300, *[20] * 30, 60], "relu")
    deep.theta[...] = rng.normal(size=deep.theta.shape) / 5
    normalization = Normalization(0.0, 255.0)
    model = Model(
        deep, LOSSES["cross_entropy"](), normalization, (5, 60), names, {"data": {}}, 1, None
    )
    tall = Dataset(test.images, labels, (60, 5), names)
    rows = [(1, 1.0, 0.0), (2, 1e-9, 1.0)]
    layers = {i: [GradientNorms(epoch, i, *norms) for epoch, *norms in rows] for i in range(1, 32)}
    with style.house_style():
        for picture in (
            confusion_matrix.draw(evaluation),
            mistakes.draw(evaluation, test),
            mistakes.draw(evaluation, tall),
            weights.draw(model),
            activations.draw(activations.firing(model, test)),
            gradients.draw([layers], ["a"]),
            calibration.draw([evaluation] * 8, [f"run {i}" for i in range(8)]),
        ):
            picture.draw_without_rendering()
            assert max(picture.get_size_inches()) * picture.dpi < 2500


def test_the_users_own_settings_of_matplotlib_change_nothing(run):
    import matplotlib as mpl

    record = read_record(run.folder)

    def drawn():
        content = io.BytesIO()
        with style.house_style():
            curves.draw([record], ["bars"]).savefig(content, format="png")
        return content.getvalue()

    before = drawn()
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        assert drawn() == before


@pytest.mark.skipif(os.name != "posix", reason="needs links of POSIX")
def test_pictures_are_not_written_through_a_link_out_of_the_run(own, tmp_path):
    (tmp_path / "outside").mkdir()
    (own.folder / "pictures").symlink_to(tmp_path / "outside")
    with pytest.raises(CheckpointError, match="leads out of the run"):
        draw_pictures(own.folder, only=["curves"])
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_folder_that_cannot_be_written(run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError):
        draw_pictures(run.folder, output=tmp_path / "file" / "pictures")


def test_no_such_run(tmp_path):
    with pytest.raises(CheckpointError, match="no run there"):
        draw_pictures(tmp_path / "missing")


def test_the_principal_plane_of_a_path_known_by_hand():
    # 10 along e1, 3 along e2, nothing else; seen from the last point, the origin
    path = np.array([[10, 0, 0], [10, 3, 0], [0, 3, 0], [0, 0, 0]], np.float64)
    plane = landscape.principal_plane(path)
    assert plane.origin.tolist() == [0, 0, 0]
    assert plane.directions @ plane.directions.T == pytest.approx(np.eye(2), abs=1e-12)
    # the products of the coordinates: [[200, 30], [30, 18]]
    square = 109 + (91**2 + 30**2) ** 0.5
    assert plane.shares == pytest.approx((square / 218, (218 - square) / 218))
    slope = (square - 200) / 30
    assert plane.directions[0] == pytest.approx(np.array([1, slope, 0]) / (1 + slope**2) ** 0.5)
