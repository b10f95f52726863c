"""Every word that a config may say is built into the part of that name."""

import math

import numpy as np
import pytest

from mlpcli.config.json_schema import json_schema
from mlpcli.config.loading import load_config
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES, CrossEntropy
from mlpcli.training.building import build_loss, build_network, build_schedule


def kinds(node):
    """The names of a named section, from its node of the schema."""
    return list(node["anyOf"][1]["discriminator"]["mapping"])


SCHEMA = json_schema()
NETWORK = SCHEMA["$defs"]["NetworkConfig"]["properties"]
NEEDED = {"constant": {"value": 0.5}, "step": {"every_epochs": 2, "factor": 0.5}}


def test_the_schema_has_every_activation_and_loss():
    one, several = NETWORK["activation"]["oneOf"]
    assert one["enum"] == several["items"]["enum"] == NETWORK["output_activation"]["enum"]
    assert set(one["enum"]) == ACTIVATIONS.keys()
    assert set(kinds(SCHEMA["properties"]["loss"])) == LOSSES.keys()


def test_numbers_that_are_given():
    W, b = [[[1, 2], [3, 4], [5, 6]], [[7], [8]]], [[0.5, 0.25], [0.125]]
    section = {
        "hidden": [2],
        "initializer": {"name": "given", "values": W},
        "bias_initializer": {"name": "given", "values": b},
    }
    network = build_network(load_config({"network": section}), 3, 1)
    assert [layer.W.tolist() for layer in network.dense] == W
    assert [layer.b.tolist() for layer in network.dense] == b


@pytest.mark.parametrize("name", [n for n in kinds(NETWORK["initializer"]) if n != "given"])
def test_initializers(name):
    section = {"name": name, **NEEDED.get(name, {})}
    config = load_config({"network": {"hidden": [40], "initializer": section}})
    network = build_network(config, 60, 10)
    variance = {
        "he": 2 / 60,
        "xavier": 2 / 100,
        "lecun": 1 / 60,
        "orthogonal": 1 / 60,
        "normal": 1e-4,
        "uniform": 0.05**2 / 3,
        "constant": 0,
    }[name.split("_")[0]]
    W = network.dense[0].W
    assert W.var() == pytest.approx(variance, rel=0.1, abs=1e-9)
    if name.endswith("uniform"):
        assert np.abs(W).max() <= 1.001 * math.sqrt(3 * variance)
    elif name.endswith("normal"):
        assert np.abs(W).max() > 2 * math.sqrt(variance)
    assert not network.theta[network.n_weights :].any()


@pytest.mark.parametrize(
    ("section", "std"),
    [
        ("zeros", 0),
        ({"name": "constant", "value": 0.5}, 0),
        ({"name": "normal", "std": 1.0}, 1),
        ({"name": "uniform", "low": -3, "high": 3}, math.sqrt(3)),
    ],
)
def test_bias_initializers(section, std):
    plain = build_network(load_config({"network": {"hidden": [500]}}), 6, 4)
    config = load_config({"network": {"hidden": [500], "bias_initializer": section}})
    network = build_network(config, 6, 4)
    assert np.array_equal(network.theta[: network.n_weights], plain.theta[: network.n_weights])
    assert network.dense[0].b.std() == pytest.approx(std, rel=0.1)
    assert network.dense[0].b.mean() == pytest.approx(0.5 if "value" in section else 0, abs=0.3)


def test_losses():
    smoothed = build_loss({"name": "cross_entropy", "label_smoothing": 0.1})
    assert isinstance(smoothed, CrossEntropy)
    assert smoothed.label_smoothing == 0.1
    assert isinstance(build_loss({"name": "cross_entropy"}), CrossEntropy)
    for name, loss in LOSSES.items():
        section = load_config({"loss": name}).loss.model_dump()
        assert type(build_loss(section)) is loss


@pytest.mark.parametrize(
    ("section", "at_half"),
    [
        ("constant", 1),
        ({"name": "step", "every_epochs": 2, "factor": 0.5}, 0.25),
        ("exponential", 0.8**5),
        ("inverse_time", 1 / 6),
        ("cosine", 0.5),
        ({"name": "one_cycle", "rise": 0.5}, 1),
    ],
)
def test_schedules(section, at_half):
    config = load_config({"schedule": section})
    assert config.schedule.name in kinds(SCHEMA["properties"]["schedule"])
    assert build_schedule(config)(5, 10) == pytest.approx(at_half)
    config = load_config({"schedule": section}, overrides=["schedule.warmup_epochs=2"])
    assert build_schedule(config)(0, 10) == 0
    assert build_schedule(config)(7, 12) == pytest.approx(at_half)
