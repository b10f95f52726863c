"""The first steps of a run, with every number."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlpcli.config.schema.config import Config
from mlpcli.errors import ConfigError
from mlpcli.explaining.trace import StepTrace, follow_training
from mlpcli.parallel.processors import one_blas_thread
from mlpcli.reporting import Reporter
from mlpcli.training.loop import diverged
from mlpcli.training.setup import Setup, prepare


@dataclass(frozen=True)
class Story:
    """Some steps from the beginning of a run."""

    first: StepTrace
    last: StepTrace
    losses: list[float]
    """the loss of each step's batch before the step, and of the last batch after its step"""
    batches: int
    """number of batches in an epoch"""
    examples: tuple[int, ...]
    """numbers (B,) of the first step's rows in the training set, from 1 on"""


def explain_training(
    config: Config, steps: int, *, data_dir: Path | None = None, reporter: Reporter | None = None
) -> Story:
    """Take the first steps of a run, and write nothing.

    Raises:
        ConfigError: later steps depend on a metric that is not measured here.
        DataError: the data cannot be had.
        DivergedError: the loss is no longer finite.
    """
    setup = prepare(config, data_dir, reporter or Reporter())
    _refuse_what_is_not_measured(setup, steps)
    first: StepTrace | None = None
    losses = []
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        for step in follow_training(setup, steps):
            first = first or step
            losses.append(step.loss)
            if not math.isfinite(step.loss_after):
                raise diverged(setup, f"the loss is {step.loss_after} after step {step.number}")
    assert first is not None  # noqa: S101 - there is at least one step
    examples = tuple((setup.batches.order(1)[: len(first.x)] + 1).tolist())
    return Story(first, step, [*losses, step.loss_after], len(setup.batches), examples)


def _refuse_what_is_not_measured(setup: Setup, steps: int) -> None:
    if setup.plateau is not None and steps > len(setup.batches):
        raise ConfigError(
            f"schedule: plateau lowers the learning rate by what is measured after an epoch, and "
            f"here nothing is; ask for --steps {len(setup.batches)} at most, which is one epoch, "
            "or another schedule."
        )
