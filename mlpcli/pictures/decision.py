"""The answers of a network of two inputs over their plane: regions of classes, or one output."""

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
SHADES = 24
HATCHES = ("", "///", "...", "\\\\\\", "xxx", "---", "ooo", "+++")


@dataclass(frozen=True)
class Plane:
    """One network's answers over the plane of its inputs."""

    label: str
    x: NDArray[np.float64]
    """(n,) the first input"""
    y: NDArray[np.float64]
    """(n,) the second input"""
    answer: NDArray[np.float64]
    """(n, n) row y, column x: the class, or the output of a regression"""
    training: Dataset


def plane(model: Model, training: Dataset, label: str) -> Plane:
    """Return the answers of a network of two inputs; a regression has one output."""
    x, y = (spread(training.images[:, i], PLACES, MARGIN) for i in range(2))
    both = np.stack([each.ravel() for each in np.meshgrid(x, y)], axis=1)
    z = answers(model, both)
    answer = z[:, 0] if training.targets is not None else z.argmax(axis=1)
    return Plane(label, x, y, answer.reshape(PLACES, PLACES).astype(np.float64), training)


def draw(planes: Sequence[Plane]) -> Figure:
    """Draw a panel for each network: all of classes, or all of a regression, on one scale."""
    across = min(len(planes), MOST_IN_A_ROW)
    down = -(-len(planes) // across)
    picture = figure(max(5.2, 3.1 * across + 1.3), 3.4 * down + 0.6 if across > 1 else 4.8)
    panels = picture.subplots(down, across, squeeze=False)
    if planes[0].training.targets is not None:
        _draw_outputs(picture, list(panels.flat), planes)
    else:
        _draw_regions(picture, list(panels.flat), planes)
    for axes, found in zip(panels.flat, planes, strict=False):
        axes.set_title(run_label(found.label), loc="left")
        axes.set_xlabel("first input (no unit)")
        axes.set_ylabel("second input (no unit)")
        axes.set_xlim(found.x[0], found.x[-1])
        axes.set_ylim(found.y[0], found.y[-1])
    for axes in panels.flat[len(planes) :]:
        axes.set_axis_off()
    return picture


def _draw_regions(picture: Figure, panels: list[Axes], planes: Sequence[Plane]) -> None:
    """Draw where each class is predicted, and the examples with their true classes."""
    names = [shown(name) for name in planes[0].training.class_names]
    looks: list[dict[str, Any]] = [
        {"facecolor": _colour(i), "alpha": 0.35, "hatch": HATCHES[i % 8]} for i in range(len(names))
    ]
    for axes, found in zip(panels, planes, strict=False):
        for i, look in enumerate(looks):
            here = found.answer == i
            if here.any():
                axes.contourf(
                    found.x,
                    found.y,
                    here,
                    [0.5, 1.5],
                    colors=[look["facecolor"]],
                    alpha=look["alpha"],
                    hatches=[look["hatch"]],
                )
            if here.any() and not here.all():
                axes.contour(found.x, found.y, here, [0.5], colors="black", linewidths=1)
            own = found.training.images[found.training.labels == i]
            axes.plot(own[:, 0], own[:, 1], **_point(i))
    handles: list[Any] = [
        (Patch(edgecolor="black", linewidth=0.5, **look), Line2D([], [], **_point(i)))
        for i, look in enumerate(looks)
    ]
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
    return {
        "linestyle": "none",
        "marker": MARKERS[i % 8],
        "markersize": 7,
        "markerfacecolor": _colour(i),
        "markeredgecolor": "black",
    }


def _colour(i: int) -> str:
    """Return the i-th class's colour, shifted each round so that no hatch or marker repeats it."""
    return COLOURS[(i + i // 8) % 8]


def _draw_outputs(picture: Figure, panels: list[Axes], planes: Sequence[Plane]) -> None:
    """Draw the output with its contour lines, and the examples with their targets."""
    targets = [np.asarray(found.training.targets)[:, 0] for found in planes]
    every = np.concatenate([*targets, *(found.answer.ravel() for found in planes)])
    low, high = float(every.min()), float(every.max())
    if high == low:
        high += 1
    norm = Normalize(low, high)
    levels = np.linspace(low, high, SHADES + 1)
    for axes, found, target in zip(panels, planes, targets, strict=False):
        axes.contourf(found.x, found.y, found.answer, levels, cmap="cividis", norm=norm)
        heights = MaxNLocator(8).tick_values(found.answer.min(), found.answer.max())
        lines = heights[(heights > found.answer.min()) & (heights < found.answer.max())]
        if len(lines):
            drawn = axes.contour(
                found.x, found.y, found.answer, lines, colors="white", linewidths=0.8
            )
            axes.clabel(drawn, fontsize=7, fmt="%.3g")
        points = found.training.images
        x, y = points[:, 0], points[:, 1]
        axes.scatter(x, y, s=95, color="black")
        axes.scatter(
            x, y, c=target, cmap="cividis", norm=norm, s=60, edgecolors="white", linewidths=1.5
        )
        for point, value in zip(points, target, strict=True) if len(target) <= MOST_NAMED else ():
            axes.annotate(
                f"target {value:.3g}",
                point,
                (0, 8),
                textcoords="offset points",
                ha="center",
                fontsize=8,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
            )
    bar = picture.colorbar(ScalarMappable(norm, "cividis"), ax=panels)
    bar.set_label("output (no unit); of a dot, its target")


def _why_not(run: Subject) -> str | None:
    sizes = run.model.network.sizes
    is_one_answer = sizes[-1] == 1 or not run.is_regression
    if sizes[0] == 2 and not run.has_images and is_one_answer:
        return None
    return "the picture is of a table with two inputs, and classes or one output"


def _have_the_same_answers(one: Subject, other: Subject) -> bool:
    return (one.is_regression, one.model.class_names) == (
        other.is_regression,
        other.model.class_names,
    )


def _draw(runs: Sequence[Subject], labels: Sequence[str]) -> Figure:
    return draw(
        [plane(run.model, run.training, label) for run, label in zip(runs, labels, strict=True)]
    )


PICTURE = RunPicture(_draw, _why_not, _have_the_same_answers)
