"""`--notation columns`, steps later than the first, and each example's own gradient."""

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner
from test_explain import explain, numbers

import mlpcli
from mlpcli.cli.main import command
from mlpcli.config.loading import load_config
from mlpcli.explaining.first_steps import explain_training

WORKED = ("--config", "examples/worked_3_2_3")


def told(*arguments):
    return json.loads(explain("explain", *arguments, "--format", "json"))


@pytest.fixture(scope="module")
def pair():
    return told(*WORKED), told(*WORKED, "--notation", "columns")


@pytest.mark.parametrize(
    ("part", "row_key", "column_key"),
    [
        ("forward", "W1", "W1"),
        ("forward", "z1", "z2"),
        ("forward", "a1", "a2"),
        ("forward", "z2", "z3"),
        ("forward", "p", "p"),
        ("backward", "delta2", "delta3"),
        ("backward", "dW2", "dW2"),
        ("backward", "da1", "da2"),
        ("backward", "delta1", "delta2"),
        ("backward", "numerical_dW1", "numerical_dW1"),
        ("update", "new_W1", "new_W1"),
    ],
)
def test_columns_are_the_rows_transposed(pair, part, row_key, column_key):
    rows, columns = (numbers(facts, part) for facts in pair)
    np.testing.assert_array_equal(np.array(columns[column_key]), np.array(rows[row_key]).T)


def test_biases_are_columns(pair):
    rows, columns = (numbers(facts, "forward") for facts in pair)
    assert np.array(columns["b2"]).tolist() == [[b] for b in np.array(rows["b2"]).tolist()]


def test_the_formulae_are_those_of_the_textbook():
    text = explain("explain", *WORKED, "--notation", "columns")
    for line in (
        "z⁽²⁾ = W⁽¹⁾ a⁽¹⁾ + b⁽¹⁾      (2, 3) (3, 1) + (2, 1) → (2, 1)",
        "δ⁽³⁾ = ∂L/∂z⁽³⁾ = a⁽³⁾ − t",
        "∂L/∂W⁽²⁾ = δ⁽³⁾ a⁽²⁾ᵀ",
        "∂L/∂a⁽²⁾ = W⁽²⁾ᵀ δ⁽³⁾    δ⁽²⁾ = ∂L/∂z⁽²⁾ = ∂L/∂a⁽²⁾ ⊙ σ′(z⁽²⁾)",
        "L = −Σ t log a⁽³⁾",
        "Layer 2: the weighted sum",
    ):
        assert line in text
    assert "docs/notation.md" in text.splitlines()[3]
    assert not re.search("[₀-₉]", text[text.index("The network") :])


@pytest.mark.parametrize(
    "settings",
    [
        ["network.dropout.hidden=0.5", "seed=3"],
        ["network.batch_norm=true"],
        ["optimizer={name: adam, max_norm: 1, clip_norm: 0.1, weight_decay: 0.1}"],
        ["loss=binary_cross_entropy"],
    ],
)
def test_whatever_the_network_has_the_numbers_are_the_same(settings):
    rows, columns = (
        told("--config", "examples/xor", "--notation", name, *settings)
        for name in ("rows", "columns")
    )
    for part in ("forward", "backward", "update"):
        ours = [np.array(each).ravel() for each in numbers(rows, part).values()]
        theirs = [np.array(each).ravel() for each in numbers(columns, part).values()]
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(np.sort(one), np.sort(other))


def test_a_sheet_of_an_image_has_it_too(finished):
    done = CliRunner().invoke(command, ["explain", "--activations", "--notation", "columns"])
    assert done.exit_code == 2
    assert "--notation goes without --activations" in done.output


