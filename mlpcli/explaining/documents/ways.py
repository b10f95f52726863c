"""The three ways to change an output as a document."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from mlpcli.explaining.documents.arrows import arrow, signed
from mlpcli.explaining.documents.document import Document, Section
from mlpcli.explaining.notation import ROWS, SYMBOLS, Notation
from mlpcli.explaining.ways import Ways
from mlpcli.language import N_, _, counted, joined
from mlpcli.nn.arrays import Array, Labels
from mlpcli.text import file_name, number

MOST_UNITS, MOST_OUTPUTS = 20, 10
LONGEST_ARROW = 12
SIGNS = N_(
    "An arrow points the way in which the number should go to lower the loss, against its "
    "gradient: ↑ (blue) where the gradient is negative, ↓ (red) where it is positive, as long as "
    "it is large. Where you read that a negative gradient means down, the sign is wrong."
)


def ways_document(name: str, found: Ways, notation: Notation = ROWS) -> Document:
    """Return the document; `name` is the image file's name."""
    return Document(
        _(
            "{file}: three ways to change the output {name}",
            file=file_name(name),
            name=_class(found),
        ),
        list(_sections(found, notation)),
        opening=_(notation.words),
        see=SYMBOLS,
    )


def ways_facts(name: str, found: Ways, notation: Notation = ROWS) -> dict[str, Any]:
    """Return the same for JSON, with every digit."""
    step, j = found.traced.step, found.output
    return {
        "file": name,
        "notation": notation.name,
        "label": found.traced.class_names[found.traced.label],
        "output": _class(found),
        "z": float(step.layers[-1].z[0, j]),
        "prediction": float(step.prediction[0, j]),
        "target": float(step.target[0, j]),
        "activations": found.activations.tolist(),
        "weights": found.weights.tolist(),
        "bias": found.bias,
        "terms": found.terms.tolist(),
        "wish_for_the_bias": found.of_bias,
        "wishes_for_the_weights": found.of_weights.tolist(),
        "wishes_for_the_activations": found.of_activations.tolist(),
        "wishes_of_all_outputs": found.wishes.tolist(),
        "wishes_added_up": found.total.tolist(),
    }


def _class(found: Ways) -> str:
    return found.traced.class_names[found.output]


def units_shown(found: Ways) -> Labels:
    """Return the units (n,) that matter most to the output or to all of them, in order."""
    largest = float(np.abs(found.terms).max()) or 1.0
    wished = float(np.abs(found.total).max()) or 1.0
    weight = np.abs(found.terms) / largest + np.abs(found.total) / wished
    return np.sort(np.argsort(-weight, kind="stable")[:MOST_UNITS])


def _sections(found: Ways, notation: Notation) -> Iterator[Section]:
    step, j = found.traced.step, found.output
    last, units = step.layers[-1], units_shown(found)
    symbols = notation.of(last)
    z, p, t = float(last.z[0, j]), float(step.prediction[0, j]), float(step.target[0, j])
    n = len(found.activations)
    title = _(
        "The output {name} is a sum of {terms}",
        name=_class(found),
        terms=counted("{n} term", "{n} terms", n + 1),
    )
    label = found.traced.class_names[found.traced.label]
    yield Section(
        title,
        words=_(
            "The sum is {z}, and the answer {p}. The image shows {label}, so it should be {t:.4g}, "
            "{wish}.",
            z=number(z),
            p=number(p),
            label=label,
            t=t,
            wish=_wish(found),
        ),
        formula=f"{symbols.z} = Σ {notation.product(symbols.input, symbols.W)} + {symbols.b}",
        rows=_terms(found, units),
    )
    yield Section(
        _("Its three ways"), words=joined(_three_ways(found), _(SIGNS)), rows=_moves(found, units)
    )
    unit = 10 ** (math.floor(math.log10(float(np.abs(found.wishes).max()) or 1.0)) - 1)
    yield Section(
        _("What all outputs wish of each unit"),
        words=_(
            "Each output would move the units before it, too, in its own favour. Added up, the "
            "wishes are the way in which each unit should go; they are passed on to the layer "
            "before, and that is backpropagation. The sum is −∂L/∂{input}. In units of {unit:g}:",
            input=symbols.input,
            unit=unit,
        ),
        rows=_wishes(found, units, unit),
    )


def _wish(found: Ways) -> str:
    if not found.of_bias:
        return _("and has nothing to wish")
    return _("and wishes to rise") if found.of_bias > 0 else _("and wishes to fall")


def _three_ways(found: Ways) -> str:
    brightest = int(np.abs(found.activations).argmax())
    heaviest = int(np.abs(found.weights).argmax())
    return _(
        "The bias moves the output whatever the image. A weight moves it in proportion to the "
        "activation it is multiplied by, that of unit {brightest} most; an activation in "
        "proportion to its weight, that of unit {heaviest} most. A step changes the weights and "
        "biases; an activation changes by those before it.",
        brightest=brightest + 1,
        heaviest=heaviest + 1,
    )


def _terms(found: Ways, units: Labels) -> list[list[str]]:
    rows = [["", _("activation"), _("weight"), _("product")]]
    for i in units:
        a, w, term = (float(each[i]) for each in (found.activations, found.weights, found.terms))
        rows.append([_("unit {n}", n=i + 1), f"{a:.4f}", signed(w), signed(term)])
    others = np.setdiff1d(np.arange(len(found.terms)), units)
    if len(others):
        rest = signed(float(found.terms[others].sum()))
        rows.append([_("{n} others", n=len(others)), "", "", rest])
    rows.append([_("bias"), "", "", signed(found.bias)])
    rows.append([_("sum"), "", "", signed(float(found.terms.sum()) + found.bias)])
    return rows


def _moves(found: Ways, units: Labels) -> list[list[str]]:
    """Return a table with arrows; those of the bias and the weights share one scale."""
    of_parameters = max(abs(found.of_bias), float(np.abs(found.of_weights).max()))
    of_activations = float(np.abs(found.of_activations).max())
    rows = [["", _("the weight (∝ activation)"), "", _("the activation (∝ weight)"), ""]]
    for i in units:
        moved, wished = float(found.of_weights[i]), float(found.of_activations[i])
        rows.append(
            [
                _("unit {n}", n=i + 1),
                signed(moved),
                arrow(moved, of_parameters, LONGEST_ARROW),
                signed(wished),
                arrow(wished, of_activations, LONGEST_ARROW),
            ]
        )
    of_bias = arrow(found.of_bias, of_parameters, LONGEST_ARROW)
    rows.append([_("bias"), signed(found.of_bias), of_bias, "", ""])
    return rows


def _wishes(found: Ways, units: Labels, unit: float) -> list[list[str]]:
    names, outputs = found.traced.class_names, outputs_shown(found)
    largest = float(np.abs(found.total).max())
    rows = [["", *(_("of {name}", name=names[j]) for j in outputs), _("of all"), ""]]
    for i in units:
        total = float(found.total[i])
        numbers = [*found.wishes[i, outputs].tolist(), total]
        cells = [f"{round(each / unit, 1) + 0.0:+.1f}" for each in numbers]  # + 0.0: no minus 0
        rows.append([_("unit {n}", n=i + 1), *cells, arrow(total, largest, LONGEST_ARROW)])
    return rows


def outputs_shown(found: Ways) -> Labels:
    """Return the outputs (n,) of the largest errors δ, whose wishes are the strongest, in order."""
    error: Array = np.abs(found.traced.step.layers[-1].delta[0])
    return np.sort(np.argsort(-error, kind="stable")[:MOST_OUTPUTS])
