"""A part that is added from outside trains, passes the gradient check and is saved as any other."""

import math
from typing import Literal

import numpy as np
import pytest

from mlpcli.config.loading import load_config
from mlpcli.config.schema.optimizers import Optimizer
from mlpcli.config.schema.section import Section
from mlpcli.data.dataset import Dataset
from mlpcli.explaining.trace import in_float64
from mlpcli.nn.activations import ACTIVATIONS, Activation
from mlpcli.nn.arrays import one_hot
from mlpcli.nn.gradcheck import check_layers
from mlpcli.nn.initializers import INITIALIZERS
from mlpcli.nn.losses import LOSSES, MeanSquaredError
from mlpcli.nn.optimizers import OPTIMIZERS, SGD
from mlpcli.nn.schedules import SCHEDULES
from mlpcli.storage.checkpoint import Checkpoint, load_checkpoint, to_bytes
from mlpcli.training.loop import train_epochs
from mlpcli.training.setup import assemble

# The sections of the config say which names there are; these tests go past them.
pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")

RNG = np.random.default_rng(0)
LABELS = np.arange(60) % 3
IMAGES = RNG.integers(0, 120, (60, 12), dtype=np.uint8)
IMAGES[np.arange(60), 4 * LABELS] += 100
DATA = Dataset(IMAGES, LABELS, (3, 4), ("a", "b", "c"))

CONFIG = load_config(
    {
        "network": {"hidden": [6], "activation": "tanh"},
        "optimizer": {"name": "sgd", "learning_rate": 0.1},
        "training": {"batch_size": 10, "epochs": 5},
    }
)


@pytest.fixture(params=[1, 2])
def workers(request):
    return request.param


@pytest.fixture
def try_out(workers, tmp_path):
    """Train, check and save a run whose config is `CONFIG` with other sections."""

    def with_sections(**sections):
        training = CONFIG.training.model_copy(update={"workers": workers})
        config = CONFIG.model_copy(update={"training": training, **sections})
        setup = assemble(config, DATA, None, DATA)
        progress = train_epochs(setup, on_batch=lambda *_: None, on_epoch=lambda _: False)
        losses = [row.train_loss for row in progress.history]
        assert losses[-1] < 0.9 * losses[0]
        check_gradient(setup)
        content = to_bytes(Checkpoint.of(setup, progress))
        assert content == to_bytes(Checkpoint.of(setup, progress))
        path = tmp_path / "saved.safetensors"
        path.write_bytes(content)
        saved = load_checkpoint(path)
        assert np.array_equal(saved.network.theta, setup.network.theta)
        assert saved.optimizer.keys() == setup.vectors.keys()
        for name, vector in saved.optimizer.items():
            assert np.array_equal(vector, setup.vectors[name])
        return setup

    return with_sections


def check_gradient(setup):
    x = (DATA.images[:8] - setup.normalization.mean) / setup.normalization.std
    t = one_hot(DATA.labels[:8], 3, np.float64)
    for layer in check_layers(in_float64(setup.network), setup.loss, x, t, 100):
        assert layer.checked > 0
        assert layer.relative_error < 1e-7


def test_an_activation(monkeypatch, try_out):
    sine = Activation(
        "sine",
        "σ(z) = sin(z)    σ′(z) = cos(z)",
        lambda z, out: np.copyto(out, np.sin(z)),
        lambda z, a, out: np.copyto(out, np.cos(z)),
    )
    monkeypatch.setitem(ACTIVATIONS, "sine", sine)
    setup = try_out(network=CONFIG.network.model_copy(update={"activation": "sine"}))
    assert setup.network.activations == ["sine", "identity"]


class LogCosh(MeanSquaredError):  # noqa: N818
    """L = s² Σ log cosh((z - t) / s): squared near the target, and straight far from it."""

    unit = "log cosh"
    formula = "L = s² Σ log cosh(({z} − t) / s)"
    delta_formula = "s tanh(({z} − t) / s)"

    def __init__(self, scale=1.0):
        self.scale = scale

    def value(self, z, t):
        return self.scale**2 * np.log(np.cosh((z - t) / self.scale)).sum(axis=1)

    def delta(self, z, t, out):
        np.tanh((z - t) / self.scale, out=out)
        out *= self.scale


class LogCoshConfig(Section):
    name: Literal["log_cosh"] = "log_cosh"
    scale: float = 0.5


def test_a_loss(monkeypatch, try_out):
    monkeypatch.setitem(LOSSES, "log_cosh", LogCosh)
    setup = try_out(loss=LogCoshConfig())
    assert setup.loss.scale == 0.5


class AdaMax(SGD):
    """Kingma and Ba 2015, section 7.1: divided by the largest gradient, which fades."""

    formula = "m ← β m + (1 − β) g    u ← max(ρ u, |g|)    θ ← θ − η m / ((1 − βᵗ) (u + 1e-8))"
    symbols = {"beta": "β", "rho": "ρ"}  # noqa: RUF012
    vectors = {"mean": "m", "largest": "u"}  # noqa: RUF012
    never_negative = frozenset({"largest"})

    def __init__(self, *, beta=0.9, rho=0.999, **penalties):
        super().__init__(**penalties)
        self.beta, self.rho = beta, rho

    def update(self, theta, g, learning_rate, t, *vectors):
        m, u = vectors
        m += (1 - self.beta) * (g - m)
        np.maximum(self.rho * u, np.abs(g), out=u)
        theta -= learning_rate / (1 - self.beta**t) * m / (u + 1e-8)


class AdaMaxConfig(Optimizer):
    name: Literal["adamax"] = "adamax"
    learning_rate: float = 0.02
    beta: float = 0.8
    rho: float = 0.99


def test_an_optimizer(monkeypatch, try_out):
    monkeypatch.setitem(OPTIMIZERS, "adamax", AdaMax)
    setup = try_out(optimizer=AdaMaxConfig())
    assert setup.optimizer.beta == 0.8
    assert setup.vectors.keys() == {"mean", "largest"}
    assert all(vector.any() for vector in setup.vectors.values())
    assert (setup.vectors["largest"] >= 0).all()


class SquareRootConfig(Section):
    name: Literal["square_root"] = "square_root"
    warmup_epochs: float = 0.0
    slowness: float = 3.0


def test_a_schedule(monkeypatch, try_out):
    def square_root(t, epochs, slowness):
        return 1 / math.sqrt(1 + t / slowness)

    monkeypatch.setitem(SCHEDULES, "square_root", square_root)
    setup = try_out(schedule=SquareRootConfig())
    assert setup.schedule(9.0, 10) == 0.5
    warmed_up = try_out(schedule=SquareRootConfig(warmup_epochs=1.0))
    assert warmed_up.schedule(0.5, 10) == 0.5
    assert warmed_up.schedule(10.0, 10) == 0.5


class SparseConfig(Section):
    name: Literal["sparse"] = "sparse"
    inputs: int = 4


def test_an_initializer(monkeypatch, try_out):
    drawn = []

    def sparse(rng, n_in, n_out, inputs):
        W = np.zeros((n_in, n_out))
        for column in W.T:
            column[rng.choice(n_in, inputs, replace=False)] = rng.normal(0, 0.5, inputs)
        drawn.append(W)
        return W

    monkeypatch.setitem(INITIALIZERS, "sparse", sparse)
    try_out(network=CONFIG.network.model_copy(update={"initializer": SparseConfig()}))
    assert [W.shape for W in drawn] == [(12, 6), (6, 3)]
    assert [np.count_nonzero(W) for W in drawn] == [6 * 4, 3 * 4]
