"""Where every weight of a unit is moved the same way, because nothing negative comes in.

dL/dW_ij = Σ_n a_ni delta_nj. Where no a_ni is negative, and all delta_nj of a unit j have one
sign, the sum has that sign for every i: the unit's weights all rise in this step, or all fall. A
unit that has to raise one and lower another does it in a zig-zag (LeCun, Bottou, Orr and Müller,
"Efficient BackProp", 1998, section 4.3).
"""

import numpy as np

from mlpcli.explaining.notation import ROWS, Notation
from mlpcli.explaining.trace import LayerTrace
from mlpcli.nn.arrays import Labels
from mlpcli.text import listed

MOST_NAMED = 8


def units_of_one_sign(layer: LayerTrace) -> Labels:
    """Return the units (n,) whose weights a step moves all up, or all down, for this reason."""
    if (layer.a_in < 0).any():
        return np.zeros(0, np.intp)
    has_one_sign = (layer.delta >= 0).all(axis=0) | (layer.delta <= 0).all(axis=0)
    moved = np.count_nonzero(layer.W.gradient, axis=0) > 1
    return np.flatnonzero(has_one_sign & moved)


def one_sign_words(layer: LayerTrace, notation: Notation = ROWS) -> str:
    """Return a remark on those units; empty where there are none."""
    units = units_of_one_sign(layer)
    if not len(units):
        return ""
    symbols = notation.of(layer)
    n = layer.delta.shape[1]
    if len(units) == n:
        whose = "of a unit" if n > 1 else "of the unit"
    else:
        names = [str(unit + 1) for unit in units[:MOST_NAMED]]
        if len(units) > MOST_NAMED:
            names.append(f"{len(units) - MOST_NAMED} more")
        whose = f"of each of the units {listed(names)}" if len(names) > 1 else f"of unit {names[0]}"
    sign = f"the sign of its {symbols.delta}"
    if len(layer.delta) > 1:
        sign += ", which is the same for every example"
    return (
        f"No number in {symbols.input} is negative: so all entries of ∂L/∂{symbols.W} {whose} have "
        f"{sign}, and this step moves all its weights up, or all down."
    )
