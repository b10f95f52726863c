"""Parallel coordinates: an axis for each parameter, a line for each trial (Inselberg, 1985)."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mlpcli.pictures.catalogue import SweepPicture, without_parameters
from mlpcli.pictures.style import GREY, figure
from mlpcli.pictures.sweep_scales import Scale, gap
from mlpcli.pictures.sweep_style import BEST, DASHES, MANY, key_label, shades
from mlpcli.pictures.sweep_subject import Point, SweepSubject

BAND = 0.08
"""widest bundle of lines that share a value, as a part of the axis"""
NO_VALUE = 0.1
"""distance below all values at which the lines of trials without one end"""
HEADING = 1.1
"""height of the names of the axes"""


def lines(subject: SweepSubject) -> list[tuple[Point, list[float]]]:
    """Return each trial's position on every axis, the values' last; the best trial comes last.

    Lines that share a value of a list lie beside each other there, the better ones above.
    """
    failed = [point for point in subject.points if point.value is None]
    points = [*failed, *subject.valued]
    columns = [
        _upward(scale, side_by_side([scale.position(point.values[key]) for point in points], scale))
        for key, scale in subject.scales.items()
    ]
    ends = [
        subject.bottom - NO_VALUE if point.value is None else subject.monitor.position(point.value)
        for point in points
    ]
    return [(point, list(at)) for point, *at in zip(points, *columns, ends, strict=True)]


def side_by_side(positions: Sequence[float], scale: Scale) -> list[float]:
    """Return positions of trials, the worst first, of which those that are equal form a bundle."""
    if not scale.is_discrete:
        return list(positions)
    found, is_list = list(positions), scale.kind == "categories"
    bundles = defaultdict(list)
    for i, position in enumerate(positions):
        bundles[position].append(i)
    widest = min(BAND, gap(positions) / 2)
    largest = max(map(len, bundles.values()))
    for bundle in bundles.values():
        for rank, i in enumerate(bundle):
            better = rank - (len(bundle) - 1) / 2
            found[i] += widest * (-better if is_list else better) / max(largest - 1, 1)
    return found


def _upward(scale: Scale, positions: Sequence[float]) -> list[float]:
    """Return heights on an upright axis, on which numbers go up, and a list goes down."""
    if scale.kind == "categories":
        return [1 - position for position in positions]
    return list(positions)


def draw(subject: SweepSubject) -> Figure:
    """Draw the lines, shaded by their values, the best one black with stars."""
    n = len(subject.keys)
    picture = figure(max(6.5, 1.75 * n + 2.2), 5.2)
    axes = picture.add_subplot()
    axes.set_axis_off()
    has_failed = any(point.value is None for point in subject.points)
    found = lines(subject)
    _draw_lines(axes, subject, found)
    for i, (key, scale) in enumerate(subject.scales.items()):
        end = BAND / 2 if scale.is_discrete else 0
        axes.plot([i, i], [-end, 1 + end], color="black", linewidth=1, zorder=3)
        axes.text(i, HEADING, key_label(key), ha="center", va="bottom")
        heights = _upward(scale, [at for at, _ in scale.ticks])
        for height, (_, label) in zip(heights, scale.ticks, strict=True):
            axes.plot([i - 0.015, i], [height, height], color="black", linewidth=1, zorder=3)
            _label(axes, i - 0.03, height, label, "right")
    _draw_monitor(axes, subject, n)
    axes.set_xlim(-0.45, n + 0.1)
    axes.set_ylim(subject.bottom - (1.4 * NO_VALUE if has_failed else 0.05), subject.top + 0.05)
    title = f"{subject.title()}\n{subject.better}"
    if any(scale.is_discrete for scale in subject.scales.values()):
        title += "; of lines that share a value, the better lie above"
    picture.suptitle(title, fontsize=10)
    picture.legend(handles=_legend(subject), loc="outside lower center", ncols=4 if n > 3 else 2)
    return picture


def _draw_lines(
    axes: Axes, subject: SweepSubject, found: Sequence[tuple[Point, list[float]]]
) -> None:
    dark, many = shades(), len(found) > MANY
    *others, (_, at) = found
    thin = [many or point.value is None for point, _ in others]
    axes.add_collection(
        LineCollection(
            [list(enumerate(own)) for _, own in others],
            colors=[
                to_rgba(GREY, 0.7)
                if point.value is None
                else (*dark(subject.goodness(point))[:3], 0.6 if many else 0.9)
                for point, _ in others
            ],
            linestyles=[DASHES[point.kind] for point, _ in others],
            linewidths=[0.8 if is_thin else 1.5 for is_thin in thin],
            zorder=2,
        ),
        autolim=False,
    )
    axes.plot(range(len(at)), at, color="white", linewidth=4.5, zorder=4)
    axes.plot(range(len(at)), at, color="black", linewidth=2.2, markersize=12, zorder=5, **BEST)


def _draw_monitor(axes: Axes, subject: SweepSubject, at: int) -> None:
    """Draw the axis of the values, which shows the shades too."""
    scale = subject.monitor
    ends = sorted(scale.position(point.value) for point in (subject.valued[0], subject.best))
    strip = np.linspace(1, 0, 256) if subject.minimize else np.linspace(0, 1, 256)
    axes.imshow(
        strip[:, np.newaxis],
        cmap=shades(),
        vmin=0,
        vmax=1,
        extent=(at - 0.02, at + 0.02, ends[0], ends[1] + 1e-3),
        origin="lower",
        aspect="auto",
        zorder=3,
    )
    axes.text(at, HEADING, subject.monitor_label, ha="center", va="bottom")
    for height, label in scale.ticks:
        axes.plot([at, at + 0.05], [height, height], color="black", linewidth=1, zorder=3)
        _label(axes, at + 0.07, height, label, "left")
    if any(point.value is None for point in subject.points):
        height = subject.bottom - NO_VALUE
        axes.plot(at, height, marker="x", color=GREY, markersize=7)
        _label(axes, at + 0.07, height, "no value", "left")


def _label(axes: Axes, x: float, y: float, text: str, side: str) -> None:
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.8}
    axes.text(x, y, text, ha=side, va="center", fontsize=8, bbox=box, zorder=6)


def _legend(subject: SweepSubject) -> list[Line2D]:
    handles = [
        Line2D([], [], color=GREY, linestyle=dashes, label=label)
        for kind, dashes in DASHES.items()
        if (label := subject.kind_label(kind))
    ]
    best = f"best: trial {subject.best.number}"
    return [
        *handles,
        Line2D([], [], color="black", linewidth=2.2, markersize=11, label=best, **BEST),
    ]


PICTURE = SweepPicture(draw, without_parameters)
