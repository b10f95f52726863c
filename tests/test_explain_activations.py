"""`mlpcli explain --activations`: what is said of each against closed forms, and the picture."""

import json
import math

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from mlpcli.cli.main import command
from mlpcli.explaining.documents.activations import activation_document
from mlpcli.explaining.saturation import character, curves
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.pictures import activation_functions, style
from mlpcli.training.saturated_start import FLAT


def explain(*arguments):
    return CliRunner().invoke(command, ["explain", "--activations", *arguments])


LOGIT = math.log((1 + math.sqrt(1 - 4 * FLAT)) / (1 - math.sqrt(1 - 4 * FLAT)))
EDGES = {
    "identity": (None, None),
    "sigmoid": (-LOGIT, LOGIT),  # a (1 - a) = FLAT
    "tanh": (-math.atanh(math.sqrt(1 - FLAT)), math.atanh(math.sqrt(1 - FLAT))),
    "relu": (0, None),
    "leaky_relu": (None, None),
    "elu": (math.log(FLAT), None),
    "softplus": (math.log(FLAT / (1 - FLAT)), None),
    "step": (0, 0),
}


@pytest.mark.parametrize(("name", "edges"), EDGES.items())
def test_where_it_saturates_in_closed_form(name, edges):
    found = character(ACTIVATIONS[name])
    assert name != "relu" or found.saturates_below == 0  # and not a tiny number
    for measured, exact in zip((found.saturates_below, found.saturates_above), edges, strict=True):
        assert measured == (None if exact is None else pytest.approx(exact, abs=1e-9))


@pytest.mark.parametrize("name", ["gelu", "silu"])
def test_a_slope_that_only_crosses_zero_is_not_saturated(name):
    """The slope of both is 0 at their lowest point, and away from it again on the left."""
    found = character(ACTIVATIONS[name])
    below = found.saturates_below
    z = np.array([below - 1e-6, below + 1e-6])
    _, slope = curves(ACTIVATIONS[name], z)
    assert abs(slope[0]) < FLAT < abs(slope[1])
    assert found.saturates_above is None
    assert -7 < below < -3


def test_no_zero_has_a_sign():
    rows = activation_document(list(ACTIVATIONS.values())).sections[0].rows
    assert "0.0000" in rows[1]
    assert not any("-0.0000" in row for row in rows)


def test_the_mean_output_and_the_range():
    root = math.sqrt(2 * math.pi)
    means = {
        "identity": 0,
        "sigmoid": 0.5,
        "step": 0.5,
        "tanh": 0,
        "relu": 1 / root,
        "leaky_relu": 0.99 / root,
    }
    for name, mean in means.items():
        assert character(ACTIVATIONS[name]).mean_output == pytest.approx(mean, abs=1e-6)
    of_gelu = character(ACTIVATIONS["gelu"]).mean_output
    assert of_gelu == pytest.approx(1 / (2 * math.sqrt(math.pi)), abs=1e-4)  # of the exact form
    assert [name for name, each in ACTIVATIONS.items() if character(each).is_centred] == [
        "identity",
        "tanh",
    ]
    ranges = {"sigmoid": (0, 1), "tanh": (-1, 1), "relu": (0, math.inf), "elu": (-1, math.inf)}
    for name, (low, high) in ranges.items():
        found = character(ACTIVATIONS[name])
        assert (found.lowest, found.highest) == pytest.approx((low, high), abs=1e-12)
    assert character(ACTIVATIONS["leaky_relu"]).lowest == -math.inf


def test_each_has_its_two_panels_with_the_curves_and_the_grey():
    with style.house_style():
        figure = activation_functions.draw(list(ACTIVATIONS.values()))
        figure.draw_without_rendering()
    panels = [axes for axes in figure.axes if axes.axison]
    assert len(panels) == 2 * len(ACTIVATIONS) == 20
    for (name, activation), left, right in zip(
        ACTIVATIONS.items(), panels[::2], panels[1::2], strict=True
    ):
        assert left.get_title("left").startswith(f"{name}: σ(z)")
        curve, slope = (np.asarray(axes.lines[-1].get_xydata()) for axes in (left, right))
        a, da = curves(activation, curve[:, 0])
        np.testing.assert_array_equal(curve[:, 1], a)
        np.testing.assert_array_equal(slope[:, 1], da)
        flat_sides = sum(edge is not None for edge in EDGES.get(name, (0, None)))
        assert len(left.patches) == len(right.patches) == flat_sides
    extents = [axes.get_tightbbox() for axes in panels]
    for i, one in enumerate(extents):
        assert one.x0 >= 0
        assert one.x1 <= figure.bbox.x1
        assert not any(one.overlaps(other) for other in extents[:i])


def test_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = explain("tanh", "relu")
    assert (done.exit_code, done.output) == (0, "activations.png: written\n")
    with Image.open("activations.png") as image:
        assert image.size[0] > 1000
    assert explain("tanh", "relu", "-o", "two.svg").exit_code == 0
    assert "tanh: " in (tmp_path / "two.svg").read_text(encoding="utf-8")
    facts = json.loads(explain("tanh", "relu", "--format", "json").output)
    assert list(facts["activations"]) == ["tanh", "relu"]
    assert facts["activations"]["relu"]["highest"] is None
    assert facts["activations"]["tanh"]["centred"] is True
    text = explain("--format", "text").output
    assert all(name in text for name in ACTIVATIONS)
    unknown = explain("swish")
    assert unknown.exception.exit_code == 2
    assert "swish: there is no such activation; there are identity, sigmoid" in str(
        unknown.exception
    )
