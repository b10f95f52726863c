"""Training by one worker and by several against the textbook, step by step."""

import multiprocessing
import os
import signal
import sys
import threading

import numpy as np
import pytest

from mlpcli.config.loading import load_config
from mlpcli.data.dataset import Dataset
from mlpcli.errors import WorkerError
from mlpcli.nn.arrays import one_hot
from mlpcli.nn.averaging import move_average
from mlpcli.nn.layers import Dropout
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.nn.stepping import penalize, update
from mlpcli.parallel.communicator import shard
from mlpcli.parallel.workers import can_fork
from mlpcli.randomness import Purpose, generator
from mlpcli.training.blocks import Block, next_block
from mlpcli.training.setup import assemble
from mlpcli.training.step import Training

RNG = np.random.default_rng(0)
DATA = Dataset(
    RNG.integers(0, 256, (50, 12), dtype=np.uint8), RNG.integers(0, 3, 50), (3, 4), ("a", "b", "c")
)
needs_fork = pytest.mark.skipif(not can_fork(), reason="workers cannot be processes here")
KINDS = [False, pytest.param(True, marks=needs_fork)]


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    """Each worker updates its parameters in several pieces."""
    monkeypatch.setattr("mlpcli.training.step.IN_CACHE", 10)


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


def blocks(made, epoch):
    size, n = made.batches.block_size, len(DATA)
    return [Block(epoch, start, min(start + size, n)) for start in range(0, n, size)]


def train(made, epochs, **arguments):
    training = Training(made, **arguments)
    with training.workers:
        for epoch in range(1, epochs + 1):
            training.metrics.start_from(())
            for block in blocks(made, epoch):
                training.run_block(block)
    return training


def train_plainly(made, epochs, workers=1, on_step=lambda: None):
    """The same as the textbook has it; returns the last epoch's outputs and targets.

    Dropout is that of so many workers; everything else does not depend on them.
    """
    batches, network, settings = made.batches, made.network, made.config.optimizer
    theta, steps = network.theta, 0
    for epoch in range(1, epochs + 1):
        order = batches.order(epoch)
        outputs, targets = [], []
        rngs = [generator(made.config.seed, Purpose.DROPOUT, epoch, 0, r) for r in range(workers)]
        for step, start in enumerate(range(0, len(order), batches.batch_size)):
            on_step()
            batch = DATA.take(order[start : start + batches.batch_size])
            x = (batch.images - made.normalization.mean) / made.normalization.std
            t = one_hot(batch.labels, 3, np.float64)
            draw_as_workers_do(network, len(x), rngs)
            z = network.forward(x)
            outputs.append(z.copy())
            targets.append(t)
            delta = np.empty_like(z)
            made.loss.delta(z, t, delta)
            network.backward(delta / len(x))
            g = network.grad
            if settings.clip_norm:
                g *= min(1, settings.clip_norm / np.linalg.norm(g))
            if settings.clip_value:
                g[...] = np.minimum(np.maximum(g, -settings.clip_value), settings.clip_value)
            fraction = made.schedule(epoch - 1 + (step + 0.5) / len(batches), 3)
            rate, steps = settings.learning_rate * fraction, steps + 1
            vectors = [*made.vectors.values()]
            penalize(made.optimizer, network, g, rate, vectors)
            update(made.optimizer, network, g, rate, steps, vectors)
            for layer in network.dense[:-1] if settings.max_norm else ():
                layer.W *= np.minimum(1, settings.max_norm / np.linalg.norm(layer.W, axis=0))
            d = min(made.decay, (1 + steps) / (10 + steps))
            if made.average is not None:
                made.average[...] = d * made.average + (1 - d) * theta
            if made.running_average is not None:
                made.running_average[...] = d * made.running_average + (1 - d) * network.running
    return np.concatenate(outputs), np.concatenate(targets)


def draw_as_workers_do(network, n, rngs):
    """Each worker draws for its own units, layer after layer."""
    layers = [stage.dropout for stage in network.stages if stage.dropout]
    for rank, rng in enumerate(rngs):
        for layer in layers:
            units = shard(layer.mask(n).shape[1], rank, len(rngs))
            own = layer.some(units)
            own.draw(n, rng)
            layer.mask(n)[:, units] = own.mask(n)


