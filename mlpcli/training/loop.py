"""The training loop: mini-batch gradient descent, read from top to bottom."""

import math
import time
from collections.abc import Callable

import numpy as np

from mlpcli.errors import DivergedError
from mlpcli.training.blocks import Block
from mlpcli.training.evaluation import Evaluation, evaluate
from mlpcli.training.metrics import EpochMetrics
from mlpcli.training.progress import Progress
from mlpcli.training.setup import Setup
from mlpcli.training.step import Training

OnBatch = Callable[[int, float, float | None], None]
"""(steps done in this epoch, mean loss so far, accuracy so far, if any)"""
OnEpoch = Callable[[EpochMetrics], bool]
"""(the epoch's row) -> whether to stop"""
FROM_THE_START = Progress()


@np.errstate(over="ignore", invalid="ignore")  # seen in the loss, and raised as DivergedError
def train_epochs(
    setup: Setup,
    *,
    on_batch: OnBatch,
    on_epoch: OnEpoch,
    progress: Progress = FROM_THE_START,
    should_stop: Callable[[], bool] = lambda: False,
    on_step: Callable[[], None] | None = None,
) -> Progress:
    """Train the network in place, until its epochs are done or `on_epoch` says stop.

    Args:
        setup: the run, in the state that `progress` describes.
        on_batch: called after each block of batches.
        on_epoch: called after each epoch; True stops.
        progress: the part that is done already.
        should_stop: called before each block; True stops there.
        on_step: called before each step.

    Returns:
        The part that is done now.

    Raises:
        DivergedError: the loss, a parameter or the optimizer's state is no longer finite.
    """
    batches, n = setup.batches, len(setup.training)
    training = Training(setup, on_step=on_step)
    metrics = training.metrics
    history, begun = list(progress.history), progress
    plateau = setup.plateau.after(history) if setup.plateau else None

    def when(epoch: int, step: int, factor: float) -> str:
        rate = factor * setup.learning_rate(epoch, step - 1)
        return f"epoch {epoch}, step {step}, at learning rate {rate:g}"

    with training.workers:
        for epoch in range(progress.epoch + 1, setup.config.training.epochs + 1):
            started = time.perf_counter() - begun.seconds
            metrics.start_from(begun.sums)
            factor = plateau.factor if plateau else 1.0
            for start in range(begun.examples, n, batches.block_size):
                stop = min(start + batches.block_size, n)
                steps = start // batches.batch_size
                if should_stop():
                    check_state(setup, f"after {when(epoch, max(steps, 1), factor)}")
                    return Progress(
                        history=tuple(history),
                        steps=(epoch - 1) * len(batches) + steps,
                        examples=start,
                        sums=metrics.sums if start else (),
                        seconds=time.perf_counter() - started if start else 0.0,
                    )
                block = Block(epoch, start, stop)
                training.run_block(block, factor)
                if not math.isfinite(metrics.loss):
                    step = training.first_step_not_finite(block)
                    if (epoch, step) == (1, 1):
                        raise loss_not_finite_at_start(setup)
                    raise diverged(
                        setup, f"the loss is {metrics.loss} in {when(epoch, step, factor)}"
                    )
                on_batch(math.ceil(stop / batches.batch_size), metrics.loss, metrics.accuracy)
            last_step = when(epoch, len(batches), factor)
            check_state(setup, f"after {last_step}")
            validation = _validate(setup, f"after {last_step}")
            row = EpochMetrics(
                epoch=epoch,
                seconds=time.perf_counter() - started,
                learning_rate=factor * setup.learning_rate(epoch, len(batches) - 1),
                train_loss=metrics.loss,
                train_accuracy=metrics.accuracy,
                val_loss=validation.loss if validation else None,
                val_accuracy=validation.accuracy if validation else None,
            )
            history.append(row)
            if plateau:
                plateau.add(row)
            begun = FROM_THE_START
            if on_epoch(row):
                break
    return Progress(history=tuple(history), steps=len(history) * len(batches))


def _validate(setup: Setup, when: str) -> Evaluation | None:
    """Evaluate the network as it is now on the validation split, if there is one."""
    if setup.validation is None:
        return None
    found = evaluate(setup.for_prediction(), setup.loss, setup.validation, setup.normalization)
    if not math.isfinite(found.loss):
        raise diverged(setup, f"the validation loss is {found.loss} {when}")
    return found


def check_start(setup: Setup) -> None:
    """Check that the network's start is finite.

    Raises:
        DivergedError: it is not.
    """
    if name := _not_finite(setup):
        raise _bad_start(setup, name)


def check_state(setup: Setup, when: str) -> None:
    """Check that everything saved is finite: a square may overflow before a parameter does.

    Raises:
        DivergedError: it is not.
    """
    if name := _not_finite(setup):
        raise diverged(setup, f"{name} is not finite {when}")


def _not_finite(setup: Setup) -> str | None:
    vectors = {"a parameter": setup.network.theta}
    for name, vector in setup.vectors.items():
        vectors[f"the optimizer's {name}"] = vector
    for i, batch_norm in enumerate(setup.network.batch_norms, 1):
        vectors[f"the running mean of layer {i}"] = batch_norm.mean
        vectors[f"the running variance of layer {i}"] = batch_norm.variance
    if setup.average is not None:
        vectors["an averaged parameter"] = setup.average
    if setup.running_average is not None:
        vectors["an averaged running mean or variance"] = setup.running_average
    return next((name for name, each in vectors.items() if not np.isfinite(each).all()), None)


def diverged(setup: Setup, what: str) -> DivergedError:
    """Return the error for a training that diverged, with what to try."""
    optimizer = setup.config.optimizer
    rate = optimizer.learning_rate
    tries = [f"a smaller learning rate (optimizer.learning_rate={rate / 10:g})"]
    if not setup.config.schedule.warmup_epochs:
        tries.append("a warm-up (schedule.warmup_epochs=1)")
    if rate * optimizer.weight_decay > 1:  # a step takes more from a weight than the weight
        tries.append("less weight decay (optimizer.weight_decay)")
    if rate * optimizer.l1 > 1:
        tries.append("a weaker L1 penalty (optimizer.l1)")
    return DivergedError(f"Training diverged: {what}. Try {' or '.join(tries)}.")


def loss_not_finite_at_start(setup: Setup) -> DivergedError:
    """Return the error for a loss that is not finite before the first step, with what to try."""
    if setup.config.data.normalization == "standardize":
        return _bad_start(setup, "the loss")
    return _bad_start(setup, "the loss", "smaller inputs (data.normalization=standardize)")


def _bad_start(setup: Setup, name: str, *tries: str) -> DivergedError:
    start = "smaller weights and biases (network.initializer, network.bias_initializer)"
    if setup.config.training.start_from is not None:
        start = "another network to start from (training.start_from)"
    either = " or ".join([start, *tries])
    return DivergedError(f"Nothing was trained: {name} is not finite at the start. Try {either}.")
