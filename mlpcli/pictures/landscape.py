"""The loss on a plane through the path of a training.

The plane is spanned by the two principal directions of the path, seen from its end (Lorch,
"Visualizing Deep Network Training Trajectories with PCA", 2016; Li et al., "Visualizing the Loss
Landscape of Neural Nets", 2018, section 7). The path is had by training once more, which is a
function of the config and its seed.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, StrMethodFormatter
from numpy.typing import NDArray

from mlpcli.data.dataset import Dataset
from mlpcli.errors import DataError
from mlpcli.nn.arrays import Array
from mlpcli.nn.network import MLP
from mlpcli.parallel.processors import one_blas_thread
from mlpcli.pictures.curves import loss_unit
from mlpcli.pictures.style import figure
from mlpcli.training.evaluation import evaluate
from mlpcli.training.loop import train_epochs
from mlpcli.training.metrics import EpochMetrics
from mlpcli.training.setup import Setup

GRID = 25
"""points a side"""
MARGIN = 0.25
"""of the path's extent, on each side of it"""
IMAGES = 1000
"""on which the loss is measured: the whole training set would take a minute and look the same"""
MOST_POINTS, MOST_BYTES = 500, 2**27
"""of the path, held in memory: every step, where they are few and small enough"""
MOST_EPOCHS = 40
"""whose ends are marked"""
FLAT = 1e-6
"""The second direction must have this share of the first's length"""

Watcher = Callable[[int, int], None]
"""(points done, points in all)"""
Points = NDArray[np.float64]


@dataclass(frozen=True)
class Path:
    """The weights that a training passed through."""

    thetas: Array
    """(n, P), the first before any step and the last at the end"""
    epochs: tuple[int, ...]
    """the rows of `thetas` that end an epoch, the start included"""
    epochs_apart: int = 1
    """how many epochs there are from one of these to the next"""


@dataclass(frozen=True)
class Plane:
    """The plane nearest to a path."""

    origin: Array
    """the end of the path (P,)"""
    directions: Array
    """orthonormal (2, P)"""
    shares: tuple[float, float]
    """of the path's squared extent, what each direction has"""


@dataclass(frozen=True)
class Landscape:
    """The loss over a plane."""

    x: Points
    """(n,)"""
    y: Points
    """(n,)"""
    loss: Points
    """row y, column x (n, n)"""
    path: Points
    """the path's coordinates (m, 2)"""
    epochs: tuple[int, ...]
    """which of them end an epoch"""
    epochs_apart: int
    """how many epochs there are from one of these to the next"""
    shares: tuple[float, float]
    images: int
    """on which the loss was measured"""
    unit: str
    """of the loss"""


