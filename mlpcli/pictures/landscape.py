"""The loss on a plane through the paths of trainings.

The plane is spanned by the two principal directions of the paths, seen from the end of the first
(Lorch, "Visualizing Deep Network Training Trajectories with PCA", 2016; Li et al., "Visualizing the
Loss Landscape of Neural Nets", 2018, section 7). Where there are two parameters, it is theirs. The
paths come from training once more, which the config and its seed determine.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import Normal, Stroke
from matplotlib.ticker import LogLocator, MaxNLocator, StrMethodFormatter
from numpy.typing import NDArray

from mlpcli.errors import DataError
from mlpcli.nn.arrays import Array
from mlpcli.parallel.processors import one_blas_thread
from mlpcli.pictures.catalogue import RunPicture
from mlpcli.pictures.style import COLOURS, MARKERS, figure, legend_outside, run_label
from mlpcli.pictures.subject import Subject, noun
from mlpcli.pictures.weight_path import Watcher, WeightPath, follow
from mlpcli.training.evaluation import evaluate
from mlpcli.training.setup import Setup

COARSE, FINE = 25, 97
"""points on a side of the grid: of any network, and of one so small that more take no time"""
SMALL = 20_000
"""largest product of examples and parameters for the fine grid"""
MARGIN = 0.25
"""margin on each side of the path, as a fraction of its extent"""
LEAST_SIDE = 0.4
"""least extent of one side of the grid, as a fraction of the other's: a wiggle is no walk"""
IMAGES = 1000
"""largest number of images that measure the loss; all of them would look the same, but take long"""
FLAT = 1e-6
"""least length of the second direction, as a fraction of the first's"""
CONTOURS = 16
MOST_IN_A_ROW = 3
PATHS = ("white", *COLOURS[1:])
"""colours of the paths: the first stands for itself over every shade"""

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Plane:
    """The plane nearest to some paths."""

    origin: Array
    """the end of the first path (P,), or 0 in the plane of two parameters"""
    directions: Array
    """orthonormal (2, P)"""
    shares: tuple[float, float] | None
    """each direction's fraction of the paths' squared extent; None where they are parameters"""

    def coordinates(self, thetas: Array) -> Points:
        """Return the places (n, 2) of weights (n, P)."""
        return ((thetas - self.origin) @ self.directions.T).astype(np.float64)


@dataclass(frozen=True)
class Landscape:
    """The loss over the plane of some paths."""

    x: Points
    """(n,), and so is y"""
    y: Points
    loss: Points
    """(n, n), row y, column x"""
    paths: tuple[Points, ...]
    """each path's coordinates (m, 2)"""
    followed: tuple[WeightPath, ...]
    plane: Plane
    images: int
    """number of images that measured the loss"""
    unit: str
    """the loss's unit"""


def principal_plane(thetas: Array) -> Plane:
    """Return the plane of the two principal directions of the weights (n, P), n >= 3.

    They come from the products of the rows (n, n), because P is far larger than n.

    Raises:
        DataError: the weights lie on a line.
    """
    origin = thetas[-1]
    offsets = thetas - origin
    products = (offsets @ offsets.T).astype(np.float64)
    squares, vectors = np.linalg.eigh(products)  # in rising order
    squares = np.maximum(squares[[-1, -2]], 0)
    if squares[1] <= FLAT**2 * squares[0]:
        raise DataError("The training moved along a line at most: there is no plane to draw.")
    rows = vectors.T[[-1, -2]].astype(thetas.dtype) @ offsets
    directions = (rows / np.sqrt(squares)[:, np.newaxis]).astype(thetas.dtype)
    directions[directions @ offsets[0] < 0] *= -1  # the path begins at the upper right
    first, second = squares / np.trace(products)
    return Plane(origin, directions, (float(first), float(second)))


def plane_of(paths: Sequence[WeightPath]) -> Plane:
    """Return the plane in which paths of one network are drawn.

    Raises:
        DataError: they lie on a line, and there are more than two parameters.
    """
    first, *others = (path.thetas for path in paths)
    if first.shape[1] == 2:
        return Plane(np.zeros(2, first.dtype), np.eye(2, dtype=first.dtype), None)
    return principal_plane(np.concatenate([*others, first]))


