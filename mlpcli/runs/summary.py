"""What is said of a run as a whole: summary.json, and sentences."""

import dataclasses
from pathlib import Path
from typing import Any

from mlpcli.config.schema.config import Config
from mlpcli.data.loading import options_for
from mlpcli.files import as_argument
from mlpcli.runs.recorder import Recorder
from mlpcli.training.evaluation import Evaluation
from mlpcli.training.progress import Progress
from mlpcli.training.setup import Setup


def summary(
    name: str, recorder: Recorder, stopped: str, test: Evaluation | None, seconds: float
) -> dict[str, Any]:
    """What summary.json says of a run that has `stopped` for this reason."""
    history, best_epoch = recorder.history, recorder.best.best_epoch
    return {
        "name": name,
        "stopped": stopped,
        "epochs": len(history),
        "best_epoch": best_epoch or None,
        "monitor": recorder.best.monitor,
        "best": dataclasses.asdict(history[best_epoch - 1]) if best_epoch else None,
        "last": dataclasses.asdict(history[-1]) if history else None,
        "test_loss": test.loss if test else None,
        "test_accuracy": test.accuracy if test else None,
        "test_images": len(test.labels) if test else None,
        "seconds": seconds,
    }


def where(setup: Setup, progress: Progress) -> str:
    """Where an interrupted run stands, in words."""
    if progress.examples:
        step = progress.examples // setup.batches.batch_size
        return f"Epoch {progress.epoch + 1} is saved up to step {step} of {len(setup.batches)}"
    if progress.epoch:
        return f"Everything up to the end of epoch {progress.epoch} is saved"
    return "The starting weights are saved"


def nothing_to_do(
    recorder: Recorder, checkpoint: Path, config: Config, data_dir: str | Path | None
) -> str:
    """Why a run that is at `checkpoint` cannot go on, and how it could."""
    done, epochs = len(recorder.history), config.training.epochs
    ends = (
        (recorder.reached_loss, "training.stop_at_loss is reached", "training.stop_at_loss=null"),
        (recorder.stopped_early, "early stopping has ended it", "training.early_stopping=null"),
        (done >= epochs, "all of its epochs are done", f"training.epochs={2 * done}"),
    )
    why = " and ".join(reason for is_so, reason, _ in ends if is_so)
    more = " ".join(change for is_so, _, change in ends if is_so)
    return (
        f"There is nothing to do: {checkpoint} is at epoch {done}, and {why}. To train longer: "
        f"mlpcli train --resume {as_argument(checkpoint.parent.parent)} {more}"
        f"{options_for(config.data, data_dir)}"
    )
