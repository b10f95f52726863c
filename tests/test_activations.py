import math

import numpy as np
import pytest

from mlpcli.nn.activations import ACTIVATIONS

TEXTBOOK = {
    "identity": lambda z: z,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": lambda z: (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)),
    "relu": lambda z: np.where(z > 0, z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "elu": lambda z: np.where(z > 0, z, np.exp(z) - 1),
    "gelu": lambda z: z / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3))),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "softplus": lambda z: np.log(1 + np.exp(z)),
    "step": lambda z: np.where(z > 0, 1.0, 0.0),
}
Z = np.array([[-3.0, -0.5, 0.25, 2.0]])


def normal_distribution(z):
    return np.array([math.erfc(-x / math.sqrt(2)) / 2 for x in z.flat]).reshape(z.shape)


def value(name, z):
    a = np.empty_like(z)
    ACTIVATIONS[name].value(z, a)
    return a


def derivative(name, z):
    slope = np.empty_like(z)
    ACTIVATIONS[name].derivative(z, value(name, z), slope)
    return slope


def test_each_has_its_textbook_formula():
    assert ACTIVATIONS.keys() == TEXTBOOK.keys()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_value(name):
    np.testing.assert_allclose(value(name, Z), TEXTBOOK[name](Z), rtol=1e-14)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivative(name):
    h = 1e-6
    expected = (TEXTBOOK[name](Z + h) - TEXTBOOK[name](Z - h)) / (2 * h)
    np.testing.assert_allclose(derivative(name, Z), expected, rtol=1e-8)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_inputs_reach_the_limits(name, dtype):
    z = np.array([-1e4, 1e4], dtype)
    low = {"identity": -1e4, "tanh": -1, "leaky_relu": -100, "elu": -1}.get(name, 0)
    high = {"sigmoid": 1, "tanh": 1, "step": 1}.get(name, 1e4)
    slopes: dict[str, list[float]] = {
        "identity": [1, 1],
        "sigmoid": [0, 0],
        "tanh": [0, 0],
        "step": [0, 0],
        "leaky_relu": [0.01, 1],
    }
    np.testing.assert_allclose(value(name, z), np.array([low, high], dtype), rtol=1e-7)
    np.testing.assert_allclose(derivative(name, z), slopes.get(name, [0, 1]), rtol=1e-7)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_float32_is_as_good_as_its_rounding(name):
    z = np.linspace(-12, 12, 4001, dtype=np.float32)
    exact = z.astype(np.float64)
    scale = np.maximum(np.abs(exact), 1) * np.finfo(np.float32).eps
    assert np.all(np.abs(value(name, z) - value(name, exact)) <= 2 * scale)
    assert np.all(np.abs(derivative(name, z) - derivative(name, exact)) <= 4 * scale)


@pytest.mark.parametrize(("name", "slope"), [("relu", 0), ("leaky_relu", np.float32(0.01))])
def test_the_slope_at_a_kink_is_that_of_its_left(name, slope):
    assert derivative(name, np.zeros(1, np.float32)) == slope


def test_gelu_is_near_the_exact_one():
    z = np.linspace(-40, 40, 20_001)
    exact = normal_distribution(z)
    density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    assert np.abs(value("gelu", z) - z * exact).max() < 0.0005
    assert np.abs(derivative("gelu", z) - (exact + z * density)).max() < 0.001


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gelu_next_to_zero(dtype):
    z = np.array([-1e-20, -0.0, 0.0, np.finfo(dtype).smallest_subnormal], dtype)
    np.testing.assert_allclose(derivative("gelu", z), 0.5, rtol=1e-15)


@pytest.mark.parametrize("name", ["elu", "gelu", "silu", "softplus"])
def test_the_tail_is_not_lost_in_rounding(name):
    z = np.array([-4e-9])
    expected = {"elu": -4e-9, "gelu": -2e-9, "silu": -2e-9, "softplus": math.log(2) - 2e-9}[name]
    np.testing.assert_allclose(value(name, z), expected, rtol=1e-8, atol=0)
    if name == "softplus":
        np.testing.assert_allclose(value(name, np.array([-40.0])), math.exp(-40), rtol=1e-14)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_everything_is_written_in_place(name, dtype):
    z = np.linspace(-3, 3, 12, dtype=dtype).reshape(3, 4)
    kept, a, slope = z.copy(), np.full_like(z, np.nan), np.full_like(z, np.nan)
    ACTIVATIONS[name].value(z, a)
    kept_a = a.copy()
    ACTIVATIONS[name].derivative(z, a, slope)
    assert np.array_equal(z, kept)
    assert np.array_equal(a, kept_a)
    assert np.isfinite(a).all()
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_nan_is_not_hidden(name):
    assert np.isnan(value(name, np.array([np.nan])))
