"""A heat map of two parameters whose values make a grid."""

import itertools
import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mlpcli.errors import DataError
from mlpcli.pictures.catalogue import SweepPicture
from mlpcli.pictures.style import COLOURS, figure, run_label
from mlpcli.pictures.sweep_scales import labels
from mlpcli.pictures.sweep_style import are_tight, set_ticks
from mlpcli.pictures.sweep_subject import Point, SweepSubject, varying
from mlpcli.text import listed

MOST_WITH_NUMBERS, MOST_CELLS = 14, 60
"""number of cells across for which there is room for numbers; largest number that is drawn"""
MOST_NAMES = 30
"""number of names along an axis"""
BESIDE = 2.4
"""width of what is beside the cells, in inches"""
NO_GRID = "no two parameters make a grid, with a trial for each pair of their values"


@dataclass(frozen=True)
class HeatMap:
    """Two parameters, and the trials that have each pair of their values."""

    down: str
    across: str
    rows: Sequence[Any]
    """the values of the parameter that goes down"""
    columns: Sequence[Any]
    cells: Sequence[Sequence[Sequence[Point]]]
    """the trials of each row and column"""
    averaged: Sequence[str]
    """other parameters with several values, over which a cell is the mean"""

    def value(self, i: int, j: int) -> float | None:
        """Return the mean of the trials in a cell; None where none has a value."""
        values = [point.value for point in self.cells[i][j] if point.value is not None]
        return statistics.fmean(values) if values else None

    def values(self) -> dict[tuple[int, int], float]:
        """Return the values of the cells that have one, by row and column."""
        places = itertools.product(range(len(self.rows)), range(len(self.columns)))
        return {at: value for at in places if (value := self.value(*at)) is not None}

    def best(self, minimize: bool) -> tuple[int, int]:
        """Return the row and column of the best cell."""
        values = self.values()
        return (min if minimize else max)(values, key=lambda at: values[at])


def heat_map(subject: SweepSubject) -> HeatMap | None:
    """Return the heat map of a sweep; None where no two parameters make a grid.

    Of two parameters each pair of values needs a trial. Of more, a cell is the mean over the
    others: that is fair only if each pair has as many trials as any other, all trained for as long.
    Of several such pairs of parameters, the most important is taken.
    """
    keys = varying(subject.points, subject.keys)
    importance = subject.result.importance
    found = []
    for down, across in itertools.combinations(keys, 2):
        averaged = [key for key in keys if key not in (down, across)]
        candidate = _grid(subject, down, across, averaged)
        if candidate is not None:
            weight = importance.get(down, 0.0) + importance.get(across, 0.0)
            found.append((weight, candidate))
    return max(found, key=lambda each: each[0])[1] if found else None


def _grid(subject: SweepSubject, down: str, across: str, averaged: Sequence[str]) -> HeatMap | None:
    by_pair = defaultdict(list)
    for point in subject.points:
        by_pair[_key(subject, point, down), _key(subject, point, across)].append(point)
    rows, columns = (sorted({pair[i] for pair in by_pair}) for i in (0, 1))
    if len(rows) > len(columns):
        return _grid(subject, across, down, averaged)
    if len(by_pair) < len(rows) * len(columns) or len(columns) > MOST_CELLS:
        return None
    if averaged:
        is_balanced = len({len(points) for points in by_pair.values()}) == 1
        has_halving = any(point.kind in ("pruned", "unfinished") for point in subject.points)
        if not is_balanced or has_halving:
            return None
    cells = [[by_pair[row, column] for column in columns] for row in rows]
    return HeatMap(
        down,
        across,
        [line[0][0].values[down] for line in cells],
        [cell[0].values[across] for cell in cells[0]],
        cells,
        averaged,
    )


def _key(subject: SweepSubject, point: Point, key: str) -> float:
    return subject.scales[key].position(point.values[key])


