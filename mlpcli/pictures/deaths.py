"""On how many training examples each hidden unit fires, step by step, and where a unit dies.

A unit is dead from the step on after which its slope is 0 for every training example, to the end:
no error comes through it, so its weights have no gradient. The weights come from training once
more, which the config and its seed determine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from numpy.typing import NDArray

from mlpcli.explaining.deaths import hidden_layers
from mlpcli.pictures.activations import at_rest
from mlpcli.pictures.catalogue import RunPicture, without_hidden_layer
from mlpcli.pictures.style import COLOURS, figure, heading, run_label
from mlpcli.pictures.subject import Subject, noun
from mlpcli.pictures.weight_path import WeightPath, follow
from mlpcli.training.setup import Setup

EXAMPLES = 1000
"""largest number of training examples that are asked"""
MOST_LAYERS, MOST_NAMED = 4, 2
FEW_STEPS = 50
"""number of steps up to which their axis is linear; the first ones matter most"""


@dataclass(frozen=True)
class Life:
    """The units of one hidden layer through a training."""

    activation: str
    steps: tuple[int, ...]
    """(n,), number of steps done"""
    rates: NDArray[np.float64]
    """(n, n_units), fraction of the examples for which the unit's output is above σ(0)"""
    death: tuple[int | None, ...]
    """(n_units,), the step that the unit did not survive, 0 if it never lived; None if it lives"""


def lives(setup: Setup, path: WeightPath) -> list[Life]:
    """Ask the network at each place of its path for every hidden unit's output and slope.

    Batch normalisation is that of training, with the examples as the batch.
    """
    x, _ = setup.spread_examples(EXAMPLES)
    theta = np.empty_like(setup.network.theta)
    network = setup.network.with_parameters(theta).without_dropout()
    names, widths = network.activations[:-1], network.sizes[1:-1]
    rates = [np.empty((len(path.thetas), width)) for width in widths]
    alive = [np.empty((len(path.thetas), width), bool) for width in widths]
    for row, passed in enumerate(path.thetas):
        theta[...] = passed
        for i, layer in enumerate(hidden_layers(network, x)):
            rates[i][row] = (layer.a > at_rest(layer.activation)).mean(axis=0)
            alive[i][row] = layer.lives
    return [
        Life(name, path.steps, rate, tuple(_death(column, path.steps) for column in living.T))
        for name, rate, living in zip(names, rates, alive, strict=True)
    ]


def _death(alive: NDArray[np.bool_], steps: Sequence[int]) -> int | None:
    """Return the step after which a unit is never alive again; None if it is at the end."""
    if alive[-1]:
        return None
    (living,) = np.nonzero(alive)
    return steps[living[-1] + 1] if len(living) else 0


def draw(runs: Sequence[list[Life]], labels: Sequence[str], noun: str = "images") -> Figure:
    """Draw a column for each run and a row for each hidden layer."""
    depth = min(MOST_LAYERS, max(len(layers) for layers in runs))
    tallest = max(layer.rates.shape[1] for layers in runs for layer in layers[:depth])
    height = min(4.5, 2.0 + 0.15 * tallest)
    picture = figure(max(7.0, 3.9 * len(runs) + 1), depth * height + 1.0)
    panels = picture.subplots(depth, len(runs), squeeze=False)
    for column, layers, label in zip(panels.T, runs, labels, strict=True):
        for i, axes in enumerate(column):
            if i >= len(layers):
                axes.set_axis_off()
                continue
            layer = layers[i]
            edges = np.array([*layer.steps, layer.steps[-1] + 1]) + 0.5
            n = layer.rates.shape[1]
            cross = {"color": COLOURS[1], "mec": "white", "markersize": min(10, max(4, 200 / n))}
            drawn = axes.pcolormesh(
                edges,
                np.arange(n + 1) + 0.5,
                100 * layer.rates.T,
                cmap="cividis",
                vmin=0,
                vmax=100,
            )
            for unit, step in enumerate(layer.death, 1):
                if step is not None:
                    axes.plot(step + 1, unit, "X", **cross)
            axes.invert_yaxis()
            axes.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            if layer.steps[-1] > FEW_STEPS:
                axes.set_xscale("log")
                axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
                axes.xaxis.set_minor_formatter("")
            else:
                axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            axes.set_ylabel(f"hidden layer {i + 1}, unit")
            head = f"{run_label(label)}\n" if i == 0 else ""
            axes.set_title(f"{head}{layer.activation}: {_deaths_text(layer)}", loc="left")
        column[min(depth, len(layers)) - 1].set_xlabel("step that comes next")
    bar = picture.colorbar(drawn, ax=panels, extend="neither")
    bar.set_label(f"fires on (% of the training {noun})")
    heading(
        picture,
        "How often each unit fires (is above σ(0)). A unit is dead from × on: its slope is 0 there "
        f"for all {noun} ({EXAMPLES:,} at most), so no error reaches its weights.",
    )
    return picture


def _deaths_text(layer: Life) -> str:
    dead = [(unit, step) for unit, step in enumerate(layer.death, 1) if step is not None]
    if not dead:
        return "no unit dies"
    if len(dead) > MOST_NAMED:
        first, last = (each(step for _, step in dead) for each in (min, max))
        return f"{len(dead)} of {len(layer.death)} units die, from step {first} to {last}"
    has_every_step = layer.steps[-1] - layer.steps[0] == len(layer.steps) - 1
    dies = "dies in" if has_every_step else "dies by"  # of a long path some steps are kept
    return ", ".join(
        f"unit {unit} {f'{dies} step {step}' if step else 'never lived'}" for unit, step in dead
    )


def _draw(runs: Sequence[Subject], labels: Sequence[str]) -> Figure:
    found = []
    for run in runs:
        setup = run.training_setup()
        watch = partial(run.reporter.work_done, "training once more")
        path = follow(setup, run.epochs_to_its_end, watch)
        found.append(lives(setup, path))
    return draw(found, labels, noun(runs))


PICTURE = RunPicture(_draw, why_not=without_hidden_layer)
