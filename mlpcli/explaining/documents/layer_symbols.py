"""How the arrays of a layer are written, by what stands around it."""

from typing import TYPE_CHECKING

from mlpcli.explaining.symbols import subscript

if TYPE_CHECKING:
    from mlpcli.explaining.trace import LayerTrace


def symbol_given(layer: "LayerTrace") -> str:
    """Of what the activation is given."""
    return subscript("z" if layer.norm is None else "y", layer.number)


def symbol_before_dropout(layer: "LayerTrace") -> str:
    """Of what the layer before hands on."""
    return "x" if layer.number == 1 else subscript("a", layer.number - 1)


def symbol_in(layer: "LayerTrace") -> str:
    """Of what goes into the weighted sum."""
    return symbol_before_dropout(layer) + "′" * (layer.mask is not None)


def symbol_mask(layer: "LayerTrace") -> str:
    """Of what dropout multiplies by."""
    return subscript("m", layer.number - 1)
