"""The settings of training: its length, its batches, and how its epochs are compared."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from mlpcli.config.schema.section import (
    BelowOne,
    ImageCount,
    Metric,
    PathFromText,
    Positive,
    Section,
    WatchConfig,
)

BOXED = "boxed"
"""means the network that comes with mlpcli"""
MOST_WORKERS = 64


def _absolute_unless_boxed(path: Path) -> Path:
    return path if str(path) == BOXED else path.absolute()


class AveragingConfig(Section):
    """An exponential moving average of the parameters (Polyak and Juditsky, 1992)."""

    decay: BelowOne = Field(
        default=0.999,
        description="Share of the mean kept from step to step; 0.999 averages about 1,000 steps.",
    )


class EarlyStoppingConfig(WatchConfig):
    """Ends training when a metric no longer improves."""


class TrainingConfig(Section):
    """The length and manner of training."""

    epochs: Annotated[int, Field(ge=0)] = Field(
        default=10,
        description="Passes over the training images; 10 are near the plateau. 0 leaves a run of"
        " the network as it begins.",
    )
    batch_size: ImageCount = Field(
        default=64,
        description="Images a step; 64 keep the processor busy and still give many steps.",
    )
    start_from: Annotated[PathFromText, AfterValidator(_absolute_unless_boxed)] | None = Field(
        default=None,
        description="A run's folder, a checkpoint, or boxed: training starts from the weights of"
        " that network, with its normalization and its shaping of images; layers that the config"
        " leaves open are as that network has them. null: from random weights.",
    )
    start_from_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = Field(
        default=None,
        description="The SHA-256 of that checkpoint's file, which a run writes into its config:"
        " another one is refused. null: any will do.",
    )
    workers: Literal["auto"] | Annotated[int, Field(ge=1, le=MOST_WORKERS)] = Field(
        default="auto",
        description="Processes that share the work of each step; auto chooses by how much there"
        " is, because small steps are faster in one process.",
    )
    monitor: Metric | None = Field(
        default=None,
        description="The metric by which an epoch is the best. null: val_accuracy, because accuracy"
        " is what counts in use; without validation images, the last epoch is the best.",
    )
    averaging: AveragingConfig | None = Field(
        default=None,
        description="null: none. {}: a running mean of the parameters is kept, and it is what is"
        " validated, tested and used to predict.",
    )
    early_stopping: EarlyStoppingConfig | None = Field(
        default=None, description="null: all epochs are trained. {}: early stopping, by defaults."
    )
    stop_at_loss: Positive | None = Field(
        default=None,
        description="Training ends with the first epoch whose training loss is below this. In an"
        " epoch of one batch that is the loss before the step, so the step is taken back: the"
        " weights kept have the loss printed. null: all epochs are trained.",
    )
    pictures: bool = Field(
        default=True,
        description="Whether `mlpcli train` leaves pictures of the run in pictures/; drawing them"
        " takes about a second on two cores.",
    )
