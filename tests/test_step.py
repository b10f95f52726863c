import numpy as np
import pytest

from mlpcli.config.loading import load_config
from mlpcli.data.dataset import Dataset
from mlpcli.nn.arrays import one_hot
from mlpcli.nn.averaging import move_average
from mlpcli.nn.layers import Dropout
from mlpcli.parallel.workers import can_fork
from mlpcli.training.blocks import Block
from mlpcli.training.setup import assemble
from mlpcli.training.step import Training

RNG = np.random.default_rng(0)
DATA = Dataset(
    RNG.integers(0, 256, (50, 12), dtype=np.uint8), RNG.integers(0, 3, 50), (3, 4), ("a", "b", "c")
)
KINDS = [False, pytest.param(True, marks=pytest.mark.skipif(not can_fork(), reason="no fork"))]


def setup(workers, batch_size=20, overrides=(), dtype="float64", **data):
    config = load_config(
        {
            "dtype": dtype,
            "data": data,
            "network": {"hidden": [7, 5], "activation": "tanh"},
            "optimizer": {"name": "nesterov", "weight_decay": 0.01, "learning_rate": 0.1},
            "schedule": {"name": "cosine"},
            "training": {"batch_size": batch_size, "workers": workers, "epochs": 3},
        },
        overrides=overrides,
    )
    return assemble(config, DATA, None, DATA)


def train(made, epochs, **arguments):
    training = Training(made, **arguments)
    size = made.batches.block_size
    with training.workers:
        for epoch in range(1, epochs + 1):
            training.metrics.start_from(())
            for start in range(0, len(DATA), size):
                training.run_block(Block(epoch, start, min(start + size, len(DATA))))
    return training


def train_plainly(made, epochs):
    """The same as the textbook has it; returns the last epoch's outputs and targets."""
    batches, network, settings = made.batches, made.network, made.config.optimizer
    steps = 0
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
            g, n = network.grad, network.n_weights
            if settings.clip_norm:
                g *= min(1, settings.clip_norm / np.linalg.norm(g))
            if settings.clip_value:
                g[...] = np.clip(g, -settings.clip_value, settings.clip_value)
            fraction = made.schedule(epoch - 1 + (step + 0.5) / len(batches), 3)
            rate = settings.learning_rate * fraction
            made.optimizer.penalize(network.theta[:n], g[:n], rate)
            made.optimizer.update(network.theta, g, rate, steps + 1, *made.vectors.values())
            for layer in network.dense[:-1] if settings.max_norm else ():
                layer.W *= np.minimum(1, settings.max_norm / np.linalg.norm(layer.W, axis=0))
            steps += 1
            d = min(made.decay, (1 + steps) / (10 + steps))
            if made.average is not None:
                made.average[...] = d * made.average + (1 - d) * network.theta
            if made.running_average is not None:
                made.running_average[...] = d * made.running_average + (1 - d) * network.running
    return np.concatenate(outputs), np.concatenate(targets)


@pytest.mark.parametrize("processes", KINDS)
@pytest.mark.parametrize("batch_size", [20, 7, 2, 1])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_workers_do_what_the_textbook_does(size, batch_size, processes):
    alone, shared = setup(1, batch_size), setup(size, batch_size)

    z, t = train_plainly(alone, 2)
    training = train(shared, 2, processes=processes)

    np.testing.assert_allclose(shared.network.theta, alone.network.theta, rtol=1e-9)
    np.testing.assert_allclose(
        shared.vectors["velocity"], alone.vectors["velocity"], rtol=1e-7, atol=1e-12
    )
    assert training.metrics.loss == pytest.approx(shared.loss.value(z, t).mean())
    assert training.metrics.accuracy == (z.argmax(axis=1) == t.argmax(axis=1)).mean()


@pytest.mark.skipif(not can_fork(), reason="workers cannot be processes here")
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
def test_distorted_images_are_the_same_for_any_number_of_workers(processes):
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


AUTO = ["training.workers=auto"]


@pytest.fixture
def small_blocks(monkeypatch):
    """An epoch has three blocks, and the machine two cores."""
    monkeypatch.setattr("mlpcli.data.batches.BLOCK_IMAGES", 20)
    monkeypatch.setattr("mlpcli.training.worker_count.available_cores", lambda: 2)


@pytest.mark.parametrize("processes", KINDS)
@pytest.mark.parametrize("batch_size", [20, 7, 1])
def test_prefetched_blocks_are_the_same(batch_size, processes, small_blocks):
    settings = ["network.dropout.hidden=0.5"]
    alone = setup(1, batch_size, settings, augmentation={"rotation": 20, "noise": 0.1})
    ahead = setup(1, batch_size, settings + AUTO, augmentation={"rotation": 20, "noise": 0.1})
    assert (alone.prefetch, ahead.prefetch) == (False, True)
    of_one = train(alone, 3)
    of_two = train(ahead, 3, processes=processes)
    assert of_two.workers.size == 2
    assert numbers(ahead).tobytes() == numbers(alone).tobytes()
    assert of_two.metrics.sums == of_one.metrics.sums