def numbers(made):
    """Everything that a run keeps, as one vector."""
    kept = [made.network.theta, *made.vectors.values(), *made.network.running]
    kept += [made.average] if made.average is not None else []
    kept += [*made.running_average] if made.running_average is not None else []
    return np.concatenate(kept)


@pytest.mark.parametrize("processes", KINDS)
@pytest.mark.parametrize("batch_size", [20, 7, 2, 1])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_workers_do_what_the_textbook_does(size, batch_size, processes):
    alone, shared = setup(1, batch_size), setup(size, batch_size)

    z, t = train_plainly(alone, 2)
    training = train(shared, 2, processes=processes)

    np.testing.assert_allclose(numbers(shared), numbers(alone), rtol=1e-9, atol=1e-12)
    assert training.metrics.loss == pytest.approx(shared.loss.value(z, t).mean())
    assert training.metrics.accuracy == (z.argmax(axis=1) == t.argmax(axis=1)).mean()


DROPOUT = ["network.dropout.input=0.2", "network.dropout.hidden=0.5"]
EXTRAS = {
    "clip_norm": ["optimizer.clip_norm=0.1"],
    "clip_value": ["optimizer.clip_value=0.02"],
    "l1": ["optimizer.l1=0.01"],
    "max_norm": ["optimizer.max_norm=0.9"],
    "averaging": ["training.averaging.decay=0.6"],
    "batch_norm": ["network.batch_norm=true"],
    "dropout": DROPOUT,
    "adamw": ["optimizer=adamw"],
    "lion": ["optimizer=lion"],
    "schedule_free": [
        "optimizer={name: schedule_free_adamw, learning_rate: 0.02, epsilon: 1e-4}",
        "schedule={name: constant, warmup_epochs: 0.7}",
        "optimizer.clip_norm=0.5",
        "network.batch_norm=true",
    ],
    "muon": [
        "optimizer={name: muon, learning_rate: 0.02, epsilon: 1e-4}",
        "optimizer.clip_value=0.1",
        "optimizer.l1=0.001",
        "optimizer.max_norm=0.9",
        "training.averaging.decay=0.6",
    ],
    "few units": ["network.hidden=[2, 1]", "network.batch_norm=true", *DROPOUT],
    "no hidden layer": ["network.hidden=[]", "optimizer.clip_norm=0.1"],
    "sigmoid output": ["network.output_activation=sigmoid", "loss=mse"],
    "muon, wide": [
        "network.hidden=[20, 30]",
        "optimizer={name: muon, epsilon: 1e-4, clip_norm: 0.5}",
    ],
    "everything": [
        "network.batch_norm=true",
        "optimizer={name: nadam, learning_rate: 0.02, weight_decay: 0.01, epsilon: 1e-4}",
        "optimizer.clip_norm=0.5",
        "optimizer.clip_value=0.1",
        "optimizer.l1=0.001",
        "optimizer.max_norm=0.9",
        "training.averaging.decay=0.6",
        *DROPOUT,
    ],
}
# Of 50 examples, 7 leave a single one over.
SIZES = [(1, 7, False), (3, 7, False), pytest.param(2, 20, True, marks=needs_fork)]


@pytest.mark.parametrize(("size", "batch_size", "processes"), SIZES)
@pytest.mark.parametrize("name", EXTRAS)
def test_workers_do_what_the_textbook_does_with_every_extra(name, size, batch_size, processes):
    alone = setup(1, batch_size, EXTRAS[name])
    shared = setup(size, batch_size, EXTRAS[name])

    train_plainly(alone, 2, workers=size)
    train(shared, 2, processes=processes)

    np.testing.assert_allclose(numbers(shared), numbers(alone), rtol=1e-9, atol=1e-12)


@needs_fork
@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("name", ["l1", "everything", "schedule_free", "muon"])
def test_processes_and_threads_give_the_same_bytes_every_time(name, size):
    results = set()
    for processes in (True, False, True):
        made = setup(size, 7, EXTRAS[name])
        train(made, 3, processes=processes)
        results.add(numbers(made).tobytes())
    assert len(results) == 1


