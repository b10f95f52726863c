"""How far activations and gradients spread in each layer at the start of a training.

The figures 6 and 7 of Glorot and Bengio, "Understanding the difficulty of training deep feedforward
neural networks", 2010: a start that is too narrow loses the signal on the way forward and the error
on the way back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from mlpcli.pictures.catalogue import RunPicture, without_hidden_layer
from mlpcli.pictures.style import (
    COLOURS,
    figure,
    grid,
    heading,
    legend_outside,
    logarithmic,
    run_label,
)
from mlpcli.pictures.subject import Subject, noun
from mlpcli.training.setup import Setup

EXAMPLES = 256
"""number of training examples, evenly spread over the training set"""
SHARES = (1, 25, 50, 75, 99)
"""percentiles that are drawn of each layer's activations"""


@dataclass(frozen=True)
class LayerSpread:
    """One dense layer of a network that has learned nothing yet."""

    activation: str
    percentiles: NDArray[np.float64]
    """(5,), those of `SHARES`, of a over the examples and units"""
    activations: float
    """the standard deviation of a"""
    errors: float
    """the standard deviation of dL/dz of single examples"""


def spreads(setup: Setup) -> list[LayerSpread]:
    """Run examples forward and back through the network of `setup`, which has not begun."""
    network = setup.network
    observer = network.without_dropout()
    x, t = setup.spread_examples(EXAMPLES)
    delta = np.empty_like(t)
    z = observer.forward(x)
    outputs = [*(dense.a for dense in observer.dense[1:]), z]
    found = [(np.percentile(a, SHARES), float(a.std())) for a in outputs]
    setup.loss.delta(z, t, delta)
    observer.send_back(delta)
    layers = zip(network.activations, observer.dense, found, strict=True)
    return [
        LayerSpread(name, percentiles, std, float(dense.delta.std()))
        for name, dense, (percentiles, std) in layers
    ]


def draw(runs: Sequence[list[LayerSpread]], labels: Sequence[str], noun: str = "images") -> Figure:
    """Draw a column for each run: its activations above, the standard deviations below."""
    picture = figure(max(7.0, 3.2 * len(runs) + 0.6), 6.8)
    panels = picture.subplots(
        2, len(runs), sharex="col", sharey="row", squeeze=False, height_ratios=(1.2, 1)
    )
    for (above, below), layers, label in zip(panels.T, runs, labels, strict=True):
        hidden = layers[:-1]
        _draw_percentiles(above, hidden)
        above.set_title(label, loc="left")
        numbers = np.arange(1, len(layers) + 1)
        size = {"markersize": 5, "linewidth": 1.4}
        stds = [layer.activations for layer in hidden]
        below.plot(numbers[:-1], stds, "o-", color=COLOURS[0], label="activations a", **size)
        errors = [layer.errors for layer in layers]
        below.plot(numbers, errors, "s--", color=COLOURS[1], label="errors ∂L/∂z", **size)
        below.set_xlabel("layer (the last is the output)")
        below.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        for axes in (above, below):
            axes.set_xlim(0.4, len(layers) + 0.6)
            grid(axes)
    every = [
        value for layers in runs for each in layers for value in (each.activations, each.errors)
    ]
    logarithmic(list(panels[1]), every)
    panels[0][0].set_ylabel(
        "activations at the start (no unit)\nline: 98 %, bar: half, dot: median"
    )
    panels[1][0].set_ylabel("standard deviation\n(a: no unit; ∂L/∂z: loss per unit)")
    handles, names = panels[1][0].get_legend_handles_labels()
    legend_outside(picture, handles, names, most=2, loc="outside lower center")
    heading(
        picture,
        f"Before the first step: how far the signal of training {noun} spreads on its way forward, "
        "and the error on its way back",
    )
    return picture


def _draw_percentiles(axes: Axes, layers: Sequence[LayerSpread]) -> None:
    numbers = np.arange(1, len(layers) + 1)
    lowest, low, middle, high, highest = np.array([each.percentiles for each in layers]).T
    axes.vlines(numbers, lowest, highest, color=COLOURS[0], linewidth=1.4)
    axes.bar(numbers, high - low, 0.5, low, color=COLOURS[4], edgecolor=COLOURS[0], zorder=2)
    axes.plot(numbers, middle, "o", color="black", markersize=4)


def _draw(runs: Sequence[Subject], labels: Sequence[str]) -> Figure:
    heads = [
        f"{run_label(label)}\n{', '.join(dict.fromkeys(run.model.network.activations[:-1]))}, "
        f"{run.record.setting('network', 'initializer', 'name')}"
        for run, label in zip(runs, labels, strict=True)
    ]
    return draw([spreads(run.training_setup()) for run in runs], heads, noun(runs))


PICTURE = RunPicture(_draw, why_not=without_hidden_layer)
