"""A trained network's prediction for one image, explained on one sheet."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mlpcli.explaining.prediction import TracedPrediction, strongest_changes
from mlpcli.explaining.trace import LayerTrace
from mlpcli.nn.arrays import Labels
from mlpcli.pictures.style import COLOURS, DOWN, GREY, UP, figure, grid, shown

MOST_LAYERS, MOST_CLASSES, MOST_WEIGHTS = 4, 30, 5
"""numbers drawn of hidden layers, of classes, and of weights raised as well as lowered"""
SHORTEST_ARROW = 0.03
"""as a fraction of the panel; closer marks need no arrow between them"""
BARS: dict[str, Any] = {"color": COLOURS[4], "edgecolor": COLOURS[0]}


def classes_drawn(traced: TracedPrediction) -> Labels:
    """Return the classes (n,) that are furthest from their targets, in order."""
    error = np.abs(traced.step.prediction[0] - traced.step.target[0])
    return np.sort(np.argsort(-error, kind="stable")[:MOST_CLASSES])


def draw(name: str, traced: TracedPrediction) -> Figure:
    """Draw the sheet; `name` is the image file's name."""
    step = traced.step
    n_hidden = len(step.layers) - 1
    hidden = step.layers[: min(n_hidden, MOST_LAYERS)]
    classes = classes_drawn(traced)
    outputs_height = max(2.6, 0.21 * len(classes) + 0.9)
    heights = [3.1, *(1.5 for _ in hidden), outputs_height, 3.0]
    picture = figure(11, sum(heights) + 0.7)
    images, *activations, outputs, learning = picture.subfigures(
        len(heights), 1, squeeze=False, height_ratios=heights
    )[:, 0]
    _images(images.subplots(1, 3), traced)
    for part, layer in zip(activations, hidden, strict=True):
        _activations(part.subplots(), layer, len(step.layers))
    _outputs(outputs.subplots(1, 3, sharey=True), traced, classes)
    _learning(learning.subplots(1, 2), traced)
    predicted, label = (shown(traced.class_names[i]) for i in (traced.predicted, traced.label))
    title = f"{shown(name)}: taken for {predicted}"
    title += f"; one step of SGD towards {label}, learning rate {step.learning_rate:g}"
    if len(hidden) < n_hidden:
        title += f"; the first {len(hidden)} of {n_hidden} hidden layers"
    picture.suptitle(title, fontsize=11)
    return picture


def _images(panels: Sequence[Axes], traced: TracedPrediction) -> None:
    """Draw the image, what speaks for its label, and the norm of each layer's gradient."""
    saw, speaks, table = panels
    height, width = traced.pixels.shape
    saw.imshow(traced.pixels, cmap="gray_r", vmin=0, vmax=255)
    saw.set_title(f"What it saw, {height}×{width}")
    largest = float(np.abs(traced.for_the_label).max()) or 1.0
    drawn = speaks.imshow(traced.for_the_label, cmap="gray", vmin=-largest, vmax=largest)
    if min(height, width) > 1 and traced.pixels.min() < 128 <= traced.pixels.max():
        speaks.contour(traced.pixels, levels=[128], colors=COLOURS[1], linewidths=1.0)
    speaks.set_title(f"Which pixels speak for {shown(traced.class_names[traced.label])}")
    bar = speaks.figure.colorbar(drawn, ax=speaks, shrink=0.85)
    bar.set_label(f"∂ {traced.score}/∂x: ink speaks against … for")
    for axes in (saw, speaks):
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(True)
    norms = [float(np.linalg.norm(layer.W.gradient)) for layer in traced.step.layers]
    places = np.arange(len(norms))
    table.barh(places, norms, **BARS, height=0.6)
    table.set_yticks(places, [f"layer {layer.number}" for layer in traced.step.layers])
    table.invert_yaxis()
    table.set_xlabel("norm of ∂L/∂W")
    table.xaxis.set_major_locator(MaxNLocator(4))
    table.ticklabel_format(axis="x", scilimits=(-2, 3))
    table.set_title("How much each layer would learn")
    grid(table)


