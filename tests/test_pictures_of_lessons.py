"""The pictures of the lessons: landscapes of several runs, pace, spread, deaths, decisions."""

import dataclasses

import numpy as np
import pytest

import mlpcli
from mlpcli.data.dataset import Dataset
from mlpcli.errors import CheckpointError, DataError
from mlpcli.pictures import (
    activations,
    deaths,
    decision,
    fit,
    landscape,
    of_runs,
    pace,
    spread,
    style,
)
from mlpcli.pictures.of_runs import draw_pictures
from mlpcli.pictures.subject import Subject
from mlpcli.pictures.weight_path import WeightPath, follow
from mlpcli.reporting import Reporter
from mlpcli.storage.records import read_record
from mlpcli.training.setup import prepare


def config(*overrides, table=None, **network):
    table = table or {"formula": "2*x + 1", "low": -1, "high": 1, "points": 8}
    return mlpcli.load_config(
        {
            "dtype": "float64",
            "data": {"dataset": "table", "table": table},
            "network": {"hidden": [], "initializer": {"name": "constant", "value": -1}, **network},
            "loss": "quadratic",
            "optimizer": {"name": "sgd", "learning_rate": 0.2},
            "training": {"epochs": 3, "batch_size": 4, "pictures": False},
        },
        overrides=overrides,
    )


def followed(*overrides, **network):
    setup = prepare(config(*overrides, **network), None, Reporter())
    return setup, follow(setup, 3, lambda *_: None)


@pytest.fixture
def learn(tmp_path):
    def train(*overrides, **network):
        return mlpcli.train(config(*overrides, **network), runs_dir=tmp_path)

    return train


@pytest.fixture
def coarse(monkeypatch):
    """Measures a landscape at fewer points, which is faster."""
    monkeypatch.setattr(landscape, "FINE", 13)


@pytest.mark.usefixtures("coarse")
def test_two_parameters_are_the_axes_of_their_landscape():
    setup, path = followed()
    found = landscape.survey(setup, [path], lambda *_: None)
    assert found.plane.shares is None
    assert np.array_equal(found.paths[0], path.thetas)
    assert found.loss.shape == (landscape.FINE, landscape.FINE)
    x = np.linspace(-1, 1, 8)
    for i, j in ((0, 0), (5, 11)):
        w, b = found.x[j], found.y[i]
        assert found.loss[i, j] == pytest.approx((((w - 2) * x + b - 1) ** 2).mean() / 2)


@pytest.mark.usefixtures("coarse")
def test_a_run_with_batch_normalisation_has_a_landscape_of_its_own(learn):
    """Its network for prediction has as many units as that of a run without, and no γ and β."""
    hidden = {"hidden": [2], "activation": "tanh", "initializer": "xavier_normal"}
    runs = [learn(f"name=norm-{each}", batch_norm=each, **hidden) for each in (False, True)]
    subjects = [Subject(run.folder, None, Reporter(), None, False) for run in runs]
    assert not landscape.share_landscape(*subjects)
    assert landscape.share_landscape(subjects[1], subjects[1])
    assert draw_pictures(*(run.folder for run in runs), only=["landscape"])


@pytest.mark.usefixtures("coarse")
def test_batch_normalisation_in_a_landscape_is_that_of_training():
    overrides = ("network.batch_norm=true", "network.initializer=xavier_normal")
    _, path = followed(*overrides, hidden=[3], activation="tanh")
    setup, _ = followed(*overrides, hidden=[3], activation="tanh")
    found = landscape.survey(setup, [path], lambda *_: None)
    x = np.linspace(-1, 1, 8)[:, np.newaxis]
    for i, j in ((0, 0), (5, 11)):
        theta = found.plane.origin + np.array([found.x[j], found.y[i]]) @ found.plane.directions
        first, second = setup.network.layout.views(theta)
        z = x @ first["W"] + first["b"]
        s = (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-5)
        output = np.tanh(first["gamma"] * s + first["beta"]) @ second["W"] + second["b"]
        assert found.loss[i, j] == pytest.approx(((output - 2 * x - 1) ** 2).mean() / 2)


@pytest.mark.usefixtures("coarse")
def test_the_paths_of_several_runs_lie_in_one_plane():
    setup, one = followed("training.batch_size=1")
    _, every = followed("training.batch_size=8")
    found = landscape.survey(setup, [one, every], lambda *_: None)
    assert [len(path) for path in found.paths] == [25, 4]
    assert found.paths[0][0] == pytest.approx(found.paths[1][0])  # they start together
    low, high = np.concatenate(found.paths).min(axis=0), np.concatenate(found.paths).max(axis=0)
    for axis, ticks in enumerate((found.x, found.y)):
        assert ticks[0] < low[axis]
        assert ticks[-1] > high[axis]


def test_the_principal_plane_of_two_paths_begins_at_the_end_of_the_first():
    rng = np.random.default_rng(3)
    first, second = (WeightPath(rng.normal(size=(n, 7)), (0, n - 1)) for n in (5, 8))
    plane = landscape.plane_of([first, second])
    assert plane.origin.tolist() == first.thetas[-1].tolist()
    both = np.concatenate([first.thetas, second.thetas]) - plane.origin
    _, s, _ = np.linalg.svd(both, full_matrices=False)
    assert plane.shares == pytest.approx(s[:2] ** 2 / (s**2).sum())


