"""The norms of each layer's gradient and update by epoch, from gradients.csv."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mlpcli.errors import DataError
from mlpcli.pictures.catalogue import RunPicture
from mlpcli.pictures.style import (
    COLOURS,
    DASHES,
    figure,
    grid,
    line_style,
    logarithmic,
    marked,
    run_label,
)
from mlpcli.pictures.subject import Subject, noun
from mlpcli.storage.records import read_gradients
from mlpcli.training.metrics import GradientNorms


@dataclass
class LayerHistory:
    """One layer's norms by epoch; nan where there is no number."""

    epochs: list[float] = field(default_factory=list)
    gradient: list[float] = field(default_factory=list)
    update: list[float] = field(default_factory=list)


def by_layer(rows: Sequence[GradientNorms]) -> dict[int, LayerHistory]:
    """Return the history of each layer, first to last."""
    layers = {layer: LayerHistory() for layer in sorted({row.layer for row in rows})}
    for row in rows:
        norms = layers[row.layer]
        norms.epochs.append(row.epoch)
        norms.gradient.append(math.nan if row.gradient_norm is None else row.gradient_norm)
        norms.update.append(math.nan if row.update_norm is None else row.update_norm)
    return layers


def _shade(i: int, n: int) -> dict[str, Any]:
    """Return the style of the i-th of many layers: the deeper, the lighter."""
    shade = colormaps["cividis"](0.88 * i / (n - 1))
    return {"color": shade, "linestyle": DASHES[i % len(DASHES)], "marker": "."}


def draw(
    runs: Sequence[dict[int, LayerHistory]], labels: Sequence[str], noun: str = "images"
) -> Figure:
    """Draw a column for each run on the same log scales: gradients above, updates below."""
    width = max(7.5, 3.9 * len(runs))
    picture = figure(width, 6.5)
    panels = picture.subplots(2, len(runs), sharex="col", sharey="row", squeeze=False)
    depth = max(len(layers) for layers in runs)
    for (upper, lower), layers, label in zip(panels.T, runs, labels, strict=True):
        for i, (layer, norms) in enumerate(layers.items()):
            style = line_style(i) if depth <= len(COLOURS) else _shade(i, depth)
            style |= {"markersize": 4, "linewidth": 1.3, "label": f"layer {layer}"}
            style |= marked(len(norms.epochs), i, len(layers))
            upper.plot(norms.epochs, norms.gradient, **style)
            lower.plot(norms.epochs, norms.update, **style)
        if len(runs) > 1:
            upper.set_title(run_label(label), loc="left")
        lower.set_xlabel(f"epoch (passes over the training {noun})")
        lower.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    every = [norms for layers in runs for norms in layers.values()]
    logarithmic(panels[0], [norm for norms in every for norm in norms.gradient])
    logarithmic(panels[1], [norm for norms in every for norm in norms.update])
    for axes in panels.flat:
        grid(axes)
    panels[0, 0].set_ylabel("norm of the gradient\n(loss per unit of weight)")
    panels[1, 0].set_ylabel("norm of the update over the epoch\n(units of weight)")
    deepest = max(panels[0], key=lambda axes: len(axes.lines))
    handles, names = deepest.get_legend_handles_labels()
    picture.legend(handles, names, loc="outside upper center", ncols=int(width / 1.25))
    return picture


def _recorded(run: Subject) -> dict[int, LayerHistory]:
    path = run.record.folder.gradients
    rows = read_gradients(path)
    if not rows:
        raise DataError(f"{path}: no row in it yet; draw it once an epoch is done.")
    return by_layer(rows)


PICTURE = RunPicture(
    lambda runs, labels: draw([_recorded(run) for run in runs], labels, noun(runs)),
)