def survey(setup: Setup, paths: Sequence[WeightPath], watch: Watcher) -> Landscape:
    """Measure the loss on a grid over the paths' plane, on some of the training images.

    Batch normalisation is that of training, with these images as the batch: no running mean belongs
    to weights that no training passed through.

    Raises:
        DataError: there is no plane.
    """
    with one_blas_thread():
        plane = plane_of(paths)
        coordinates = tuple(plane.coordinates(path.thetas) for path in paths)
    n = len(setup.training)
    images = setup.training.take(np.linspace(0, n - 1, min(IMAGES, n)).astype(np.intp))
    theta = np.empty_like(setup.network.theta)
    side = FINE if len(images) * len(theta) <= SMALL else COARSE
    x, y = _grid(np.concatenate(coordinates), side)
    network = setup.network.with_parameters(theta).without_dropout()
    loss = np.empty((side, side))
    with one_blas_thread():
        for done, (i, j) in enumerate(np.ndindex(side, side), 1):
            move = np.array([x[j], y[i]], theta.dtype) @ plane.directions
            np.add(plane.origin, move, out=theta)
            loss[i, j] = evaluate(network, setup.loss, images, setup.normalization).loss
            watch(done, side * side)
    return Landscape(x, y, loss, coordinates, tuple(paths), plane, len(images), setup.loss.unit)


def _grid(path: Points, n: int) -> tuple[Points, Points]:
    """Return the places (n,) of a grid around the points (m, 2), neither side far the longer."""
    low, high = path.min(axis=0), path.max(axis=0)
    extent = high - low
    extent = np.maximum(extent, LEAST_SIDE * extent.max())
    middle, half = (low + high) / 2, (0.5 + MARGIN) * np.where(extent > 0, extent, 1.0)
    x, y = np.linspace(middle - half, middle + half, n).T
    return x, y


def draw(
    landscapes: Sequence[Landscape], labels: Sequence[Sequence[str]], noun: str = "images"
) -> Figure:
    """Draw a panel for each landscape, with the paths over it, each under its label."""
    across = min(len(landscapes), MOST_IN_A_ROW)
    down = math.ceil(len(landscapes) / across)
    several = sum(map(len, labels)) > 1
    picture = figure(7 if across == 1 else 5.2 * across, (6 if across == 1 else 5) * down)
    panels = list(picture.subplots(down, across, squeeze=False).flat)
    first = 0
    for axes, landscape, own in zip(panels, landscapes, labels, strict=False):
        _draw_loss(axes, landscape, noun)
        for i, (path, followed) in enumerate(zip(landscape.paths, landscape.followed, strict=True)):
            _draw_path(axes, path, followed, first + i)
        first += len(own)
        if several:
            axes.set_title(", ".join(map(run_label, own)) if len(own) == 1 else "", loc="left")
    for axes in panels[len(landscapes) :]:
        axes.set_axis_off()
    names = [name for own in labels for name in own]
    apart = {path.epochs_apart for landscape in landscapes for path in landscape.followed}
    legend = legend_outside(picture, _legend(names, apart), most=4 if across == 1 else 6)
    legend.set_frame_on(True)
    legend.get_frame().set_facecolor("#BBBBBB")
    return picture


def _draw_loss(axes: Axes, landscape: Landscape, noun: str) -> None:
    """Draw contours of the loss, evenly spaced in its logarithm."""
    loss = np.where(np.isfinite(landscape.loss), landscape.loss, np.nan)
    lowest = np.nanmin(loss[loss > 0], initial=1.0) if (loss > 0).any() else 1e-12
    loss = np.maximum(loss, lowest)
    low, high = float(np.nanmin(loss)), float(np.nanmax(loss))
    high = max(high, low * 1.01)
    levels = np.geomspace(low, high, CONTOURS)
    x, y = landscape.x, landscape.y
    shades = axes.contourf(x, y, loss, levels, cmap="cividis", norm=LogNorm(low, high))
    axes.contour(x, y, loss, levels, colors="white", linewidths=0.4)
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(y[0], y[-1])
    if landscape.plane.shares is None:
        axes.set_xlabel("the weight, W₁ (no unit)")
        axes.set_ylabel("the bias, b₁ (no unit)")
    else:
        first, second = landscape.plane.shares
        of = "path" if len(landscape.paths) == 1 else "paths"
        axes.set_xlabel(f"first principal direction (units of weight)\n{first:.0%} of the {of}")
        axes.set_ylabel(f"second principal direction (units of weight)\n{second:.0%} of the {of}")
    bar = axes.figure.colorbar(shades, ax=axes, ticks=LogLocator(subs=(1, 2, 5)))
    bar.ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    bar.ax.minorticks_off()
    if not any(low <= tick <= high for tick in bar.get_ticks()):
        bar.set_ticks(MaxNLocator(3).tick_values(low, high)[1:-1])
    bar.set_label(f"loss on {landscape.images:,} training {noun} ({landscape.unit})")


