"""The gradient as one vector, an entry for each weight and bias, as part of a document."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from mlpcli.explaining.documents.arrows import arrow
from mlpcli.explaining.documents.document import Section, Subsection
from mlpcli.explaining.notation import Notation
from mlpcli.explaining.trace import LayerTrace
from mlpcli.language import N_, _, counted, joined
from mlpcli.nn.arrays import Array
from mlpcli.text import number

MOST_ENTRIES = 20
"""length of a gradient that is listed whole, in its order"""
LARGEST = 10
"""number of entries that are listed of a longer one, the largest first"""
LONGEST_ARROW = 12


def gradient_section(
    layers: Sequence[LayerTrace], notation: Notation, kind: type[Section] = Subsection
) -> Section:
    """Return the signs, the length and the entries of the gradient of all layers' parameters."""
    facts = gradient_facts(layers, notation)
    numbers, up, down = facts["numbers"], facts["negative"], facts["positive"]
    signs = N_("{positive:,} positive, {negative:,} negative")
    if up + down < numbers:
        signs = N_("{positive:,} positive, {negative:,} negative and {zeros:,} zero")
    words = _(
        "∇L has the slope of L along every weight and bias: one vector of {numbers}, {signs}. Its "
        "length is {norm}. It points the way in which L rises fastest, so a step goes against it: "
        "a weight should rise where its entry is negative.",
        numbers=counted("{n} number", "{n} numbers", numbers),
        signs=_(signs, positive=down, negative=up, zeros=numbers - up - down),
        norm=number(facts["norm"]),
    )
    if any(layer.W.value.size > 1 for layer in layers):
        indices = _(
            "In brackets is the number of a unit; {indices}.", indices=_(notation.index_words)
        )
        words = joined(words, indices)
    entries = facts["entries"]
    if len(entries) < numbers:
        words = joined(words, _("The {n} entries furthest from 0:", n=len(entries)))
    largest = max(map(abs, entries.values()))
    rows = [[_("weight or bias"), _("entry of ∇L"), _("should go")]]
    for name, value in entries.items():
        sign = "+" if value > 0 else ""
        rows.append([name, sign + number(value), arrow(-value, largest, LONGEST_ARROW)])
    return kind(_("The gradient, one vector"), words=words, rows=rows)


def gradient_facts(layers: Sequence[LayerTrace], notation: Notation) -> dict[str, Any]:
    """Return the same for JSON, with every digit."""
    arrays = list(_arrays(layers, notation))
    vector = np.concatenate([each.gradient.ravel() for each in arrays])
    chosen = np.arange(len(vector))
    if len(vector) > MOST_ENTRIES:
        chosen = np.argsort(-np.abs(vector), kind="stable")[:LARGEST]
    return {
        "numbers": len(vector),
        "positive": int((vector > 0).sum()),
        "negative": int((vector < 0).sum()),
        "norm": float(np.linalg.norm(vector)),
        "entries": {_name(arrays, i, notation): float(vector[i]) for i in chosen.tolist()},
    }


class _Array(NamedTuple):
    """The gradient of an array of parameters."""

    symbol: str
    gradient: Array


def _arrays(layers: Sequence[LayerTrace], notation: Notation) -> Iterator[_Array]:
    for layer in layers:
        symbols = notation.of(layer)
        for name, trace in layer.parameters.items():
            yield _Array(symbols.parameters[name], trace.gradient)


def _name(arrays: Sequence[_Array], i: int, notation: Notation) -> str:
    """Return the name of the i-th entry, such as W₁[2,1] or b₁[2]."""
    for each in arrays:
        if i < each.gradient.size:
            break
        i -= each.gradient.size
    if each.gradient.size == 1:
        return each.symbol
    place = [int(index) + 1 for index in np.unravel_index(i, each.gradient.shape)]
    return each.symbol + (notation.place(*place) if len(place) == 2 else f"[{place[0]}]")
