"""The norms of each layer's gradient and update by epoch, from gradients.csv."""

from collections.abc import Sequence
from typing import Any

from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mlpcli.errors import DataError
from mlpcli.pictures.catalogue import RunPicture
from mlpcli.pictures.curves import values
from mlpcli.pictures.style import (
    COLOURS,
    DASHES,
    figure,
    grid,
    legend_outside,
    line_style,
    logarithmic,
    marked,
    run_label,
)
from mlpcli.pictures.subject import Subject, noun
from mlpcli.storage.records import read_gradients
from mlpcli.training.metrics import GradientNorms

NORMS = {
    "gradient_norm": "norm of the gradient\n(loss per unit of weight)",
    "update_norm": "norm of the update over the epoch\n(units of weight)",
}


def by_layer(rows: Sequence[GradientNorms]) -> dict[int, list[GradientNorms]]:
    """Return the rows of each layer, first to last."""
    layers = sorted({row.layer for row in rows})
    return {layer: [row for row in rows if row.layer == layer] for layer in layers}


def _shade(i: int, n: int) -> dict[str, Any]:
    """Return the style of the i-th of many layers: the deeper, the lighter."""
    shade = colormaps["cividis"](0.88 * i / (n - 1))
    return {"color": shade, "linestyle": DASHES[i % len(DASHES)], "marker": "."}


def draw(
    runs: Sequence[dict[int, list[GradientNorms]]], labels: Sequence[str], noun: str = "images"
) -> Figure:
    """Draw a column for each run on the same log scales: gradients above, updates below."""
    width = max(7.5, 3.9 * len(runs))
    picture = figure(width, 6.5)
    panels = picture.subplots(2, len(runs), sharex="col", sharey="row", squeeze=False)
    depth = max(len(layers) for layers in runs)
    for column, layers, label in zip(panels.T, runs, labels, strict=True):
        for i, (layer, rows) in enumerate(layers.items()):
            style = line_style(i) if depth <= len(COLOURS) else _shade(i, depth)
            style |= {"markersize": 4, "linewidth": 1.3, "label": f"layer {layer}"}
            style |= marked(len(rows), i, len(layers))
            for axes, name in zip(column, NORMS, strict=True):
                axes.plot([row.epoch for row in rows], values(rows, name), **style)
        if len(runs) > 1:
            column[0].set_title(run_label(label), loc="left")
        column[1].set_xlabel(f"epoch (passes over the training {noun})")
        column[1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    every = [row for layers in runs for rows in layers.values() for row in rows]
    for panel_row, (name, title) in zip(panels, NORMS.items(), strict=True):
        logarithmic(panel_row, values(every, name))
        panel_row[0].set_ylabel(title)
    for axes in panels.flat:
        grid(axes)
    deepest = max(panels[0], key=lambda axes: len(axes.lines))
    handles, names = deepest.get_legend_handles_labels()
    legend_outside(picture, handles, names, most=int(width / 1.25))
    return picture


def _recorded(run: Subject) -> dict[int, list[GradientNorms]]:
    path = run.record.folder.gradients
    rows = read_gradients(path)
    if not rows:
        raise DataError(f"{path}: no row in it yet; draw it once an epoch is done.")
    return by_layer(rows)


PICTURE = RunPicture(
    lambda runs, labels: draw([_recorded(run) for run in runs], labels, noun(runs)),
)
