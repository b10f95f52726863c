"""The first steps of the run that a config describes, with their numbers."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlpcli.config.schema.config import Config
from mlpcli.errors import ConfigError
from mlpcli.explaining.trace import StepTrace, follow_training
from mlpcli.parallel.processors import one_blas_thread
from mlpcli.reporting import Reporter
from mlpcli.runs.starting import read_start
from mlpcli.training.loop import diverged
from mlpcli.training.setup import prepare


@dataclass(frozen=True)
class TracedSteps:
    """The first steps of a run."""

    first: StepTrace
    last: StepTrace
    losses: list[float]
    """loss of each step's batch before the step, and of the last one's after it"""
    batches: int
    """number of batches in an epoch"""
    examples: tuple[int, ...]
    """(B,), the rows of the first step as numbers of training examples, from 1 on"""


def explain_training(
    config: Config, steps: int, *, data_dir: Path | None = None, reporter: Reporter | None = None
) -> TracedSteps:
    """Take the first steps of a run, at least one, and write nothing.

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
    losses = []
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        for number, step in enumerate(follow_training(setup, steps), 1):
            if number == 1:
                first = step
            losses.append(step.loss)
            if not math.isfinite(step.loss_after):
                raise diverged(setup, f"the loss is {step.loss_after} after step {number}")
    losses.append(step.loss_after)
    examples = tuple((setup.batches.order(1)[: len(first.x)] + 1).tolist())
    return TracedSteps(first, step, losses, len(setup.batches), examples)
