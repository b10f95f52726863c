"""Agreement with PyTorch in float64: vectors saved by `reference/make_torch_reference.py`."""

import json
from pathlib import Path

import numpy as np
import pytest

from mlpcli.nn import schedules
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.arrays import one_hot
from mlpcli.nn.gradcheck import backpropagated_gradient
from mlpcli.nn.losses import LOSSES, CrossEntropy
from mlpcli.nn.network import MLP

TORCH = json.loads((Path(__file__).parent / "reference" / "torch.json").read_text("utf-8"))
TRAINING = TORCH["training"]
ALL_LOSSES = {
    "label_smoothing": CrossEntropy(TORCH["smoothing"]),
    **{name: loss() for name, loss in LOSSES.items()},
}


def assert_agree(found, expected, **tolerance):
    """To 1e-10, and where a number comes out of 1 - 1, to the rounding of 1."""
    np.testing.assert_allclose(found, expected, **{"rtol": 1e-10, "atol": 1e-15, **tolerance})


def test_everything_has_its_reference():
    assert TORCH["activations"].keys() == ACTIVATIONS.keys()
    assert TORCH["losses"].keys() - {"z", "y"} == ALL_LOSSES.keys()
    trained = {(case["hidden"][0], case["loss"]) for case in TRAINING["cases"]}
    assert trained >= {(name, loss) for name in ACTIVATIONS for loss in ALL_LOSSES}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name):
    vectors = TORCH["activations"][name]
    z = np.array(vectors["z"])
    a, slope = np.empty_like(z), np.empty_like(z)
    ACTIVATIONS[name].value(z, a)
    ACTIVATIONS[name].derivative(z, a, slope)
    assert_agree(a, vectors["value"])
    assert_agree(slope, vectors["derivative"])


@pytest.mark.parametrize("name", ALL_LOSSES)
def test_loss(name):
    z = np.array(TORCH["losses"]["z"])
    t = one_hot(np.array(TORCH["losses"]["y"]), z.shape[1], np.float64)
    delta = np.empty_like(z)
    ALL_LOSSES[name].delta(z, t, delta)
    vectors = TORCH["losses"][name]
    assert_agree(ALL_LOSSES[name].value(z, t).mean(), vectors["value"])
    assert_agree(delta / len(z), vectors["delta"])


STEPS = 10
# PyTorch's cycle has its peak at step 0.3 · 11 - 1 of 0 to 10; ours at any time.
SCHEDULES = {
    "constant": schedules.constant,
    "step": schedules.step(every_epochs=3, factor=0.5),
    "exponential": schedules.exponential(factor=0.8),
    "cosine": schedules.cosine(final_fraction=0.05),
    "one_cycle": schedules.one_cycle((0.3 * 11 - 1) / 10, 1 / 25, 1 / 25 / 1e4),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule(name):
    found = [SCHEDULES[name](t, STEPS) for t in range(STEPS)]
    assert_agree(found, TORCH["schedules"][name])


@pytest.mark.parametrize(
    "case",
    TRAINING["cases"],
    ids=lambda case: "-".join([*case["hidden"], case["output"], case["loss"]]),
)
def test_ten_steps_of_gradient_descent(case):
    x = np.array(TRAINING["x"])
    t = one_hot(np.array(TRAINING["y"]), case["sizes"][-1], np.float64)
    network = MLP(case["sizes"], case["hidden"], case["output"], np.float64)
    network.theta[...] = TRAINING["starts"][str(len(network.theta))]
    for _ in range(10):
        network.theta -= 0.5 * backpropagated_gradient(network, ALL_LOSSES[case["loss"]], x, t)
    assert_agree(network.theta, case["end"])
