"""`mlpcli explain --config`: its numbers are those of the example worked by hand."""

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import test_worked_example as by_hand
from click.testing import CliRunner
from test_worked_example import W1, W2, assert_exact

from mlpcli.cli.main import command
from mlpcli.config.loading import load_config
from mlpcli.errors import ConfigError
from mlpcli.explaining.documents.document import APART
from mlpcli.explaining.documents.mathml import COMMA, mathml, mathml_number
from mlpcli.explaining.first_steps import explain_training
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.text import number

DOCS = Path(__file__).parents[1] / "docs"

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
    assert_exact(forward["W1"], by_hand.W1)
    assert_exact(forward["W2"], by_hand.W2)
    assert_exact(forward["z1"], by_hand.Z1)
    assert_exact(forward["a1"], by_hand.A1)
    assert_exact(forward["z2"], by_hand.Z2)
    assert_exact(forward["p"], by_hand.P)
    assert_exact(forward["loss"], by_hand.LOSS)


def test_backward_and_beside_each_gradient_its_difference():
    facts = json.loads(worked("json"))
    backward = numbers(facts, "backward")
    assert_exact(backward["delta2"], [by_hand.DELTA2])
    assert_exact(backward["dW2"], by_hand.DW2)
    assert_exact(backward["db2"], by_hand.DELTA2)
    assert_exact(backward["da1"], [[0.23941672546617315, 0.23941672546617315]])
    assert_exact(backward["delta1"], [by_hand.DELTA1])
    assert_exact(backward["dW1"], [by_hand.DELTA1] * 3)
    assert_exact(backward["db1"], by_hand.DELTA1)
    for name in ("dW1", "db1", "dW2", "db2"):
        np.testing.assert_allclose(backward[f"numerical_{name}"], backward[name], rtol=1e-8)
    assert max(facts["relative_errors"]) < 1e-8


def test_update():
    facts = json.loads(worked("json"))
    update = numbers(facts, "update")
    assert_exact(update["new_W2"], by_hand.NEW_W2)
    assert_exact(update["new_b1"], by_hand.NEW_B1)
    assert update["loss_after"] == [facts["loss_after"]]
    assert facts["loss_after"] < facts["loss"]


def test_277_steps_later():
    facts = json.loads(worked("json", "--steps", "277"))
    assert len(facts["losses"]) == 278
    assert facts["losses"][-2] >= 0.01 > facts["losses"][-1]
    assert_exact(facts["losses"][-1], by_hand.LAST_LOSS)
    assert_exact(facts["parameters"]["new_b2"]["values"], by_hand.LAST_B2)


