"""What a config says is what the part that it is said of gets: no setting without an effect."""

import math

import numpy as np
import pytest

from mlpcli.config.loading import load_config
from mlpcli.data.augmentation.draws import Draws
from mlpcli.data.augmentation.warp import Warp
from mlpcli.data.dataset import Dataset, numbered
from mlpcli.nn.averaging import move_average
from mlpcli.training.building import build_network, build_optimizer, build_plateau, build_schedule
from mlpcli.training.setup import assemble


def optimizer(**settings):
    config = load_config({"optimizer": {"learning_rate": 0.1, **settings}})
    return build_optimizer(config)


def moved(built, gradients):
    """The steps of a single parameter at 0 with these gradients, at a learning rate of 0.1."""
    theta, places = np.zeros(1, np.float32), []
    vectors = [np.zeros_like(theta) for _ in built.vectors]
    for t, g in enumerate(gradients, 1):
        built.update(theta, np.full_like(theta, g), 0.1, t, *vectors)
        places.append(float(theta[0]))
    return places


def test_momentum():
    # v = -0.1, then -0.1 + 0.5 v
    assert moved(optimizer(name="momentum", momentum=0.5), [1, 1]) == pytest.approx([-0.1, -0.25])
    # with the look ahead: -0.1 + 0.5 v
    built = optimizer(name="nesterov", momentum=0.5)
    assert moved(built, [1, 1]) == pytest.approx([-0.15, -0.325])


def test_decay_of_rmsprop():
    first, second = moved(optimizer(name="rmsprop", decay=0.5, epsilon=1e-12), [1, 1])
    assert first == pytest.approx(-0.1 / math.sqrt(0.5))
    assert second - first == pytest.approx(-0.1 / math.sqrt(0.75))


@pytest.mark.parametrize("name", ["adagrad", "rmsprop", "adam", "adamw", "nadam"])
def test_epsilon(name):
    near = moved(optimizer(name=name, epsilon=1e-12), [1e-3])[0]
    far = moved(optimizer(name=name, epsilon=1e3), [1e-3])[0]
    assert abs(near) > 1e4 * abs(far) > 0


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_betas(name):
    built = optimizer(name=name, beta1=0.5, beta2=0.75, epsilon=1e-12)
    first, second = moved(built, [1, 3])
    assert first == pytest.approx(-0.1)
    m = (0.5 * 0.5 + 0.5 * 3) / (1 - 0.5**2)
    s = (0.75 * 0.25 + 0.25 * 9) / (1 - 0.75**2)
    assert second - first == pytest.approx(-0.1 * m / math.sqrt(s))


def schedule(**settings):
    config = load_config({"schedule": settings})
    return build_schedule(config)


def test_schedules():
    assert schedule(name="exponential", factor=0.5)(2, 10) == pytest.approx(0.25)
    assert schedule(name="inverse_time", decay=3)(2, 10) == pytest.approx(1 / 7)
    assert schedule(name="step", every_epochs=2, factor=0.5)(5, 10) == pytest.approx(0.25)
    assert schedule(name="cosine", final_fraction=0.25)(10, 10) == pytest.approx(0.25)
    cycle = schedule(name="one_cycle", rise=0.2, initial_fraction=0.1, final_fraction=0.01)
    assert [cycle(t, 10) for t in (0, 2, 10)] == pytest.approx([0.1, 1, 0.01])
    assert schedule(name="constant", warmup_epochs=4)(1, 10) == pytest.approx(0.25)


def test_plateau():
    settings = {"name": "plateau", "factor": 0.5, "patience": 3, "min_delta": 0.25}
    config = load_config({"schedule": {**settings, "monitor": "val_accuracy"}})
    built = build_plateau(config)
    assert (built.monitor, built.factor, built.patience, built.min_delta) == (
        "val_accuracy",
        0.5,
        3,
        0.25,
    )


def test_starts():
    def weights(**start):
        config = load_config({"network": {"hidden": [200], "initializer": start}})
        return build_network(config, 100, 10).dense[0].W

    assert weights(name="normal", mean=5, std=0.1).mean() == pytest.approx(5, abs=0.01)
    assert weights(name="normal", mean=5, std=0.1).std() == pytest.approx(0.1, rel=0.05)
    lengths = np.linalg.norm(weights(name="orthogonal", gain=3), axis=1)
    assert lengths == pytest.approx(3, rel=1e-5)
    assert np.ptp(weights(name="uniform", low=1, high=4)) == pytest.approx(3, rel=0.01)
    assert (weights(name="constant", value=0.5) == 0.5).all()


def assembled(**sections):
    config = load_config({"data": {"validation": 0}, "network": {"hidden": [4]}}, sections)
    images = np.random.default_rng(0).integers(0, 256, (40, 9), dtype=np.uint8)
    dataset = Dataset(images, np.arange(40) % 3, image_shape=(3, 3), class_names=numbered(3))
    setup = assemble(config, dataset, None, dataset)
    assert setup.network.sizes == (9, 4, 3)
    return setup, images


def test_normalization():
    def first_batch(kind):
        setup, images = assembled(data={"normalization": kind})
        x = np.empty(images.shape, np.float32)
        setup.normalization.apply(images, x)
        return x, images

    x, images = first_batch("unit")
    assert x == pytest.approx(images / 255, rel=1e-6)
    x, images = first_batch("none")
    assert (x == images).all()
    x, _ = first_batch("standardize")
    assert (x.mean(), x.std()) == pytest.approx((0, 1), abs=1e-5)


def test_decay_of_the_averaged_weights():
    """(1 + t) / (10 + t) is the smaller until t = 8: from then on the decay counts."""
    setup, _ = assembled(training={"averaging": {"decay": 0.5}})
    start = setup.average.copy()
    move_average(setup.average, start + 1, setup.decay, 1000)
    assert setup.average - start == pytest.approx(0.5, abs=1e-6)


def test_elastic_distortion():
    """Twice the strength moves every pixel twice as far; a larger sigma bends in larger waves."""

    def moves(**elastic):
        config = load_config({"data": {"augmentation": {"elastic": elastic}}})
        field = Warp(config.data.augmentation, "bilinear", (28, 28), 1)._elastic
        x, y = np.zeros((2, 1, 28, 28), np.float32)
        field.displace(x, y, Draws(1, np.arange(1)))
        return x[0]

    weak, strong = moves(alpha=10, sigma=4), moves(alpha=20, sigma=4)
    assert strong == pytest.approx(2 * weak, rel=1e-4, abs=1e-5)
    rough, smooth = moves(alpha=10, sigma=2), moves(alpha=10, sigma=6)

    def waviness(d):
        return np.abs(np.diff(d)).mean() / np.abs(d).mean()

    assert waviness(smooth) < 0.6 * waviness(rough)
