"""Steps of the run that a config describes, from the first on, with the numbers of one of them."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlpcli.config.schema.config import Config
from mlpcli.errors import ConfigError
from mlpcli.explaining.columns import TableColumns, TrainedNetwork
from mlpcli.explaining.deaths import Death, DeathWatch
from mlpcli.explaining.trace import StepTrace, follow_training
from mlpcli.nn.arrays import Array
from mlpcli.parallel.processors import one_blas_thread
from mlpcli.reporting import Reporter
from mlpcli.runs.starting import read_start
from mlpcli.training.loop import diverged
from mlpcli.training.setup import prepare


@dataclass(frozen=True)
class TracedSteps:
    """The first steps of a run, or one step of a network that is trained already."""

    shown: StepTrace
    """the step that is shown in full"""
    number: int
    """of it, from 1 on"""
    last: StepTrace
    losses: list[float]
    """loss of each step's batch before the step, and of the last one's after it"""
    batches: int
    """number of batches in an epoch"""
    examples: tuple[int, ...]
    """(B,), the rows of the step shown as numbers of training examples, from 1 on; empty where they
    are none of them"""
    columns: TableColumns | None
    """of the table that the examples come from"""
    inputs: Array | None = None
    """(B, n_in), as they stand in the table"""
    targets: Array | None = None
    """(B, n_out) of a regression, likewise"""
    trained: TrainedNetwork | None = None
    """what is known of a network that is trained already"""
    deaths: tuple[Death, ...] = ()
    """the units that are dead at the end"""


def explain_training(
    config: Config,
    steps: int,
    *,
    shown: int = 1,
    data_dir: Path | None = None,
    reporter: Reporter | None = None,
) -> TracedSteps:
    """Take the first steps of a run, at least one, and write nothing.

    Args:
        config: of the run.
        steps: how many.
        shown: the step to show in full, from 1 on.
        data_dir: the cache of datasets.
        reporter: follows a download.

    Raises:
        ConfigError: later steps depend on what only a training measures.
        DataError: the data cannot be loaded.
        DivergedError: the loss is no longer finite.
    """
    start = read_start(config, data_dir)
    setup = prepare(config, data_dir, reporter or Reporter(), start=start)
    if setup.plateau is not None and steps > len(setup.batches):
        raise ConfigError(
            f"schedule: plateau lowers the learning rate by what is measured after an epoch, and "
            f"here nothing is; ask for --steps {len(setup.batches)} at most, which is one epoch, "
            "or another schedule."
        )
    losses, watch = [], DeathWatch(setup)
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        for number, step in enumerate(follow_training(setup, steps, shown), 1):
            if number == shown:
                found = step
            losses.append(step.loss)
            watch.after_step(number)
            if not math.isfinite(step.loss_after):
                raise diverged(setup, f"the loss is {step.loss_after} after step {number}")
    losses.append(step.loss_after)
    epochs_done, place = divmod(shown - 1, len(setup.batches))
    first = place * setup.batches.batch_size
    rows = setup.batches.order(epochs_done + 1)[first : first + len(found.x)]
    columns, training = TableColumns.of(setup), setup.training
    inputs = targets = None
    if columns is not None:
        inputs = training.images[rows]
        if training.targets is not None:
            targets = setup.target_normalization.undone(training.targets[rows])
    return TracedSteps(
        shown=found,
        number=shown,
        last=step,
        losses=losses,
        batches=len(setup.batches),
        examples=tuple((rows + 1).tolist()),
        columns=columns,
        inputs=inputs,
        targets=targets,
        deaths=tuple(watch.deaths.values()),
    )
