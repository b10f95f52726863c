import numpy as np
import pytest

from mlpcli.nn.activations import ACTIVATIONS

TEXTBOOK = {
    "identity": lambda z: z,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": lambda z: (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)),
    "relu": lambda z: np.where(z > 0, z, 0),
}
Z = np.array([[-3.0, -0.5, 0.25, 2.0]])


def value(name, z):
    a = np.empty_like(z)
    ACTIVATIONS[name].value(z, a)
    return a


def test_each_has_its_textbook_formula():
    assert ACTIVATIONS.keys() == TEXTBOOK.keys()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_value(name):
    np.testing.assert_allclose(value(name, Z), TEXTBOOK[name](Z), rtol=1e-14)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivative(name):
    h = 1e-6
    expected = (TEXTBOOK[name](Z + h) - TEXTBOOK[name](Z - h)) / (2 * h)
    slope = np.empty_like(Z)
    ACTIVATIONS[name].derivative(Z, value(name, Z), slope)
    np.testing.assert_allclose(slope, expected, rtol=1e-8)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_inputs_stay_finite(name, dtype):
    z = np.array([-1e4, 1e4], dtype)
    a, slope = value(name, z), np.empty_like(z)
    ACTIVATIONS[name].derivative(z, a, slope)
    assert np.isfinite(a).all()
    assert np.isfinite(slope).all()


def test_relu_has_slope_0_at_its_kink():
    z = np.zeros(1)
    slope = np.ones(1)
    ACTIVATIONS["relu"].derivative(z, value("relu", z), slope)
    assert slope == 0


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_nan_is_not_hidden(name):
    assert np.isnan(value(name, np.array([np.nan])))
