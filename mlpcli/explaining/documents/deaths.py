"""The units that died as a section of a document."""

from collections.abc import Sequence

from mlpcli.explaining.deaths import Death
from mlpcli.explaining.documents.document import Section
from mlpcli.explaining.notation import Notation
from mlpcli.language import _
from mlpcli.text import number

MOST_UNITS = 20


def deaths_section(deaths: Sequence[Death], notation: Notation) -> Section:
    """Return the section; there is at least one death."""
    header = [
        _("unit"),
        _("died in step"),
        _("largest z before"),
        _("after"),
        _("its bias before"),
        _("after"),
    ]
    rows = [header]
    for each in deaths[:MOST_UNITS]:
        numbers = (
            each.highest_before,
            each.highest_after,
            each.bias_before,
            each.bias_after,
        )
        step = str(each.step) if each.step else _("0, the start")
        unit = _("{unit} of layer {layer}", unit=each.unit, layer=each.layer + notation.shift)
        rows.append([unit, step, *map(number, numbers)])
    if len(deaths) > MOST_UNITS:
        more = _("and {n} more", n=len(deaths) - MOST_UNITS)
        rows.append([more, *[""] * (len(header) - 1)])
    return Section(
        _("Units that died"),
        words=_(
            "A unit is dead where its slope is 0 for every training example: the step left its "
            "largest z where the activation is flat. No error comes through, so the gradient of "
            "its weights and bias is 0."
        ),
        rows=rows,
    )
