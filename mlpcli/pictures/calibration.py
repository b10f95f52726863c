"""Reliability diagrams: is the network right as often as it is confident?

Naeini, Cooper and Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning",
2015; Guo et al., "On Calibration of Modern Neural Networks", 2017.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from mlpcli.inference.calibration import BINS, calibration
from mlpcli.pictures.catalogue import RunPicture, without_classes
from mlpcli.pictures.style import COLOURS, DASHES, GREY, figure, grid, line_style, run_label
from mlpcli.pictures.subject import noun
from mlpcli.training.evaluation import Evaluation


def draw(evaluations: Sequence[Evaluation], labels: Sequence[str], noun: str = "images") -> Figure:
    """Draw the accuracy against the confidence, and the number of images in each bin."""
    picture = figure(6.2, 7)
    upper, lower = picture.subplots(2, 1, sharex=True, height_ratios=[3, 1.2])
    upper.plot([0, 100], [0, 100], color=GREY, linestyle="--", label="perfectly calibrated")
    edges = np.linspace(0, 100, BINS + 1)
    for i, (evaluation, label) in enumerate(zip(evaluations, labels, strict=True)):
        found = calibration(evaluation.probabilities, evaluation.labels)
        error = f"expected calibration error {100 * found.expected_error:.2f} %"
        full = found.counts > 0
        style = {**line_style(i), "markersize": 5, "label": f"{run_label(label)}: {error}"}
        upper.plot(100 * found.confidence[full], 100 * found.accuracy[full], **style)
        share = 100 * found.counts / max(len(evaluation.labels), 1)
        if len(evaluations) == 1:
            lower.bar(edges[:-1], share, 100 / BINS, align="edge", color=COLOURS[4], ec="white")
        else:
            lower.stairs(share, edges, color=COLOURS[i], linewidth=1.5, linestyle=DASHES[i % 4])
    upper.set_ylabel(f"{noun} that were right (% of the bin)")
    upper.set_ylim(-3, 103)
    upper.set_xlim(0, 103)
    lower.set_ylabel(f"test {noun} (%)")
    lower.set_xlabel("probability given to the predicted class (%)")
    grid(upper)
    grid(lower)
    picture.legend(loc="outside upper center", ncols=1)
    return picture


PICTURE = RunPicture(
    lambda runs, labels: draw([run.evaluation for run in runs], labels, noun(runs)),
    why_not=without_classes,
)