def cell_text(subject: SweepSubject, points: Sequence[Point]) -> str:
    """Return the value of a cell, and in a second line what else must be known of it."""
    values = [point.value for point in points if point.value is not None]
    states = [point.state for point in points]
    failed = [state for state in states if state in ("diverged", "impossible")]
    if not values:
        return "\n".join(dict.fromkeys(states))
    mean = statistics.fmean(values)
    lines = [f"{mean:.4g}" if subject.minimize else f"{mean:.2f}"]
    if failed:
        lines.append(f"{len(failed)} of {len(points)} failed")
    elif states[0] != "done":
        lines.append(states[0])
    elif len(points) == 1 and points[0].deviation is not None:
        deviation = points[0].deviation
        lines.append(f"± {deviation:.2g}" if subject.minimize else f"± {deviation:.2f}")
    return "\n".join(lines)


def draw(subject: SweepSubject, found: HeatMap) -> Figure:
    """Draw the cells, the better the darker, the best with a frame."""
    n_rows, n_columns = len(found.rows), len(found.columns)
    with_numbers = n_columns <= MOST_WITH_NUMBERS
    width = max(6.5, 0.9 * n_columns + 3) if with_numbers else 11
    picture = figure(width, max(3.6, (0.62 if with_numbers else 0.2) * n_rows + 2.2))
    axes = picture.add_subplot()
    axes.spines[:].set_visible(False)
    positions = np.full((n_rows, n_columns), np.nan)
    for at, value in found.values().items():
        positions[at] = subject.monitor.position(value)
    colours = colormaps["Blues_r" if subject.minimize else "Blues"]
    low, high = np.nanmin(positions), np.nanmax(positions)
    image = axes.imshow(positions, cmap=colours, vmin=low, vmax=high, aspect="auto")
    _name(axes.xaxis, subject, found.across, found.columns)
    _name(axes.yaxis, subject, found.down, found.rows)
    names = [((j + 0.5) / n_columns, name) for j, name in enumerate(labels(found.columns))]
    if are_tight(names[:: _every(n_columns)], width - BESIDE):
        axes.tick_params(axis="x", labelrotation=90)
    if subject.scales[found.down].kind != "categories":
        axes.invert_yaxis()  # numbers go up
    best = found.best(subject.minimize)
    for i, j in itertools.product(range(n_rows), range(n_columns)):
        text = "★ " if (i, j) == best else ""
        if with_numbers:
            text += cell_text(subject, found.cells[i][j])
        is_dark = abs(positions[i, j] - (high if subject.minimize else low)) > 0.55 * (high - low)
        colour = "white" if is_dark else "black"
        axes.text(j, i, text.strip(), ha="center", va="center", fontsize=8, color=colour)
    for i, j in np.argwhere(np.isnan(positions)):
        axes.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, hatch="///", ec="#CCCCCC"))
    frame = Rectangle(
        (best[1] - 0.47, best[0] - 0.47), 0.94, 0.94, fill=False, edgecolor=COLOURS[5], lw=3
    )
    axes.add_patch(frame)
    axes.set_title(_title(subject, found))
    bar = picture.colorbar(image, ax=axes)
    set_ticks(bar.ax.yaxis, subject.monitor)
    if low < high:
        bar.ax.set_ylim(low, high)
    bar.set_label(subject.monitor_label)
    return picture


def _every(n: int) -> int:
    """Return how many values share a name along an axis."""
    return math.ceil(n / MOST_NAMES)


def _name(axis: Axis, subject: SweepSubject, key: str, values: Sequence[Any]) -> None:
    every = _every(len(values))
    axis.set_ticks(range(0, len(values), every), labels(values)[::every])
    axis.set_label_text(run_label(key))


def _title(subject: SweepSubject, found: HeatMap) -> str:
    seeds = len(subject.result.sweep.seeds)
    over = [f"{seeds} seeds"] if seeds > 1 else []
    over += [run_label(key) for key in found.averaged]
    means = f"\nmean over {listed(over) if len(over) > 1 else over[0]}" if over else ""
    return f"{run_label(subject.name)}: the darker, the better; ★ the best{means}"


def _draw(subject: SweepSubject) -> Figure:
    found = heat_map(subject)
    if found is None:
        raise DataError(f"{subject.result.folder}: {NO_GRID}.")
    return draw(subject, found)


PICTURE = SweepPicture(_draw, lambda sweep: None if heat_map(sweep) else NO_GRID)
