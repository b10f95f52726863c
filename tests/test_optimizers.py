"""Each optimizer against its textbook form, parameter by parameter, over ten steps."""

import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.nn.optimizers.muon import Muon, orthogonalized
from mlpcli.nn.optimizers.running import Running
from mlpcli.nn.optimizers.schedule_free import ScheduleFreeSGD

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
    "lion": {"beta1": 0.8, "beta2": 0.95},
    "schedule_free_sgd": {"momentum": 0.8},
    "schedule_free_adamw": {"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3},
    "muon": {"momentum": 0.7, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3},
}
APART = ("adamw", "lion", "schedule_free_adamw", "muon")
"""whose weights decay apart from the gradient"""


def fraction(t):
    """A warm-up of four steps."""
    return min(1.0, (t - 0.5) / 4)


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


def textbook_lion(theta, decay, beta1, beta2):
    m = 0
    for step in range(10):
        g = gradient(theta)
        c = beta1 * m + (1 - beta1) * g
        theta = theta - learning_rate(step) * (np.sign(c) + decay * theta)
        m = beta2 * m + (1 - beta2) * g
    return theta


def textbook_schedule_free(theta, decay, beta, scaled):
    """Algorithm 1 of Defazio et al.; `scaled` returns γ, or Adam's division of g by a root."""
    z = x = theta
    squares = 0
    for step in range(10):
        y = (1 - beta) * z + beta * x
        z = z - learning_rate(step) * scaled(gradient(y), decay * y, step + 1)
        squares = squares + fraction(step + 1) ** 2
        c = fraction(step + 1) ** 2 / squares
        x = (1 - c) * x + c * z
    return (1 - beta) * z + beta * x


def textbook_schedule_free_sgd(theta, decay, momentum):
    return textbook_schedule_free(theta, decay, momentum, lambda g, decayed, t: g + decayed)


def textbook_schedule_free_adamw(theta, decay, beta1, beta2, epsilon):
    squares = [np.zeros_like(theta)]

    def scaled(g, decayed, t):
        squares.append(beta2 * squares[-1] + (1 - beta2) * g**2)
        return g / (np.sqrt(squares[-1] / (1 - beta2**t)) + epsilon) + decayed

    return textbook_schedule_free(theta, decay, beta1, scaled)


def textbook_muon_of_the_rest(theta, decay, momentum, **settings):
    return textbook_adam(theta, decay, **settings, decoupled=True)


TEXTBOOK: dict[str, Callable[..., np.ndarray]] = {
    "sgd": textbook_sgd,
    "momentum": textbook_momentum,
    "nesterov": textbook_nesterov,
    "adagrad": textbook_adagrad,
    "rmsprop": textbook_rmsprop,
    "adam": textbook_adam,
    "adamw": functools.partial(textbook_adam, decoupled=True),
    "nadam": textbook_nadam,
    "lion": textbook_lion,
    "schedule_free_sgd": textbook_schedule_free_sgd,
    "schedule_free_adamw": textbook_schedule_free_adamw,
    "muon": textbook_muon_of_the_rest,
}


def start(dtype=np.float64):
    return np.random.default_rng(0).normal(size=N_WEIGHTS + N_BIASES).astype(dtype)


def make(name, theta, **penalties):
    """An optimizer with what it remembers at first."""
    settings = {**SETTINGS[name], **penalties}
    if name.startswith("schedule_free"):
        settings["fraction"] = fraction
    optimizer = OPTIMIZERS[name](**settings)
    return optimizer, [
        theta.copy() if vector in optimizer.begins_at_theta else np.zeros_like(theta)
        for vector in optimizer.vectors
    ]


def run(name, dtype=np.float64, weight_decay=0.0, l1=0.0):
    theta, grad = start(dtype), np.empty(N_WEIGHTS + N_BIASES, dtype)
    optimizer, vectors = make(name, theta, weight_decay=weight_decay, l1=l1)
    for step in range(10):
        grad[...] = gradient(theta)
        take_step(optimizer, theta, grad, step, vectors, slice(None))
    return theta, vectors


def take_step(optimizer, theta, grad, step, vectors, part):
    w, g = theta[:N_WEIGHTS][part], grad[:N_WEIGHTS][part]
    of_weights = [vector[:N_WEIGHTS][part] for vector in vectors]
    optimizer.penalize(w, g, learning_rate(step), *of_weights)
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
    optimizer, vectors = make(name, theta, weight_decay=0.3)
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
    optimizer = OPTIMIZERS[name](weight_decay=0.5)
    vectors = [
        w.copy() if each in optimizer.begins_at_theta else 0 * w for each in optimizer.vectors
    ]
    optimizer.penalize(w, g, 0.1, *vectors)
    decayed = vectors[0] if optimizer.evaluated and name in APART else w
    assert (decayed[0], g[0]) == ((2 * 0.95, 1) if name in APART else (2, 2))
    assert (optimizer.decay_formula != "") == (name in APART)


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
    optimizer, vectors = make(name, theta, weight_decay=0.1, l1=0.1)
    take_step(optimizer, theta, grad, 0, vectors, slice(None))
    if isinstance(optimizer, Muon):
        W, g, *vectors = (each[:N_WEIGHTS].reshape(4, 3) for each in (theta, grad, *vectors))
        optimizer.update_matrix(W, g, 0.1, *vectors)


