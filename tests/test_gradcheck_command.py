"""`mlpcli gradcheck`, on right and on broken derivatives."""

import dataclasses
import json

import numpy as np
import pytest
from click.testing import CliRunner

import mlpcli
from mlpcli.cli.main import command
from mlpcli.errors import MlpcliError
from mlpcli.nn import activations, layers
from mlpcli.nn.activations import ACTIVATIONS

LAYERS = (
    "examples/worked_3_2_3",
    "network.hidden=[4, 3]",
    "network.activation=[tanh, sigmoid]",
    "network.initializer=xavier_normal",
    "network.bias_initializer=normal",
)


def gradcheck(*arguments):
    return CliRunner().invoke(command, ["gradcheck", *map(str, arguments)])


def broken(z, a, out):
    activations._sigmoid_derivative(z, a, out)
    out *= 1.001


def test_every_layer_of_a_config_is_right():
    done = gradcheck("--config", *LAYERS)
    assert done.exit_code == 0, done.output
    header, *rows = done.output.splitlines()
    assert header.split()[:4] == ["layer", "activation", "weights", "compared"]
    assert [row.split()[:2] for row in rows] == [["1", "tanh"], ["2", "sigmoid"], ["3", "identity"]]
    assert all(row.endswith("ok") for row in rows)


def test_a_broken_derivative_fails_and_its_layer_is_named(monkeypatch):
    sigmoid = ACTIVATIONS["sigmoid"]
    monkeypatch.setitem(ACTIVATIONS, "sigmoid", dataclasses.replace(sigmoid, derivative=broken))
    done = gradcheck("--config", *LAYERS)
    assert isinstance(done.exception, MlpcliError)
    assert done.exception.exit_code == 1
    assert str(done.exception).startswith("Layer 2 (sigmoid): ")
    assert [row.split()[-1] for row in done.output.splitlines()[1:]] == ["WRONG", "WRONG", "ok"]


NORMALISED = (
    "examples/xor",
    "network.batch_norm=true",
    "network.hidden=[4]",
    "network.dropout.hidden=0.5",
)


def test_batch_normalisation_and_dropout_are_checked_too():
    done = gradcheck("--config", *NORMALISED)
    assert done.exit_code == 0, done.output
    assert "20 of 20" in done.output  # 2 × 4 weights, 4 biases, 4 γ and 4 β


@pytest.mark.parametrize("kind", [layers.BatchNorm, layers.Dropout])
def test_a_broken_layer_fails(monkeypatch, kind):
    right = kind.backward

    def broken_backward(self, delta, *rest):
        found = right(self, delta, *rest)
        found *= 1.001
        return found

    monkeypatch.setattr(kind, "backward", broken_backward)
    done = gradcheck("--config", *NORMALISED)
    assert str(done.exception).startswith("Layer 1 (tanh): ")


@pytest.mark.parametrize(
    ("settings", "kind", "array"),
    [
        ((), layers.Dense, "db"),
        (("network.batch_norm=true",), layers.BatchNorm, "dgamma"),
        (("network.batch_norm=true",), layers.BatchNorm, "dbeta"),
    ],
)
def test_a_few_wrong_numbers_are_not_lost_among_many_weights(
    monkeypatch, bars, settings, kind, array
):
    """30 × 400 weights: of 8 drawn from all, most often not one would be a bias."""
    name = "gradient" if kind is layers.Dense else "backward"
    right = getattr(kind, name)

    def broken_gradient(self, *rest):
        found = right(self, *rest)
        gradient = getattr(self, array)
        gradient *= 2
        return found

    wide = ("--config", bars, "network.hidden=[400]", "network.activation=tanh", *settings)
    assert gradcheck(*wide, "--sample", "8").exit_code == 0
    monkeypatch.setattr(kind, name, broken_gradient)
    done = gradcheck(*wide, "--sample", "8")
    assert done.output.splitlines()[1].endswith("WRONG"), done.output


@pytest.mark.parametrize("seed", range(4))
def test_a_jump_of_the_curvature_is_not_taken_for_a_mistake(seed):
    elu = ("examples/vanishing", "network.activation=elu", f"seed={seed}")
    done = gradcheck("--config", *elu, "--sample", "30")
    assert done.exit_code == 0, done.output


