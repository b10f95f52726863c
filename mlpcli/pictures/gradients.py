"""The length of each layer's gradient and update over time, from gradients.csv."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, StrMethodFormatter

from mlpcli.errors import DataError
from mlpcli.pictures.style import COLOURS, DASHES, figure, grid, line_style, shown
from mlpcli.training.records import read_table

COLUMNS = ["epoch", "layer", "gradient_norm", "update_norm"]
FEW_DECADES = 1e4
"""the largest norm over the smallest, below which there is room for 1, 2 and 5 on the axis"""


@dataclass
class LayerNorms:
    """One layer's columns."""

    epochs: list[float] = field(default_factory=list)
    gradient: list[float] = field(default_factory=list)
    update: list[float] = field(default_factory=list)


def read_gradients(path: Path) -> dict[str, LayerNorms]:
    """The norms of each layer, in the order in which the file names them.

    Raises:
        DataError: there is no such file, or it is damaged.
    """
    layers: dict[str, LayerNorms] = {}
    for line, row in read_table(path, COLUMNS):
        epoch, gradient, update = (
            _number(row[name], f"{path}:{line}: {name}")
            for name in ("epoch", "gradient_norm", "update_norm")
        )
        norms = layers.setdefault(row["layer"], LayerNorms())
        norms.epochs.append(epoch)
        norms.gradient.append(gradient)
        norms.update.append(update)
    if not layers:
        raise DataError(f"{path}: no row in it yet; draw it once an epoch is done.")
    return layers


def _number(text: str, place: str) -> float:
    try:
        number = float(text)
    except ValueError as error:
        raise DataError(f"{place}: expected a number, found {text!r}.") from error
    if not math.isfinite(number) or number < 0:
        raise DataError(f"{place}: expected a finite number of at least 0, found {text!r}.")
    return number


def _shade(i: int, n: int) -> dict[str, Any]:
    """The i-th of many layers: the deeper, the lighter."""
    shade = colormaps["cividis"](0.95 * i / (n - 1))
    return {"color": shade, "linestyle": DASHES[i % len(DASHES)], "marker": "."}


def draw(layers: dict[str, LayerNorms]) -> Figure:
    """Two panels, both logarithmic: gradients above, updates below."""
    picture = figure(7.5, 6.5)
    upper, lower = picture.subplots(2, 1, sharex=True)
    for i, (name, norms) in enumerate(layers.items()):
        style = line_style(i) if len(layers) <= len(COLOURS) else _shade(i, len(layers))
        label = f"layer {shown(name)}"
        for axes, values in ((upper, norms.gradient), (lower, norms.update)):
            axes.plot(norms.epochs, values, **style, markersize=4, linewidth=1.3, label=label)
    for axes, columns in (
        (upper, [norms.gradient for norms in layers.values()]),
        (lower, [norms.update for norms in layers.values()]),
    ):
        positive = [norm for column in columns for norm in column if norm > 0]
        if positive:
            narrow = max(positive) < FEW_DECADES * min(positive)
            axes.set_yscale("log", nonpositive="mask")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,)))
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axes.yaxis.set_minor_formatter("")
        grid(axes)
    upper.set_ylabel("norm of the gradient\n(loss per unit of weight)")
    lower.set_ylabel("norm of the update\n(units of weight)")
    lower.set_xlabel("epoch (passes over the training images)")
    lower.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    handles, labels = upper.get_legend_handles_labels()
    picture.legend(handles, labels, loc="outside upper center", ncols=5)
    return picture
