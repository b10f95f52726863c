"""The decision surface of a network of two inputs: regions of classes, or one output."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
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
MOST_NAMED = 24
"""number of examples up to which targets are written beside them"""
SHADES, OPACITY = 24, 0.35
"""number of shades of an output; opacity of a class's region"""
BESIDE_POINT: dict[str, Any] = {
    "textcoords": "offset points",
    "ha": "center",
    "fontsize": 8,
    "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 1.5},
}
HATCHES = ("", "///", "...", "\\\\\\", "xxx", "---", "ooo", "+++")


@dataclass(frozen=True)
class DecisionSurface:
    """One network's answers over the plane of its inputs."""

    label: str
    x: NDArray[np.float64]
    """(n,) the first input; y is the second"""
    y: NDArray[np.float64]
    answer: NDArray[np.float64]
    """(n, n) row y, column x: the class, or the output of a regression"""
    training: Dataset


def decision_surface(model: Model, training: Dataset, label: str) -> DecisionSurface:
    """Compute the answers of a network of two inputs; a regression has one output."""
    x, y = (spread(training.images[:, i], PLACES, MARGIN) for i in range(2))
    points = np.stack([grid.ravel() for grid in np.meshgrid(x, y)], axis=1)
    z = answers(model, points)
    answer = z[:, 0] if training.targets is not None else z.argmax(axis=1)
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
        axes.set_xlabel("first input (no unit)")
        axes.set_ylabel("second input (no unit)")
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
    handles: list[Any] = []
    for i in range(len(names)):
        look: dict[str, Any] = {"facecolor": _colour(i), "hatch": HATCHES[i % 8], "alpha": OPACITY}
        region = Patch(edgecolor="black", linewidth=0.5, **look)
        handles.append((region, Line2D([], [], **_point(i))))
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
    for axes, surface, target in zip(panels, surfaces, targets, strict=False):
        x, y, z = surface.x, surface.y, surface.answer
        axes.contourf(x, y, z, levels, **colours)
        heights = MaxNLocator(8).tick_values(z.min(), z.max())
        heights = heights[(heights > z.min()) & (heights < z.max())]
        if len(heights):
            lines = axes.contour(x, y, z, heights, colors="white", linewidths=0.8)
            axes.clabel(lines, fontsize=7, fmt="%.3g")
        points = surface.training.images
        px, py = points.T
        axes.scatter(px, py, s=95, color="black")
        axes.scatter(px, py, c=target, s=60, edgecolors="white", linewidths=1.5, **colours)
        if len(points) <= MOST_NAMED:
            for point, value in zip(points, target, strict=True):
                axes.annotate(f"target {value:.3g}", point, (0, 8), **BESIDE_POINT)
    bar = picture.colorbar(ScalarMappable(**colours), ax=panels)
    bar.set_label("output (no unit); of a dot, its target")


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
    return draw([decision_surface(run.model, run.training, label) for run, label in pairs])


PICTURE = RunPicture(_draw, _why_not, _share_answers)
