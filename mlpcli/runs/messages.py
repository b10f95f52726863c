"""Messages about a run: where it stands, why it cannot continue, and warnings."""

from collections.abc import Sequence
from pathlib import Path

from mlpcli.config.schema.config import Config
from mlpcli.data.loading import options_for
from mlpcli.files import as_argument
from mlpcli.parallel.processors import available_cores
from mlpcli.runs.recorder import Recorder
from mlpcli.text import count
from mlpcli.training.metrics import EpochMetrics
from mlpcli.training.progress import Progress
from mlpcli.training.setup import Setup


def what_is_saved(setup: Setup, progress: Progress) -> str:
    """Return where an interrupted run stands."""
    if progress.examples:
        step = progress.examples // setup.batches.batch_size
        return f"Epoch {progress.epoch + 1} is saved up to step {step} of {len(setup.batches)}"
    if progress.epoch:
        return f"Everything up to the end of epoch {progress.epoch} is saved"
    return "The starting weights are saved"


def too_many_workers(kept: int) -> str:
    """Return that a run which resumes would be faster with fewer workers; empty if it would not."""
    cores = available_cores()
    if kept <= cores:
        return ""
    return (
        f"The run keeps its {kept} workers, on which the last bits depend. Only "
        f"{count(cores, 'core')} can be used here: training.workers={cores} is faster."
    )


def nothing_to_do(
    recorder: Recorder, checkpoint: Path, config: Config, data_dir: str | Path | None
) -> str:
    """Return why a run that stands at `checkpoint` cannot continue, and which command lets it."""
    epochs = len(recorder.history)
    reasons, changes = [], []
    if recorder.reached_loss:
        reasons.append("training.stop_at_loss is reached")
        changes.append("training.stop_at_loss=null")
    if recorder.stopped_early:
        reasons.append("early stopping has ended it")
        changes.append("training.early_stopping=null")
    if epochs >= config.training.epochs:
        reasons.append("all of its epochs are done")
        changes.append(f"training.epochs={2 * epochs or 10}")
    return (
        f"There is nothing to do: {checkpoint} is at epoch {epochs}, and {' and '.join(reasons)}. "
        f"To train longer: mlpcli train --resume {as_argument(recorder.folder.path)} "
        f"{' '.join(changes)}{options_for(config.data, data_dir)}"
    )


def endless_warmup(config: Config) -> str:
    """Return a warning if the warm-up takes the whole run; otherwise an empty text."""
    warmup, epochs = config.schedule.warmup_epochs, config.training.epochs
    if warmup < epochs or not epochs:
        return ""
    return (
        f"Warning: the learning rate will only rise, for schedule.warmup_epochs ({warmup:g}) is "
        f"not less than training.epochs ({epochs}); try fewer."
    )


def rising_loss(history: Sequence[EpochMetrics]) -> str:
    """Return a warning if the training loss rose over the run; otherwise an empty text."""
    if not history or history[-1].train_loss <= history[0].train_loss:
        return ""
    first, last = history[0].train_loss, history[-1].train_loss
    return (
        f"Warning: the training loss rose from {first:.4g} in the first epoch to {last:.4g}; try a "
        "smaller optimizer.learning_rate."
    )
