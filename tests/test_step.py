import numpy as np
import pytest

from mlpcli.config.loading import load_config
from mlpcli.data.dataset import Dataset
from mlpcli.training.setup import assemble
from mlpcli.training.step import TrainingStep
from mlpcli.training.team import Team

RNG = np.random.default_rng(0)
DATA = Dataset(
    RNG.integers(0, 256, (20, 12), dtype=np.uint8), RNG.integers(0, 3, 20), (3, 4), ("a", "b", "c")
)
LEARNING_RATE = 0.1


def setup():
    config = load_config(
        {
            "dtype": "float64",
            "network": {"hidden": [7], "activation": "tanh"},
            "optimizer": {"name": "nesterov", "weight_decay": 0.01},
            "training": {"batch_size": 20},
        }
    )
    return assemble(config, DATA, None, DATA)


def plain(made, x, y):
    """The step as the textbook has it."""
    z = made.network.forward(x).copy()
    delta = np.empty_like(z)
    made.loss.delta(z, y, delta)
    made.network.backward(delta)
    made.optimizer.step(made.network.theta, made.network.grad, LEARNING_RATE)
    return z


@pytest.mark.parametrize("batch", [20, 7, 2, 1])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_shared_step_is_the_plain_one(size, batch):
    alone, shared = setup(), setup()
    x = RNG.normal(size=(batch, 12))
    y = RNG.integers(0, 3, batch)
    with Team(size) as team:
        step = TrainingStep(shared, team)
        for _ in range(3):
            z = plain(alone, x, y)
            parts = [(z.copy(), t.copy()) for z, t in step.take(x, y, LEARNING_RATE)]
            found, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
            np.testing.assert_allclose(found, z, rtol=1e-10)
            assert np.array_equal(labels, y)
            np.testing.assert_allclose(shared.network.theta, alone.network.theta, rtol=1e-10)


def test_the_same_team_gives_the_same_bytes():
    results = []
    for _ in range(2):
        made = setup()
        with Team(2) as team:
            step = TrainingStep(made, team)
            for _ in range(5):
                step.take(DATA.images / 255, DATA.labels, LEARNING_RATE)
        results.append(made.network.theta.tobytes())
    assert results[0] == results[1]
