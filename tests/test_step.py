import numpy as np
import pytest

from mlpcli.config.loading import load_config
from mlpcli.data.dataset import Dataset
from mlpcli.nn.arrays import one_hot
from mlpcli.training.setup import assemble
from mlpcli.training.step import Training
from mlpcli.training.team import can_fork

RNG = np.random.default_rng(0)
DATA = Dataset(
    RNG.integers(0, 256, (50, 12), dtype=np.uint8), RNG.integers(0, 3, 50), (3, 4), ("a", "b", "c")
)
KINDS = [False, pytest.param(True, marks=pytest.mark.skipif(not can_fork(), reason="no fork"))]


def setup(threads, batch_size=20, **data):
    config = load_config(
        {
            "dtype": "float64",
            "data": data,
            "network": {"hidden": [7, 5], "activation": "tanh"},
            "optimizer": {"name": "nesterov", "weight_decay": 0.01, "learning_rate": 0.1},
            "schedule": {"name": "cosine"},
            "training": {"batch_size": batch_size, "threads": threads, "epochs": 3},
        }
    )
    return assemble(config, DATA, None, DATA)


def train(made, epochs, **arguments):
    training = Training(made, **arguments)
    size = made.batches.block_size
    with training.team:
        for epoch in range(1, epochs + 1):
            training.measured.reset()
            for start in range(0, len(DATA), size):
                training.run_block(epoch, start, min(start + size, len(DATA)))
    return training


def train_plainly(made, epochs):
    """The same as the textbook has it; returns the last epoch's outputs and targets."""
    batches, network = made.batches, made.network
    for epoch in range(1, epochs + 1):
        order = batches.order(epoch)
        outputs, targets = [], []
        for step, start in enumerate(range(0, len(order), batches.batch_size)):
            batch = DATA.part(order[start : start + batches.batch_size])
            x = (batch.images - made.normalization.mean) / made.normalization.std
            t = one_hot(batch.labels, 3, np.float64)
            z = network.forward(x)
            outputs.append(z.copy())
            targets.append(t)
            delta = np.empty_like(z)
            made.loss.delta(z, t, delta)
            network.backward(delta / len(x))
            share = made.schedule(epoch - 1 + (step + 0.5) / len(batches), 3)
            made.optimizer.step(network.theta, network.grad, 0.1 * share)
    return np.concatenate(outputs), np.concatenate(targets)


@pytest.mark.parametrize("processes", KINDS)
@pytest.mark.parametrize("batch_size", [20, 7, 2, 1])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_team_does_what_the_textbook_does(size, batch_size, processes):
    alone, shared = setup(1, batch_size), setup(size, batch_size)

    z, t = train_plainly(alone, 2)
    training = train(shared, 2, processes=processes)

    np.testing.assert_allclose(shared.network.theta, alone.network.theta, rtol=1e-9)
    np.testing.assert_allclose(shared.optimizer.v, alone.optimizer.v, rtol=1e-7, atol=1e-12)
    assert training.measured.loss == pytest.approx(shared.loss.value(z, t).mean())
    assert training.measured.accuracy == (z.argmax(axis=1) == t.argmax(axis=1)).mean()


@pytest.mark.skipif(not can_fork(), reason="members cannot be processes here")
def test_processes_and_threads_give_the_same_bytes():
    results = set()
    for processes in (True, False, True):
        made = setup(2)
        train(made, 3, processes=processes)
        results.add(made.network.theta.tobytes())
    assert len(results) == 1


def test_blocks_of_any_size_give_the_same(monkeypatch):
    results = set()
    for images in (1, 20, 2048):
        monkeypatch.setattr("mlpcli.data.batches.BLOCK_IMAGES", images)
        made = setup(1)
        train(made, 2)
        results.add(made.network.theta.tobytes())
    assert len(results) == 1


@pytest.mark.parametrize("processes", KINDS)
def test_distorted_images_are_the_same_for_every_team(processes):
    alone, shared, plain = (
        setup(1, augmentation={"rotation": 20}),
        setup(2, augmentation={"rotation": 20}),
        setup(1),
    )
    train(alone, 2)
    train(shared, 2, processes=processes)
    train(plain, 2)
    np.testing.assert_allclose(shared.network.theta, alone.network.theta, rtol=1e-9)
    assert not np.allclose(plain.network.theta, alone.network.theta, rtol=1e-3)