def test_a_path_along_one_axis_has_a_landscape_as_wide_as_high_within_bounds():
    x, y = landscape._grid(np.array([[0.0, 1.0], [10.0, 1.0]]), 5)
    assert x.tolist() == [-2.5, 1.25, 5, 8.75, 12.5]
    assert y.tolist() == [-2, -0.5, 1, 2.5, 4]
    x, y = landscape._grid(np.zeros((3, 2)), 3)
    assert x[0] < 0 < x[-1]
    assert y[0] < 0 < y[-1]


@pytest.mark.usefixtures("coarse")
def test_runs_of_one_landscape_share_a_panel_and_others_have_their_own(learn):
    one, every = learn("name=one", "training.batch_size=1"), learn("name=all")
    other = learn("name=other", table={"formula": "x", "low": -1, "high": 1, "points": 8})
    subjects = [Subject(run.folder, None, Reporter(), None, False) for run in (one, every, other)]
    assert landscape.share_landscape(subjects[0], subjects[1])
    assert not landscape.share_landscape(subjects[0], subjects[2])
    with style.house_style():
        picture = landscape._draw(subjects, ["one", "all", "other"])
        picture.draw_without_rendering()
    panels = [axes for axes in picture.axes if axes.get_xlabel()]
    assert [len(axes.lines) for axes in panels] == [8, 4]  # a line, its epochs, start and end
    legend = [text.get_text() for text in picture.legends[0].get_texts()]
    assert legend == ["one", "all", "other", "start", "end"]
    (path,) = draw_pictures(one.folder, every.folder, only=["landscape"])
    assert path.name == "landscape_compared.png"


def test_pictures_on_request_are_left_out_by_default(learn):
    run = learn()
    subject = Subject(run.folder, None, Reporter(), None, False)
    assert of_runs._all_names([subject], with_landscape=False) == ["curves", "gradients", "fit"]
    assert "landscape" in of_runs._all_names([subject], with_landscape=True)


def test_the_pace_by_hand(learn):
    run = learn()
    record = read_record(run.folder)
    history = [
        dataclasses.replace(row, seconds=seconds)
        for row, seconds in zip(record.history, (0.5, 0.25, None), strict=True)
    ]
    found = pace.pace(dataclasses.replace(record, history=history), 2, "mine")
    assert found.steps == [2, 4, 6]
    assert found.seconds == [0.5, 0.75, 0.75]
    assert found.losses == [row.train_loss for row in record.history]
    with style.house_style():
        picture = pace.draw([found, dataclasses.replace(found, steps=[100, 200, 300])])
        picture.draw_without_rendering()
    assert [axes.get_xlabel().split()[0] for axes in picture.axes] == ["epoch", "steps", "time"]
    assert picture.axes[1].get_xscale() == "log"
    assert draw_pictures(run.folder, only=["pace"])


def test_the_spread_at_the_start_by_hand(learn):
    run = learn(hidden=[3], activation="tanh", initializer={"name": "normal", "std": 2})
    setup = prepare(run.config, None, Reporter())
    hidden, output = setup.network.dense
    x = setup.training.images
    a = np.tanh(x @ hidden.W + hidden.b)
    z = a @ output.W + output.b
    delta = z - setup.training.targets
    first, last = spread.spreads(setup)
    assert first.activation == "tanh"
    assert first.activations == pytest.approx(a.std())
    assert first.percentiles == pytest.approx(np.percentile(a, [1, 25, 50, 75, 99]))
    assert first.errors == pytest.approx((delta @ output.W.T * (1 - a * a)).std())
    assert (last.activations, last.errors) == pytest.approx((z.std(), delta.std()))
    assert draw_pictures(run.folder, only=["spread"])


def test_units_that_die_are_found_at_their_step(learn):
    run = learn(
        hidden=[2],
        activation="relu",
        initializer={"name": "given", "values": [[[1, 1]], [[1], [1]]]},
        bias_initializer={"name": "given", "values": [[0, -9], [0]]},
    )
    setup = prepare(run.config, None, Reporter())
    thetas = np.stack([setup.network.theta] * 4)
    thetas[2:, 4] = -9  # the first unit's bias, from the second step on
    thetas[3, 5] = 0  # the second unit comes to life
    (life,) = deaths.lives(setup, WeightPath(thetas, (0, 3), 1, (0, 1, 2, 3)))
    assert life.rates[:, 0].tolist() == [0.5, 0.5, 0, 0]
    assert life.rates[:, 1].tolist() == [0, 0, 0, 0.5]
    assert life.death == (2, None)
    assert deaths._deaths_text(life) == "unit 1 dies in step 2"
    sparse = dataclasses.replace(life, steps=(0, 10, 20, 30), death=(20, 0))
    assert deaths._deaths_text(sparse) == "unit 1 dies by step 20, unit 2 never lived"
    many = dataclasses.replace(life, death=(3, 0, 9, None))
    assert deaths._deaths_text(many) == "3 of 4 units die, from step 0 to 9"
    (never,) = deaths.lives(setup, WeightPath(thetas[:2], (0, 1), 1, (0, 1)))
    assert never.death == (None, 0)
    assert draw_pictures(run.folder, only=["deaths"])