def test_a_large_layer_is_sampled_and_it_is_said_so(bars, tmp_path):
    run = mlpcli.train(mlpcli.load_config(bars), runs_dir=tmp_path)
    done = gradcheck(run.folder, "--sample", "50", "--json")
    assert done.exit_code == 0, done.output
    first, second = json.loads(done.output)["layers"]
    assert (first["shape"], first["checked"] + first["at_a_kink"]) == ([30, 8], 50)
    assert (second["shape"], second["checked"]) == ([8, 3], 27)
    assert max(first["relative_error"], second["relative_error"]) < 1e-8
    assert "50 of 248" in gradcheck(run.folder, "--sample", "50").output


def test_a_unit_at_its_kink_is_left_out():
    """x = 0 and no bias: z = 0, where a difference of the bias sees half of relu's slope."""
    done = gradcheck(
        "--config",
        "examples/square",
        "data.table={formula: null, low: null, high: null, points: null, inputs: [[0], [1]], "
        "targets: [[0], [1]]}",
        "--json",
    )
    assert done.exit_code == 0, done.output
    first, _ = json.loads(done.output)["layers"]
    assert first["at_a_kink"] == 2
    assert first["relative_error"] < 1e-8


@pytest.mark.parametrize("arguments", [(), ("a", "b"), ("--config", "mnist", "--tolerance", "0")])
def test_a_wrong_command_line(arguments):
    assert gradcheck(*arguments).exit_code == 2


def test_a_layer_of_which_nothing_was_compared_is_not_called_ok():
    start = ("network.initializer={name: constant, value: 0}", "network.bias_initializer=zeros")
    done = gradcheck(
        "--config", "examples/xor", "network.activation=relu", "network.hidden=[4]", *start
    )
    assert done.exit_code == 0
    assert "0 of 12" in done.output
    assert "not compared" in done.output


VANISHING = (
    "examples/chain",
    f"network.hidden={[1] * 8}",
    "network.initializer={name: constant, value: 0.1}",
    "network.bias_initializer=zeros",
)


def test_a_gradient_that_has_vanished_in_rounding_is_not_called_wrong(monkeypatch):
    done = gradcheck("--config", *VANISHING)
    assert done.exit_code == 0, done.output
    first, *_others, last = done.output.splitlines()[1:]
    assert first.endswith("too small to check")
    assert last.endswith("ok")
    sigmoid = ACTIVATIONS["sigmoid"]
    monkeypatch.setitem(ACTIVATIONS, "sigmoid", dataclasses.replace(sigmoid, derivative=broken))
    done = gradcheck("--config", *VANISHING)
    assert str(done.exception).startswith("Layer 9 (sigmoid): ")


def test_errors_and_tolerances_that_are_not_finite():
    assert gradcheck("--config", *LAYERS, "--tolerance", "inf").exit_code == 2
    huge = "network.initializer={name: normal, std: 1e200}"
    done = gradcheck("--config", "examples/xor", huge, "--json")
    found = json.loads(done.stdout.splitlines()[0])
    assert None in [layer["relative_error"] for layer in found["layers"]]


def test_the_tolerance_and_the_sample_of_a_config(bars):
    done = gradcheck("--config", bars, "--sample", "7", "--tolerance", "1e-30", "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout.splitlines()[0])
    assert told["tolerance"] == 1e-30
    assert {each["checked"] + each["at_a_kink"] for each in told["layers"]} == {7}


def test_the_parameters_are_put_back(bars):
    from mlpcli.nn.gradcheck import check_layers
    from mlpcli.nn.losses import CrossEntropy
    from mlpcli.nn.network import MLP

    network = MLP((3, 2), "tanh", dtype=np.float64)
    network.theta[:] = np.arange(8) / 8
    check_layers(network, CrossEntropy(), np.ones((1, 3)), np.array([[1.0, 0.0]]), 5)
    assert network.theta.tolist() == [i / 8 for i in range(8)]