def follow(setup: Setup, epochs: int, watch: Watcher) -> Path:
    """Train for so many epochs and keep some of the weights on the way.

    Raises:
        DivergedError: the training leaves the finite numbers.
    """
    theta, steps = setup.network.theta, len(setup.batches)
    room = max(3, min(MOST_POINTS, MOST_BYTES // theta.nbytes))
    apart = math.ceil(epochs * steps / room)
    epochs_apart = math.ceil(epochs / min(MOST_EPOCHS, room))
    blocks = math.ceil(len(setup.training) / setup.batches.block_size)
    thetas: list[Array] = []
    ends: list[int] = []
    steps_begun = blocks_done = 0

    def on_step() -> None:
        nonlocal steps_begun
        is_end = steps_begun % (epochs_apart * steps) == 0
        if is_end:
            ends.append(len(thetas))
        if is_end or steps_begun % apart == 0:
            thetas.append(theta.copy())
        steps_begun += 1

    def on_batch(_steps: int, _loss: float, _accuracy: float | None) -> None:
        nonlocal blocks_done
        blocks_done += 1
        watch(blocks_done, epochs * blocks)

    def on_epoch(row: EpochMetrics) -> bool:
        return row.epoch == epochs

    with one_blas_thread():
        train_epochs(setup, on_batch=on_batch, on_epoch=on_epoch, on_step=on_step)
    if epochs % epochs_apart == 0:
        ends.append(len(thetas))
    thetas.append(theta.copy())
    return Path(np.stack(thetas), tuple(ends), epochs_apart)


def principal_plane(thetas: Array) -> Plane:
    """The two principal directions of the weights (n, P), n >= 3, seen from the last of them.

    They are found from the products of the rows (n, n), which are few, not those of the columns.

    Raises:
        DataError: the weights lie on a line.
    """
    origin = thetas[-1]
    offsets = thetas - origin
    products = (offsets @ offsets.T).astype(np.float64)
    squares, vectors = np.linalg.eigh(products)
    first, second = (max(float(square), 0.0) for square in squares[:-3:-1])
    if second <= FLAT**2 * first:
        raise DataError("The training moved along a line at most: there is no plane to draw.")
    directions = np.stack(
        [
            vectors[:, -1 - i].astype(thetas.dtype) @ offsets / math.sqrt(square)
            for i, square in enumerate((first, second))
        ]
    ).astype(thetas.dtype)
    for i, start in enumerate(directions @ offsets[0]):  # from the right to the middle, say
        if start < 0:
            directions[i] *= -1
    total = float(np.trace(products))
    return Plane(origin, directions, (first / total, second / total))


def survey(setup: Setup, path: Path, watch: Watcher) -> Landscape:
    """Measure the loss on a grid over the path's plane, on some of the training images."""
    with one_blas_thread():
        plane = principal_plane(path.thetas)
        coordinates = ((path.thetas - plane.origin) @ plane.directions.T).astype(np.float64)
    x, y = (_ticks(coordinates[:, i]) for i in range(2))
    few = np.linspace(0, len(setup.training) - 1, min(IMAGES, len(setup.training))).astype(np.intp)
    images = setup.training.take(few)
    theta = np.empty_like(setup.network.theta)
    elsewhere = setup.network.with_parameters(theta)
    loss = np.empty((GRID, GRID))
    with one_blas_thread():
        for done, (i, j) in enumerate(np.ndindex(GRID, GRID), 1):
            move = np.array([x[j], y[i]], theta.dtype) @ plane.directions
            np.add(plane.origin, move, out=theta)
            loss[i, j] = _loss(elsewhere.for_prediction(), setup, images)
            watch(done, GRID * GRID)
    return Landscape(
        x,
        y,
        loss,
        coordinates,
        path.epochs,
        path.epochs_apart,
        plane.shares,
        len(images),
        loss_unit(setup.config.loss.name),
    )


def _ticks(along: Points) -> Points:
    low, high = float(along.min()), float(along.max())
    margin = MARGIN * (high - low)
    return np.linspace(low - margin, high + margin, GRID)


def _loss(network: MLP, setup: Setup, images: Dataset) -> float:
    return evaluate(network, setup.loss, images, setup.normalization).loss


def draw(landscape: Landscape, noun: str = "images") -> Figure:
    """Contours of the loss, evenly spaced in its logarithm, and the path over them."""
    picture = figure(7, 6)
    axes = picture.add_subplot()
    loss = np.where(np.isfinite(landscape.loss), landscape.loss, np.nan)
    loss = np.maximum(loss, np.nanmin(loss[loss > 0], initial=1.0) if (loss > 0).any() else 1e-12)
    low, high = float(np.nanmin(loss)), float(np.nanmax(loss))
    high = max(high, low * 1.01)
    levels = np.geomspace(low, high, 16)
    shades = axes.contourf(
        landscape.x, landscape.y, loss, levels, cmap="cividis", norm=LogNorm(low, high)
    )
    axes.contour(landscape.x, landscape.y, loss, levels, colors="white", linewidths=0.4)
    px, py = landscape.path.T
    axes.plot(px, py, color="black", linewidth=2.6)
    axes.plot(px, py, color="white", linewidth=1.2, label="path of the training")
    ends = list(landscape.epochs)
    point: dict[str, Any] = {"color": "white", "markeredgecolor": "black", "linestyle": "none"}
    apart = landscape.epochs_apart
    which = "end of an epoch" if apart == 1 else f"every {apart} epochs"
    axes.plot(px[ends[1:]], py[ends[1:]], marker="o", markersize=5, label=which, **point)
    axes.plot(px[0], py[0], marker="s", markersize=8, label="start", **point)
    axes.plot(px[-1], py[-1], marker="*", markersize=14, label="end", **point)
    first, second = landscape.shares
    axes.set_xlabel(f"first principal direction (units of weight)\n{first:.0%} of the path")
    axes.set_ylabel(f"second principal direction (units of weight)\n{second:.0%} of the path")
    bar = picture.colorbar(shades, ax=axes, ticks=LogLocator(subs=(1, 2, 5)))
    bar.ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    bar.ax.minorticks_off()
    bar.set_label(f"loss on {landscape.images:,} training {noun} ({landscape.unit})")
    legend = picture.legend(loc="outside upper center", ncols=4)
    legend.set_frame_on(True)
    legend.get_frame().set_facecolor("#BBBBBB")
    return picture
