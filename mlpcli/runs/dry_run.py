"""A dry run: one batch through everything that a run does."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlpcli.config.schema.config import Config
from mlpcli.parallel.processors import one_blas_thread
from mlpcli.reporting import Reporter
from mlpcli.runs.starting import read_start
from mlpcli.storage.checkpoint import Checkpoint, to_bytes
from mlpcli.training.blocks import Block
from mlpcli.training.evaluation import evaluate
from mlpcli.training.loop import check_start, diverged, loss_not_finite_at_start
from mlpcli.training.progress import Progress
from mlpcli.training.setup import Setup, prepare
from mlpcli.training.step import Training


@dataclass(frozen=True)
class DryRun:
    """The results of a dry run."""

    setup: Setup
    loss_before: float
    """mean loss of the batch at the starting weights"""
    loss_after: float
    """mean loss of the same batch after one step"""


def dry_run(
    config: Config, *, data_dir: str | Path | None = None, reporter: Reporter | None = None
) -> DryRun:
    """Push one batch through forward, backward, update, evaluation and checkpoint; write nothing.

    Raises:
        DivergedError: a number is not finite, before the first step or after it.
        DataError: the data is missing; a dry run does not download it.
    """
    start = read_start(config, data_dir)
    setup = prepare(config, data_dir, reporter or Reporter(), may_fetch=False, start=start)
    check_start(setup)
    loss = setup.loss
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        training = Training(setup, prefetch=False)
        batch = setup.training.take(setup.batches.order(1)[: setup.batches.batch_size])
        before = evaluate(setup.for_prediction(), loss, batch, setup.normalization).loss
        if not math.isfinite(before):
            raise loss_not_finite_at_start(setup)
        with training.workers:
            training.run_block(Block(1, 0, len(batch)))
        after = evaluate(setup.for_prediction(), loss, batch, setup.normalization).loss
        for dataset in (setup.validation, setup.test):
            if dataset is not None:
                few = np.arange(min(len(dataset), len(batch)))
                evaluate(setup.for_prediction(), loss, dataset.take(few), setup.normalization)
    if not math.isfinite(after):
        raise diverged(setup, f"the loss of the first batch is {after} after one step")
    to_bytes(Checkpoint.of(setup, Progress()))
    return DryRun(setup, before, after)
