"""`mlpcli explain --config`: its numbers are those of the example worked by hand."""

import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from click.testing import CliRunner
from test_worked_example import W1, W2, assert_exact

from mlpcli.cli.document import mathml
from mlpcli.cli.main import command
from mlpcli.config.loading import load_config
from mlpcli.training.explaining import explain_training

WORKED = ("explain", "--config", "examples/worked_3_2_3")


def explain(*arguments):
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def worked(form, *arguments):
    return explain(*WORKED, "--format", form, *arguments)


def numbers(facts, part):
    return {
        name: quantity["values"]
        for section in facts[part]
        for name, quantity in section.get("quantities", {}).items()
    }


def test_forward():
    forward = numbers(json.loads(worked("json")), "forward")
    assert_exact(forward["W1"], W1)
    assert_exact(forward["W2"], W2)
    assert_exact(forward["z1"], [[0.7, 1.6]])
    assert_exact(forward["a1"], [[0.6681877721681662, 0.8320183851339245]])
    assert_exact(forward["z2"], [[1.333346148624856, 1.633387380085274, 1.9334286115456922]])
    assert_exact(forward["p"], [[0.2396826489059724, 0.32355107485719, 0.43676627623683767]])
    assert_exact(forward["loss"], [1.4284395268703431])


def test_backward_and_beside_each_gradient_its_difference():
    facts = json.loads(worked("json"))
    backward = numbers(facts, "backward")
    delta2 = [-0.7603173510940275, 0.32355107485719, 0.43676627623683767]
    delta1 = [0.05308177011753272, 0.03346178940334901]
    assert_exact(backward["delta2"], [delta2])
    assert_exact(
        backward["dW2"],
        [
            [-0.5080347569683197, 0.21619287189144135, 0.2918418850768784],
            [-0.6325980146465559, 0.26920044281102473, 0.36339757183553123],
        ],
    )
    assert_exact(backward["db2"], delta2)
    assert_exact(backward["da1"], [[0.23941672546617315, 0.23941672546617315]])
    assert_exact(backward["delta1"], [delta1])
    assert_exact(backward["dW1"], [delta1] * 3)
    assert_exact(backward["db1"], delta1)
    for name in ("dW1", "db1", "dW2", "db2"):
        np.testing.assert_allclose(backward[f"numerical_{name}"], backward[name], rtol=1e-8)
    assert max(facts["relative_errors"]) < 1e-8


def test_update():
    facts = json.loads(worked("json"))
    update = numbers(facts, "update")
    assert_exact(
        update["new_W2"],
        [
            [0.7508034756968319, 0.8783807128108558, 1.0708158114923123],
            [0.8632598014646556, 0.9730799557188975, 1.1636602428164469],
        ],
    )
    assert_exact(update["new_b1"], [0.09469182298824673, 0.09665382105966511])
    assert update["loss_after"] == [facts["loss_after"]]
    assert facts["loss_after"] < facts["loss"]


def test_277_steps_later():
    facts = json.loads(worked("json", "--steps", "277"))
    assert len(facts["losses"]) == 278
    assert facts["losses"][-2] >= 0.01 > facts["losses"][-1]
    assert_exact(facts["losses"][-1], 0.009969591242998684)
    assert_exact(
        facts["parameters"]["new_b2"]["values"],
        [1.868405430583812, -0.5738066199077801, -0.6945988106760334],
    )


def test_the_steps_are_those_that_training_takes(tmp_path):
    """Batches of another size at the end, momentum, a schedule, weight decay, several epochs."""
    import mlpcli

    config = load_config(
        "examples/sine",
        overrides=[
            "data.table.points=25",
            "training.epochs=3",
            "optimizer.weight_decay=0.01",
            "schedule.warmup_epochs=1",
        ],
    )
    run = mlpcli.train(config, runs_dir=tmp_path)
    story = explain_training(config, steps=3 * 3)
    trained = run.load_model().network.dense
    for layer, expected in zip(story.last.layers, trained, strict=True):
        np.testing.assert_allclose(layer.new_W, expected.W, rtol=1e-12)
        np.testing.assert_allclose(layer.new_b, expected.b, rtol=1e-12)


