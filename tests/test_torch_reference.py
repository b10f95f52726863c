"""Agreement with PyTorch in float64: vectors saved by `reference/make_torch_reference.py`."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from mlpcli.nn import schedules
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.arrays import one_hot
from mlpcli.nn.averaging import move_average
from mlpcli.nn.constraints import clip_norm, clip_value, max_norm
from mlpcli.nn.gradcheck import backpropagated_gradient
from mlpcli.nn.losses import LOSSES, CrossEntropy
from mlpcli.nn.network import MLP
from mlpcli.nn.optimizers import OPTIMIZERS, Momentum
from mlpcli.nn.stepping import penalize, update
from mlpcli.training.building import build_vectors

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
SCHEDULES: dict[str, schedules.Schedule] = {
    "constant": schedules.constant,
    "step": partial(schedules.step, every_epochs=3, factor=0.5),
    "exponential": partial(schedules.exponential, factor=0.8),
    "cosine": partial(schedules.cosine, final_fraction=0.05),
    "one_cycle": partial(
        schedules.one_cycle,
        rise=(0.3 * 11 - 1) / 10,
        initial_fraction=1 / 25,
        final_fraction=1 / 25 / 1e4,
    ),
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
EXTRAS = ("clip_value", "clip_norm", "max_norm", "l1", "average", "warmup_steps")


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
    network.theta[...] = case.get("start", OPTIMIZED["start"])
    settings = {key: case[key] for key in ("weight_decay", "l1") if key in case}
    settings |= case["settings"]

    def fraction(t):
        return min(1.0, t / case["warmup_steps"])

    if "warmup_steps" in case:
        settings["fraction"] = fraction
    optimizer = OPTIMIZERS[case["optimizer"]](**settings)
    found = build_vectors(optimizer, network)
    for name in optimizer.begins_at_theta:
        found[name][...] = network.theta
    vectors = list(found.values())
    average = network.theta.copy()
    for number, (x, t) in enumerate(batches(OPTIMIZED), 1):
        rate = case["learning_rate"] * (fraction(number) if "warmup_steps" in case else 1)
        g = backpropagated_gradient(network, CrossEntropy(), x, t)
        # PyTorch's penalty of l1 is in the loss, so it is clipped there; no case has both.
        clip_norm(g, float(np.linalg.norm(g)), case.get("clip_norm", 1e9))
        clip_value(g, case.get("clip_value", 1e9))
        penalize(optimizer, network, g, rate, vectors)
        update(optimizer, network, g, rate, number, vectors)
        max_norm(network.dense[0].W, case.get("max_norm", 1e9))
        move_average(average, network.theta, case.get("average", 0.0), number)
    assert_agree(network.theta, case["end"])
    if optimizer.evaluated is not None:
        average = vectors[[*optimizer.vectors].index(optimizer.evaluated)]
    assert_agree(average, case.get("mean", case["end"]))


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
    optimizer = Momentum(momentum=0.9, weight_decay=0.1)
    velocity = np.zeros_like(network.theta)
    steps = batches(vectors)

    x, t = steps[0]
    assert_agree(network.forward(x), vectors["outputs"])
    gradient = backpropagated_gradient(network, CrossEntropy(), x, t)
    assert_agree(gradient, vectors["gradient"])
    for norm in network.batch_norms:
        norm.mean[...], norm.variance[...] = 0, 1  # as they were before these

    for number, (x, t) in enumerate(steps, 1):
        g = backpropagated_gradient(network, CrossEntropy(), x, t)
        penalize(optimizer, network, g, 0.1, [velocity])
        update(optimizer, network, g, 0.1, number, [velocity])

    assert_agree(network.theta, vectors["end"])
    for norm, mean, variance in zip(
        network.batch_norms, vectors["means"], vectors["variances"], strict=True
    ):
        assert_agree(norm.mean, mean)
        assert_agree(norm.variance, variance)
    found = network.for_prediction().forward(np.array(vectors["x"]))
    assert_agree(found, vectors["predicted"])


class Dice(np.random.Generator):
    """Throws what it is told: the highest or the lowest 16 bits."""

    def __init__(self, kept):
        super().__init__(np.random.PCG64())
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
