"""The three ways to change an output, and what all outputs wish of the layer before."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mlpcli.explaining.documents.arrows import LEAST
from mlpcli.explaining.documents.ways import outputs_shown, units_shown
from mlpcli.explaining.ways import Ways
from mlpcli.language import _
from mlpcli.nn.arrays import Array, Labels
from mlpcli.pictures.style import COLOURS, DOWN, GREY, UP, figure, grid, shown

BARS: dict[str, Any] = {"color": COLOURS[4], "edgecolor": COLOURS[0], "width": 0.6}
LONGEST = 0.84
"""an arrow's greatest length, as a fraction of its row"""


def draw(name: str, found: Ways) -> Figure:
    """Draw a column for each unit of the layer before, and one for the bias."""
    units, outputs = units_shown(found), outputs_shown(found)
    step, j = found.traced.step, found.output
    picture = figure(max(8.0, 0.52 * len(units) + 3), 7.4 + 0.42 * len(outputs))
    terms, moves, wishes = picture.subplots(
        3, 1, sharex=True, height_ratios=(2.2, 2.2, 0.42 * (len(outputs) + 2))
    )
    places = np.arange(len(units))
    label, output = (shown(found.traced.class_names[i]) for i in (found.traced.label, j))
    z, p = float(step.layers[-1].z[0, j]), float(step.prediction[0, j])
    _draw_terms(terms, found, places, units)
    terms.set_title(
        _("What output {output} is made of: the terms a·w of its sum, and b", output=output),
        loc="left",
    )
    of_parameters = np.append(found.of_weights[units], found.of_bias)
    _draw_rows(
        moves,
        [
            (_("its weights, in\nproportion to a"), of_parameters, _largest(found.of_weights)),
            (
                _("the activations, in\nproportion to w"),
                np.append(found.of_activations[units], np.nan),
                _largest(found.of_activations),
            ),
        ],
    )
    moves.set_title(
        _("How each should move, to lower the loss by output {output} alone", output=output),
        loc="left",
    )
    largest = max(_largest(found.wishes), _largest(found.total))
    rows = [
        (
            _("output {name}", name=shown(found.traced.class_names[i])),
            found.wishes[units, i],
            largest,
        )
        for i in outputs
    ]
    rows.append((_("all, added up"), found.total[units], largest))
    _draw_rows(wishes, rows)
    wishes.axhline(0.5, color="black", linewidth=0.8)
    wishes.set_title(_("What each output wishes of each activation (on one scale)"), loc="left")
    wishes.set_xticks([*places, len(places)], [*(str(i + 1) for i in units), "b"])
    wishes.set_xlim(-0.6, len(places) + 0.6)
    wishes.set_xlabel(
        _("unit of the layer before")
        if len(units) == len(found.activations)
        else _("unit of the layer before, {n} that matter most", n=len(units))
    )
    picture.suptitle(
        _(
            "{file}, which shows {label}: output {output} sums up to {z:.3g}, answers {p:.3g} and "
            "should answer {t:.3g}\n"
            "↑ blue: should rise, its gradient is negative    ↓ red: should fall    long: much",
            file=shown(name),
            label=label,
            output=output,
            z=z,
            p=p,
            t=step.target[0, j],
        ),
        fontsize=10,
    )
    return picture


def _draw_terms(axes: Axes, found: Ways, places: Labels, units: Labels) -> None:
    axes.bar(places, found.terms[units], **BARS)
    axes.bar([len(places)], [found.bias], **{**BARS, "color": "#CFCFCF", "edgecolor": "black"})
    axes.axhline(0, color=GREY, linewidth=0.8)
    for place, i in zip(places, units, strict=True):
        text = f"a {found.activations[i]:.2g}\nw {found.weights[i]:.2g}"
        axes.annotate(text, (place, 1), (0, -2), xycoords=("data", "axes fraction"), **BESIDE)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.35 * (high - low))
    axes.set_ylabel(_("term"))
    grid(axes)


BESIDE: dict[str, Any] = {
    "textcoords": "offset points",
    "ha": "center",
    "va": "top",
    "fontsize": 7,
}


def _draw_rows(axes: Axes, rows: list[tuple[str, Array, float]]) -> None:
    """Draw a row of arrows for each name, its numbers, and the number with the longest arrow."""
    n = len(rows)
    for i, (_name, numbers, largest) in enumerate(rows):
        middle = n - 1 - i
        for place, number in enumerate(numbers.tolist()):
            if not abs(number) >= LEAST * largest:  # nor nan, which stands for no number
                continue
            length = LONGEST * abs(number) / largest
            lower, upper = middle - length / 2, middle + length / 2
            start, end = (lower, upper) if number > 0 else (upper, lower)
            look: dict[str, Any] = {
                "arrowstyle": "-|>",
                "color": UP if number > 0 else DOWN,
                "linewidth": 1.6,
            }
            look |= {"shrinkA": 0, "shrinkB": 0, "mutation_scale": min(11, 4 + 16 * length)}
            axes.annotate("", xy=(place, end), xytext=(place, start), arrowprops=look)
    for i in range(n - 1):
        axes.axhline(i + 0.5, color="#DDDDDD", linewidth=0.8)
    axes.set_yticks(range(n - 1, -1, -1), [name for name, _, _ in rows])
    axes.set_ylim(-0.5, n - 0.5)
    axes.tick_params(axis="y", length=0)


def _largest(numbers: Array) -> float:
    return float(np.abs(numbers).max()) or 1.0
