"""The training loop: mini-batch gradient descent, read from top to bottom."""

import math
import time
from collections.abc import Callable

import numpy as np

from mlpcli.errors import DivergedError
from mlpcli.training.evaluation import evaluate
from mlpcli.training.metrics import EpochMetrics, RunningMetrics
from mlpcli.training.setup import Setup

OnBatch = Callable[[int, float, float], None]
"""(steps done in this epoch, mean loss so far, accuracy so far); called now and then"""
OnEpoch = Callable[[EpochMetrics], bool]
"""Takes the epoch's row; True ends the training"""


@np.errstate(over="ignore", invalid="ignore")  # found in the loss, and told as DivergedError
def train_epochs(setup: Setup, *, on_batch: OnBatch, on_epoch: OnEpoch) -> None:
    """Train the network in place, until its epochs are done or `on_epoch` says stop.

    Raises:
        DivergedError: the loss is no longer a finite number.
    """
    network, loss, optimizer, batches = setup.network, setup.loss, setup.optimizer, setup.batches
    epochs = setup.config.training.epochs
    learning_rate = setup.config.optimizer.learning_rate
    steps = len(batches)
    delta = np.empty((batches.batch_size, network.sizes[-1]), network.dtype)
    for epoch in range(1, epochs + 1):
        started = time.perf_counter()
        measured = RunningMetrics(loss, network.sizes[-1], batches.batch_size, network.dtype)
        rate = 0.0
        for step, (x, y) in enumerate(batches.epoch(epoch)):
            middle_of_step = epoch - 1 + (step + 0.5) / steps
            rate = learning_rate * setup.schedule(middle_of_step, epochs)
            z = network.forward(x)
            loss.delta(z, y, delta[: len(y)])
            network.backward(delta[: len(y)])
            optimizer.step(network.theta, network.grad, rate)
            if measured.add(z, y):
                _check_finite(measured.loss, epoch, step, steps, learning_rate)
                on_batch(step, measured.loss, measured.accuracy)
        measured.renew()
        _check_finite(measured.loss, epoch, steps, steps, learning_rate)
        on_batch(steps, measured.loss, measured.accuracy)
        validation = None
        if setup.validation:
            validation = evaluate(network, loss, setup.validation, setup.normalization)
            _check_finite(validation.loss, epoch, steps, steps, learning_rate)
        row = EpochMetrics(
            epoch=epoch,
            seconds=time.perf_counter() - started,
            learning_rate=rate,
            train_loss=measured.loss,
            train_accuracy=measured.accuracy,
            val_loss=validation.loss if validation else None,
            val_accuracy=validation.accuracy if validation else None,
        )
        if on_epoch(row):
            return


def _check_finite(loss: float, epoch: int, step: int, steps: int, learning_rate: float) -> None:
    if not math.isfinite(loss):
        raise DivergedError(
            f"Training diverged: the loss is {loss} in epoch {epoch}, by step {step} of {steps}. "
            "Try a learning rate ten times smaller "
            f"(optimizer.learning_rate={learning_rate / 10:g}) or a warm-up "
            "(schedule.warmup_epochs=1)."
        )
