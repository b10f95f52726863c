"""Two ways to write a network's arrays: an example is a row, as in the code, or a column.

`docs/notation.md` has both beside the symbols of well-known texts.
"""

import re
from typing import Literal

import numpy as np

from mlpcli.explaining.trace import LayerTrace, StepTrace
from mlpcli.language import N_
from mlpcli.nn.arrays import Array

NotationName = Literal["rows", "columns"]
SYMBOLS = "docs/notation.md"
"""the table of symbols"""
_BELOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_ABOVE = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_P = re.compile(r"(?<![A-Za-z])p(?![A-Za-z])")


def subscript(symbol: str, number: int) -> str:
    """Return W and 12 as W₁₂."""
    return symbol + str(number).translate(_BELOW)


def in_brackets(symbol: str, number: int) -> str:
    """Return W and 12 as W⁽¹²⁾."""
    return f"{symbol}⁽{str(number).translate(_ABOVE)}⁾"


class Symbols:
    """The symbols of a layer's arrays.

    Attributes:
        number: of the layer's units: its own in rows; in columns the input is layer 1.
        weights: the number of its weights and biases.
        before: the number of what comes in.
        given: what the activation is given.
        output: the network's output, if this is the last layer.
    """

    def __init__(self, layer: LayerTrace, notation: "Notation") -> None:
        n, write = layer.number, notation.write
        self.weights = n
        self.number, self.before = n + notation.shift, n - 1 + notation.shift
        self.W, self.b = write("W", n), write("b", n)
        self.z, self.a, self.delta = (write(each, self.number) for each in "zaδ")
        self.u, self.mu, self.v, self.s, self.y = (write(each, self.number) for each in "uμvsy")
        self.gamma, self.beta = write("γ", self.number), write("β", self.number)
        self.mask = write("m", self.before)
        self.before_dropout = notation.x if n == 1 else write("a", self.before)
        self.input = self.before_dropout if layer.mask is None else f"{self.before_dropout}′"
        self.given = self.z if layer.batch_norm is None else self.y
        self.output = self.given if layer.activation == "identity" else self.a
        of = {"W": self.W, "b": self.b, "gamma": self.gamma, "beta": self.beta}
        self.parameters = of
        """of each array of parameters by its name in `LayerTrace.parameters`"""
        numbers = {"W": n, "b": n, "gamma": self.number, "beta": self.number}
        self.keys = {name: f"{name}{numbers[name]}" for name in of}
        """in JSON"""


class Notation:
    """Rows: an example is a row, z₁ = x W₁ + b₁; layers are counted from the first hidden one."""

    name: NotationName = "rows"
    x = "x"
    shift = 0
    """added to a layer's number for its units"""
    unit_in_W = N_("column")
    index_words = N_("W[i,j] is the weight from input i of a layer to its unit j")
    words = N_(
        "In rows: z₁ = x W₁ + b₁, an example is a row, layer 1 is the first with weights. "
        "`--notation columns` writes z⁽²⁾ = W⁽¹⁾ a⁽¹⁾ + b⁽¹⁾."
    )

    @staticmethod
    def write(symbol: str, number: int) -> str:
        """Return a symbol with the number of its layer."""
        return subscript(symbol, number)

    def of(self, layer: LayerTrace) -> Symbols:
        """Return the symbols of a layer."""
        return Symbols(layer, self)

    def examples(self, values: Array) -> Array:
        """Return an array (B, n) of a number for each example and unit, as it is written."""
        return values

    def weights(self, W: Array) -> Array:
        """Return weights (n_in, n_out) as they are written."""
        return W

    def vector(self, b: Array) -> Array:
        """Return a number for each unit (n,) as it is written."""
        return b

    def place(self, i: int, j: int) -> str:
        """Return the indices of the weight from input i to unit j, each from 1 on."""
        return f"[{i},{j}]"

    def parameter(self, name: str, values: Array) -> Array:
        """Return an array of parameters, W or another, as it is written."""
        return self.weights(values) if name == "W" else self.vector(values)

    def product(self, a: str, W: str) -> str:
        """Return the formula of a layer's input times its weights."""
        return f"{a} {W}"

    def sent_back(self, delta: str, W: str) -> str:
        """Return the formula of the error times the weights that it goes back through."""
        return f"{delta} {W}ᵀ"

    def outer(self, a: str, delta: str) -> str:
        """Return the formula of the gradient of weights."""
        return f"{a}ᵀ {delta}"

    def pair(self, first: str, second: str) -> str:
        """Return the shapes of a product's factors, given in the order of rows."""
        return f"{first} {second}"

    def of_the_loss(self, formula: str, step: StepTrace) -> str:
        """Return a formula of the loss, with the output's symbol for {z}."""
        return formula.format(z=self.of(step.layers[-1]).output)

    def prediction(self, step: StepTrace) -> str:
        """Return the symbol of what the loss compares with the target."""
        return "p"


class Columns(Notation):
    """Columns: an example is a column, z⁽²⁾ = W⁽¹⁾ a⁽¹⁾ + b⁽¹⁾; layer 1 is the input."""

    name = "columns"
    x = "a⁽¹⁾"
    shift = 1
    unit_in_W = N_("row")
    index_words = N_("W[j,i] is the weight to unit j of a layer from its input i")
    words = N_(
        "In columns: z⁽²⁾ = W⁽¹⁾ a⁽¹⁾ + b⁽¹⁾, an example is a column, layer 1 is the input, "
        "a⁽¹⁾ = x. `--notation rows` writes z₁ = x W₁ + b₁, as the code does."
    )

    @staticmethod
    def write(symbol: str, number: int) -> str:
        return in_brackets(symbol, number)

    def examples(self, values: Array) -> Array:
        return values.T

    def weights(self, W: Array) -> Array:
        return W.T

    def vector(self, b: Array) -> Array:
        return b[:, np.newaxis]

    def place(self, i: int, j: int) -> str:
        return f"[{j},{i}]"

    def product(self, a: str, W: str) -> str:
        return f"{W} {a}"

    def sent_back(self, delta: str, W: str) -> str:
        return f"{W}ᵀ {delta}"

    def outer(self, a: str, delta: str) -> str:
        return f"{delta} {a}ᵀ"

    def pair(self, first: str, second: str) -> str:
        return f"{second} {first}"

    def of_the_loss(self, formula: str, step: StepTrace) -> str:
        return _P.sub(self.prediction(step), super().of_the_loss(formula, step))

    def prediction(self, step: StepTrace) -> str:
        return self.of(step.layers[-1]).a


ROWS = Notation()
NOTATIONS: dict[NotationName, Notation] = {"rows": ROWS, "columns": Columns()}
