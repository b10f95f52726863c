"""The loss of runs by epoch, by step and by second: what a batch size costs, and what it gives."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from mlpcli.pictures.catalogue import RunPicture
from mlpcli.pictures.curves import loss_unit, values
from mlpcli.pictures.style import (
    FEW_DECADES,
    figure,
    grid,
    legend_outside,
    line_style,
    logarithmic,
    marked,
    run_label,
)
from mlpcli.pictures.subject import Subject, noun
from mlpcli.storage.records import RunRecord
from mlpcli.training.metrics import EpochMetrics

WIDE = 20
"""ratio of the steps of two runs above which their axis is logarithmic"""
MARKS = 12


@dataclass(frozen=True)
class Pace:
    """One run's loss, and what had been spent when it was reached."""

    label: str
    epochs: list[int]
    """(n,), and so are the others"""
    steps: list[int]
    seconds: list[float]
    """of training and of measuring the epoch"""
    losses: list[float]
    """mean over each epoch's steps"""
    unit: str


def pace(record: RunRecord, steps_per_epoch: int, label: str) -> Pace:
    """Return the pace of a run of at least one epoch; an unknown duration counts as none."""
    history: Sequence[EpochMetrics] = record.history
    epochs = [row.epoch for row in history]
    return Pace(
        label,
        epochs,
        [epoch * steps_per_epoch for epoch in epochs],
        list(itertools.accumulate(row.seconds or 0.0 for row in history)),
        values(history, "train_loss"),
        loss_unit(record),
    )


def draw(paces: Sequence[Pace], noun: str = "images") -> Figure:
    """Draw the same losses three times: by epoch, by step and by second."""
    picture = figure(11, 4.2)
    panels = picture.subplots(1, 3, sharey=True)
    for i, found in enumerate(paces):
        style: dict[str, Any] = line_style(i) | {"markersize": 5, "linewidth": 1.4}
        style |= marked(len(found.epochs), i, len(paces), MARKS)
        spent = (found.epochs, found.steps, found.seconds)
        for axes, x in zip(panels, spent, strict=True):
            axes.plot(x, found.losses, label=_label(found), **style)
    by_epoch, by_step, by_second = panels
    units = dict.fromkeys(found.unit for found in paces)
    by_epoch.set_ylabel(f"training loss, mean over the epoch\n({' / '.join(units)})")
    by_epoch.set_xlabel(f"epoch (passes over the training {noun})")
    by_epoch.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    by_step.set_xlabel("steps (updates of the weights)")
    by_second.set_xlabel("time (s)")
    for axes, title in zip(panels, ("by epoch", "by step", "by second"), strict=True):
        axes.set_title(title, loc="left")
        grid(axes)
    if max(found.steps[-1] for found in paces) > WIDE * min(found.steps[-1] for found in paces):
        by_step.set_xscale("log")
        by_step.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
        by_step.xaxis.set_minor_formatter("")
    losses = [loss for found in paces for loss in found.losses]
    if min(losses) > 0 and 10 * min(losses) < max(losses) < FEW_DECADES * min(losses):
        logarithmic([by_epoch], losses)
    handles, names = by_epoch.get_legend_handles_labels()
    legend_outside(picture, handles, names, most=3)
    return picture


def _label(found: Pace) -> str:
    in_epoch = found.steps[0] // found.epochs[0]
    steps = "1 step" if in_epoch == 1 else f"{in_epoch:,} steps"
    return f"{run_label(found.label)}: {steps} an epoch, {found.seconds[-1]:.2g} s in all"


def _draw(runs: Sequence[Subject], labels: Sequence[str]) -> Figure:
    pairs = zip(runs, labels, strict=True)
    return draw(
        [pace(run.recorded, len(run.training_setup().batches), label) for run, label in pairs],
        noun(runs),
    )


PICTURE = RunPicture(_draw)