@needs_fork
def test_without_pythons_lock_workers_are_threads_with_the_same_bytes(monkeypatch):
    processes, threads = setup(2, 7), setup(2, 7)
    train(processes, 2, processes=True)
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    before, during = threading.active_count(), set()
    train(threads, 2, on_step=lambda: during.add(threading.active_count()))
    assert during == {before + 1}
    assert numbers(threads).tobytes() == numbers(processes).tobytes()


@pytest.mark.parametrize("processes", KINDS)
@pytest.mark.parametrize("size", [1, 2])
def test_before_each_step_the_parameters_are_as_the_last_left_them(size, processes):
    expected, found = [], []
    alone, shared = setup(1), setup(size)
    train_plainly(alone, 2, on_step=lambda: expected.append(alone.network.theta.copy()))
    train(
        shared,
        2,
        processes=processes,
        on_step=lambda: found.append(shared.network.theta.copy()),
    )
    assert len(found) == 2 * 3
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert not np.allclose(found[0], found[1], rtol=1e-3)


@needs_fork
@pytest.mark.parametrize("prefetch", [False, True])
def test_the_training_does_not_wait_for_a_worker_that_was_killed(prefetch):
    made = setup(2)
    training = Training(made, prefetch=prefetch, processes=True)
    before = {child.pid for child in multiprocessing.active_children()}
    with training.workers:
        first = blocks(made, 1)[0]
        training.run_block(first)
        started = {child.pid for child in multiprocessing.active_children()} - before
        assert len(started) == 1 + prefetch
        os.kill(max(started), signal.SIGKILL)
        with pytest.raises(WorkerError, match="was ended"):
            training.run_block(next_block(first, made.batches))


@pytest.mark.parametrize("processes", KINDS)
def test_a_step_that_fails_in_a_worker_is_an_error(processes, monkeypatch):
    made = setup(2)
    training = Training(made, processes=processes)

    def fail(*_):
        raise FloatingPointError("no step")

    monkeypatch.setattr(training._parts[1], "train", fail)
    with pytest.raises(RuntimeError, match="FloatingPointError: no step"), training.workers:
        training.run_block(blocks(made, 1)[0])


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


@pytest.fixture
def small_blocks(monkeypatch):
    """An epoch is of three blocks."""
    monkeypatch.setattr("mlpcli.data.batches.BLOCK_IMAGES", 20)


@pytest.mark.parametrize("processes", KINDS)
@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("batch_size", [20, 7])
def test_prefetched_blocks_are_the_same(batch_size, size, processes, small_blocks):
    results, sums = [], []
    for prefetch in (False, True):
        made = setup(size, batch_size, DROPOUT, augmentation={"rotation": 20, "noise": 0.1})
        training = train(made, 3, prefetch=prefetch, processes=processes)
        assert training.workers.size == size + prefetch
        results.append(numbers(made).tobytes())
        sums.append(training.metrics.sums)
    assert results[0] == results[1]
    assert sums[0] == sums[1]


@pytest.mark.parametrize("processes", KINDS)
def test_prefetching_may_begin_within_an_epoch(processes, small_blocks):
    """A run goes on within an epoch."""
    some = [Block(2, 20, 40), Block(2, 40, 50), Block(3, 0, 20)]
    results = []
    for prefetch in (False, True):
        made = setup(1)
        training = Training(made, prefetch=prefetch, processes=processes)
        with training.workers:
            for block in some:
                training.run_block(block)
        results.append(made.network.theta.tobytes())
    assert results[0] == results[1]


@pytest.mark.parametrize("prefetch", [False, True])
@pytest.mark.parametrize("block", [Block(1, 0, 20), Block(1, 20, 40), Block(2, 0, 20)])
def test_the_first_step_that_is_not_finite_is_that_of_its_block(prefetch, block, small_blocks):
    made = setup(1, 5)
    training = Training(made, prefetch=prefetch, processes=False)
    with training.workers:
        training.run_block(block)
        training._z[12] = np.nan
        labels = DATA.take(made.batches.order(block.epoch)[block.start : block.stop]).labels
        t = one_hot(labels, 3, np.float64)
        np.testing.assert_array_equal(training._buffers.arrays(block)[1], t)
        assert training.first_step_not_finite(block) == block.start // 5 + 3


