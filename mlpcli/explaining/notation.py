"""The symbols of a network's arrays: each has the number of its layer."""

from mlpcli.explaining.trace import LayerTrace

_BELOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def subscript(symbol: str, number: int) -> str:
    """Return W and 12 as W₁₂."""
    return symbol + str(number).translate(_BELOW)


class Symbols:
    """The symbols of a layer's arrays."""

    def __init__(self, layer: LayerTrace) -> None:
        n = layer.number
        self.W, self.b, self.z, self.a, self.delta = (subscript(each, n) for each in "Wbzaδ")
        self.u, self.mu, self.v, self.s, self.y = (subscript(each, n) for each in "uμvsy")
        self.gamma, self.beta = subscript("γ", n), subscript("β", n)
        self.mask = subscript("m", n - 1)
        self.before_dropout = "x" if n == 1 else subscript("a", n - 1)
        self.input = self.before_dropout if layer.mask is None else f"{self.before_dropout}′"
        self.given = self.z if layer.batch_norm is None else self.y
        """what the activation is given"""
        self.output = self.given if layer.activation == "identity" else self.a
        """the network's output, if this is the last layer"""