def test_a_weight_in_a_chain_has_three_factors():
    """σ'(z3) = a3 (1 - a3) and dL/da3 = a3 - 0, all from one forward pass by hand."""

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    a1 = sigmoid(0.8 * 1 + 0.1)
    a2 = sigmoid(-0.6 * a1 + 0.2)
    a3 = sigmoid(1.2 * a2 - 0.3)
    backward = numbers(
        json.loads(explain("explain", "--config", "examples/chain", "--format", "json")), "backward"
    )
    da2 = a3 * (1 - a3) * a3 * 1.2
    factors = {
        3: (a2, a3 * (1 - a3), a3),
        2: (a1, a2 * (1 - a2), da2),
        1: (1, a1 * (1 - a1), da2 * a2 * (1 - a2) * -0.6),
    }
    for layer, (a, slope, da) in factors.items():
        assert_exact(backward[f"factor_a{layer - 1}"], [[a]])
        assert_exact(backward[f"factor_slope{layer}"], [[slope]])
        assert_exact(backward[f"factor_da{layer}"], [[da]])
        assert_exact(backward[f"product{layer}"], [[a * slope * da]])
        assert_exact(backward[f"dW{layer}"], [[a * slope * da]])


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_every_form_has_the_numbers(form):
    text = worked(form)
    for number in ("0.668188", "1.633387", "0.436766", "1.428440", "-0.760317", "0.863260"):
        assert number in text


def test_the_page_needs_nothing_from_elsewhere_and_its_formulae_are_well_formed():
    page = worked("html")
    assert page.startswith("<!DOCTYPE html>")
    assert not re.search(r"<(script|link|img|iframe)|url\(|@import|src=|href=", page)
    formulae = re.findall(r"<math.*?</math>", page, re.DOTALL)
    assert len(formulae) > 20
    for formula in formulae:
        ET.fromstring(formula)


def test_mathml():
    text = re.sub(r"<math [^>]*>", "<math>", mathml("∂L/∂W₁ = a₀ᵀ δ₁"))
    assert text == (
        "<math><mrow><mfrac><mrow><mo>∂</mo><mi>L</mi></mrow><mrow><mo>∂</mo><msub><mi>W</mi><mrow>"
        "<mi>1</mi></mrow></msub></mrow></mfrac><mo>=</mo><msubsup><mi>a</mi><mrow><mi>0</mi></mrow>"
        "<mo>T</mo></msubsup><msub><mi>δ</mi><mrow><mi>1</mi></mrow></msub></mrow></math>"
    )


def test_large_arrays_are_summarised_and_it_is_said_so():
    text = explain("explain", "--config", "examples/vanishing")
    said = "Arrays of more than 64 numbers or 10 columns are told by their shape, min, max, mean"
    assert said in " ".join(text.split())
    assert "W₁ = (784, 30)  min" in text
    assert max(map(len, text.splitlines())) < 130


@pytest.mark.parametrize(
    "overrides",
    [
        ("loss=mse",),
        ("loss=binary_cross_entropy",),
        ("loss={name: cross_entropy, label_smoothing: 0.1}",),
        ("optimizer=nesterov", "optimizer.weight_decay=0.1"),
        ("network.activation=gelu",),
        ("dtype=float32",),
    ],
)
def test_whatever_the_parts_the_gradient_agrees_with_its_differences(overrides):
    facts = json.loads(worked("json", *overrides))
    assert max(facts["relative_errors"]) < (1e-5 if overrides == ("dtype=float32",) else 1e-8)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("a",),
        ("a", "b", "c"),
        ("a", "b", "--steps", "2"),
        ("--config", "mnist", "--label", "1"),
    ],
)
def test_a_wrong_command_line(arguments):
    assert CliRunner().invoke(command, ["explain", *arguments]).exit_code == 2


def test_label_smoothing_stands_in_the_formulae():
    text = worked("text", "loss={name: cross_entropy, label_smoothing: 0.1}")
    assert "L = −Σ t′ log p    t′ = (1 − 0.1) t + 0.1 / n" in text
    assert "δ₂ = ∂L/∂z₂ = p − t′" in text
