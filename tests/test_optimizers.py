"""Each optimizer against its textbook form, parameter by parameter, over ten steps."""

import functools
from collections.abc import Callable

import numpy as np
import pytest

from mlpcli.nn.optimizers import OPTIMIZERS

N_WEIGHTS, N_BIASES = 12, 3
SETTINGS = {
    "sgd": {},
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.8},
    "adagrad": {"epsilon": 1e-3},
    "rmsprop": {"decay": 0.8, "epsilon": 1e-3},
    "adam": {"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3},
    "adamw": {"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3},
    "nadam": {"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3},
}


def gradient(theta):
    """Of a bowl with a different curvature along each parameter."""
    return np.linspace(0.5, 2, len(theta)) * theta + 0.1


def learning_rate(step):
    return 0.1 / (1 + step)


def textbook_sgd(theta, decay):
    for step in range(10):
        theta = theta - learning_rate(step) * (gradient(theta) + decay * theta)
    return theta


def textbook_momentum(theta, decay, momentum):
    v = 0
    for step in range(10):
        v = momentum * v - learning_rate(step) * (gradient(theta) + decay * theta)
        theta = theta + v
    return theta


def textbook_nesterov(theta, decay, momentum):
    """Sutskever's form: the gradient is taken ahead of the point; returns the point ahead."""
    ahead, v = theta, 0
    for step in range(10):
        point = ahead - momentum * v
        g = gradient(ahead) + decay * ahead
        v = momentum * v - learning_rate(step) * g
        ahead = point + v + momentum * v
    return ahead


def textbook_adagrad(theta, decay, epsilon):
    s = 0
    for step in range(10):
        g = gradient(theta) + decay * theta
        s = s + g**2
        theta = theta - learning_rate(step) * g / (np.sqrt(s) + epsilon)
    return theta


def textbook_rmsprop(theta, weight_decay, decay, epsilon):
    s = 0
    for step in range(10):
        g = gradient(theta) + weight_decay * theta
        s = decay * s + (1 - decay) * g**2
        theta = theta - learning_rate(step) * g / (np.sqrt(s) + epsilon)
    return theta


def textbook_adam(theta, decay, beta1, beta2, epsilon, decoupled=False):
    m = s = 0
    for step in range(10):
        g = gradient(theta)
        if decoupled:
            theta = theta - learning_rate(step) * decay * theta
        else:
            g = g + decay * theta
        m = beta1 * m + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * g**2
        m_hat, s_hat = m / (1 - beta1 ** (step + 1)), s / (1 - beta2 ** (step + 1))
        theta = theta - learning_rate(step) * m_hat / (np.sqrt(s_hat) + epsilon)
    return theta


def textbook_nadam(theta, decay, beta1, beta2, epsilon):
    """Dozat's look ahead with his schedule of the momentum; m itself moves by β₁, as PyTorch's."""
    m = s = 0
    mu = [beta1 * (1 - 0.5 * 0.96 ** (0.004 * t)) for t in range(1, 13)]
    for step in range(10):
        g = gradient(theta) + decay * theta
        m = beta1 * m + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * g**2
        m_bar = mu[step + 1] * m / (1 - np.prod(mu[: step + 2]))
        m_bar = m_bar + (1 - mu[step]) * g / (1 - np.prod(mu[: step + 1]))
        s_hat = s / (1 - beta2 ** (step + 1))
        theta = theta - learning_rate(step) * m_bar / (np.sqrt(s_hat) + epsilon)
    return theta


TEXTBOOK: dict[str, Callable[..., np.ndarray]] = {
    "sgd": textbook_sgd,
    "momentum": textbook_momentum,
    "nesterov": textbook_nesterov,
    "adagrad": textbook_adagrad,
    "rmsprop": textbook_rmsprop,
    "adam": textbook_adam,
    "adamw": functools.partial(textbook_adam, decoupled=True),
    "nadam": textbook_nadam,
}


def start(dtype=np.float64):
    return np.random.default_rng(0).normal(size=N_WEIGHTS + N_BIASES).astype(dtype)


def run(name, dtype=np.float64, weight_decay=0.0, l1=0.0):
    theta, grad = start(dtype), np.empty(N_WEIGHTS + N_BIASES, dtype)
    optimizer = OPTIMIZERS[name](weight_decay=weight_decay, l1=l1, **SETTINGS[name])
    vectors = [np.zeros_like(theta) for _ in optimizer.vectors]
    for step in range(10):
        grad[...] = gradient(theta)
        take_step(optimizer, theta, grad, step, vectors, slice(None))
    return theta, vectors


def take_step(optimizer, theta, grad, step, vectors, part):
    w, g = theta[:N_WEIGHTS][part], grad[:N_WEIGHTS][part]
    optimizer.penalize(w, g, learning_rate(step))
    of_part = [vector[part] for vector in vectors]
    optimizer.update(theta[part], grad[part], learning_rate(step), step + 1, *of_part)


@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_ten_steps_are_the_textbooks(name, weight_decay):
    decay = np.array([weight_decay] * N_WEIGHTS + [0.0] * N_BIASES)
    expected = TEXTBOOK[name](start(), decay, **SETTINGS[name])

    theta, _ = run(name, weight_decay=weight_decay)

    np.testing.assert_allclose(theta, expected, rtol=1e-13)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_may_be_taken_part_by_part(name):
    whole, _ = run(name, weight_decay=0.3)
    theta, grad = start(), np.empty(N_WEIGHTS + N_BIASES)
    optimizer = OPTIMIZERS[name](weight_decay=0.3, **SETTINGS[name])
    vectors = [np.zeros_like(theta) for _ in optimizer.vectors]
    for step in range(10):
        grad[...] = gradient(theta)
        for at in range(0, len(theta), 5):  # one part has weights and biases
            take_step(optimizer, theta, grad, step, vectors, slice(at, at + 5))
    np.testing.assert_allclose(theta, whole, rtol=1e-14)


def test_the_l1_penalty_adds_the_sign_of_a_weight():
    w, g = np.array([2.0, -3.0, 0.0]), np.ones(3)
    for name in OPTIMIZERS:
        OPTIMIZERS[name](l1=0.25).penalize(w, g, 0.1)
    n = len(OPTIMIZERS)
    assert g.tolist() == [1 + n / 4, 1 - n / 4, 1]
    assert w.tolist() == [2, -3, 0]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_whose_weights_decay_apart_from_the_gradient(name):
    w, g = np.array([2.0]), np.array([1.0])
    OPTIMIZERS[name](weight_decay=0.5).penalize(w, g, 0.1)
    apart = OPTIMIZERS[name].decays_apart
    assert (w[0], g[0]) == ((2 * 0.95, 1) if apart else (2, 2))
    assert apart == (name == "adamw")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_formula_has_every_symbol(name):
    optimizer = OPTIMIZERS[name]
    for symbol in (*optimizer.symbols.values(), *optimizer.vectors.values(), "θ", "η", "g"):
        assert symbol in optimizer.formula


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_is_never_negative_is_so(name):
    _, vectors = run(name)
    for vector, of in zip(vectors, OPTIMIZERS[name].vectors, strict=True):
        assert (vector.min() >= 0) == (of in OPTIMIZERS[name].never_negative)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_state_and_parameters_keep_their_dtype(name):
    theta, vectors = run(name, np.float32, weight_decay=0.1, l1=0.1)
    assert theta.dtype == np.float32
    assert all(vector.dtype == np.float32 for vector in vectors)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_no_step_computes_in_another_precision(name):
    """A float64 scalar of NumPy's would make a float64 array on the way."""

    class Float32(np.ndarray):
        def __array_ufunc__(self, ufunc, method, *inputs, out=(), **arguments):
            plain = [np.asarray(i) if isinstance(i, np.ndarray) else i for i in inputs]
            into = tuple(np.asarray(o) for o in out)
            assert all(
                np.asarray(i).dtype == np.float32 for i in plain if isinstance(i, np.ndarray)
            )
            assert not any(isinstance(i, np.generic) for i in plain)
            result = getattr(ufunc, method)(*plain, **({"out": into} if into else {}), **arguments)
            assert result.dtype == np.float32
            return out[0] if out else result.view(Float32)

    theta, grad = (np.ones(N_WEIGHTS + N_BIASES, np.float32).view(Float32) for _ in range(2))
    optimizer = OPTIMIZERS[name](weight_decay=0.1, l1=0.1, **SETTINGS[name])
    vectors = [np.zeros(len(theta), np.float32).view(Float32) for _ in optimizer.vectors]
    take_step(optimizer, theta, grad, 0, vectors, slice(None))


def test_momentum_remembers_its_velocity():
    assert OPTIMIZERS["sgd"].vectors == {}
    theta, v = start(), np.zeros(N_WEIGHTS + N_BIASES)
    before, g = theta.copy(), gradient(theta)
    OPTIMIZERS["momentum"]().update(theta, g, 0.1, 1, v)
    np.testing.assert_allclose(v, -0.1 * g, rtol=1e-14)
    np.testing.assert_allclose(theta, before + v, rtol=1e-14)


@pytest.mark.parametrize("name", ["adam", "adamw", "nadam"])
def test_a_step_depends_on_its_number_and_not_on_the_calls_before(name):
    """A run that goes on begins with an optimizer that is new."""
    ends = []
    for earlier in ([], [1, 2, 3, 9]):
        optimizer, theta = OPTIMIZERS[name](), start()
        for t in earlier:
            optimizer.update(start(), start(), 0.1, t, *np.ones((2, len(theta))))
        optimizer.update(theta, gradient(theta), 0.1, 5, *np.ones((2, len(theta))))
        ends.append(theta.tobytes())
    assert ends[0] == ends[1]