def _draw_path(axes: Axes, path: Points, followed: WeightPath, i: int) -> None:
    px, py = path.T
    ends = list(followed.epochs[1:])
    line, point = _path_style(i)
    axes.plot(px, py, **line)
    axes.plot(px[ends], py[ends], marker=MARKERS[i % len(MARKERS)], markersize=5, **point)
    axes.plot(px[0], py[0], marker="s", markersize=8, **point)
    axes.plot(px[-1], py[-1], marker="*", markersize=14, **point)


def _path_style(i: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the style of the i-th path's line, which a black rim sets off, and of its points."""
    rim = [Stroke(linewidth=3.0, foreground="black"), Normal()]
    colour = PATHS[i % len(PATHS)]
    line = {"color": colour, "linewidth": 1.4, "path_effects": rim}
    return line, {"color": colour, "markeredgecolor": "black", "linestyle": "none"}


def _legend(names: Sequence[str], apart: set[int]) -> list[Line2D]:
    """Return the handles: each path with the mark of its epochs, the start and the end."""
    ends = "end of an epoch"
    if apart != {1}:
        ends = f"every {apart.pop()} epochs" if len(apart) == 1 else "some epochs' ends"
    if len(names) == 1:
        line, point = _path_style(0)
        handles = [
            Line2D([], [], label="path of the training", **line),
            Line2D([], [], label=ends, marker="o", markersize=5, **point),
        ]
    else:
        handles = []
        for i, name in enumerate(names):
            line, point = _path_style(i)
            own: dict[str, Any] = {"marker": MARKERS[i % len(MARKERS)], "markeredgecolor": "black"}
            handles.append(Line2D([], [], label=run_label(name), **line, **own))
        point["color"] = "white"
    handles.append(Line2D([], [], label="start", marker="s", markersize=8, **point))
    handles.append(Line2D([], [], label="end", marker="*", markersize=14, **point))
    return handles


def share_landscape(one: Subject, other: Subject) -> bool:
    """Return whether two runs moved over one landscape: of one network, loss and data.

    They may have drawn other images of the same data: by another seed the loss is nearly the same.
    """
    a, b = one.model.network, other.model.network
    settings = (("dtype",), ("data",), ("loss",), ("network", "batch_norm"))
    return (a.sizes, a.activations) == (b.sizes, b.activations) and all(
        one.record.setting(*key) == other.record.setting(*key) for key in settings
    )


def _draw(runs: Sequence[Subject], labels: Sequence[str]) -> Figure:
    groups: list[list[tuple[Subject, str]]] = []
    for pair in zip(runs, labels, strict=True):
        for group in groups:
            if share_landscape(group[0][0], pair[0]):
                group.append(pair)
                break
        else:
            groups.append([pair])
    landscapes = [_survey([run for run, _ in group]) for group in groups]
    return draw(landscapes, [[label for _, label in group] for group in groups], noun(runs))


def _survey(runs: Sequence[Subject]) -> Landscape:
    paths = [_follow(run) for run in runs]
    watch = partial(runs[0].reporter.work_done, "measuring the loss")
    return survey(runs[0].training_setup(), paths, watch)


def _follow(run: Subject) -> WeightPath:
    watch = partial(run.reporter.work_done, "training once more")
    path = follow(run.training_setup(), run.epochs_to_its_end, watch)
    if not np.array_equal(path.thetas[-1], run.last.network.theta):
        run.reporter.remark(
            f"{run.folder}: training it once more did not end at the same weights "
            "to the last bit (another machine, NumPy or number of workers, or the run was resumed "
            "for more epochs than it began with); the path drawn is the repetition's."
        )
    return path


PICTURE = RunPicture(_draw)