def test_batch_normalisation_lets_units_fire_as_in_training():
    setup, path = followed(
        "network.batch_norm=true", hidden=[2], activation="relu", initializer="xavier_normal"
    )
    path.thetas[:, -2:] = [0, -9]  # β of both units
    path.thetas[:, 4:6] = 99  # biases, which normalisation removes
    (life,) = deaths.lives(setup, path)
    assert life.rates.tolist() == [[0.5, 0]] * len(path.thetas)
    assert life.death == (None, 0)


def test_a_unit_whose_slope_is_not_0_is_not_dead():
    setup, path = followed(hidden=[2], activation="leaky_relu", bias_initializer="zeros")
    path.thetas[:, 4:6] = -9  # the biases of both units
    (life,) = deaths.lives(setup, path)
    assert life.rates.max() == 0
    assert life.death == (None, None)


CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)


def test_a_network_without_an_opinion_is_drawn_as_undecided(learn):
    table = {"inputs": CORNERS.astype(int).tolist(), "labels": [0, 1, 1, 0]}
    run = learn("loss=cross_entropy", table=table, initializer={"name": "constant", "value": 1})
    model = run.load_model()
    model.network.theta[...] = 0
    training = Dataset(CORNERS, np.array([0, 1, 1, 0]), (1, 2), ("0", "1"))
    surface = decision.decision_surface(model, training, "mine")
    assert (surface.answer == decision.UNDECIDED).all()
    model.network.dense[0].b[...] = [0, 0.03]  # 50.7 % against 49.3 %
    assert (decision.decision_surface(model, training, "mine").answer == 1).all()


def test_a_flat_output_has_no_lines_of_rounding():
    x = np.linspace(0, 1, 9)
    flat = 0.5 + 1e-9 * np.random.default_rng(0).normal(size=(9, 9))
    targets = np.array([[0.0], [1], [1], [0]])
    training = Dataset(CORNERS, np.zeros(4, np.intp), (1, 2), ("0",), targets)
    picture = decision.draw([decision.DecisionSurface("mine", x, x, flat, training)])
    _shades, *others = picture.axes[0].collections
    assert len(others) == 4  # the markers of two targets, and no contour
    legend = [text.get_text() for text in picture.legends[0].get_texts()]
    assert legend == ["example with target 0", "example with target 1", "output 0.5, halfway"]


def test_units_that_never_fire_and_units_that_are_dead_are_told_apart():
    rates = np.array([0, 0.5, 0])
    text = activations._dead_text(activations.Firing("tanh", rates, np.array([2])))
    assert text == "dead (×): unit 3; below σ(0), but changing: unit 1"
    text = activations._dead_text(activations.Firing("tanh", rates, np.array([], np.intp)))
    assert text == "none is dead; below σ(0), but changing: units 1, 3"


@pytest.mark.parametrize("kind", ["spread", "deaths"])
def test_a_network_without_a_hidden_layer_has_neither_picture(kind, learn):
    with pytest.raises(DataError, match="no hidden layer"):
        draw_pictures(learn().folder, only=[kind])


def test_columns_are_named_in_the_pictures(tmp_path, monkeypatch):
    drawn = {}

    def keep(figure, path, _):
        axes, *others = figure.axes
        bars = [each.get_ylabel().partition(" (")[0] for each in others]
        drawn[path.stem] = [axes.get_xlabel(), axes.get_ylabel(), *bars]

    monkeypatch.setattr(style, "save", keep)
    few = ["training.epochs=1", "training.pictures=false"]
    house = mlpcli.load_config("examples/house_price", overrides=few)
    draw_pictures(mlpcli.train(house, runs_dir=tmp_path).folder, only=["decision"])
    assert drawn["decision"] == ["area", "rooms", "price"]
    line = mlpcli.load_config("examples/square", overrides=few)
    draw_pictures(mlpcli.train(line, runs_dir=tmp_path).folder, only=["fit"])
    assert drawn["fit"] == ["x", "output"]


def test_a_regression_is_drawn_in_its_own_units(learn):
    run = learn("data.normalization=standardize")
    model, training = run.load_model(), Subject(run.folder, None, Reporter(), None, False).training
    found = fit.curve(model, training, 0.0, "mine")
    np.testing.assert_allclose(found.y, model.predict(found.x[:, np.newaxis])[:, 0])
    assert training.targets is not None
    assert found.y.mean() == pytest.approx(training.targets.mean(), abs=0.5)


def test_a_run_of_no_epochs_has_no_course_to_draw(learn):
    run = learn("training.epochs=0")
    with pytest.raises(CheckpointError, match=r"train --resume \S+ training\.epochs=10"):
        draw_pictures(run.folder)
    assert draw_pictures(run.folder, only=["fit"])
