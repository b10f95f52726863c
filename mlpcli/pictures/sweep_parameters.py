"""Each parameter of a sweep against the monitored metric."""

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from mlpcli.pictures.catalogue import SweepPicture, without_parameters
from mlpcli.pictures.style import GREY, figure, grid, run_label
from mlpcli.pictures.sweep_scales import gap
from mlpcli.pictures.sweep_style import (
    BEST,
    MARKS,
    are_tight,
    aside,
    legend_of_marks,
    set_ticks,
    sizes,
)
from mlpcli.pictures.sweep_subject import SweepSubject

COLUMNS = 3
WIDEST = 0.1
"""room that the trials of one value of a list have, as a part of the axis"""
RUG = 0.09
"""distance of the trials without a value below all others"""
MOST_MEDIANS = 12
"""number of values of a list above which their medians are left out"""
WIDTH, INSIDE = 3.6, 2.7
"""width of a panel with its margins, and from its first tick to its last at most, in inches"""


def places_along(subject: SweepSubject, key: str) -> dict[int, float]:
    """Return where each trial lies along the axis of a parameter, by number.

    Trials with the same value of a list lie beside each other.
    """
    scale = subject.scales[key]
    found = {point.number: scale.position(point.values[key]) for point in subject.points}
    if not scale.is_discrete:
        return found
    room = min(WIDEST, gap(found.values()) / 2)
    shared = Counter(found.values())
    return {
        number: at + (room * aside(number) if shared[at] > 1 else 0) for number, at in found.items()
    }


def medians(subject: SweepSubject, key: str) -> dict[float, float]:
    """Return the median value of the trials that are done for each value of a list, by position.

    Only where at least two trials have that value, and where there are not too many values.
    """
    scale = subject.scales[key]
    found = defaultdict(list)
    if scale.is_discrete and len(subject.keys) > 1:
        for point in subject.valued:
            if point.kind == "done" and point.value is not None:
                found[scale.position(point.values[key])].append(point.value)
    if len(found) > MOST_MEDIANS:
        return {}
    return {at: statistics.median(values) for at, values in found.items() if len(values) > 1}


def draw(subject: SweepSubject) -> Figure:
    """Draw a panel for each parameter, all with the same axis of values."""
    n = len(subject.keys)
    columns, rows = min(n, COLUMNS), math.ceil(n / COLUMNS)
    upright = [key for key in subject.keys if _is_upright(subject, key)]
    height = 4.2 if upright else 3.2
    picture = figure(max(6.5, WIDTH * columns), height * rows + 1)
    panels = picture.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for panel in panels[n:]:
        panel.set_axis_off()
    for panel, key in zip(panels, subject.keys, strict=False):
        _draw_panel(panel, subject, key)
    has_failed = any(point.value is None for point in subject.points)
    set_ticks(panels[0].yaxis, subject.monitor)
    panels[0].set_ylim(subject.bottom - (1.7 * RUG if has_failed else 0.06), subject.top + 0.06)
    picture.supylabel(subject.monitor_label, fontsize=9)
    picture.suptitle(f"{subject.title()}\n{subject.better}", fontsize=10)
    has_medians = any(medians(subject, key) for key in subject.keys)
    handles = legend_of_marks(subject, has_medians)
    picture.legend(handles=handles, loc="outside lower center", ncols=max(2, columns))
    return picture


def _draw_panel(panel: Axes, subject: SweepSubject, key: str) -> None:
    scale, places = subject.scales[key], places_along(subject, key)
    size, alpha = sizes(len(subject.points))
    heights = {
        point.number: subject.bottom - RUG
        if point.value is None
        else subject.monitor.position(point.value)
        for point in subject.points
    }
    panel.add_collection(
        LineCollection(deviations(subject, places), colors=GREY, linewidths=1, zorder=2),
        autolim=False,
    )
    for kind, mark in MARKS.items():
        own = [point.number for point in subject.points if point.kind == kind]
        x, y = [places[number] for number in own], [heights[number] for number in own]
        panel.plot(x, y, linestyle="", markersize=size, alpha=alpha, zorder=3, **mark)
    best = subject.best.number
    panel.plot(places[best], heights[best], markersize=13, zorder=5, **BEST)
    half = min(WIDEST, gap(at for at, _ in scale.ticks)) / 2
    for middle, value in medians(subject, key).items():
        height = subject.monitor.position(value)
        panel.plot([middle - half, middle + half], [height] * 2, color=GREY, linewidth=2, zorder=4)
    set_ticks(panel.xaxis, scale)
    panel.set_xlim(-0.06, 1.06)
    if _is_upright(subject, key):
        panel.tick_params(axis="x", labelrotation=90)
    panel.set_xlabel(run_label(key))
    grid(panel)


def _is_upright(subject: SweepSubject, key: str) -> bool:
    """Return whether the labels along the axis of a parameter need to be set upright."""
    inches = INSIDE if len(subject.keys) > 1 else 2 * INSIDE
    return are_tight(subject.scales[key].ticks, inches)


def deviations(
    subject: SweepSubject, places: Mapping[int, float]
) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Return the ends of the bar of each trial with several seeds: a deviation down and up."""
    found = []
    for point in subject.valued:
        if point.value is not None and point.deviation is not None:
            at = places[point.number]
            low = subject.monitor.position(point.value - point.deviation)
            high = subject.monitor.position(point.value + point.deviation)
            found.append(((at, low), (at, high)))
    return found


PICTURE = SweepPicture(draw, without_parameters)