def test_momentum_remembers_its_velocity():
    assert OPTIMIZERS["sgd"].vectors == {}
    theta, v = start(), np.zeros(N_WEIGHTS + N_BIASES)
    before, g = theta.copy(), gradient(theta)
    OPTIMIZERS["momentum"]().update(theta, g, 0.1, 1, v)
    np.testing.assert_allclose(v, -0.1 * g, rtol=1e-14)
    np.testing.assert_allclose(theta, before + v, rtol=1e-14)


@pytest.mark.parametrize(
    "name", ["adam", "adamw", "nadam", "schedule_free_sgd", "schedule_free_adamw"]
)
def test_a_step_depends_on_its_number_and_not_on_the_calls_before(name):
    """A run that goes on begins with an optimizer that is new."""
    ends = []
    for earlier in ([], [1, 2, 3, 9]):
        theta = start()
        optimizer, vectors = make(name, theta)
        ones = np.ones((len(vectors), len(theta)))
        for t in earlier:
            optimizer.update(start(), start(), 0.1, t, *ones.copy())
        optimizer.update(theta, gradient(theta), 0.1, 5, *ones)
        ends.append(theta.tobytes())
    assert ends[0] == ends[1]


def test_without_a_warm_up_the_average_is_the_plain_mean_of_all_z():
    theta, visited = start(), []
    optimizer = ScheduleFreeSGD(momentum=0.9)
    z, x = theta.copy(), theta.copy()
    for t in range(1, 6):
        optimizer.update(theta, gradient(theta), 0.1, t, z, x)
        visited.append(z.copy())
        np.testing.assert_allclose(x, np.mean(visited, axis=0), rtol=1e-13)
        np.testing.assert_allclose(theta, 0.1 * z + 0.9 * x, rtol=1e-13)


def test_a_running_number_is_the_same_whatever_was_asked_before():
    factorial = Running(1.0, lambda product, t: product * t)
    assert [factorial.up_to(t) for t in (0, 3, 3, 5, 2, 4)] == [1, 6, 6, 120, 2, 24]


MATRICES = [(7, 4), (4, 7), (5, 5), (1, 3), (3, 1)]


@pytest.mark.parametrize("shape", MATRICES)
def test_a_matrix_is_made_orthogonal_as_its_decomposition_says(shape):
    """The polynomial works on the singular values alone, number by number."""
    u = np.random.default_rng(1).normal(size=shape)
    U, s, Vt = np.linalg.svd(u, full_matrices=False)
    s = s / np.sqrt(np.square(s).sum())
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    np.testing.assert_allclose(orthogonalized(u), (U * s) @ Vt, rtol=1e-10, atol=1e-12)
    assert s.min() > 0.6
    assert s.max() < 1.3


@pytest.mark.parametrize("shape", MATRICES)
def test_rows_that_workers_share_are_made_orthogonal_together(shape):
    """Each part gives its terms of every sum; the terms of all are added."""
    u = np.random.default_rng(1).normal(size=shape)
    parts = np.array_split(u, 2)
    found = in_turns(parts)
    np.testing.assert_allclose(np.concatenate(found), orthogonalized(u), rtol=1e-10, atol=1e-12)


def in_turns(parts):
    """Run every part in a thread, all of which meet at each sum."""
    barrier, terms = threading.Barrier(len(parts)), [None] * len(parts)

    def work(rank):
        def total(term):
            barrier.wait()
            terms[rank] = term
            barrier.wait()
            return sum(terms)

        return orthogonalized(parts[rank], total)

    with ThreadPoolExecutor(len(parts)) as pool:
        return list(pool.map(work, range(len(parts))))


def test_a_gradient_of_zeros_moves_nothing():
    assert not orthogonalized(np.zeros((3, 2))).any()


def test_by_hand_a_step_of_muon_with_one_weight():
    """A matrix of one number becomes its sign, as five rounds from 1 leave it."""
    W, g, m = np.array([[2.0]]), np.array([[-3.0]]), np.zeros((1, 1))
    s = 1.0
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    Muon(momentum=0.75).update_matrix(W, g, 0.1, m, np.zeros((1, 1)))
    assert m[0, 0] == pytest.approx(0.25 * -3)
    assert W[0, 0] == pytest.approx(2 + 0.2 * 0.1 * s)
