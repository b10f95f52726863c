"""How much is chance: the values that one config reaches with different seeds."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from mlpcli.pictures.catalogue import SweepPicture
from mlpcli.pictures.style import COLOURS, GREY, figure, run_label
from mlpcli.pictures.sweep_subject import SweepSubject
from mlpcli.sweeps.spread import Spread

STACKS, DOTS_A_STACK = 24, 12
"""least number of places along the axis at which dots are stacked; they are more for many dots"""
MOST_NUMBERED = 30
"""number of dots that have room for their seed"""
SMALLEST = 3.0
"""size of a dot in a very high stack"""
MOST_LEVELS = 12
"""number of dots in a stack at their full size"""


def stacked(values: Sequence[float], width: float) -> list[tuple[float, int]]:
    """Return each value with its level in a stack of those within this width, from 0 up.

    Values keep their exact places (a dot plot; Wilkinson, 1999).
    """
    levels = [0] * len(values)
    start, level = min(values), 0
    for i in sorted(range(len(values)), key=lambda i: values[i]):
        if values[i] > start and values[i] - start >= width:
            level = 0
        if level == 0:
            start = values[i]
        levels[i] = level
        level += 1
    return list(zip(values, levels, strict=True))


def why_not(subject: SweepSubject) -> str | None:
    """Return why the seeds cannot be drawn, or None if they can."""
    if subject.keys:
        return "it has parameters, and parameters shows the spread over the seeds"
    return None if len(subject.seed_values) > 1 else "it has one seed"


def draw(subject: SweepSubject) -> Figure:
    """Draw a dot for each seed; below them the mean, its interval and the deviation."""
    values, seeds = subject.seed_values, subject.result.sweep.seeds
    spread = Spread.of(values)
    interval = [spread.mean if end is None else end for end in (spread.low, spread.high)]
    drawn = [*values, *interval]
    stacks = max(STACKS, len(values) // DOTS_A_STACK)
    dots = stacked(values, (max(drawn) - min(drawn)) / stacks)
    highest = max(level for _, level in dots) + 1
    numbered = len(values) <= MOST_NUMBERED
    picture = figure(7, 2.4 + 0.27 * min(highest, MOST_LEVELS))
    axes = picture.add_subplot()
    step = min(1.0, MOST_LEVELS / highest)
    size = 15.0 if numbered else max(13 * step, SMALLEST)
    heights = [step * (level + 1) for _, level in dots]
    axes.plot(values, heights, "o", markersize=size, color=COLOURS[4], markeredgecolor="white")
    if numbered:
        for value, height, seed in zip(values, heights, seeds, strict=True):
            name = str(seed)[-4:]
            axes.text(value, height, name, ha="center", va="center_baseline", fontsize=7)
    deviation = spread.deviation or 0.0
    ends = [spread.mean - deviation, spread.mean + deviation]
    axes.plot(ends, [-1, -1], color=GREY, linewidth=6, solid_capstyle="butt")
    axes.plot(interval, [-2, -2], color="black", marker="|", markersize=9)
    diamond: dict[str, Any] = {
        "marker": "D",
        "markersize": 8,
        "linestyle": "",
        "markeredgecolor": "white",
    }
    axes.plot([spread.mean] * 2, [-1, -2], color=COLOURS[1], **diamond)
    axes.axhline(0, color=GREY, linewidth=0.8)
    names = ["each seed", "mean ± standard deviation", "95 % interval of the mean"]
    axes.set_yticks([step * (highest + 1) / 2, -1, -2], names)
    axes.set_ylim(-2.8, step * highest + 1)
    axes.tick_params(axis="y", length=0)
    left, right = axes.get_xlim()
    axes.set_xlim(max(left, 0), right if subject.minimize else min(right, 100.5))
    axes.set_xlabel(f"{subject.monitor_label}; {subject.better}".replace("\n", " "))
    axes.grid(visible=True, axis="x")
    axes.set_axisbelow(True)
    axes.set_title(_title(subject, spread))
    return picture


def _title(subject: SweepSubject, spread: Spread) -> str:
    mean, deviation = subject.shown_value(spread.mean), spread.deviation or 0.0
    seeds = len(subject.result.sweep.seeds)
    shown = f"{deviation:.2g}" if subject.minimize else f"{deviation:.2f} %"
    return f"{run_label(subject.name)}: {mean} ± {shown} over {seeds:,} seeds"


PICTURE = SweepPicture(draw, why_not)