@pytest.mark.parametrize(
    "overrides",
    [
        ("optimizer.weight_decay=0.01", "schedule.warmup_epochs=1"),
        ("network.dropout.hidden=0.5", "network.dropout.input=0.2", "training.workers=2"),
        ("network.batch_norm=true", "optimizer=adamw", "training.batch_size=8"),
        ("optimizer.clip_norm=0.05", "optimizer.max_norm=0.7", "optimizer.l1=0.01"),
        ("optimizer=nadam", "optimizer.clip_value=0.01", "optimizer.weight_decay=0.1"),
    ],
)
def test_the_steps_are_those_that_training_takes(overrides, tmp_path):
    """Over several epochs, each with a smaller batch at its end."""
    import mlpcli
    from mlpcli.storage.checkpoint import load_checkpoint

    config = load_config(
        "examples/sine", overrides=["data.table.points=25", "training.epochs=3", *overrides]
    )
    run = mlpcli.train(config, runs_dir=tmp_path)
    steps = 3 * -(-25 // config.training.batch_size)
    story = explain_training(config, steps=steps)
    trained = load_checkpoint(run.folder / "weights" / "last.safetensors").network
    for layer, expected in zip(story.last.layers, trained.dense, strict=True):
        np.testing.assert_allclose(layer.W.new, expected.W, rtol=1e-10)
        np.testing.assert_allclose(layer.b.new, expected.b, rtol=1e-10, atol=1e-13)
    for layer, norm in zip(story.last.layers, trained.batch_norms, strict=False):
        np.testing.assert_allclose(layer.batch_norm.gamma.new, norm.gamma, rtol=1e-10)
        np.testing.assert_allclose(layer.batch_norm.beta.new, norm.beta, rtol=1e-10, atol=1e-13)


def test_dropout_is_told_and_its_mask_goes_both_ways():
    arguments = ("network.dropout.hidden=0.5", "seed=2")
    facts = json.loads(worked("json", *arguments))
    forward, backward = numbers(facts, "forward"), numbers(facts, "backward")
    mask, a1 = np.array(forward["mask1"]), np.array(forward["a1"])
    assert sorted(mask.ravel()) == [0, 2]
    assert_exact(forward["dropped1"], mask * a1)
    assert_exact(forward["z2"], mask * a1 @ W2 + 0.2)
    assert_exact(backward["dW2"], (mask * a1).T @ backward["delta2"])
    assert_exact(backward["da1"], backward["delta2"] @ np.transpose(W2) * mask)
    assert max(facts["relative_errors"]) < 1e-8
    text = worked("text", *arguments)
    assert "a₁′ = a₁ ⊙ m₁" in text
    assert "z₂ = a₁′ W₂ + b₂" in text
    assert "∂L/∂a₁ = δ₂ W₂ᵀ ⊙ m₁" in text
    assert "with the same units switched off" in text


def test_batch_normalisation_is_told():
    arguments = ("explain", "--config", "examples/xor", "network.batch_norm=true", "seed=3")
    facts = json.loads(explain(*arguments, "--format", "json"))
    forward, backward = numbers(facts, "forward"), numbers(facts, "backward")
    z = np.array(forward["z1"])
    assert_exact(forward["mean1"], z.mean(axis=0))
    assert_exact(forward["variance1"], z.var(axis=0))
    s = (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-5)
    assert_exact(forward["standardised1"], s)
    assert_exact(forward["a1"], np.tanh(s))
    dy = np.array(backward["dy1"])
    assert_exact(backward["dgamma1"], (dy * s).sum(axis=0))
    assert_exact(backward["dbeta1"], dy.sum(axis=0))
    for name in ("gamma1", "beta1", "W1", "W2"):
        np.testing.assert_allclose(
            backward[f"numerical_d{name}"], backward[f"d{name}"], rtol=1e-6, atol=1e-9
        )
    expected = (dy - dy.mean(axis=0) - s * (dy * s).mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-5)
    np.testing.assert_allclose(backward["delta1"], expected, rtol=1e-9, atol=1e-15)
    text = explain(*arguments)
    assert "s₁ = (z₁ − μ₁) / √(v₁ + ε)" in text
    assert np.abs(backward["db1"]).max() < 1e-15
    assert "μ₁ removes b₁ again, so its gradient is 0" in " ".join(text.split())
    assert "δ₁ = ∂L/∂z₁ = γ₁ / √(v₁ + ε) ⊙ (∂L/∂y₁ − ∂L/∂β₁ / B − s₁ ⊙ ∂L/∂γ₁ / B)" in text


def test_the_sheet_does_not_move_the_running_means():
    from mlpcli.explaining.trace import follow_training
    from mlpcli.reporting import Reporter
    from mlpcli.training.setup import prepare

    config = load_config("examples/xor", overrides=["network.batch_norm=true"])
    setup = prepare(config, None, Reporter())
    (step,) = follow_training(setup, 1)
    expected = 0.1 * step.layers[0].batch_norm.mean
    np.testing.assert_allclose(setup.network.batch_norms[0].mean, expected, rtol=1e-12)


def test_clipping_is_told_with_its_length():
    facts = json.loads(worked("json", "optimizer.clip_norm=0.5"))
    backward, update = numbers(facts, "backward"), numbers(facts, "update")
    gradients = [np.ravel(backward[name]) for name in ("dW1", "db1", "dW2", "db2")]
    length = np.linalg.norm(np.concatenate(gradients))
    assert_exact(update["gradient_norm"], [length])
    assert_exact(update["clipped_norm"], [0.5])
    assert_exact(update["new_W1"], W1 - 0.1 * np.array(backward["dW1"]) * 0.5 / length)
    text = worked("text", "optimizer.clip_norm=0.5")
    assert f"its length is {length:.6g}, so it is shortened by the" in " ".join(text.split())
    assert "g = ∂L/∂θ, as changed above" in " ".join(text.split())
    unchanged = worked("text", "optimizer.clip_norm=50")
    assert f"its length is {length:.6g}, so it stays as it is." in " ".join(unchanged.split())


def test_json_has_the_norm_of_each_gradient_and_no_empty_part():
    facts = json.loads(worked("json"))
    backward = numbers(facts, "backward")
    lengths = [np.linalg.norm(backward[name]) for name in ("dW1", "dW2")]
    assert_exact(facts["gradient_norms"], lengths)
    assert all(len(part) > 1 for part in facts["update"])


def test_with_dropout_each_loss_of_the_further_steps_has_units_of_its_own():
    words = "with the units off that its own step switches off"
    dropped = worked("text", "network.dropout.hidden=0.5", "--steps", "3")
    assert words in " ".join(dropped.split())
    assert words not in " ".join(worked("text", "--steps", "3").split())


def test_max_norm_is_told_with_the_lengths():
    plain = numbers(json.loads(worked("json")), "update")
    update = numbers(json.loads(worked("json", "optimizer.max_norm=0.5")), "update")
    lengths = np.linalg.norm(plain["new_W1"], axis=0)
    assert_exact(update["lengths1"], lengths)
    assert lengths[0] < 0.5 < lengths[1]
    assert_exact(update["new_W1"], plain["new_W1"] * np.minimum(1, 0.5 / lengths))
    assert_exact(update["new_W2"], plain["new_W2"])


def first_step(name, W, g):
    """As the textbooks have it, with the defaults of the configs, from an empty state."""
    if name == "adagrad":
        return W - 0.1 * g / (np.sqrt(g * g) + 1e-10)
    if name == "rmsprop":
        return W - 0.1 * g / (np.sqrt(0.1 * g * g) + 1e-7)
    if name == "adamw":
        W = (1 - 0.1 * 0.01) * W
    m, s = 0.1 * g / (1 - 0.9), 0.001 * g * g / (1 - 0.999)
    if name == "lion":
        return (1 - 0.1 * 0.03) * W - 0.1 * np.sign(g)
    if name == "nadam":
        mu, following = (0.9 * (1 - 0.5 * 0.96 ** (0.004 * t)) for t in (1, 2))
        m = following * 0.1 * g / (1 - mu * following) + (1 - mu) * g / (1 - mu)
    return W - 0.1 * m / (np.sqrt(s) + 1e-8)


@pytest.mark.parametrize("name", ["adagrad", "rmsprop", "adam", "adamw", "nadam"])
def test_the_step_of_every_optimizer_is_its_formula(name):
    optimizer = f"optimizer={{name: {name}, learning_rate: 0.1}}"
    facts = json.loads(worked("json", optimizer))
    gradient, update = numbers(facts, "backward"), numbers(facts, "update")
    expected = first_step(name, np.array(W2), np.array(gradient["dW2"]))
    np.testing.assert_allclose(update["new_W2"], expected, rtol=1e-12)
    state = "square_sum" if name == "adagrad" else "square_mean"
    share = {"adagrad": 1, "rmsprop": 0.1}.get(name, 0.001)
    np.testing.assert_allclose(
        update[f"{state}_W2"], share * np.square(gradient["dW2"]), rtol=1e-10
    )
    text = worked("text", optimizer)
    assert ("W ← (1 − η λ) W" in text) == (name == "adamw")
    assert "θ ← θ − η" in text
    assert "/ (√s" in text
    for formula in re.findall(r"<math.*?</math>", worked("html", optimizer), re.DOTALL):
        ET.fromstring(formula)


def test_the_step_of_lion_is_its_formula():
    facts = json.loads(worked("json", "optimizer={name: lion, learning_rate: 0.1}"))
    g, update = np.array(numbers(facts, "backward")["dW2"]), numbers(facts, "update")
    np.testing.assert_allclose(update["new_W2"], first_step("lion", np.array(W2), g), rtol=1e-12)
    np.testing.assert_allclose(update["mean_W2"], 0.01 * g, rtol=1e-12)
    text = worked("text", "optimizer=lion")
    assert "W ← (1 − η λ) W    c = β₁ m + (1 − β₁) g    θ ← θ − η sign(c)" in text


def test_two_steps_without_a_schedule_are_their_formulae():
    """From z = x = θ: c is 1, then 1/2."""
    optimizer = "optimizer={name: schedule_free_sgd, learning_rate: 0.1, momentum: 0.8}"
    first, second = (
        json.loads(worked("json", optimizer, "--at-step", str(step))) for step in (1, 2)
    )
    g1, g2 = (np.array(numbers(facts, "backward")["dW2"]) for facts in (first, second))
    z1, z2 = np.array(W2) - 0.1 * g1, np.array(W2) - 0.1 * g1 - 0.1 * g2
    for name in ("new_W2", "base_W2", "average_W2"):
        np.testing.assert_allclose(numbers(first, "update")[name], z1, rtol=1e-12)
    update, x2 = numbers(second, "update"), (z1 + z2) / 2
    np.testing.assert_allclose(update["before_base_W2"], z1, rtol=1e-12)
    np.testing.assert_allclose(update["base_W2"], z2, rtol=1e-12)
    np.testing.assert_allclose(update["average_W2"], x2, rtol=1e-12)
    np.testing.assert_allclose(update["new_W2"], 0.2 * z2 + 0.8 * x2, rtol=1e-12)
    text = " ".join(worked("text", optimizer).split())
    assert "β = 0.8, g = ∂L/∂θ; z = θ and x = θ at first; t = 1 counts the steps" in text
    assert "x is what is validated and used" in text


def test_the_step_of_muon_is_orthogonal_in_the_hidden_layers_alone():
    optimizer = "optimizer={name: muon, learning_rate: 0.1, weight_decay: 0}"
    facts = json.loads(worked("json", optimizer))
    gradient, update = numbers(facts, "backward"), numbers(facts, "update")
    u = np.array(gradient["dW1"])
    U, s, Vt = np.linalg.svd(u, full_matrices=False)
    s = s / np.sqrt(np.square(s).sum())
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    expected = np.array(W1) - 0.2 * 0.1 * np.sqrt(max(u.shape)) * (U * s) @ Vt
    np.testing.assert_allclose(update["new_W1"], expected, rtol=1e-10)
    np.testing.assert_allclose(update["mean_W1"], 0.05 * u, rtol=1e-10)
    g = np.array(gradient["dW2"])
    np.testing.assert_allclose(
        update["new_W2"], np.array(W2) - 0.1 * g / (np.abs(g) + 1e-8), rtol=1e-10
    )
    text = " ".join(worked("text", optimizer).split())
    assert "μ = 0.95, β₁ = 0.9" in text
    assert "iteration approximate, are for every W (n × k) but the last" in text


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_gradient_that_the_step_takes(optimizer):
    """Clipped to a length, then number by number, then with the penalties, of weights alone."""
    settings = "learning_rate: 0.1, clip_norm: 0.5, clip_value: 0.2, weight_decay: 0.5, l1: 0.25"
    facts = json.loads(worked("json", f"optimizer={{name: {optimizer}, {settings}}}"))
    gradient, update = numbers(facts, "backward"), numbers(facts, "update")
    names = ("dW1", "db1", "dW2", "db2")
    length = np.linalg.norm(np.concatenate([np.ravel(gradient[name]) for name in names]))
    for name, W in (("W1", np.array(W1)), ("W2", np.array(W2)), ("b1", None), ("b2", None)):
        expected = np.clip(np.array(gradient[f"d{name}"]) * 0.5 / length, -0.2, 0.2)
        if W is not None:
            expected = expected + 0.5 * W + 0.25 * np.sign(W)
        np.testing.assert_allclose(update[f"taken_{name}"], expected, rtol=1e-12)
        if W is not None and optimizer == "sgd":
            np.testing.assert_allclose(update[f"new_{name}"], W - 0.1 * expected, rtol=1e-12)
    assert "taken_W1" not in numbers(json.loads(worked("json")), "update")


def test_what_the_schedule_makes_of_the_learning_rate_is_said():
    warm = worked("text", "schedule={name: constant, warmup_epochs: 4}")
    said = "0.0125 (0.1 × 0.125 by the schedule, constant after a warm-up)"  # half of step 1 of 4
    assert f"η = {said}" in " ".join(warm.split())
    assert f"with learning rate {said};" in " ".join(warm.split())
    assert "η = 0.1, g" in worked("text")


def test_binary_cross_entropy_has_a_sigmoid_of_its_own():
    facts = json.loads(
        explain("explain", "--config", "examples/xor", "loss=binary_cross_entropy", "--format=json")
    )
    forward, backward = numbers(facts, "forward"), numbers(facts, "backward")
    p, t = 1 / (1 + np.exp(-np.array(forward["z2"]))), np.array(forward["t"])
    np.testing.assert_allclose(forward["p"], p, rtol=1e-12)
    np.testing.assert_allclose(backward["delta2"], (p - t) / 4, rtol=1e-12)
    text = explain("explain", "--config", "examples/xor", "loss=binary_cross_entropy")
    assert "p = 1 / (1 + exp(−z₂))" in text
    assert "L = −Σ (t log p + (1 − t) log(1 − p))" in text


def test_the_penalties_stand_in_the_formulae():
    text = worked("text", "optimizer.weight_decay=0.5", "optimizer.l1=0.25")
    assert "g ← g + λ W    g ← g + κ sign(W)" in text
    assert "λ = 0.5, κ = 0.25" in text


def test_a_schedule_that_waits_for_measurements_is_refused_after_an_epoch():
    plateau = ("schedule={name: plateau, monitor: train_loss}",)
    worked("text", *plateau)
    done = CliRunner().invoke(command, [*WORKED, *plateau, "--steps", "2"])
    assert isinstance(done.exception, ConfigError)
    assert "ask for --steps 1 at most" in str(done.exception)


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
    text = worked(form).replace("<mn>−", "<mn>-")
    for figure in ("0.668188", "1.633387", "0.436766", "1.428440", "-0.760317", "0.863260"):
        assert figure in text


def test_mathml():
    text = re.sub(r"<math [^>]*>", "<math>", mathml("∂L/∂W₁ = a₀ᵀ δ₁"))
    assert text == (
        "<math><mrow><mfrac><mrow><mo>∂</mo><mi>L</mi></mrow><mrow><mo>∂</mo><msub><mi>W</mi><mrow>"
        "<mi>1</mi></mrow></msub></mrow></mfrac><mo>=</mo><msubsup><mi>a</mi><mrow><mi>0</mi></mrow>"
        "<mtext>T</mtext></msubsup><msub><mi>δ</mi><mrow><mi>1</mi></mrow></msub></mrow></math>"
    )


class _Balance(HTMLParser):
    """Fails where a tag is closed that is not the last one opened."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        pass


@pytest.mark.parametrize(
    "arguments",
    [
        ("--config", "examples/worked_3_2_3", "optimizer=nadam", "network.dropout.hidden=0.5"),
        ("--config", "examples/xor", "network.batch_norm=true", "--steps", "3"),
        ("--config", "examples/vanishing"),
        ("--config", "examples/worked_3_2_3", "--graph"),
        ("--activations",),
    ],
)
def test_every_page_is_whole_and_asks_for_nothing(arguments):
    page = explain("explain", *arguments, "--format", "html")
    assert page.startswith("<!DOCTYPE html>")
    assert not re.search(r"<(script|link|img|iframe)|url\(|@import|src=", page)
    assert set(re.findall('href="(.*?)"', page)) <= {"docs/notation.md"}
    assert set(re.findall(r'https?://[^"]*', page)) <= {"http://www.w3.org/1998/Math/MathML"}
    balance = _Balance()
    balance.feed(page)
    assert balance.open == []
    formulae = re.findall(r"<math.*?</math>", page, re.DOTALL)
    assert (len(formulae) > 5) == ("--graph" not in arguments)
    for formula in formulae:
        ET.fromstring(formula)


def test_a_page_fits_and_its_brackets_do_not_hang_on_a_font():
    page = worked("html")
    assert page.index('<a href="docs/notation.md">') < page.index("<h2>")
    matrices = re.findall('<mtable class="matrix">.*?</mtable>', page)
    assert matrices
    assert "<mo>(</mo><mtable" not in page
    sizes = {len(re.findall("<mtd>", each)) for each in matrices}
    assert 1 not in sizes  # a number alone stands in no brackets
    assert "<mrow><mi>L</mi></mrow><mo>=</mo><mn>1.428440</mn>" in page
    assert "mtable.matrix { border: solid currentcolor" in page
    assert re.search(r'font-family: "STIX Two Math".*math, serif', page, re.DOTALL)
    tables = page.count("<table>")
    assert tables == page.count('<div class="scroll"><table>') > 0


def test_what_is_wider_than_a_phone_is_smaller_or_says_that_it_can_be_moved():
    """Looked at in Chromium at 1200 and 375 pixels; here, that what did it is still there."""
    page = worked("html")
    assert "div.scroll, div.quantities > div, p.formula > span {\n  background:\n    linear" in page
    phone = page[page.index("@media (max-width: 40rem)") : page.index("@media (prefers-color")]
    assert "white-space: normal" in phone
    assert "div.quantities math { font-size" in phone
    digits = ("--config", "quickstart", "data.train_size=20", "network.hidden=[]")
    page = explain("explain", *digits, "--format", "html")
    matrices = re.findall('<mtable class="(.*?)">(.*?)</mtable>', page)
    assert {look for look, _ in matrices} == {"matrix wide"}  # ten columns, one for each digit
    page = explain("explain", "boxed", str(DOCS / "seven.png"), "--format", "html")
    assert re.search("<td>unit\N{NO-BREAK SPACE}\\d+</td>", page)


def test_a_gradient_shares_a_line_with_its_difference():
    page = worked("html")
    line = '<div class="break"></div><div>' + r"<math[^>]*><mrow><mrow><mfrac>.*?∂</mo><msub><mi>b"
    assert len(re.findall(line, page)) == 2
    assert "div.break { flex-basis: 100%" in page


def test_numbers_below_each_other_end_below_each_other():
    delta = "<mphantom><mn>−</mn></mphantom><mn>0.138712</mn>"
    page = explain("explain", "--config", "examples/xor", "--format", "html")
    assert f"<mtr><mtd>{delta}</mtd></mtr>" in page
    assert "<mtr><mtd><mn>−0.214335</mn></mtd></mtr>" in page


def test_every_part_has_its_formula():
    assert all("σ′(z)" in activation.formula for activation in ACTIVATIONS.values())
    formulae = {name: optimizer.formula for name, optimizer in OPTIMIZERS.items()}
    assert formulae.pop("adamw") == formulae["adam"]
    assert len(set(formulae.values())) == len(formulae)


def test_hats_and_superscripts_in_mathml():
    found = mathml("m\N{COMBINING CIRCUMFLEX ACCENT} / (1 − β₁ᵗ)")
    assert "<mover><mi>m</mi><mo>^</mo></mover>" in found
    assert "<msubsup><mi>β</mi><mrow><mi>1</mi></mrow><mtext>t</mtext></msubsup>" in found
    assert "<mrow><mi>t+1</mi></mrow>" in mathml("μₜ₊₁")
    assert "<msup><mi>W</mi><mtext>(2)T</mtext></msup>" in mathml("W⁽²⁾ᵀ δ⁽³⁾")
    assert '<mi>σ</mi><mo lspace="0" rspace="0">′</mo>' in mathml("σ′(z)")


@pytest.mark.parametrize("ending", ["html", "md", "json", "txt"])
def test_a_file_holds_what_is_printed(ending, tmp_path):
    file = tmp_path / f"sheet.{ending}"
    form = {"md": "markdown", "txt": "text"}.get(ending, ending)
    assert explain(*WORKED, "--output", str(file)) == f"{file}: written\n"
    assert file.read_text(encoding="utf-8") == worked(form)


def test_large_arrays_are_summarised_and_it_is_said_so():
    text = explain("explain", "--config", "examples/vanishing")
    said = "Arrays of more than 64 numbers or 10 columns are shown as their shape, min, max, mean"
    assert said in " ".join(text.split())
    assert "W₁ = (784, 30)  min" in text
    assert max(map(len, text.splitlines())) < 130


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("a",),
        ("a", "b", "c"),
        ("a", "b", "--steps", "2"),
        ("--config", "mnist", "--label", "1"),
        ("--config", "examples/xor", "--output", "sheet.png"),
        ("--config", "examples/xor", "--output", "sheet.gif"),
        ("--config", "examples/xor", "--output", "sheet.md", "--format", "json"),
        ("--config", "examples/xor", "--example", "2"),
        ("--config", "examples/xor", "--graph", "--steps", "2"),
        ("--graph",),
        ("--graph", "--activations"),
        ("--activations", "--config", "examples/xor"),
        ("--activations", "--label", "2"),
    ],
)
def test_a_wrong_command_line(arguments):
    assert CliRunner().invoke(command, ["explain", *arguments]).exit_code == 2


@pytest.mark.parametrize(
    ("optimizer", "said"),
    [
        ("sgd", None),
        ("momentum", "μ and v are momentum's"),
        ("adagrad", "s and ε are adagrad's"),
        ("rmsprop", "s and ε are rmsprop's"),
        ("adam", "s, ε, β₁ and β₂ are adam's"),
        ("nadam", "μ, s, ε, β₁ and β₂ are nadam's"),
        ("lion", "β₁ and β₂ are lion's"),
        ("muon", "μ, s, ε, β₁ and β₂ are muon's"),
    ],
)
def test_symbols_of_the_layers_and_of_the_optimizer_are_told_apart(optimizer, said):
    arguments = ("explain", "--config", "examples/xor", f"optimizer={optimizer}")
    text = " ".join(explain(*arguments, "network.batch_norm=true").split())
    assert (". Here" in text) == (said is not None)
    assert said is None or f". Here {said}, not the layers'" in text
    assert ". Here" not in explain(*arguments)


def test_settings_of_0_are_told_where_the_formula_has_them():
    assert ", μ = 0, g = " in worked("text", "optimizer={name: momentum, momentum: 0}")
    assert "β₁ = 0, β₂ = 0.9," in worked("text", "optimizer={name: adam, beta1: 0, beta2: 0.9}")
    assert "λ" not in worked("text", "optimizer={name: adamw, weight_decay: 0}")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("data.table.points=5", "loss=mse"), "of the B = 5 examples"),
        (("loss=mse",), "n = 1, the number of outputs"),
        (("network.activation=gelu",), "u = √(2 / π) (z + 0.044715 z³)"),
    ],
)
def test_the_symbols_of_a_formula_are_defined(overrides, said):
    assert said in explain("explain", "--config", "examples/sine", *overrides)


def test_the_n_of_a_smoothed_target_is_defined():
    smoothed = worked("text", "loss={name: cross_entropy, label_smoothing: 0.1}")
    assert "n = 3, the number of outputs" in smoothed
    assert "n = 3" not in worked("text")


def test_numbers_in_mathml():
    assert "<mo>+</mo><mn>1e-05</mn><mo>/</mo>" in mathml("t + 1e-05 / n")
    assert "<mn>2.5e+10</mn>" in mathml("2.5e+10")
    assert "<mi>erf</mi><mrow><mo>(</mo><mi>z</mi><mo>)</mo></mrow>" in mathml("erf(z)")
    assert '<mn>2</mn><mspace width="0.17em"/><mi>exp</mi>' in mathml("2 exp(z)")
    assert '(</mo><mo form="prefix">−</mo><mi>z</mi>' in mathml("exp(−z)")
    difference = "<mrow><mo>(</mo><mi>z</mi><mo>−</mo><mi>t</mi><mo>)</mo></mrow>"
    assert f"<mrow><msup>{difference}<mn>2</mn></msup></mrow>" in mathml("(z − t)²")
    assert "<mn>1.2</mn><mo>·</mo><msup><mn>10</mn><mn>−5</mn></msup>" in mathml_number("1.2e-05")


def test_losses_of_several_batches_are_said_to_be_of_several():
    batches = "An epoch has 2 batches, so each loss is of another batch than the one before"
    xor = ("explain", "--config", "examples/xor", "--steps", "5")
    assert batches in explain(*xor, "training.batch_size=2")
    assert "An epoch has" not in explain(*xor)


def test_the_examples_are_numbered_as_in_the_training_set():
    sheet = ("explain", "--config", "examples/xor", "seed=3")
    for size in (1, 3, 4):
        arguments = (*sheet, f"training.batch_size={size}")
        facts = json.loads(explain(*arguments, "--format", "json"))
        rows = numbers(facts, "forward")["x"]
        inputs = [[0, 0], [0, 1], [1, 0], [1, 1]]
        assert [inputs[n - 1] for n in facts["examples"]] == rows
        numbered = ", ".join(map(str, facts["examples"]))
        which = "Example" if size == 1 else "Row by row, examples"
        assert f"\n{which} {numbered} of the training set.\n" in explain(*arguments)
    many = explain(
        "explain", "--config", "examples/sine", "data.table.points=99", "training.batch_size=50"
    )
    assert re.search(
        r"Row by row, examples (\d+, ){20}… of the training set\.", " ".join(many.split())
    )


AT_ONE = "data.table={inputs: [[1000]], targets: [[0]]}"


@pytest.mark.parametrize(
    ("bias", "overrides", "crosses"),
    [
        (-799.995, [AT_ONE], True),  # z = 0.005, and h moves it by 0.01
        (-0.79995, [], False),  # z = 5e-5, and h = 1e-5
        (-0.799995, [], True),
        (-0.79995, ["dtype=float32"], False),
    ],
)
def test_a_difference_across_a_kink_is_told(bias, overrides, crosses):
    text = explain(
        "explain",
        "--config",
        "examples/chain",
        "network.hidden=[1]",
        "network.activation=relu",
        "network.initializer.values=[[[0.8]],[[1.2]]]",
        f"network.bias_initializer.values=[[{bias}],[-0.3]]",
        *overrides,
    )
    assert ("at the kink of its activation" in " ".join(text.split())) == crosses


def test_small_losses_are_told_in_powers_of_ten():
    chain = ["explain", "--config", "examples/chain", "network.bias_initializer=zeros"]
    chain += ["data.table.targets=[[0.5735]]", "network.initializer.values=[[[0]],[[0]],[[0.592]]]"]
    facts = json.loads(explain(*chain, "--steps", "3", "--format", "json"))
    text = explain(*chain, "--steps", "3")
    before, *_, after = facts["losses"]
    assert 0 < after < before < 1e-6
    assert f"\n  3           {after:.4e}\n" in text
    assert f"{before:.4e} before, {facts['loss_after']:.4e} after." in text


@pytest.mark.parametrize(
    ("value", "largest", "said"),
    [
        (-0.0, 0.0, "0.000000"),
        (-1e-9, 1.0, "0.000000"),
        (-1e-9, None, "-1.0000e-09"),
        (-0.0, 1e-9, "0.0000e+00"),
        (0.5, None, "0.500000"),
        (-123456.0, None, "-1.2346e+05"),
    ],
)
def test_how_a_number_is_told(value, largest, said):
    assert number(value, largest) == said


def test_label_smoothing_stands_in_the_formulae():
    text = worked("text", "loss={name: cross_entropy, label_smoothing: 0.1}")
    assert "L = −Σ t′ log p    t′ = (1 − 0.1) t + 0.1 / n" in text
    assert "δ₂ = ∂L/∂z₂ = p − t′" in text


def test_roots_and_nested_brackets_in_mathml():
    assert "<mrow><msqrt><mi>s</mi></msqrt><mo>+</mo><mi>ε</mi></mrow>" in mathml("√s + ε")
    found = mathml("g / √(v (1 + ε))")
    inner = "<mrow><mo>(</mo><mn>1</mn><mo>+</mo><mi>ε</mi><mo>)</mo></mrow>"
    assert f"<mo>/</mo><msqrt><mi>v</mi>{inner}</msqrt></mrow>" in found
    assert mathml("max(0, z)").count(COMMA) == 1
    whole = rf"<msqrt><mi>max</mi><mrow>.*{COMMA}<mi>k</mi><mo>\)</mo></mrow></msqrt>"
    assert re.search(whole, mathml(OPTIMIZERS["muon"].formula.split(APART)[3]))
    for unbalanced in ("(a", "a)", "(a (b)"):
        ET.fromstring(mathml(unbalanced))


def test_words_in_mathml():
    assert "<mtext>&#160;by differences&#160;</mtext>" in mathml("by differences")
    found = mathml("a if z > 0 else exp(z) − 1")
    assert "<mi>a</mi><mtext>&#160;if&#160;</mtext><mi>z</mi>" in found
    assert "<mtext>&#160;else&#160;</mtext><mi>exp</mi>" in found
    assert "<msub><mi>log</mi>" in mathml("log₂ x")


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


def test_a_relative_error_that_is_rounding_is_called_so():
    chain = ("--config", "examples/chain", f"network.hidden={[1] * 8}")
    small = ("network.initializer={name: constant, value: 0.1}", "network.bias_initializer=zeros")
    text = explain("explain", *chain, *small)
    (first,) = re.findall(r"\n  1 +1 × 1 .*", text)
    (last,) = re.findall(r"\n  9 +1 × 1 .*", text)
    assert (first.endswith(", by rounding"), last.endswith(", by rounding")) == (True, False)
    assert "1.0e+00. That is rounding: the gradient is too small" in text
