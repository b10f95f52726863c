"""The training loop: mini-batch gradient descent, read from top to bottom."""

import math
import time
from collections.abc import Callable

import numpy as np

from mlpcli.errors import DivergedError
from mlpcli.training.evaluation import evaluate
from mlpcli.training.metrics import EpochMetrics
from mlpcli.training.setup import Setup
from mlpcli.training.step import Training

OnBatch = Callable[[int, float, float | None], None]
"""(steps done in this epoch, mean loss so far, accuracy so far, if any); now and then"""
OnEpoch = Callable[[EpochMetrics], bool]
"""Takes the epoch's row; True ends the training"""


@np.errstate(over="ignore", invalid="ignore")  # found in the loss, and told as DivergedError
def train_epochs(setup: Setup, *, on_batch: OnBatch, on_epoch: OnEpoch) -> None:
    """Train the network in place, until its epochs are done or `on_epoch` says stop.

    Raises:
        DivergedError: the loss, or what is kept from step to step, is no longer finite.
    """
    batches = setup.batches
    training = Training(setup)
    measured = training.measured
    history: list[EpochMetrics] = []
    with training.team:
        for epoch in range(1, setup.config.training.epochs + 1):
            started = time.perf_counter()
            measured.reset()
            factor = setup.plateau.factor(history) if setup.plateau else 1.0
            for start in range(0, len(setup.training), batches.block_size):
                stop = min(start + batches.block_size, len(setup.training))
                training.run_block(epoch, start, stop, factor)
                steps = math.ceil(stop / batches.batch_size)
                _check_finite(setup, measured.loss, epoch, steps)
                on_batch(steps, measured.loss, measured.accuracy)
            _check_state(setup, epoch)
            validation = None
            if setup.validation is not None:
                validation = evaluate(
                    setup.for_prediction(), setup.loss, setup.validation, setup.normalization
                )
                _check_finite(setup, validation.loss, epoch, steps)
            row = EpochMetrics(
                epoch=epoch,
                seconds=time.perf_counter() - started,
                learning_rate=factor * training.learning_rate(epoch, len(batches) - 1),
                train_loss=measured.loss,
                train_accuracy=measured.accuracy,
                val_loss=validation.loss if validation else None,
                val_accuracy=validation.accuracy if validation else None,
            )
            history.append(row)
            if on_epoch(row):
                return


def _check_finite(setup: Setup, loss: float, epoch: int, step: int) -> None:
    if not math.isfinite(loss):
        raise diverged(setup, f"the loss is {loss} in epoch {epoch}, by step {step}")


def _check_state(setup: Setup, epoch: int) -> None:
    """What a checkpoint holds: a square may be infinite where every parameter is finite."""
    network = setup.network
    kept = [network.theta, *setup.optimizer.state().values()]
    kept += [vector for norm in network.norms for vector in (norm.mean, norm.variance)]
    if setup.average:
        kept.append(setup.average.theta)
    if not all(np.isfinite(vector).all() for vector in kept):
        what = "a parameter, or a number kept for one, is not finite"
        raise diverged(setup, f"{what} after epoch {epoch}")


def diverged(setup: Setup, what: str) -> DivergedError:
    """The error of a training that left the finite numbers, with what to try."""
    optimizer = setup.config.optimizer
    smaller = f"a smaller learning rate (optimizer.learning_rate={optimizer.learning_rate / 10:g})"
    others = [] if setup.config.schedule.warmup_epochs else ["a warm-up (schedule.warmup_epochs=1)"]
    if optimizer.name != "adamw" and optimizer.weight_decay > optimizer.learning_rate:
        others.append("less weight decay (optimizer.weight_decay)")
    return DivergedError(f"Training diverged: {what}. Try {' or '.join([smaller, *others])}.")
