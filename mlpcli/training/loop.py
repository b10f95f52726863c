"""The training loop: mini-batch gradient descent, read from top to bottom."""

import math
import time
from collections.abc import Callable

import numpy as np

from mlpcli.errors import DivergedError
from mlpcli.training.evaluation import Evaluation, evaluate
from mlpcli.training.metrics import EpochMetrics
from mlpcli.training.progress import Progress
from mlpcli.training.setup import Setup
from mlpcli.training.step import Training

OnBatch = Callable[[int, float, float | None], None]
"""(steps done in this epoch, mean loss so far, accuracy so far, if any); now and then"""
OnEpoch = Callable[[EpochMetrics], bool]
"""Takes the epoch's row; True ends the training"""
FROM_THE_START = Progress()


@np.errstate(over="ignore", invalid="ignore")  # found in the loss, and told as DivergedError
def train_epochs(
    setup: Setup,
    *,
    on_batch: OnBatch,
    on_epoch: OnEpoch,
    progress: Progress = FROM_THE_START,
    should_stop: Callable[[], bool] = lambda: False,
) -> Progress:
    """Train the network in place, until its epochs are done or `on_epoch` says stop.

    Args:
        setup: the parts of the run, as they are after `progress`.
        on_batch: told of steps.
        on_epoch: told of epochs.
        progress: what is done already.
        should_stop: asked after each block of steps; training ends there.

    Returns:
        What is done now.

    Raises:
        DivergedError: the loss, or what is kept from step to step, is no longer finite.
    """
    batches, n = setup.batches, len(setup.training)
    training = Training(setup, steps_done=progress.steps)
    measured = training.measured
    history, begun = list(progress.history), progress

    def when(epoch: int, step: int, factor: float) -> str:
        rate = factor * setup.learning_rate(epoch, step - 1)
        return f"epoch {epoch}, step {step}, at learning rate {rate:g}"

    with training.team:
        for epoch in range(progress.epoch + 1, setup.config.training.epochs + 1):
            started = time.perf_counter() - begun.seconds
            measured.go_on_from(begun.sums)
            factor = setup.plateau.factor(history) if setup.plateau else 1.0
            for start in range(begun.examples, n, batches.block_size):
                stop = min(start + batches.block_size, n)
                steps = start // batches.batch_size
                if should_stop():
                    check_state(setup, f"after {when(epoch, max(steps, 1), factor)}")
                    return Progress(
                        history=tuple(history),
                        steps=(epoch - 1) * len(batches) + steps,
                        examples=start,
                        sums=measured.sums if start else (),
                        seconds=time.perf_counter() - started if start else 0.0,
                    )
                training.run_block(epoch, start, stop, factor)
                if not math.isfinite(measured.loss):
                    step = training.first_step_not_finite(epoch, start, stop)
                    raise diverged(
                        setup, f"the loss is {measured.loss} in {when(epoch, step, factor)}"
                    )
                on_batch(math.ceil(stop / batches.batch_size), measured.loss, measured.accuracy)
            last_step = when(epoch, len(batches), factor)
            check_state(setup, f"after {last_step}")
            validation = _validate(setup, f"after {last_step}")
            row = EpochMetrics(
                epoch=epoch,
                seconds=time.perf_counter() - started,
                learning_rate=factor * setup.learning_rate(epoch, len(batches) - 1),
                train_loss=measured.loss,
                train_accuracy=measured.accuracy,
                val_loss=validation.loss if validation else None,
                val_accuracy=validation.accuracy if validation else None,
            )
            history.append(row)
            begun = FROM_THE_START
            if on_epoch(row):
                break
    return Progress(history=tuple(history), steps=len(history) * len(batches))


def _validate(setup: Setup, when: str) -> Evaluation | None:
    """The network as it is now on the validation part, if there is one."""
    if setup.validation is None:
        return None
    found = evaluate(setup.for_prediction(), setup.loss, setup.validation, setup.normalization)
    if not math.isfinite(found.loss):
        raise diverged(setup, f"the validation loss is {found.loss} {when}")
    return found


def check_start(setup: Setup) -> None:
    """Refuse to begin from what is not finite.

    Raises:
        DivergedError: something is not.
    """
    if name := _not_finite(setup):
        raise DivergedError(
            f"Nothing was trained: {name} is not finite at the start. Try a narrower one "
            "(network.initializer, network.bias_initializer)."
        )


def check_state(setup: Setup, when: str) -> None:
    """Refuse to save what is not finite: a square may be infinite where no parameter is.

    Raises:
        DivergedError: something is not.
    """
    if name := _not_finite(setup):
        raise diverged(setup, f"{name} is not finite {when}")


def _not_finite(setup: Setup) -> str | None:
    vectors = {"a parameter": setup.network.theta}
    for name, vector in setup.optimizer.state().items():
        vectors[f"the optimizer's {name}"] = vector
    for i, norm in enumerate(setup.network.norms, 1):
        vectors[f"the running mean of layer {i}"] = norm.mean
        vectors[f"the running variance of layer {i}"] = norm.variance
    if setup.average:
        vectors["an averaged parameter"] = setup.average.theta
    if setup.running_average:
        vectors["an averaged running mean or variance"] = setup.running_average.theta
    return next((name for name, each in vectors.items() if not np.isfinite(each).all()), None)


def diverged(setup: Setup, what: str) -> DivergedError:
    """The error of a training that left the finite numbers, with what to try."""
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
