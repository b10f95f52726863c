"""The loss on a plane through the path of a training.

The plane is spanned by the two principal directions of the path, seen from its end (Lorch,
"Visualizing Deep Network Training Trajectories with PCA", 2016; Li et al., "Visualizing the Loss
Landscape of Neural Nets", 2018, section 7). The path comes from training once more, which the
config and its seed determine.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, StrMethodFormatter
from numpy.typing import NDArray

from mlpcli.errors import DataError
from mlpcli.nn.arrays import Array
from mlpcli.parallel.processors import one_blas_thread
from mlpcli.pictures.catalogue import RunPicture
from mlpcli.pictures.style import figure
from mlpcli.pictures.subject import Subject, noun
from mlpcli.storage.checkpoint import load_checkpoint
from mlpcli.training.evaluation import evaluate
from mlpcli.training.loop import train_epochs
from mlpcli.training.metrics import EpochMetrics
from mlpcli.training.setup import Setup

GRID = 25
"""points on a side of the grid"""
MARGIN = 0.25
"""margin on each side of the path, as a fraction of its extent"""
IMAGES = 1000
"""largest number of images that measure the loss; all of them would look the same, but take long"""
MOST_POINTS, MOST_BYTES = 500, 2**27
"""limits of the path held in memory; a short one has every step"""
MOST_EPOCHS = 40
"""number of epochs whose ends are marked"""
FLAT = 1e-6
"""least length of the second direction, as a fraction of the first's"""

Watcher = Callable[[int, int], None]
"""receives (points done, points in all)"""
Points = NDArray[np.float64]


@dataclass(frozen=True)
class Path:
    """The weights that a training passed through."""

    thetas: Array
    """(n, P), from before the first step to the end"""
    epochs: tuple[int, ...]
    """the rows of `thetas` at the start and at the ends of epochs"""
    epochs_apart: int = 1
    """number of epochs from one of these to the next"""


@dataclass(frozen=True)
class Plane:
    """The plane nearest to a path."""

    origin: Array
    """the end of the path (P,)"""
    directions: Array
    """orthonormal (2, P)"""
    shares: tuple[float, float]
    """each direction's fraction of the path's squared extent"""


@dataclass(frozen=True)
class Landscape:
    """The loss over the plane of a path."""

    x: Points
    """(n,), and so is y"""
    y: Points
    loss: Points
    """(n, n), row y, column x"""
    path: Points
    """the path's coordinates (m, 2)"""
    followed: Path
    plane: Plane
    images: int
    """number of images that measured the loss"""
    unit: str
    """the loss's unit"""


def follow(setup: Setup, epochs: int, watch: Watcher) -> Path:
    """Train for this many epochs and keep some of the weights on the way.

    Raises:
        DivergedError: the training leaves the finite numbers.
    """
    theta, steps = setup.network.theta, len(setup.batches)
    room = max(3, min(MOST_POINTS, MOST_BYTES // theta.nbytes))
    steps_apart = math.ceil(epochs * steps / room)
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
        if is_end or steps_begun % steps_apart == 0:
            thetas.append(theta.copy())
        steps_begun += 1

    def on_batch(_steps: int, _loss: float, _accuracy: float | None) -> None:
        nonlocal blocks_done
        blocks_done += 1
        watch(blocks_done, epochs * blocks)

    def is_last(row: EpochMetrics) -> bool:
        return row.epoch == epochs

    with one_blas_thread():
        train_epochs(setup, on_batch=on_batch, on_epoch=is_last, on_step=on_step)
    if epochs % epochs_apart == 0:
        ends.append(len(thetas))
    thetas.append(theta.copy())
    return Path(np.stack(thetas), tuple(ends), epochs_apart)


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


def survey(setup: Setup, path: Path, watch: Watcher) -> Landscape:
    """Measure the loss on a grid over the path's plane, on some of the training images."""
    with one_blas_thread():
        plane = principal_plane(path.thetas)
        coordinates = ((path.thetas - plane.origin) @ plane.directions.T).astype(np.float64)
    x, y = (_ticks(along) for along in coordinates.T)
    n = len(setup.training)
    images = setup.training.take(np.linspace(0, n - 1, min(IMAGES, n)).astype(np.intp))
    theta = np.empty_like(setup.network.theta)
    network = setup.network.with_parameters(theta)
    loss = np.empty((GRID, GRID))
    with one_blas_thread():
        for done, (i, j) in enumerate(np.ndindex(GRID, GRID), 1):
            move = np.array([x[j], y[i]], theta.dtype) @ plane.directions
            np.add(plane.origin, move, out=theta)
            evaluation = evaluate(network.for_prediction(), setup.loss, images, setup.normalization)
            loss[i, j] = evaluation.loss
            watch(done, GRID * GRID)
    return Landscape(x, y, loss, coordinates, path, plane, len(images), setup.loss.unit)


def _ticks(along: Points) -> Points:
    low, high = float(along.min()), float(along.max())
    margin = MARGIN * (high - low)
    return np.linspace(low - margin, high + margin, GRID)


def draw(landscape: Landscape, noun: str = "images") -> Figure:
    """Draw contours of the loss, evenly spaced in its logarithm, and the path over them."""
    picture = figure(7, 6)
    axes = picture.add_subplot()
    loss = np.where(np.isfinite(landscape.loss), landscape.loss, np.nan)
    lowest = np.nanmin(loss[loss > 0], initial=1.0) if (loss > 0).any() else 1e-12
    loss = np.maximum(loss, lowest)
    low, high = float(np.nanmin(loss)), float(np.nanmax(loss))
    high = max(high, low * 1.01)
    levels = np.geomspace(low, high, 16)
    x, y = landscape.x, landscape.y
    shades = axes.contourf(x, y, loss, levels, cmap="cividis", norm=LogNorm(low, high))
    axes.contour(x, y, loss, levels, colors="white", linewidths=0.4)
    px, py = landscape.path.T
    axes.plot(px, py, color="black", linewidth=2.6)
    axes.plot(px, py, color="white", linewidth=1.2, label="path of the training")
    ends = list(landscape.followed.epochs[1:])
    apart = landscape.followed.epochs_apart
    ends_label = "end of an epoch" if apart == 1 else f"every {apart} epochs"
    point: dict[str, Any] = {"color": "white", "markeredgecolor": "black", "linestyle": "none"}
    axes.plot(px[ends], py[ends], marker="o", markersize=5, label=ends_label, **point)
    axes.plot(px[0], py[0], marker="s", markersize=8, label="start", **point)
    axes.plot(px[-1], py[-1], marker="*", markersize=14, label="end", **point)
    first, second = landscape.plane.shares
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


def _draw(runs: Sequence[Subject], _labels: Sequence[str]) -> Figure:
    (run,) = runs
    setup = run.training_setup()
    work_done = run.reporter.work_done
    path = follow(setup, len(run.recorded.history), partial(work_done, "training once more"))
    last = load_checkpoint(run.record.folder.last).network.theta
    if not np.array_equal(path.thetas[-1], last):
        run.reporter.remark(
            f"{run.folder}: training it once more did not end at the same weights "
            "to the last bit (another machine, NumPy or number of workers, or the run was resumed "
            "for more epochs than it began with); the path drawn is the repetition's."
        )
    return draw(survey(setup, path, partial(work_done, "measuring the loss")), noun(runs))


PICTURE = RunPicture(_draw)
