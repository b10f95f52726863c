import numpy as np
import pytest

from mlpcli.config.loading import load_config
from mlpcli.data.dataset import Dataset
from mlpcli.nn.arrays import one_hot
from mlpcli.nn.averaging import MovingAverage
from mlpcli.nn.layers import Dropout
from mlpcli.parallel.workers import can_fork
from mlpcli.training.blocks import Stretch
from mlpcli.training.setup import assemble
from mlpcli.training.step import Training

RNG = np.random.default_rng(0)
DATA = Dataset(
    RNG.integers(0, 256, (50, 12), dtype=np.uint8), RNG.integers(0, 3, 50), (3, 4), ("a", "b", "c")
)
KINDS = [False, pytest.param(True, marks=pytest.mark.skipif(not can_fork(), reason="no fork"))]


def setup(threads, batch_size=20, overrides=(), dtype="float64", **data):
    config = load_config(
        {
            "dtype": dtype,
            "data": data,
            "network": {"hidden": [7, 5], "activation": "tanh"},
            "optimizer": {"name": "nesterov", "weight_decay": 0.01, "learning_rate": 0.1},
            "schedule": {"name": "cosine"},
            "training": {"batch_size": batch_size, "workers": threads, "epochs": 3},
        },
        overrides=overrides,
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
            if settings.clip_norm:
                length = np.linalg.norm(network.grad)
                network.grad *= min(1, settings.clip_norm / length)
            share = made.schedule(epoch - 1 + (step + 0.5) / len(batches), 3)
            made.optimizer.step(network.theta, network.grad, settings.learning_rate * share)
            for layer in network.dense[:-1] if settings.max_norm else ():
                layer.W *= np.minimum(1, settings.max_norm / np.linalg.norm(layer.W, axis=0))
            steps += 1
            if made.average:
                d = min(made.average.decay, (1 + steps) / (10 + steps))
                made.average.theta[...] = d * made.average.theta + (1 - d) * network.theta
            if made.running_average:
                mean = made.running_average.theta
                mean[...] = d * mean + (1 - d) * network.running
    return np.concatenate(outputs), np.concatenate(targets)


@pytest.mark.parametrize("processes", KINDS)
@pytest.mark.parametrize("batch_size", [20, 7, 2, 1])
@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("worth_meetings", [0, 20, 1000])  # the layers have 84, 35 and 15 weights
def test_a_team_does_what_the_textbook_does(
    worth_meetings, size, batch_size, processes, monkeypatch
):
    monkeypatch.setattr("mlpcli.nn.network.WORTH_MEETINGS", worth_meetings)
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


AUTO = ["training.workers=auto"]


@pytest.fixture
def small_blocks(monkeypatch):
    """An epoch is of three blocks, and two processors are there."""
    monkeypatch.setattr("mlpcli.data.batches.BLOCK_IMAGES", 20)
    monkeypatch.setattr("mlpcli.parallel.threads.available_cores", lambda: 2)


@pytest.mark.parametrize("processes", KINDS)
@pytest.mark.parametrize("batch_size", [20, 7, 1])
def test_blocks_filled_ahead_are_the_same(batch_size, processes, small_blocks):
    settings = ["network.dropout.hidden=0.5"]
    alone = setup(1, batch_size, settings, augmentation={"rotation": 20, "noise": 0.1})
    ahead = setup(1, batch_size, settings + AUTO, augmentation={"rotation": 20, "noise": 0.1})
    assert (alone.fills_ahead, ahead.fills_ahead) == (False, True)
    of_one = train(alone, 3)
    of_two = train(ahead, 3, processes=processes)
    assert of_two.team.size == 2
    assert numbers(ahead).tobytes() == numbers(alone).tobytes()
    assert of_two.measured.sums == of_one.measured.sums


@pytest.mark.parametrize("processes", KINDS)
def test_blocks_filled_ahead_may_be_any(processes, small_blocks):
    """A run goes on within an epoch, and a block that nobody expected is filled when asked for."""
    some = [(2, 20, 40), (2, 40, 50), (1, 0, 20), (1, 0, 20), (3, 40, 50)]
    results = []
    for threads in (1, "auto"):
        made = setup(threads)
        training = Training(made, processes=processes)
        with training.team:
            for block in some:
                training.run_block(*block)
        results.append(made.network.theta.tobytes())
    assert results[0] == results[1]


@pytest.mark.parametrize("settings", [[], AUTO])
@pytest.mark.parametrize("block", [(1, 0, 20), (1, 20, 40), (2, 0, 20)])
def test_the_first_step_that_is_not_finite_is_that_of_its_block(settings, block, small_blocks):
    made = setup(1, 5, settings)
    training = Training(made, processes=False)
    epoch, start, stop = block
    with training.team:
        training.run_block(*block)
        training._z[12] = np.nan
        t = one_hot(DATA.part(made.batches.order(epoch)[start:stop]).labels, 3, np.float64)
        np.testing.assert_array_equal(training._filling.arrays(Stretch(*block))[1], t)
        assert training.first_step_not_finite(*block) == start // 5 + 3


@pytest.mark.parametrize(
    ("cores", "threads", "images"), [(1, "auto", 20), (2, 1, 20), (2, 2, 20), (2, "auto", 2048)]
)
def test_nothing_is_filled_ahead(cores, threads, images, monkeypatch):
    """On a single core, where the number of threads is told, and where an epoch is one block."""
    monkeypatch.setattr("mlpcli.data.batches.BLOCK_IMAGES", images)
    monkeypatch.setattr("mlpcli.parallel.threads.available_cores", lambda: cores)
    assert not setup(threads).fills_ahead


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
    kept = [made.network.theta, *made.optimizer.state().values()]
    kept += [vector for norm in made.network.norms for vector in (norm.mean, norm.variance)]
    kept += [made.average.theta] if made.average else []
    return np.concatenate(kept + ([*made.running_average.theta] if made.running_average else []))


@pytest.mark.parametrize("processes", KINDS)
@pytest.mark.parametrize("batch_size", [20, 7])  # 7 leaves a single example over
@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("name", EXTRAS)
@pytest.mark.parametrize("worth_meetings", [20, 1000])
def test_a_team_does_what_one_does_with_every_extra(
    worth_meetings, name, size, batch_size, processes, monkeypatch
):
    monkeypatch.setattr("mlpcli.nn.network.WORTH_MEETINGS", worth_meetings)
    monkeypatch.setattr("mlpcli.training.step.BLOCK", 10)  # so that each member has several
    alone = setup(1, batch_size, EXTRAS[name])
    shared = setup(size, batch_size, EXTRAS[name])

    train_plainly(alone, 2)
    train(shared, 2, processes=processes)

    np.testing.assert_allclose(numbers(shared), numbers(alone), rtol=1e-9, atol=1e-12)


def test_averaged_weights_are_judged_by_the_averages_of_the_running_means():
    """By hand: each is (1 - d) of its number after every step, from the start on."""
    made = setup(1, 20, EXTRAS["everything"])
    norms, after = made.network.norms, []
    average = MovingAverage.update

    def update(self, theta, part, steps):
        average(self, theta, part, steps)
        if self is made.running_average:
            after.append([[norm.mean.copy(), norm.variance.copy()] for norm in norms])

    expected = [[np.zeros(len(norm.mean)), np.ones(len(norm.mean))] for norm in norms]
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(MovingAverage, "update", update)
        train(made, 2, processes=False)
    assert len(after) == 2 * 3
    for step, found in enumerate(after, 1):
        d = min(0.6, (1 + step) / (10 + step))
        for kept, now in zip(expected, found, strict=True):
            kept[:] = [d * old + (1 - d) * new for old, new in zip(kept, now, strict=True)]

    judged = made.network.with_parameters(made.average.theta)
    a = (DATA.images - made.normalization.mean) / made.normalization.std
    for layer, norm, (mean, variance) in zip(judged.dense, judged.norms, expected, strict=False):
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


def test_dropout_differs_in_every_step_and_for_every_member(monkeypatch):
    drawn = []
    draw = Dropout.draw

    def spy(layer, n, rng, share):
        draw(layer, n, rng, share)
        drawn.append(layer._mask.first(n)[share.rows].tobytes())

    monkeypatch.setattr("mlpcli.data.batches.BLOCK_IMAGES", 20)
    made = setup(2, 10, DROPOUT)
    training = Training(made, processes=False)
    monkeypatch.setattr(Dropout, "draw", spy)
    with training.team:
        for epoch in (1, 2):
            for start, stop in ((0, 20), (20, 40), (40, 50)):
                training.run_block(epoch, start, stop)
    assert len(drawn) == 2 * 2 * 5 * 3  # epochs, members, steps, layers
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
    train(made, 1, processes=False)
    network = made.network
    kept = [network.theta, network.grad, *made.optimizer.state().values()]
    kept += [vector for norm in network.norms for vector in (norm.mean, norm.variance)]
    kept += [made.average.theta] if made.average else []
    kept += [made.running_average.theta] if made.running_average else []
    kept += [made.for_prediction().theta]
    kept += [made.for_prediction().forward(np.ones((2, 12), np.float32))]
    kept += [layer.a for layer in network.dense] + [layer.delta for layer in network.dense]
    kept += [norm._scale for norm in network.norms]
    assert {vector.dtype for vector in kept} == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", ["adam", "nadam", "rmsprop", "adagrad", "adamw", "momentum"])
def test_training_may_stop_and_go_on(name):
    """The vectors, and the number of steps, are all that an optimizer has to be given."""
    settings = [f"optimizer={name}", "training.averaging.decay=0.9", "network.batch_norm=true"]
    whole, half = setup(1, 20, settings), setup(1, 20, settings)
    train(whole, 2)
    train(half, 1)
    training = Training(half, steps_done=3)
    with training.team:
        training.run_block(2, 0, 50)
    assert numbers(half).tobytes() == numbers(whole).tobytes()
