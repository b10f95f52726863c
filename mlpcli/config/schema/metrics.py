"""The metrics that a run can be judged by, and waiting for one to get better."""

from typing import Literal

from pydantic import Field

from mlpcli.config.schema.section import Section

Metric = Literal["val_accuracy", "val_loss", "train_accuracy", "train_loss"]


class WatchConfig(Section):
    """A metric, and when it counts as having stopped getting better."""

    monitor: Metric = Field(
        default="val_loss",
        description="The metric watched; the validation loss turns before the accuracy does.",
    )
    patience: int = Field(
        default=5,
        ge=1,
        description="Epochs without improvement that are waited for; 5 outlast noise.",
    )
    min_delta: float = Field(
        default=0.0,
        ge=0,
        description="A change counts as an improvement when it is larger than this; 0: any does.",
    )
