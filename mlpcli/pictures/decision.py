"""The decision surface of a network of two inputs: regions of classes, or one output."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from mlpcli.data.dataset import Dataset
from mlpcli.inference.model import Model
from mlpcli.pictures.catalogue import RunPicture
from mlpcli.pictures.fit import answers, spread
from mlpcli.pictures.style import COLOURS, MARKERS, figure, run_label, shown
from mlpcli.pictures.subject import Subject

PLACES, MARGIN = 161, 0.25
"""points along each axis; margin beyond the examples, as a fraction of their range"""
MOST_IN_A_ROW = 4
MOST_TARGETS = 4
"""number of different targets up to which each has a marker of its own"""
SHADES, OPACITY = 24, 0.35
"""number of shades of an output; opacity of a class's region"""
FLAT = 1e-3
"""range of an output, as a fraction of all that is drawn, below which its lines are rounding"""
UNDECIDED, AHEAD = -1, 0.01
"""what stands for no class; by how much the probability of an answer exceeds the next one's"""
UNDECIDED_COLOUR = "white"
HATCHES = ("", "///", "...", "\\\\\\", "xxx", "---", "ooo", "+++")


@dataclass(frozen=True)
class DecisionSurface:
    """One network's answers over the plane of its inputs."""

    label: str
    x: NDArray[np.float64]
    """(n,) the first input; y is the second"""
    y: NDArray[np.float64]
    answer: NDArray[np.float64]
    """(n, n) row y, column x: the class, or `UNDECIDED`, or the output of a regression"""
    training: Dataset
    input_names: tuple[str, ...] = ("x1", "x2")
    output_name: str = "output"
    """of a regression"""


def decision_surface(model: Model, training: Dataset, label: str) -> DecisionSurface:
    """Compute the answers of a network of two inputs; a regression has one output."""
    x, y = (spread(training.images[:, i], PLACES, MARGIN) for i in range(2))
    points = np.stack([grid.ravel() for grid in np.meshgrid(x, y)], axis=1)
    if training.targets is not None:
        answer = model.predict(points)[:, 0]
    else:
        z = answers(model, points)
        second, first = np.sort(model.loss.probabilities(z), axis=1)[:, -2:].T
        answer = np.where(first - second < AHEAD, UNDECIDED, z.argmax(axis=1))
    return DecisionSurface(label, x, y, answer.reshape(PLACES, PLACES).astype(np.float64), training)


def draw(surfaces: Sequence[DecisionSurface]) -> Figure:
    """Draw a panel for each network: all of classes, or all of a regression, on one scale."""
    across = min(len(surfaces), MOST_IN_A_ROW)
    down = math.ceil(len(surfaces) / across)
    width, height = (3.1 * across + 1.3, 3.4 * down + 0.6) if across > 1 else (5.2, 4.8)
    picture = figure(width, height)
    panels = list(picture.subplots(down, across, squeeze=False).flat)
    if surfaces[0].training.targets is None:
        _draw_regions(picture, panels, surfaces)
    else:
        _draw_outputs(picture, panels, surfaces)
    for axes, surface in zip(panels, surfaces, strict=False):
        axes.set_title(run_label(surface.label), loc="left")
        first, second = map(shown, surface.input_names)
        axes.set_xlabel(first)
        axes.set_ylabel(second)
        axes.set_xlim(surface.x[0], surface.x[-1])
        axes.set_ylim(surface.y[0], surface.y[-1])
    for axes in panels[len(surfaces) :]:
        axes.set_axis_off()
    return picture


def _draw_regions(
    picture: Figure, panels: Sequence[Axes], surfaces: Sequence[DecisionSurface]
) -> None:
    """Draw where each class is predicted, and the examples with their true classes."""
    names = [shown(name) for name in surfaces[0].training.class_names]
    for axes, surface in zip(panels, surfaces, strict=False):
        training = surface.training
        for i in range(len(names)):
            here = surface.answer == i
            style: dict[str, Any] = {"colors": [_colour(i)], "hatches": [HATCHES[i % 8]]}
            if here.any():
                axes.contourf(surface.x, surface.y, here, [0.5, 1.5], alpha=OPACITY, **style)
            if here.any() and not here.all():
                axes.contour(surface.x, surface.y, here, [0.5], colors="black", linewidths=1)
            x, y = training.images[training.labels == i].T
            axes.plot(x, y, **_point(i))
        nowhere = surface.answer == UNDECIDED
        if nowhere.any():
            axes.contourf(surface.x, surface.y, nowhere, [0.5, 1.5], colors=[UNDECIDED_COLOUR])
    handles: list[Any] = []
    for i in range(len(names)):
        look: dict[str, Any] = {"facecolor": _colour(i), "hatch": HATCHES[i % 8], "alpha": OPACITY}
        region = Patch(edgecolor="black", linewidth=0.5, **look)
        handles.append((region, Line2D([], [], **_point(i))))
    if any((surface.answer == UNDECIDED).any() for surface in surfaces):
        handles.append(Patch(facecolor=UNDECIDED_COLOUR, edgecolor="black", linewidth=0.5))
        names = [*names, f"none, ahead by less than {100 * AHEAD:g} %"]
    picture.legend(
        handles,
        names,
        title="predicted in the region; the symbols are examples",
        loc="outside upper center",
        ncols=int(picture.get_figwidth() / 1.7),
        handleheight=1.4,
    )


