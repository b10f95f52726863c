import math

import pytest

from mlpcli.config.formula import parse_formula


@pytest.mark.parametrize(
    ("text", "x", "y"),
    [
        ("x**2", 3, 9),
        ("-x**2", 3, -9),
        ("2*x + 1", 0.5, 2),
        ("(x - 1) / (x + 1)", 3, 0.5),
        ("sin(pi * x)", 0.5, 1),
        ("cos(x)", 0, 1),
        ("exp(x)", 1, math.e),
        ("log(e) + sqrt(x) + abs(-x)", 4, 7),
        ("1e308 * 0 + x", 2, 2),
        ("tanh(x) - tan(x)", 0, 0),
        ("+x", 2, 2),
    ],
)
def test_arithmetic(text, x, y):
    assert parse_formula(text)(x) == pytest.approx(y, abs=1e-15)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "y",
        "x.real",
        "x[0]",
        "x; x",
        "x = 1",
        "lambda: x",
        "__import__('os')",
        "sin",
        "sin(x, x)",
        "sin(x=x)",
        "sin(*[x])",
        "(sin)(x)(x)",
        "'x'",
        "True",
        "1j",
        "x // 2",
        "x % 2",
        "x < 1",
        "x if x else 1",
        "[x for x in x]",
        "x" * 201,
        "(" * 150 + "x" + ")" * 150,
        "\0",
    ],
)
def test_what_is_no_formula(text):
    with pytest.raises(ValueError):  # noqa: PT011 - the message is free
        parse_formula(text)(1.0)


@pytest.mark.parametrize(
    ("text", "x"), [("1/x", 0), ("log(x)", -1), ("x**0.5", -1), ("9**9**9", 1)]
)
def test_what_has_no_value_raises_at_once(text, x):
    with pytest.raises((ArithmeticError, ValueError)):
        parse_formula(text)(x)
