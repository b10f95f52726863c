"""The confusion matrix: how often each class was taken for each other one."""

import math

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlpcli.inference.class_metrics import Counts, confusion_matrix
from mlpcli.pictures.catalogue import RunPicture, without_classes
from mlpcli.pictures.style import figure, shown
from mlpcli.pictures.subject import noun
from mlpcli.training.evaluation import Evaluation

MOST_WITH_NUMBERS, MOST_NAMES = 20, 32
"""number of classes for which the cells have room for numbers; number of names along an axis"""
SMALL_SHARES_SHOW = 0.35
"""exponent of the shading, so that one mistake is visible beside 99 right answers"""


def shares(confusion: Counts) -> NDArray[np.float64]:
    """Return each row of a confusion matrix as fractions of its true class; 0 for an empty row."""
    found: NDArray[np.float64] = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    return found


def draw(evaluation: Evaluation, noun: str = "images") -> Figure:
    """Draw counts and percentages of the true class: true classes down, predicted across."""
    counts = confusion_matrix(evaluation)
    share = 100 * shares(counts)
    names = [shown(name) for name in evaluation.class_names]
    n = len(names)
    with_numbers = n <= MOST_WITH_NUMBERS
    side = max(5.5, 0.62 * n) if with_numbers else 9.0
    picture = figure(side + 1.6, side + 0.4)
    axes = picture.add_subplot()
    image = axes.imshow(share, cmap="Blues", norm=PowerNorm(SMALL_SHARES_SHOW, 0, 100))
    axes.spines[:].set_visible(False)
    ticks = range(n) if with_numbers else range(0, n, math.ceil(n / MOST_NAMES))
    axes.set_xticks(ticks, [names[i] for i in ticks])
    axes.set_yticks(ticks, [names[i] for i in ticks])
    if max(map(len, names)) > 3:
        axes.tick_params(axis="x", labelrotation=90)
    if with_numbers:
        for i, j in np.argwhere(counts):
            text = f"{counts[i, j]}\n{share[i, j]:.1f} %"
            colour = "white" if share[i, j] > 30 else "black"
            cell = axes.text(j, i, text, ha="center", va="center", fontsize=7, color=colour)
            cell.set_in_layout(False)  # to measure all takes as long as to draw them
    axes.set_xlabel("predicted class")
    right, total = int(counts.trace()), int(counts.sum())
    axes.set_title(
        f"{right:,} of {total:,} test {noun} right ({100 * right / max(total, 1):.2f} %)"
    )
    bar = picture.colorbar(image, ax=axes, shrink=0.8, ticks=[0, 1, 5, 20, 50, 100])
    bar.set_label("share of the true class (%): the darker, the larger; small shares stretched")
    bar.ax.minorticks_off()
    axes.set_ylabel("true class (each row adds up to 100 %)")
    return picture


PICTURE = RunPicture(
    lambda runs, _labels: draw(runs[0].evaluation, noun(runs)),
    why_not=without_classes,
)