def _point(i: int) -> dict[str, Any]:
    """Return the style of an example of the i-th class."""
    colours = {"markerfacecolor": _colour(i), "markeredgecolor": "black"}
    return {"linestyle": "none", "marker": MARKERS[i % 8], "markersize": 7, **colours}


def _colour(i: int) -> str:
    """Return the i-th class's colour, shifted each round so that no hatch or marker repeats it."""
    return COLOURS[(i + i // 8) % 8]


def _draw_outputs(
    picture: Figure, panels: Sequence[Axes], surfaces: Sequence[DecisionSurface]
) -> None:
    """Draw the output with its contour lines, and the examples with their targets."""
    targets = [np.asarray(surface.training.targets)[:, 0] for surface in surfaces]
    every = np.concatenate([*targets, *(surface.answer.ravel() for surface in surfaces)])
    low, high = float(every.min()), float(every.max())
    if high == low:
        high += 1
    colours: dict[str, Any] = {"cmap": "cividis", "norm": Normalize(low, high)}
    levels = np.linspace(low, high, SHADES + 1)
    ticks = MaxNLocator(8).tick_values(low, high)
    heights = [float(tick) for tick in ticks if low < tick < high]
    values = np.unique(np.concatenate(targets))
    kinds = list(map(float, values)) if len(values) <= MOST_TARGETS else []
    halfway = sum(kinds) / 2 if len(kinds) == 2 else None
    for axes, surface, target in zip(panels, surfaces, targets, strict=False):
        x, y, z = surface.x, surface.y, surface.answer
        axes.contourf(x, y, z, levels, **colours)
        is_flat = z.max() - z.min() < FLAT * (high - low)
        crossed = [height for height in heights if z.min() < height < z.max()]
        if crossed and not is_flat:
            axes.contour(x, y, z, crossed, colors="white", linewidths=0.6, linestyles="solid")
        if halfway is not None and z.min() < halfway < z.max() and not is_flat:
            axes.contour(x, y, z, [halfway], colors="black", linewidths=2.2, linestyles="--")
        for i, kind in enumerate(kinds or [None]):
            own = slice(None) if kind is None else target == kind
            px, py = surface.training.images[own].T
            rim: dict[str, Any] = {"marker": MARKERS[i], "edgecolors": "black", "zorder": 3}
            axes.scatter(px, py, s=150, color="white", linewidths=1.2, **rim)
            axes.scatter(px, py, c=target[own], s=70, linewidths=1.2, **rim, **colours)
    bar = picture.colorbar(ScalarMappable(**colours), ax=panels)
    bar.set_ticks(heights)
    name = shown(surfaces[0].output_name)
    bar.set_label(f"{name} (white lines: at the ticks;\ninside a marker: the example's target)")
    handles = []
    for i, kind in enumerate(kinds):
        inside = ScalarMappable(**colours).to_rgba(np.array([kind]))[0]
        style: dict[str, Any] = {"marker": MARKERS[i], "color": inside, "linestyle": "none"}
        style |= {"markeredgecolor": "black", "markersize": 8}
        handles.append(Line2D([], [], label=f"example with target {kind:.3g}", **style))
    if halfway is not None:
        label = f"output {halfway:.3g}, halfway"
        handles.append(Line2D([], [], color="black", linestyle="--", linewidth=2.2, label=label))
    if handles:
        ncols = max(2, int(picture.get_figwidth() / 2.2))
        picture.legend(handles=handles, loc="outside upper center", ncols=ncols)


def _why_not(run: Subject) -> str | None:
    sizes = run.model.network.sizes
    has_one_answer = sizes[-1] == 1 or not run.is_regression
    if sizes[0] == 2 and not run.has_images and has_one_answer:
        return None
    return "the picture is of a table with two inputs, and classes or one output"


def _share_answers(one: Subject, other: Subject) -> bool:
    same_names = one.model.output_names == other.model.output_names
    return one.is_regression == other.is_regression and same_names


def _draw(runs: Sequence[Subject], labels: Sequence[str]) -> Figure:
    pairs = zip(runs, labels, strict=True)
    return draw(
        [
            replace(
                decision_surface(run.model, run.training, label),
                input_names=run.input_names,
                output_name=run.output_name,
            )
            for run, label in pairs
        ]
    )


PICTURE = RunPicture(_draw, _why_not, _share_answers)
