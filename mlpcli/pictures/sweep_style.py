"""What the pictures of sweeps have in common: shades, markers, axes."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axis import Axis
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.lines import Line2D

from mlpcli.pictures.style import COLOURS, GREY, shortened
from mlpcli.pictures.sweep_scales import Scale
from mlpcli.pictures.sweep_subject import Kind, SweepSubject

LONGEST_KEY = 22
"""length of each line of a parameter's name, in characters"""
CHARACTER = 0.075
"""mean width of a character of a label, in inches"""
MANY = 60
"""number of trials above which they are drawn smaller and fainter"""
MARKS: dict[Kind, dict[str, Any]] = {
    "done": {"marker": "o", "markerfacecolor": COLOURS[0], "markeredgecolor": "white"},
    "pruned": {"marker": "s", "markerfacecolor": "none", "markeredgecolor": COLOURS[4]},
    "unfinished": {"marker": "^", "markerfacecolor": "none", "markeredgecolor": COLOURS[2]},
    "failed": {"marker": "x", "markerfacecolor": "none", "markeredgecolor": COLOURS[1]},
}
"""markers of the kinds of trials"""
BEST: dict[str, Any] = {"marker": "*", "markerfacecolor": "black", "markeredgecolor": "white"}
DASHES: dict[Kind, Any] = {"done": "-", "pruned": "--", "unfinished": "-.", "failed": ":"}
"""lines of the kinds of trials"""


def shades() -> Colormap:
    """Return the shades from the worst to the best: the better, the darker."""
    return ListedColormap(colormaps["cividis"](np.linspace(0.92, 0.0, 256)))


def set_ticks(axis: Axis, scale: Scale) -> None:
    """Give an axis that is drawn in positions the ticks of its scale."""
    axis.set_ticks([at for at, _ in scale.ticks], [label for _, label in scale.ticks])


def are_tight(ticks: Sequence[tuple[float, str]], inches: float) -> bool:
    """Return whether labels side by side along an axis of this length would touch."""
    return any(
        CHARACTER * ((len(a) + len(b)) / 2 + 1) > (right - left) * inches
        for (left, a), (right, b) in itertools.pairwise(ticks)
    )


def key_label(key: str) -> str:
    """Return a parameter's dotted key in at most two lines."""
    section, _, name = key.rpartition(".")
    lines = [f"{section}.", name] if section else [name]
    return "\n".join(shortened(line, LONGEST_KEY) for line in lines)


def legend_of_marks(subject: SweepSubject, has_medians: bool) -> list[Line2D]:
    """Return the legend of the kinds of trials that there are, and of the best."""
    handles = [
        Line2D([], [], linestyle="", markersize=6, label=label, **MARKS[kind])
        for kind in MARKS
        if (label := subject.kind_label(kind))
    ]
    best = f"best: trial {subject.best.number}"
    handles.append(Line2D([], [], linestyle="", markersize=11, label=best, **BEST))
    seeds = len(subject.result.sweep.seeds)
    if seeds > 1:
        label = f"± standard deviation of {seeds} seeds"
        handles.append(Line2D([], [], color=GREY, linewidth=1, label=label))
    if has_medians:
        label = "median of the trials that are done"
        handles.append(Line2D([], [], color=GREY, linewidth=2, label=label))
    return handles


def aside(number: int) -> float:
    """Return how far aside a trial lies among those with the same value: from -0.5 to 0.5.

    Steps of the golden ratio spread any number of successive trials evenly (Weyl's sequence).
    """
    return number * 0.6180339887498949 % 1 - 0.5


def sizes(n: int) -> tuple[float, float]:
    """Return the size of markers and their opacity for so many trials."""
    return (6.5, 0.95) if n <= MANY else (4.0, 0.7)