def _activations(axes: Axes, layer: LayerTrace, n_layers: int) -> None:
    a = layer.a[0]
    units = np.arange(1, len(a) + 1)
    axes.vlines(units, 0, a, color=COLOURS[0], linewidth=max(0.6, min(4.0, 300 / len(a))))
    axes.axhline(0, color=GREY, linewidth=0.7)
    axes.set_xlim(0.4, len(a) + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    above = f"{np.count_nonzero(a > 0)} of {len(a)} units are above 0"
    axes.set_title(f"Layer {layer.number} of {n_layers}, {layer.activation}: {above}", loc="left")
    axes.set(xlabel="unit", ylabel="activation")
    grid(axes)


def _outputs(panels: Sequence[Axes], traced: TracedPrediction, classes: Labels) -> None:
    """Draw the outputs, what each should do, and the probabilities before and after the step."""
    step = traced.step
    outputs, arrows, after = panels
    places = np.arange(len(classes))
    outputs.barh(places, step.layers[-1].a[0][classes], **BARS, height=0.6)
    outputs.axvline(0, color=GREY, linewidth=0.7)
    outputs.set_yticks(places, [shown(traced.class_names[i]) for i in classes])
    outputs.invert_yaxis()
    all_drawn = len(classes) == len(traced.class_names)
    outputs.set_title("Outputs" if all_drawn else f"Outputs, {len(classes)} furthest off")
    outputs.set(xlabel="output", ylabel="class")
    p, t = step.prediction[0][classes], step.target[0][classes]
    arrows.plot(p, places, "o", color="black", markersize=4)
    arrows.plot(t, places, "|", color=COLOURS[1], markersize=11, mew=2)
    low, high = min(0.0, float(p.min())), max(1.0, float(p.max()))
    for place, start, end in zip(places, p, t, strict=True):
        if abs(start - end) > SHORTEST_ARROW * (high - low):
            style: dict[str, Any] = {"arrowstyle": "-|>", "color": UP if end > start else DOWN}
            style |= {"shrinkA": 0, "shrinkB": 0}
            arrows.annotate("", xy=(end, place), xytext=(start, place), arrowprops=style)
    room = 0.06 * (high - low)
    arrows.set_xlim(low - room, high + room)
    arrows.set_title("What each output should do (blue: rise,\nred: fall): go from p to t")
    smoothed = "" if np.array_equal(step.target, step.t) else ", smoothed"
    arrows.set_xlabel(f"dot: p, the prediction; bar: t, the target{smoothed}")
    before, later = traced.probabilities[classes], traced.probabilities_after[classes]
    after.barh(places - 0.2, before, height=0.36, color="#CFCFCF", edgecolor="black")
    after.barh(places + 0.2, later, height=0.36, color=COLOURS[0], edgecolor="black")
    both = np.concatenate([before, later])
    after.set_xlim(min(0.0, float(both.min())), max(1.0, float(both.max())))
    after.set_title("p before the step (pale)\nand after it (dark)")
    after.set_xlabel("p, the prediction")
    for axes in panels:
        axes.set_ylim(len(classes) - 0.4, -0.6)
        grid(axes)


def _learning(panels: Sequence[Axes], traced: TracedPrediction) -> None:
    """Draw the weights of the last layer that the step raises and lowers most."""
    changes = strongest_changes(traced, MOST_WEIGHTS)
    source = "unit" if len(traced.step.layers) > 1 else "pixel"
    raised = [each for each in changes if each.change > 0]
    lowered = [each for each in changes if each.change < 0]
    for axes, chosen, title, colour in zip(
        panels, (raised, lowered), ("raised", "lowered"), (UP, DOWN), strict=True
    ):
        places = np.arange(len(chosen))
        axes.barh(places, [each.change for each in chosen], color=colour, edgecolor="black")
        names = [f"{source} {each.unit} → {shown(each.class_name)}" for each in chosen]
        axes.set_yticks(places, names)
        axes.invert_yaxis()
        axes.set_title(f"Weights of the last layer that are {title} most")
        axes.set_xlabel("change, −η ∂L/∂W")
        axes.xaxis.set_major_locator(MaxNLocator(5))
        grid(axes)
