"""The firing rates of the hidden units, and the units that never change."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from mlpcli.data.dataset import Dataset
from mlpcli.inference.model import Model
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.arrays import Labels
from mlpcli.pictures.catalogue import RunPicture, without_hidden_layer
from mlpcli.pictures.style import COLOURS, figure, grid
from mlpcli.pictures.subject import noun
from mlpcli.training.evaluation import outputs

MOST_LAYERS, MOST_NAMED = 6, 12
CONSTANT = 1e-6
"""largest range of a dead unit's outputs, as a fraction of the largest output"""


@dataclass(frozen=True)
class Firing:
    """The response of one hidden layer to a dataset."""

    activation: str
    rates: NDArray[np.float64]
    """(n,) fraction of the images on which each unit's output is above σ(0)"""
    dead: Labels
    """indices of the units whose output is the same for all of several images"""


def firing(model: Model, dataset: Dataset) -> list[Firing]:
    """Run a dataset through the network and measure each hidden layer."""
    network = model.network
    names, widths = network.activations[:-1], network.sizes[1:-1]
    thresholds = [at_rest(name) for name in names]
    fired = [np.zeros(n, np.intp) for n in widths]
    low, high = [np.full(n, np.inf) for n in widths], [np.full(n, -np.inf) for n in widths]
    for _ in outputs(network, model.as_seen(dataset), model.normalization):
        for i, layer_after in enumerate(network.dense[1:]):
            a = layer_after.a
            fired[i] += np.count_nonzero(a > thresholds[i], axis=0)
            np.minimum(low[i], a.min(axis=0), out=low[i])
            np.maximum(high[i], a.max(axis=0), out=high[i])
    layers = []
    for i, name in enumerate(names):
        largest = np.maximum(np.abs(low[i]), np.abs(high[i]))
        is_dead = high[i] - low[i] <= CONSTANT * largest
        if len(dataset) < 2:
            is_dead[:] = False
        layers.append(Firing(name, fired[i] / max(len(dataset), 1), np.flatnonzero(is_dead)))
    return layers


def at_rest(activation: str) -> float:
    """Return σ(0)."""
    out = np.empty(1)
    ACTIVATIONS[activation].value(np.zeros(1), out)
    return float(out[0])


def draw(layers: list[Firing], noun: str = "images") -> Figure:
    """Draw a panel for each hidden layer, its units sorted by their rates."""
    drawn = layers[:MOST_LAYERS]
    picture = figure(7.5, 2.3 * len(drawn) + 0.8)
    panels = picture.subplots(len(drawn), 1, squeeze=False)[:, 0]
    for i, (axes, layer) in enumerate(zip(panels, drawn, strict=True)):
        order = np.argsort(-layer.rates, kind="stable")
        rates = 100 * layer.rates[order]
        edges = np.arange(len(order) + 1) + 0.5
        axes.stairs(rates, edges, fill=True, color=COLOURS[4], alpha=0.5)
        axes.stairs(rates, edges, color=COLOURS[0], linewidth=1.3)
        (dead,) = np.nonzero(np.isin(order, layer.dead))
        axes.plot(dead + 1, rates[dead], "x", color="black", markersize=5)
        axes.set_ylim(-4, 104)
        axes.set_xlim(0.5, len(order) + 0.5)
        axes.set_ylabel(f"fires on\n(% of the {noun})")
        units = "1 unit" if len(order) == 1 else f"{len(order)} units"
        title = f"hidden layer {i + 1}: {units}, {layer.activation}; {_dead_text(layer)}"
        axes.set_title(title, loc="left")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        grid(axes)
    panels[-1].set_xlabel("unit (rank, the one that fires most first)")
    title = f"How often each hidden unit fires (is above σ(0)) on the test {noun}"
    if len(layers) > len(drawn):
        title += f"; the first {len(drawn)} of {len(layers)} layers"
    title += "\nA unit is dead (×) if its output is the same for all of them."
    picture.suptitle(title, fontsize=10)
    return picture


def _dead_text(layer: Firing) -> str:
    n = len(layer.dead)
    silent = np.setdiff1d(np.flatnonzero(layer.rates == 0), layer.dead)
    text = f"dead (×): {_named(layer.dead)}" if n else "none is dead"
    if len(silent):
        text += f"; below σ(0), but changing: {_named(silent)}"
    return text


def _named(units: Labels) -> str:
    named = ", ".join(str(i + 1) for i in units[:MOST_NAMED])
    if len(units) > MOST_NAMED:
        named += f" and {len(units) - MOST_NAMED} more"
    return f"{'unit' if len(units) == 1 else 'units'} {named}"


PICTURE = RunPicture(
    lambda runs, _labels: draw(firing(runs[0].model, runs[0].test), noun(runs)),
    why_not=without_hidden_layer,
)
