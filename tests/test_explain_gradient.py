"""The gradient as one vector in `mlpcli explain`: its entries, their names, signs and arrows."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from mlpcli.cli.main import command
from mlpcli.config.loading import load_config
from mlpcli.explaining.documents.gradient import LARGEST
from mlpcli.explaining.first_steps import explain_training

ROOT = Path(__file__).parents[1]
WORKED = ("--config", "examples/worked_3_2_3")


def explain(*arguments):
    done = CliRunner().invoke(command, ["explain", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def told(*arguments):
    return json.loads(explain(*arguments, "--format", "json"))["gradient"]


def by_hand():
    """∂L/∂W and ∂L/∂b of both layers of the worked example, from the textbook."""
    x, t = np.ones(3), np.array([1, 0, 0])
    W1 = np.array([[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]])
    W2 = np.array([[0.7, 0.9, 1.1], [0.8, 1.0, 1.2]])
    a = 1 / (1 + np.exp(-(x @ W1 + 0.1)))
    z = a @ W2 + 0.2
    delta = np.exp(z) / np.exp(z).sum() - t
    back = W2 @ delta * a * (1 - a)
    return np.outer(x, back), back, np.outer(a, delta), delta


def test_every_entry_of_a_small_network_by_hand():
    facts = told(*WORKED)
    dW1, db1, dW2, db2 = by_hand()
    expected = np.concatenate([each.ravel() for each in (dW1, db1, dW2, db2)])
    assert list(facts["entries"].values()) == pytest.approx(expected, rel=1e-12)
    assert facts["norm"] == pytest.approx(np.linalg.norm(expected), rel=1e-12)
    assert [facts[key] for key in ("numbers", "positive", "negative")] == [17, 14, 3]
    assert facts["entries"]["W₁[3,2]"] == pytest.approx(dW1[2, 1], rel=1e-12)
    assert facts["entries"]["b₂[3]"] == pytest.approx(db2[2], rel=1e-12)
    columns = told(*WORKED, "--notation", "columns")["entries"]
    assert columns["W⁽²⁾[3,2]"] == facts["entries"]["W₂[2,3]"] == pytest.approx(0.363398, abs=1e-6)


def test_arrows_go_against_it():
    lines = explain(*WORKED).splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.endswith(("↑", "↓"))}
    assert rows["b₂[1]"] == ["-0.760317", "↑" * 12]
    assert rows["b₂[3]"] == ["+0.436766", "↓" * 7]  # 12 · 0.436766 / 0.760317 is 6.9
    assert len(rows) == 17


def test_of_a_large_one_the_entries_furthest_from_0_are_told():
    large = ("data.train_size=40", "training.batch_size=8", "training.epochs=1")
    config = load_config("quickstart", overrides=list(large))
    facts = told("--config", "quickstart", *large)
    layers = explain_training(config, 1).shown.layers
    every = {
        f"{name}{'₁₂'[n]}[{','.join(str(i + 1) for i in place)}]": float(value)
        for n, layer in enumerate(layers)
        for name, trace in layer.parameters.items()
        for place, value in np.ndenumerate(trace.gradient)
    }
    assert facts["numbers"] == len(every) == 784 * 128 + 128 + 128 * 10 + 10
    assert facts["positive"] + facts["negative"] < len(every)  # a relu lets no error through
    steepest = sorted(map(abs, every.values()), reverse=True)[:LARGEST]
    assert list(map(abs, facts["entries"].values())) == steepest
    for name, value in facts["entries"].items():
        assert every[name] == value
    text = " ".join(explain("--config", "quickstart", *large).split())
    assert f"one vector of {len(every):,} numbers" in text
    assert " zero. Its length is" in text
    assert "The 10 entries furthest from 0:" in text


def test_of_an_image_its_largest_entries_are_the_weights_that_a_step_changes_most():
    words = ("boxed", str(ROOT / "docs" / "seven.png"), "--label", "1")
    facts = json.loads(explain(*words, "--format", "json"))
    name, entry = next(iter(facts["gradient"]["entries"].items()))
    change = facts["weight_changes"][0]
    assert name == f"W₃[{change['unit']},2]"  # the 1 is the second class
    assert -facts["learning_rate"] * entry == pytest.approx(change["change"], rel=1e-6)
    assert f"  {name}" in explain(*words)


def test_slopes_of_all_0_are_no_reason_to_move():
    """The first example of XOR, from which there is nothing to learn at first."""
    one = ("--config", "examples/xor", "data.table={inputs: [[0, 0]], targets: [[0]]}")
    text = explain(*one, "training.batch_size=1")
    assert "0 positive, 0 negative and 9 zero" in " ".join(text.split())
    assert text.count("  stay\n") == 9
