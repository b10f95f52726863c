"""The settings of training: its length, its batches, and how its epochs are compared."""

from typing import Annotated, Literal

from pydantic import Field

from mlpcli.config.schema.section import (
    BelowOne,
    ImageCount,
    Metric,
    Positive,
    Section,
    WatchConfig,
)


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
    workers: Literal["auto"] | Annotated[int, Field(ge=1, le=64)] = Field(
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
