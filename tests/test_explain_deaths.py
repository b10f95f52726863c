"""Which units die, in which step: by hand, and in the example that shows it."""

import json

import pytest
from click.testing import CliRunner

import mlpcli
from mlpcli.cli.main import command
from mlpcli.explaining.deaths import Death, DeathWatch
from mlpcli.explaining.documents.deaths import deaths_section
from mlpcli.explaining.documents.document import Document
from mlpcli.explaining.documents.plain_text import as_text
from mlpcli.explaining.first_steps import explain_training
from mlpcli.explaining.notation import ROWS
from mlpcli.reporting import Reporter
from mlpcli.training.setup import prepare


def config(*overrides, **network):
    plain = {"name": "sgd", "learning_rate": 1}
    table = {"inputs": [[1], [2]], "targets": [[0], [0]]}
    return mlpcli.load_config(
        {
            "dtype": "float64",
            "data": {"dataset": "table", "table": table},
            "network": {"hidden": [1], "activation": "relu", **network},
            "loss": "quadratic",
            "optimizer": plain,
            "training": {"batch_size": 2},
        },
        overrides=overrides,
    )


START = {
    "initializer": {"name": "given", "values": [[[1]], [[1]]]},
    "bias_initializer": "zeros",
}


def test_a_unit_that_a_step_throws_over_the_edge():
    # a = (1, 2), δ₂ = (0.5, 1): ∂L/∂W₁ = 0.5 + 2 = 2.5 and ∂L/∂b₁ = 1.5, so z = -1.5 x - 1.5
    (death,) = explain_training(config(**START), 3).deaths
    assert (death.layer, death.unit, death.step) == (1, 1, 1)
    assert (death.highest_before, death.highest_after) == pytest.approx((2, -3))
    assert (death.bias_before, death.bias_after) == pytest.approx((0, -1.5))


def test_a_slope_that_is_not_0_is_no_death():
    assert explain_training(config("network.activation=leaky_relu", **START), 3).deaths == ()


def test_a_unit_that_never_lived():
    start = {"initializer": {"name": "given", "values": [[[-1]], [[1]]]}}
    (death,) = explain_training(config(**start, bias_initializer="zeros"), 1).deaths
    assert death.step == 0


def test_a_unit_that_comes_back_is_alive():
    setup = prepare(config(**START), None, Reporter())
    watch, hidden = DeathWatch(setup), setup.network.dense[0]
    hidden.b[0] = -9
    watch.after_step(1)
    assert [each.step for each in watch.deaths.values()] == [1]
    hidden.b[0] = -1.5
    watch.after_step(2)
    assert not watch.deaths


def test_the_deaths_of_the_example_last():
    found = explain_training(mlpcli.load_config("examples/dead_relu"), 400)
    assert [(each.unit, each.step) for each in found.deaths] == [(2, 1), (1, 2)]


def test_the_sheet_and_its_json():
    arguments = ["explain", "--config", "examples/dead_relu", "--steps", "2"]
    text = CliRunner().invoke(command, arguments).output
    assert "Units that died" in text
    assert "  2 of layer 1             1" in text
    facts = json.loads(CliRunner().invoke(command, [*arguments, "--format", "json"]).output)
    assert [each["step"] for each in facts["deaths"]] == [1, 2]


def test_more_deaths_than_a_table_lists_are_counted_below_it():
    deaths = [Death(1, unit, 0, -1.0, -1.0, 0.0, 0.0) for unit in range(1, 24)]
    text = as_text(Document("", [deaths_section(deaths, ROWS)]))
    assert ("20 of layer 1" in text, "21 of layer 1" in text) == (True, False)
    assert text.endswith("  and 3 more")
