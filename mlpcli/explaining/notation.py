"""The symbols of a network's arrays: each has the number of its layer."""

from mlpcli.explaining.trace import LayerTrace, StepTrace

_BELOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def subscript(symbol: str, number: int) -> str:
    """Return W and 12 as W₁₂."""
    return symbol + str(number).translate(_BELOW)


def output_symbol(step: StepTrace) -> str:
    """Return the symbol of the network's output."""
    last = step.layers[-1]
    return subscript("z" if last.activation == "identity" else "a", last.number)


def symbol_given(layer: LayerTrace) -> str:
    """Return the symbol of the activation's input."""
    return subscript("z" if layer.batch_norm is None else "y", layer.number)


def symbol_before_dropout(layer: LayerTrace) -> str:
    """Return the symbol of the output of the layer before, or of the network's input."""
    return "x" if layer.number == 1 else subscript("a", layer.number - 1)


def symbol_in(layer: LayerTrace) -> str:
    """Return the symbol of the weighted sum's input."""
    symbol = symbol_before_dropout(layer)
    return symbol if layer.mask is None else f"{symbol}′"


def symbol_mask(layer: LayerTrace) -> str:
    """Return the symbol of the factors of dropout."""
    return subscript("m", layer.number - 1)
