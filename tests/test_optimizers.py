"""Each optimizer against its textbook form, parameter by parameter, over ten steps."""

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


def textbook_adamw(*arguments, **settings):
    return textbook_adam(*arguments, **settings, decoupled=True)


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


TEXTBOOK = {
    "sgd": textbook_sgd,
    "momentum": textbook_momentum,
    "nesterov": textbook_nesterov,
    "adagrad": textbook_adagrad,
    "rmsprop": textbook_rmsprop,
    "adam": textbook_adam,
    "adamw": textbook_adamw,
    "nadam": textbook_nadam,
}


def start(dtype=np.float64):
    return np.random.default_rng(0).normal(size=N_WEIGHTS + N_BIASES).astype(dtype)


def run(name, dtype=np.float64, weight_decay=0.0):
    theta = start(dtype)
    optimizer = OPTIMIZERS[name](weight_decay=weight_decay, **SETTINGS[name])
    vectors = [np.zeros_like(theta) for _ in optimizer.vectors]
    for step in range(10):
        g = gradient(theta).astype(dtype)
        take_step(optimizer, theta, g, vectors, step)
    return theta, vectors


def take_step(optimizer, theta, g, vectors, step):
    optimizer.penalize(theta[:N_WEIGHTS], g[:N_WEIGHTS], learning_rate(step))
    optimizer.update(theta, g, learning_rate(step), step + 1, *vectors)


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
    theta = start()
    optimizer = OPTIMIZERS[name](weight_decay=0.3, **SETTINGS[name])
    vectors = [np.zeros_like(theta) for _ in optimizer.vectors]
    for step in range(10):
        g = gradient(theta)
        optimizer.penalize(theta[:N_WEIGHTS], g[:N_WEIGHTS], learning_rate(step))
        for at in range(0, len(theta), 4):
            here = slice(at, at + 4)
            slices = [vector[here] for vector in vectors]
            optimizer.update(theta[here], g[here], learning_rate(step), step + 1, *slices)
    np.testing.assert_allclose(theta, whole, rtol=1e-14)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_state_and_parameters_keep_their_dtype(name):
    theta, vectors = run(name, np.float32, weight_decay=0.1)
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
    optimizer = OPTIMIZERS[name](weight_decay=0.1, **SETTINGS[name])
    vectors = [np.zeros_like(theta) for _ in optimizer.vectors]
    take_step(optimizer, theta, grad, vectors, 0)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_vectors_handed_in_are_all_that_is_remembered(name):
    whole, vectors = run(name, weight_decay=0.3)
    theta, kept = start(), [np.zeros(N_WEIGHTS + N_BIASES) for _ in vectors]
    for step in range(10):
        afresh = OPTIMIZERS[name](weight_decay=0.3, **SETTINGS[name])
        take_step(afresh, theta, gradient(theta), kept, step)
    assert np.array_equal(theta, whole)