def test_a_step_in_full_is_that_step(tmp_path):
    facts = told(*WORKED, "--at-step", "278")
    assert facts["step"] == 278
    assert facts["loss"] == pytest.approx(0.009970, abs=5e-7)
    run = mlpcli.train(load_config("examples/worked_3_2_3"), runs_dir=tmp_path)
    first = run.load_model().network.dense[0]
    np.testing.assert_array_equal(numbers(facts, "forward")["W1"], first.W)
    assert len(facts["losses"]) == 279
    assert "Training worked_3_2_3, step 278" in explain("explain", *WORKED, "--at-step", "278")


def test_a_later_step_shows_what_the_optimizer_remembers(tmp_path):
    adam = ("--config", "examples/xor", "optimizer=adam")
    before = numbers(told(*adam, "--at-step", "3"), "update")
    after = numbers(told(*adam, "--at-step", "2"), "update")
    remembered = [name for name in before if name.startswith("before_")]
    assert len(remembered) == 8
    for name in remembered:
        assert before[name] == after[name.removeprefix("before_")]
    text = explain("explain", *adam, "--at-step", "3")
    assert "t = 3 counts the steps" in text
    assert "What adam remembers before it" in text
    assert "What adam remembers before it" not in explain("explain", *adam)


def test_its_examples_are_those_of_the_step():
    several = load_config("examples/xor", overrides=["training.batch_size=3"])
    seen = [explain_training(several, 4, shown=n).examples for n in (1, 2, 3, 4)]
    assert [len(each) for each in seen] == [3, 1, 3, 1]
    assert sorted(seen[0] + seen[1]) == sorted(seen[2] + seen[3]) == [1, 2, 3, 4]
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    for n, examples in enumerate(seen, 1):
        step = explain_training(several, 4, shown=n).shown
        np.testing.assert_array_equal(step.x, x[np.array(examples) - 1])


def test_steps_fewer_than_the_one_shown_are_refused():
    done = CliRunner().invoke(command, ["explain", *WORKED, "--at-step", "5", "--steps", "3"])
    assert (done.exit_code, "--steps is less than --at-step" in done.output) == (2, True)


def test_each_examples_own_gradient_and_their_mean():
    backward = numbers(told("--config", "examples/xor"), "backward")
    own = [np.array(backward[f"dW1_of_example_{n}"]) for n in (1, 2, 3, 4)]
    np.testing.assert_allclose(np.mean(own, axis=0), backward["dW1"], rtol=1e-12)
    np.testing.assert_allclose(backward["dW1_mean"], backward["dW1"], rtol=1e-12)
    one = "data.table={inputs: [[1, 0]], targets: [[1]]}"
    alone = numbers(told("--config", "examples/xor", one), "backward")
    np.testing.assert_allclose(own[2], alone["dW1"], rtol=1e-12)
    np.testing.assert_allclose(backward["db2_of_example_3"], alone["db2"], rtol=1e-12)


@pytest.mark.parametrize("setting", ["network.batch_norm=true", "network.hidden=[40]"])
def test_where_they_depend_on_each_other_or_are_many_there_is_none(setting):
    assert "of example 1" not in explain("explain", "--config", "examples/xor", setting)


def test_the_jacobian_of_a_softmax_stands_on_the_side_of_its_notation():
    text = explain("explain", *WORKED, "loss=brier")
    assert "δ₂ = ∂L/∂z₂ = 2 (p − t) J    J = diag(p) − pᵀ p" in text
    text = explain("explain", *WORKED, "loss=brier", "--notation", "columns")
    assert "δ⁽³⁾ = ∂L/∂z⁽³⁾ = 2 J (a⁽³⁾ − t)    J = diag(a⁽³⁾) − a⁽³⁾ a⁽³⁾ᵀ" in text


def test_what_is_said_of_units_follows_the_notation():
    dead = ("--config", "examples/dead_relu", "--steps", "3")
    assert "2 of layer 1 " in explain("explain", *dead)
    text = explain("explain", *dead, "--notation", "columns")
    assert "2 of layer 2 " in text
    text = explain("explain", *WORKED, "--notation", "columns")
    assert "have the sign of its δ⁽³⁾" in " ".join(text.split())
