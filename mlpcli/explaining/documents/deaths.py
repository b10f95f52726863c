"""The units that died as a section of a document."""

from collections.abc import Sequence

from mlpcli.explaining.deaths import Death
from mlpcli.explaining.documents.document import Section
from mlpcli.explaining.notation import Notation
from mlpcli.text import number

MOST_UNITS = 20


def deaths_section(deaths: Sequence[Death], notation: Notation) -> Section:
    """Return the section; there is at least one death."""
    rows = [["unit", "died in step", "largest z before", "after", "its bias before", "after"]]
    for each in deaths[:MOST_UNITS]:
        numbers = (
            each.highest_before,
            each.highest_after,
            each.bias_before,
            each.bias_after,
        )
        step = str(each.step) if each.step else "0, the start"
        rows.append(
            [f"{each.unit} of layer {each.layer + notation.shift}", step, *map(number, numbers)]
        )
    if len(deaths) > MOST_UNITS:
        rows.append([f"and {len(deaths) - MOST_UNITS} more"])
    return Section(
        "Units that died",
        words="A unit is dead where its slope is 0 for every training example: the step left its "
        "largest z where the activation is flat. No error comes through, so its gradient is 0, and "
        "no step has moved it since.",
        rows=rows,
    )