@pytest.mark.parametrize("processes", KINDS)
def test_any_block_may_follow_a_prefetched_one(processes, small_blocks):
    """A run resumes within an epoch: a block that was not prefetched is filled when asked for."""
    some = [(2, 20, 40), (2, 40, 50), (1, 0, 20), (1, 0, 20), (3, 40, 50)]
    results = []
    for workers in (1, "auto"):
        made = setup(workers)
        training = Training(made, processes=processes)
        with training.workers:
            for block in some:
                training.run_block(Block(*block))
        results.append(made.network.theta.tobytes())
    assert results[0] == results[1]


@pytest.mark.parametrize("settings", [[], AUTO])
@pytest.mark.parametrize("block", [(1, 0, 20), (1, 20, 40), (2, 0, 20)])
def test_the_first_step_that_is_not_finite_is_that_of_its_block(settings, block, small_blocks):
    made = setup(1, 5, settings)
    training = Training(made, processes=False)
    epoch, start, stop = block
    with training.workers:
        training.run_block(Block(*block))
        training._z[12] = np.nan
        t = one_hot(DATA.part(made.batches.order(epoch)[start:stop]).labels, 3, np.float64)
        np.testing.assert_array_equal(training._buffers.arrays(Block(*block))[1], t)
        assert training.first_step_not_finite(Block(*block)) == start // 5 + 3


@pytest.mark.parametrize(
    ("cores", "workers", "images"), [(1, "auto", 20), (2, 1, 20), (2, 2, 20), (2, "auto", 2048)]
)
def test_nothing_is_prefetched(cores, workers, images, monkeypatch):
    """On a single core, where the number of workers is set, and where an epoch is one block."""
    monkeypatch.setattr("mlpcli.data.batches.BLOCK_IMAGES", images)
    monkeypatch.setattr("mlpcli.training.worker_count.available_cores", lambda: cores)
    assert not setup(workers).prefetch


EXTRAS = {
    "clip_norm": ["optimizer.clip_norm=0.1"],
    "clip_value": ["optimizer.clip_value=0.02"],
    "l1": ["optimizer.l1=0.01"],
    "max_norm": ["optimizer.max_norm=0.9"],
    "averaging": ["training.averaging.decay=0.6"],
    "batch_norm": ["network.batch_norm=true"],
    "adam": ["optimizer=adam"],
    "everything": [
        "network.batch_norm=true",
        "optimizer={name: nadam, learning_rate: 0.02, weight_decay: 0.01, epsilon: 1e-4}",
        "optimizer.clip_norm=0.5",
        "optimizer.clip_value=0.1",
        "optimizer.l1=0.001",
        "optimizer.max_norm=0.9",
        "training.averaging.decay=0.6",
    ],
}


def numbers(made):
    """Everything that a run keeps, as one vector."""
    kept = [made.network.theta, *made.vectors.values(), *made.network.running]
    kept += [made.average] if made.average is not None else []
    if made.running_average is not None:
        kept += [*made.running_average]
    return np.concatenate(kept)


@pytest.mark.parametrize("processes", KINDS)
@pytest.mark.parametrize("batch_size", [20, 7])  # 7 leaves a single example over
@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("name", EXTRAS)
def test_workers_do_what_the_textbook_does_with_every_extra(
    name, size, batch_size, processes, monkeypatch
):
    monkeypatch.setattr("mlpcli.training.step.IN_CACHE", 10)  # so that each has several chunks
    alone = setup(1, batch_size, EXTRAS[name])
    shared = setup(size, batch_size, EXTRAS[name])

    train_plainly(alone, 2)
    train(shared, 2, processes=processes)

    np.testing.assert_allclose(numbers(shared), numbers(alone), rtol=1e-9, atol=1e-12)


def test_averaged_weights_are_judged_by_the_averages_of_the_running_means():
    """By hand: each is (1 - d) of its number after every step, from the start on."""
    made = setup(1, 20, EXTRAS["everything"])
    norms, after = made.network.batch_norms, []

    def update(mean, theta, decay, t):
        move_average(mean, theta, decay, t)
        if mean is made.running_average:
            after.append([[norm.mean.copy(), norm.variance.copy()] for norm in norms])

    expected = [[np.zeros(len(norm.mean)), np.ones(len(norm.mean))] for norm in norms]
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr("mlpcli.training.step.move_average", update)
        train(made, 2, processes=False)
    assert len(after) == 2 * 3
    for step, found in enumerate(after, 1):
        d = min(0.6, (1 + step) / (10 + step))
        for kept, now in zip(expected, found, strict=True):
            kept[:] = [d * old + (1 - d) * new for old, new in zip(kept, now, strict=True)]

    judged = made.network.with_parameters(made.average)
    a = (DATA.images - made.normalization.mean) / made.normalization.std
    for layer, norm, (mean, variance) in zip(
        judged.dense, judged.batch_norms, expected, strict=False
    ):
        z = a @ layer.W + layer.b
        a = np.tanh(norm.gamma * (z - mean) / np.sqrt(variance + 1e-5) + norm.beta)
    z = a @ judged.dense[-1].W + judged.dense[-1].b
    x = (DATA.images - made.normalization.mean) / made.normalization.std
    np.testing.assert_allclose(made.for_prediction().forward(x), z, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["averaging", "batch_norm"])
