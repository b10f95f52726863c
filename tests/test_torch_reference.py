"""Agreement with PyTorch in float64: vectors saved by `reference/make_torch_reference.py`."""

import json
from pathlib import Path

import numpy as np
import pytest

from mlpcli.nn import schedules
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.arrays import WHOLE, one_hot
from mlpcli.nn.averaging import MovingAverage
from mlpcli.nn.constraints import MaxNorm, NormClipping
from mlpcli.nn.gradcheck import backpropagated_gradient
from mlpcli.nn.losses import LOSSES, CrossEntropy
from mlpcli.nn.network import MLP
from mlpcli.nn.optimizers import OPTIMIZERS

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


OPTIMIZED = TORCH["optimizers"]
EXTRAS = ("clip_value", "clip_norm", "max_norm", "l1", "average")


def batches(vectors):
    """The two batches (x, t) that ten steps take by turns."""
    x, y = np.array(vectors["x"]), np.array(vectors["y"])
    t = one_hot(y, 3, np.float64)
    return [(x[step % 2 :: 2], t[step % 2 :: 2]) for step in range(1, 11)]


def case_name(case):
    extras = [key for key in EXTRAS if key in case]
    settings = [f"{key}={value}" for key, value in case["settings"].items()]
    return "-".join([case["optimizer"], f"decay={case['weight_decay']}", *settings, *extras])


@pytest.mark.parametrize("case", OPTIMIZED["cases"], ids=case_name)
def test_ten_steps_of_an_optimizer(case):
    network = MLP(case["sizes"], "tanh", dtype=np.float64)
    network.theta[...] = OPTIMIZED["start"]
    penalties = {key: case[key] for key in ("weight_decay", "l1", "clip_value") if key in case}
    optimizer = OPTIMIZERS[case["optimizer"]](
        len(network.theta), network.n_weights, network.dtype, **case["settings"], **penalties
    )
    clipping = NormClipping(case.get("clip_norm", 1e9))
    max_norm = MaxNorm(case.get("max_norm", 1e9), network)
    average = MovingAverage(network.theta, case.get("average", 0.0))
    (blocks,) = network.blocks(1, 10)
    for x, t in batches(OPTIMIZED):
        grad = backpropagated_gradient(network, CrossEntropy(), x, t)
        scale = optimizer.begin_step(case["learning_rate"])
        grad *= scale
        clipping.apply(grad, blocks, scale, WHOLE)
        for block in blocks:
            optimizer.update(network.theta, grad, block.part)
        max_norm.apply(blocks, WHOLE)
        for block in blocks:
            average.update(network.theta, block.part, optimizer.steps)
    assert_agree(network.theta, case["end"])
    assert_agree(average.theta, case.get("mean", case["end"]))


def test_every_optimizer_has_its_reference_and_no_extra_is_idle():
    cases = OPTIMIZED["cases"]
    plain = {(case["optimizer"], case["weight_decay"]) for case in cases}
    assert plain >= {(name, decay) for name in OPTIMIZERS for decay in (0.0, 0.1)}
    ends = [case.get("mean", case["end"]) for case in cases]
    assert len({str(end) for end in ends}) == len(cases) - 1  # AdamW without decay is Adam
    assert {key for case in cases for key in EXTRAS if key in case} == set(EXTRAS)


def test_batch_normalisation():
    vectors = TORCH["batch_norm"]
    network = MLP(vectors["sizes"], "tanh", dtype=np.float64, batch_norm=True)
    network.theta[...] = vectors["start"]
    optimizer = OPTIMIZERS["momentum"](
        len(network.theta), network.n_weights, network.dtype, momentum=0.9, weight_decay=0.1
    )
    steps = batches(vectors)

    x, t = steps[0]
    assert_agree(network.forward(x), vectors["outputs"])
    gradient = backpropagated_gradient(network, CrossEntropy(), x, t)
    assert_agree(gradient, vectors["gradient"])
    for norm in network.norms:
        norm.mean[...], norm.variance[...] = 0, 1  # as they were before these

    for x, t in steps:
        optimizer.step(network.theta, backpropagated_gradient(network, CrossEntropy(), x, t), 0.1)

    assert_agree(network.theta, vectors["end"])
    for norm, mean, variance in zip(
        network.norms, vectors["means"], vectors["variances"], strict=True
    ):
        assert_agree(norm.mean, mean)
        assert_agree(norm.variance, variance)
    found = network.for_prediction().forward(np.array(vectors["x"]))
    assert_agree(found, vectors["predicted"])


class Dice:
    """Throws what it is told: the highest or the lowest 16 bits."""

    def __init__(self, kept):
        self.kept = iter(kept)

    def bytes(self, n):
        thrown = 65_535 * np.array(next(self.kept), np.uint16)
        assert thrown.nbytes == n
        return thrown.tobytes()


def test_dropout_with_given_masks():
    vectors = TORCH["dropout"]
    network = MLP(vectors["sizes"], "tanh", dtype=np.float64, dropout=tuple(vectors["rates"]))
    network.theta[...] = vectors["start"]
    x = np.array(vectors["x"])
    network.draw_dropout(len(x), Dice(vectors["kept"]))
    assert_agree(network.forward(x), vectors["outputs"])
    t = one_hot(np.array(vectors["y"]), 3, np.float64)
    assert_agree(backpropagated_gradient(network, CrossEntropy(), x, t), vectors["gradient"])
