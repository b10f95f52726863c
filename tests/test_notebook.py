"""How runs and models show themselves, in a notebook and at a prompt."""

import dataclasses
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import mlpcli
from mlpcli import notebook
from mlpcli.config.loading import load_config


def elements(text, name):
    """The elements of this name; the text must be well-formed."""
    return [e for e in ET.fromstring(text).iter() if e.tag == name]


def cells(text):
    return [[c.text or "" for c in row] for row in elements(text, "tr")]


def test_a_run_says_what_it_is_in_a_line(finished):
    text = repr(finished)
    assert text.startswith(f"<Run {finished.folder}: {len(finished.history)} epochs, the best ")
    assert text.endswith(f"loss {finished.test.loss:.6f}>") or "e-" in text
    assert "\n" not in text
    assert len(text) < 300


def test_a_run_shows_curves_results_and_layers(finished):
    text = finished._repr_html_()
    rows = cells(text)
    assert ["test", f"{finished.test.loss:.6f}", f"{100 * finished.test.accuracy:.2f} %"] in rows
    assert ["best epoch", str(finished.best_epoch)] in rows
    assert [
        "validation",
        f"{finished.best.val_loss:.6f}",
        f"{100 * finished.best.val_accuracy:.2f} %",
    ] in rows
    assert rows[-1][-1] == f"{len(finished.load_model().network.theta):,}"
    assert [e.get("aria-label") for e in elements(text, "svg")] == [
        f"{what} over {len(finished.history)} epochs" for what in ("loss", "accuracy")
    ]
    assert len(text) < 20_000


def test_a_run_whose_folder_is_gone_shows_the_rest(finished, tmp_path):
    moved = dataclasses.replace(finished, folder=tmp_path / "gone")
    assert ["layer", "units in", "units out", "activation", "parameters"] not in cells(
        moved._repr_html_()
    )
    assert len(elements(moved._repr_html_(), "svg")) == 2


def test_a_model_shows_its_layers(tmp_path):
    settings = ["network.batch_norm=true", "network.dropout.hidden=0.5", "training.epochs=0"]
    run = mlpcli.train(
        load_config("quickstart", overrides=[*settings, "data.train_size=100"]), runs_dir=tmp_path
    )
    model = run.load_model()
    rows = cells(model._repr_html_())
    assert ["classes", "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"] in rows
    assert rows[-3:] == [
        ["1", "784", "128", "relu", f"{784 * 128 + 128:,}"],
        ["2", "128", "10", "identity", "1,290"],
        ["all", "", "", "", f"{784 * 128 + 128 + 1290:,}"],
    ]
    assert ["batch normalisation", "in training; now part of the weights"] in rows
    assert ["dropout, hidden", "0.5, in training"] in rows
    assert repr(model) == f"<Model {model.path}: 784-128-10, 10 classes, trained for 0 epochs>"
    assert elements(run._repr_html_(), "svg") == []  # no epoch, no curve
    assert ["best epoch", "none: nothing was trained"] in cells(run._repr_html_())


def test_a_regression_has_no_accuracy(tmp_path):
    run = mlpcli.train(
        load_config("examples/xor", overrides=["training.epochs=3"]), runs_dir=tmp_path
    )
    assert len(elements(run._repr_html_(), "svg")) == 1
    assert "right" not in repr(run)
    assert "a regression" in repr(run.load_model())
    assert ["input", "x1, x2"] in cells(run.load_model()._repr_html_())


def test_names_from_outside_are_escaped(finished):
    evil = "<script>alert(1)</script>&\n\x1b[2J"
    model = dataclasses.replace(finished.load_model(), output_names=(evil, "b", "c"))
    assert "<script>" not in model._repr_html_()
    assert "\x1b" not in model._repr_html_()
    moved = dataclasses.replace(finished, folder=Path("<b>&"))
    assert "Run &lt;b&gt;&amp;" in moved._repr_html_()
    many = dataclasses.replace(model, output_names=tuple(map(str, range(1000))))
    assert "19, …" in many._repr_html_()
    assert ">20" not in many._repr_html_()


def points_of(curves):
    (svg,) = elements(notebook.plots(curves), "svg")
    (line,) = [
        e.get("d") for e in svg.iter("path") if e.get("stroke") == "#0072b2" and "L" in e.get("d")
    ]
    return np.array([tuple(map(float, p.split(","))) for p in re.findall(r"[\d.]+,[\d.]+", line)])


def test_a_curve_goes_through_its_numbers():
    points = points_of(notebook.Curves("loss", {"training": [4.0, 2.0, 3.0]}))
    x, y = points.T
    assert x[1] - x[0] == x[2] - x[1] > 0
    assert y[0] < y[2] < y[1]  # down is larger in SVG
    assert y[2] == pytest.approx((y[0] + y[1]) / 2, abs=0.1)


def test_a_wide_range_has_a_logarithmic_axis():
    points = points_of(notebook.Curves("loss", {"training": [100.0, 10.0, 1.0]}))
    assert points[1, 1] == pytest.approx(points[::2, 1].mean(), abs=0.1)
    assert "loss, logarithmic" in notebook.plots(notebook.Curves("loss", {"a": [100.0, 1.0]}))
    points_of(notebook.Curves("loss", {"training": [100.0, 10.0, 0.0]}))  # 0 has no logarithm


def test_a_long_curve_is_thinned_out_and_keeps_its_ends():
    for n in (200, 201, 9_999, 10_000):
        points = points_of(notebook.Curves("loss", {"training": [float(i) for i in range(n)]}))
        assert len(points) <= 202
        assert (points[0, 1], points[-1, 1]) == (points[:, 1].max(), points[:, 1].min())


def test_missing_and_infinite_numbers_are_left_out():
    assert notebook.plots(notebook.Curves("loss", {"a": [None, None]})) == ""
    assert len(points_of(notebook.Curves("loss", {"a": [1.0, None, float("inf"), 2.0]}))) == 2
    one = notebook.plots(notebook.Curves("loss", {"a": [1.0]}, best=1))
    assert "<circle" in one
    assert "epoch 1<" in one
