"""Where every weight of a unit is moved the same way, because nothing negative comes in.

dL/dW_ij = Σ_n a_ni delta_nj. Where no a_ni is negative, and all delta_nj of a unit j have one
sign, the sum has that sign for every i: a step against the gradient raises all the unit's weights,
or lowers all. A unit that has to raise one and lower another does it in a zig-zag (LeCun, Bottou,
Orr and Müller, "Efficient BackProp", 1998, section 4.3).
"""

import numpy as np

from mlpcli.explaining.notation import ROWS, Notation
from mlpcli.explaining.trace import LayerTrace
from mlpcli.language import N_, _
from mlpcli.nn.arrays import Labels
from mlpcli.text import listed

MOST_NAMED = 8


def units_of_one_sign(layer: LayerTrace) -> Labels:
    """Return the units (n,) whose weights have, for this reason, gradients of one sign."""
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
        whose = _("of a unit") if n > 1 else _("of the unit")
    else:
        names = [str(unit + 1) for unit in units[:MOST_NAMED]]
        if len(units) > MOST_NAMED:
            names.append(_("{n} more", n=len(units) - MOST_NAMED))
        whose = _("of unit {name}", name=names[0])
        if len(names) > 1:
            whose = _("of each of the units {names}", names=listed(names))
    sign = _("the sign of its {delta}", delta=symbols.delta)
    if len(layer.delta) > 1:
        sign = _("{sign}, which is the same for every example", sign=sign)
    said = N_("No number in {input} is negative: so all entries of ∂L/∂{W} {whose} have {sign}.")
    if _move_one_way(layer, units):
        said = N_(
            "No number in {input} is negative: so all entries of ∂L/∂{W} {whose} have {sign}, and "
            "this step moves all its weights up, or all down."
        )
    return _(said, input=symbols.input, W=symbols.W, whose=whose, sign=sign)


def _move_one_way(layer: LayerTrace, units: Labels) -> bool:
    """Return whether the step follows the signs: momentum and weight decay may ask otherwise."""
    change = (layer.W.new - layer.W.value)[:, units]
    return bool(((change >= 0).all(axis=0) | (change <= 0).all(axis=0)).all())
