"""The function of a network of one input and one output, over the points it learned from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlpcli.data.dataset import Dataset
from mlpcli.inference.model import Model
from mlpcli.nn.arrays import Array
from mlpcli.pictures.catalogue import RunPicture
from mlpcli.pictures.style import DASHES, GREY, figure, grid, line_style, marked, run_label, shown
from mlpcli.pictures.subject import Subject
from mlpcli.training.evaluation import outputs

PLACES, MARGIN = 601, 0.05
"""points of a curve; margin beyond the examples, as a fraction of their range"""
MARKS = 12
"""largest number of markers on a curve"""
FEW_POINTS = 40
"""number of points below which they are drawn larger"""


@dataclass(frozen=True)
class Curve:
    """A network's outputs over a range of inputs."""

    label: str
    x: NDArray[np.float64]
    """(n,), rising"""
    y: NDArray[np.float64]


def answers(model: Model, x: Array) -> Array:
    """Return the network's outputs (n, n_out) for the inputs (n, n_in).

    Raises:
        CheckpointError: an output is not finite.
    """
    unknown = np.zeros(len(x), np.intp)
    dataset = Dataset(x, unknown, (1, x.shape[1]), model.output_names)
    found = [z.copy() for z, _ in outputs(model.network, dataset, model.normalization)]
    numbers: Array = np.concatenate(found)
    model.refuse_unless_finite(numbers)
    return numbers


def spread(values: Array, n: int, margin: float) -> NDArray[np.float64]:
    """Return `n` numbers over the range of `values`, widened at each end by `margin` times it."""
    low, high = float(values.min()), float(values.max())
    beyond = margin * (high - low) or 1.0
    return np.linspace(low - beyond, high + beyond, n)


def curve(model: Model, training: Dataset, loss: float, label: str) -> Curve:
    """Return a run's curve over its training inputs; `loss` is that on the test set."""
    x = spread(training.images, PLACES, MARGIN)
    sizes = "-".join(map(str, model.network.sizes))
    text = f"{run_label(label)} ({sizes}): test loss {loss:.3g}"
    y = model.predict(x[:, np.newaxis])[:, 0]
    return Curve(text, x, y.astype(np.float64))


def draw(training: Dataset, curves: Sequence[Curve], input_name: str, output_name: str) -> Figure:
    """Draw the points and every curve; the names are those of the table's columns."""
    assert training.targets is not None  # noqa: S101
    picture = figure(7.5, 3.9 + 0.2 * len(curves))
    axes = picture.add_subplot()
    n = len(training)
    size = 6 if n < FEW_POINTS else 4
    look: dict[str, Any] = {"markerfacecolor": "white", "markeredgecolor": GREY}
    label = "trained on: 1 point" if n == 1 else f"trained on: {n} points"
    x, y = training.images[:, 0], training.targets[:, 0]
    axes.plot(x, y, "o", markersize=size, label=label, **look)
    for i, found in enumerate(curves):
        style = line_style(i) | marked(PLACES, i, len(curves), MARKS)
        style |= {"markersize": 5, "linestyle": DASHES[i % len(DASHES)], "linewidth": 1.6}
        if len(curves) == 1:
            style["marker"] = ""
        axes.plot(found.x, found.y, label=found.label, **style)
    axes.set_xlabel(shown(input_name))
    axes.set_ylabel(shown(output_name))
    grid(axes)
    picture.legend(loc="outside upper center", ncols=1)
    return picture


def _why_not(run: Subject) -> str | None:
    sizes = run.model.network.sizes
    if run.is_regression and sizes[0] == sizes[-1] == 1:
        return None
    return "the picture is of a regression of one input and one output"


def _share_points(one: Subject, other: Subject) -> bool:
    a, b = one.training, other.training
    same_targets = np.array_equal(np.asarray(a.targets), np.asarray(b.targets))
    return np.array_equal(a.images, b.images) and same_targets


def _draw(runs: Sequence[Subject], labels: Sequence[str]) -> Figure:
    training = runs[0].training
    pairs = zip(runs, labels, strict=True)
    curves = [curve(run.model, training, run.evaluation.loss, label) for run, label in pairs]
    return draw(training, curves, runs[0].input_names[0], runs[0].output_name)


PICTURE = RunPicture(_draw, _why_not, _share_points)