@pytest.mark.parametrize(
    ("cores", "workers", "images", "expected"),
    [
        (2, "auto", 20, True),
        (1, "auto", 20, False),
        (2, 1, 20, False),
        (2, 2, 20, False),
        (2, "auto", 2048, False),
    ],
)
def test_who_prefetches(cores, workers, images, expected, monkeypatch):
    """Not on a single core, where the workers are told, and where an epoch is one block."""
    monkeypatch.setattr("mlpcli.data.batches.BLOCK_IMAGES", images)
    monkeypatch.setattr("mlpcli.training.worker_count.available_cores", lambda: cores)
    made = setup(workers)
    assert made.prefetch == expected
    assert Training(made).workers.size == made.workers + expected


def test_averaged_weights_are_judged_by_the_averages_of_the_running_means():
    """By hand: each is (1 - d) of its number after every step, from the start on."""
    made = setup(1, 20, EXTRAS["everything"])
    after = []

    def spy(mean, *arguments):
        move_average(mean, *arguments)
        if mean is made.running_average:
            norms = made.network.batch_norms
            after.append([[norm.mean.copy(), norm.variance.copy()] for norm in norms])

    norms = made.network.batch_norms
    expected = [[np.zeros(len(norm.mean)), np.ones(len(norm.mean))] for norm in norms]
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr("mlpcli.training.step.move_average", spy)
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


@pytest.mark.parametrize("name", ["clip_norm", "clip_value", "l1", "max_norm", "dropout"])
def test_the_extras_of_these_tests_change_something(name):
    found, without = setup(1, 20, EXTRAS[name]), setup(1)
    train(found, 2)
    train(without, 2)
    assert not np.allclose(without.network.theta, found.network.theta, rtol=1e-3)


def test_dropout_differs_in_every_step_and_for_every_worker(monkeypatch, small_blocks):
    drawn = []
    draw = Dropout.draw

    def spy(layer, n, rng):
        draw(layer, n, rng)
        drawn.append(layer.mask(n).tobytes())

    made = setup(2, 10, DROPOUT)
    monkeypatch.setattr(Dropout, "draw", spy)
    train(made, 2, processes=False)
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


@pytest.mark.parametrize("name", ["clip_norm", "adamw", "everything"])
def test_a_run_in_float32_keeps_nothing_in_float64(name):
    made = setup(2, 7, EXTRAS[name], dtype="float32")
    training = train(made, 1, processes=False)
    kept = [made.network.theta, *made.vectors.values(), made.network.running]
    kept += [each for each in (made.average, made.running_average) if each is not None]
    kept += [made.for_prediction().theta]
    kept += [made.for_prediction().forward(np.ones((2, 12), np.float32))]
    for part in training._parts:
        network = part._network
        kept += [made.network.grad, *(layer.a for layer in network.dense)]
        kept += [layer.delta for layer in network.dense]
        kept += [norm.s for norm in network.batch_norms]
        kept += [norm.batch_variance for norm in network.batch_norms]
    assert {vector.dtype for vector in kept} == {np.dtype(np.float32)}


@pytest.mark.parametrize("size", [1, 2])
def test_the_velocity_of_a_dead_unit_ends_at_zero(size):
    """Rounding would leave it just above, where Intel processors are slow."""
    made = setup(size, 5, ["network.activation=relu", "optimizer.weight_decay=0"], "float32")
    made.network.dense[0].b[3] = -1e6
    (velocity,) = made.vectors.values()
    (into_hidden, *_) = made.network.layout.views(velocity)
    into_hidden["W"][:, 3] = np.finfo(np.float32).tiny * np.linspace(0.1, 2, 12)
    train(made, 1, processes=False)
    assert not into_hidden["W"][:, 3].any()
    assert into_hidden["W"].any()


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name != "sgd"])
def test_training_may_stop_and_go_on(name):
    """The vectors are all that an optimizer has to be given, besides the number of the epoch."""
    settings = [f"optimizer={name}", "network.batch_norm=true"]
    if OPTIMIZERS[name].evaluated is None:
        settings.append("training.averaging.decay=0.9")
    else:
        settings.append("schedule={name: constant, warmup_epochs: 1.3}")
    whole, half = setup(1, 20, settings), setup(1, 20, settings)
    train(whole, 2)
    train(half, 1)
    training = Training(half)
    with training.workers:
        training.run_block(Block(2, 0, 50))
    assert numbers(half).tobytes() == numbers(whole).tobytes()
