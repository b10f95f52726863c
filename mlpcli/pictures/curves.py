"""Curves of the loss, accuracy and learning rate of one run, or of several over each other."""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from mlpcli.nn.losses import LOSSES
from mlpcli.pictures.catalogue import RunPicture
from mlpcli.pictures.style import (
    COLOURS,
    DASHES,
    GREY,
    figure,
    grid,
    line_style,
    logarithmic,
    marked,
    run_label,
)
from mlpcli.pictures.subject import noun
from mlpcli.storage.records import RunRecord
from mlpcli.training.metrics import EpochMetrics, GradientNorms

WIDE = 100
"""ratio of the largest loss to the smallest above which the scale is logarithmic: of the validation
losses where there are any, because a training loss next to 0 would hide that they rise"""
TRAINING: dict[str, Any] = {"linestyle": "--", "marker": "o", "markerfacecolor": "white"}
VALIDATION: dict[str, Any] = {"linestyle": "-", "marker": "s"}
BEST_BY = {
    "val_accuracy": "highest validation accuracy",
    "val_loss": "lowest validation loss",
    "train_accuracy": "highest training accuracy",
    "train_loss": "lowest training loss",
    "epoch": "the last, without validation",
}


def values(
    rows: Sequence[EpochMetrics | GradientNorms], column: str, factor: float = 1.0
) -> list[float]:
    """Return a column of metrics.csv or gradients.csv, with nan where nothing was measured."""
    found = (getattr(row, column) for row in rows)
    return [math.nan if value is None else factor * value for value in found]


def draw(records: Sequence[RunRecord], labels: Sequence[str], noun: str = "images") -> Figure:
    """Draw runs of at least one epoch each."""
    picture = figure(7.5, 7.5)
    rows = [row for record in records for row in record.history]
    if any(row.train_accuracy is not None for row in rows):
        panels = picture.subplots(3, 1, sharex=True, height_ratios=[3, 3, 1.6])
        loss, accuracy, rate = panels
        accuracy.set_ylabel(f"accuracy\n(% of the {noun})")
    else:
        panels = picture.subplots(2, 1, sharex=True, height_ratios=[3, 1.6])
        loss, rate = panels
        accuracy = None
    for i, record in enumerate(records):
        own = line_style(i) if len(records) > 1 else {}
        own |= marked(len(record.history), i, len(records))
        _draw_run(record, own, (loss, accuracy, rate), DASHES[i % len(DASHES)])
    units = dict.fromkeys(loss_unit(record) for record in records)
    loss.set_ylabel(f"loss\n({' / '.join(units)})")
    rate.set_ylabel("learning rate\n(no unit)")
    rate.set_xlabel(f"epoch (passes over the training {noun})")
    rate.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    last = max(record.history[-1].epoch for record in records)
    rate.set_xlim(1 - 0.03 * last, last * 1.03)
    rate.set_ylim(bottom=0)
    validated = any(row.val_loss is not None for row in rows)
    losses = [row.val_loss if validated else row.train_loss for row in rows]
    positive = [value for value in losses if value]
    if positive and max(positive) > WIDE * min(positive):
        logarithmic([loss], positive)
    for axes in panels:
        grid(axes)
    picture.legend(handles=_legend(records, labels), loc="outside upper center", ncols=3)
    return picture


def loss_unit(record: RunRecord) -> str:
    """Return the unit of a run's loss."""
    name = str(record.setting("loss", "name"))
    return LOSSES[name]().unit if name in LOSSES else name


def _draw_run(
    record: RunRecord, own: dict[str, Any], axes: tuple[Axes, Axes | None, Axes], dashes: str
) -> None:
    """Draw one run's lines; `own` overrides the style of each kind of line.

    The learning rates of runs have different `dashes`, so that equal ones do not hide each other.
    """
    epochs = [row.epoch for row in record.history]
    size = {"markersize": 4, "linewidth": 1.4}
    kinds = (("train", TRAINING, COLOURS[0]), ("val", VALIDATION, COLOURS[1]))
    for panel, metric, factor in ((axes[0], "loss", 1.0), (axes[1], "accuracy", 100.0)):
        if panel is not None:
            for split, kind, colour in kinds:
                line = values(record.history, f"{split}_{metric}", factor)
                panel.plot(epochs, line, **{"color": colour, **size, **kind, **own})
    rate = values(record.history, "learning_rate")
    axes[2].plot(epochs, rate, **{"color": GREY, "marker": "o", "linestyle": dashes, **size, **own})
    if record.best is not None:
        colour = own.get("color", "black")
        for panel in filter(None, axes):
            panel.axvline(record.best.epoch, color=colour, linestyle=":", linewidth=1.2)


def _best_by(records: Sequence[RunRecord]) -> str:
    """Return in words what makes an epoch the best."""
    monitors = {record.monitor for record in records}
    if len(monitors) > 1:
        return "each run's by its own measure"
    (monitor,) = monitors
    return BEST_BY[monitor]


def _legend(records: Sequence[RunRecord], labels: Sequence[str]) -> list[Line2D]:
    first, several = records[0], len(records) > 1
    kinds = [("training (mean over the epoch)", TRAINING, COLOURS[0])]
    if any(row.val_loss is not None for record in records for row in record.history):
        kinds.append(("validation (after the epoch)", VALIDATION, COLOURS[1]))
    handles = []
    for label, kind, colour in kinds:
        style = {"color": colour, **kind}
        if several:
            style |= {"color": GREY, "marker": ""}
        handles.append(Line2D([], [], label=label, **style))
    best = f"best epoch ({_best_by(records)})"
    if not several and first.best is not None:
        so_far = "" if first.has_ended else " so far"
        best = f"best epoch: {first.best.epoch}{so_far} ({_best_by(records)})"
    handles.append(Line2D([], [], color=GREY if several else "black", linestyle=":", label=best))
    if several:
        for i, label in enumerate(labels):
            handles.append(Line2D([], [], linewidth=3, label=run_label(label), **line_style(i)))
    return handles


PICTURE = RunPicture(
    lambda runs, labels: draw([run.recorded for run in runs], labels, noun(runs)),
)
