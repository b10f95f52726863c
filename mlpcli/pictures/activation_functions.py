"""Each activation beside its derivative, with the range in which it saturates."""

import math
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mlpcli.explaining.saturation import Character, character, curves
from mlpcli.nn.activations import Activation
from mlpcli.nn.arrays import Array
from mlpcli.pictures.style import COLOURS, GREY, figure, grid
from mlpcli.training.saturated_start import FLAT

REACH = 8.0
"""largest |z| drawn"""
PALE = "#E4E4E4"
PAIRS = 2
"""activations in a row"""
READING = (
    f"Activations and their derivatives. Grey: saturated, the slope stays below {FLAT:g}. The mean "
    "output is that for z from the standard normal distribution; where it is 0, the output is "
    "centred."
)


def draw(activations: Sequence[Activation]) -> Figure:
    """Draw a pair of panels for each: σ on the left, σ' on the right."""
    columns = min(PAIRS, len(activations))
    rows = math.ceil(len(activations) / columns)
    picture = figure(6.4 * columns, 2.6 * rows + 0.8)
    panels = picture.subplots(rows, 2 * columns, squeeze=False).reshape(-1, 2)
    z = np.linspace(-REACH, REACH, 1601)
    for (left, right), activation in zip(panels, activations, strict=False):
        a, slope = curves(activation, z)
        found = character(activation)
        _panel(left, z, a, found, COLOURS[0], "-")
        _panel(right, z, slope, found, COLOURS[1], "--")
        left.set_title(f"{activation.name}: σ(z)\n{output_text(found)}", loc="left", fontsize=8.5)
        right.set_title(f"σ′(z)\n{saturation_text(found)}", loc="left", fontsize=8.5)
        left.set_ylabel("a = σ(z)")
        right.set_ylabel("da/dz")
    for axes in panels[len(activations) :].ravel():
        axes.set_axis_off()
    picture.suptitle(textwrap.fill(READING, 70 * columns), fontsize=10)
    return picture


def output_text(found: Character) -> str:
    """Return the range of the output, and whether it is centred on zero."""
    low, high = _bound(found.lowest), _bound(found.highest)
    if found.is_centred:
        return f"output {low} … {high}, centred on 0"
    return f"output {low} … {high}, not centred: mean {found.mean_output:.2f}"


def saturation_text(found: Character) -> str:
    """Return the ranges in which it saturates."""
    ranges = []
    if found.saturates_below is not None:
        ranges.append(f"z < {_bound(found.saturates_below)}")
    if found.saturates_above is not None:
        ranges.append(f"z > {_bound(found.saturates_above)}")
    return f"saturates: {' and '.join(ranges)}" if ranges else "saturates nowhere"


def _panel(axes: Axes, z: Array, y: Array, found: Character, colour: str, dashes: str) -> None:
    if found.saturates_below is not None:
        axes.axvspan(-REACH, found.saturates_below, color=PALE, linewidth=0)
    if found.saturates_above is not None:
        axes.axvspan(found.saturates_above, REACH, color=PALE, linewidth=0)
    grid(axes)
    axes.axhline(0, color=GREY, linewidth=0.7)
    axes.axvline(0, color=GREY, linewidth=0.7)
    axes.plot(z, y, dashes, color=colour, linewidth=1.6)
    axes.set_xlabel("z")
    axes.set_xlim(-REACH, REACH)
    low, high = min(float(y.min()), 0.0), max(float(y.max()), 0.0)
    high = high if high > low else low + 1
    room = 0.08 * (high - low)
    axes.set_ylim(low - room, high + room)


def _bound(value: float) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{round(value, 2) + 0.0:g}".replace("-", "−")