def test_without_batch_normalisation_or_averaging_no_running_means_are_averaged(name):
    assert setup(1, 20, EXTRAS[name]).running_average is None


@pytest.mark.parametrize("name", ["clip_norm", "clip_value", "l1", "max_norm"])
def test_the_limits_of_these_tests_are_reached(name):
    found, without = setup(1, 20, EXTRAS[name]), setup(1)
    train(found, 2)
    train(without, 2)
    assert not np.allclose(without.network.theta, found.network.theta, rtol=1e-3)


DROPOUT = ["network.dropout.input=0.2", "network.dropout.hidden=0.5"]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_dropout_is_the_same_every_time(size):
    results = set()
    for processes in (False, False, can_fork()):
        made = setup(size, 7, [*DROPOUT, "network.batch_norm=true"])
        train(made, 2, processes=processes)
        results.add(numbers(made).tobytes())
    assert len(results) == 1
    without = setup(size, 7, ["network.batch_norm=true"])
    train(without, 2)
    assert not np.allclose(without.network.theta, made.network.theta, rtol=1e-3)


def test_dropout_differs_in_every_step_and_for_every_worker(monkeypatch):
    drawn = []
    draw = Dropout.draw

    def spy(layer, n, rng):
        draw(layer, n, rng)
        drawn.append(layer.mask(n).tobytes())

    monkeypatch.setattr("mlpcli.data.batches.BLOCK_IMAGES", 20)
    made = setup(2, 10, DROPOUT)
    training = Training(made, processes=False)
    monkeypatch.setattr(Dropout, "draw", spy)
    with training.workers:
        for epoch in (1, 2):
            for start, stop in ((0, 20), (20, 40), (40, 50)):
                training.run_block(Block(epoch, start, stop))
    assert len(drawn) == 2 * 2 * 5 * 3  # epochs, workers, steps, layers
    assert len(set(drawn)) == len(drawn)


def test_what_is_measured_and_saved_has_no_dropout():
    made = setup(1, 20, DROPOUT)
    train(made, 1)
    x = (DATA.images - made.normalization.mean) / made.normalization.std
    a = x
    for layer in made.network.dense[:-1]:
        a = np.tanh(a @ layer.W + layer.b)
    expected = a @ made.network.dense[-1].W + made.network.dense[-1].b
    np.testing.assert_allclose(made.for_prediction().forward(x), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", EXTRAS)
def test_a_run_in_float32_keeps_nothing_in_float64(name):
    made = setup(2, 7, [*EXTRAS[name], *DROPOUT], dtype="float32")
    training = train(made, 1, processes=False)
    network = training._replicas[0]._network
    kept = [network.theta, network.grad, *made.vectors.values(), network.running]
    kept += [made.average] if made.average is not None else []
    kept += [made.running_average] if made.running_average is not None else []
    kept += [made.for_prediction().theta]
    kept += [made.for_prediction().forward(np.ones((2, 12), np.float32))]
    kept += [layer.a for layer in network.dense] + [layer.delta for layer in network.dense]
    kept += [norm._scale for norm in network.batch_norms]
    assert {vector.dtype for vector in kept} == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", ["adam", "nadam", "rmsprop", "adagrad", "adamw", "momentum"])
def test_training_may_stop_and_resume(name):
    """The vectors, and the number of steps, are all that an optimizer has to be given."""
    settings = [f"optimizer={name}", "training.averaging.decay=0.9", "network.batch_norm=true"]
    whole, half = setup(1, 20, settings), setup(1, 20, settings)
    train(whole, 2)
    train(half, 1)
    training = Training(half)
    with training.workers:
        training.run_block(Block(2, 0, 50))
    assert numbers(half).tobytes() == numbers(whole).tobytes()


@pytest.mark.parametrize("size", [1, 2])
def test_before_each_step_the_parameters_are_as_the_last_one_left_them(size):
    seen, made = [], setup(size, 20)
    train(made, 1, processes=False, on_step=lambda: seen.append(made.network.theta.copy()))
    plain = setup(1, 20)
    assert len(seen) == 3
    assert np.array_equal(seen[0], plain.network.theta)
    assert not np.array_equal(seen[1], seen[2])
    assert not np.array_equal(seen[2], made.network.theta)
