"""The metrics by which epochs are compared, and the patience for one to improve."""

from typing import Literal

from pydantic import Field

from mlpcli.config.schema.section import PositiveInteger, Section

Metric = Literal["val_accuracy", "val_loss", "train_accuracy", "train_loss"]


class WatchConfig(Section):
    """A metric, and when it counts as no longer improving."""

    monitor: Metric = Field(
        default="val_loss",
        description="The metric watched; the validation loss turns before the accuracy does.",
    )
    patience: PositiveInteger = Field(
        default=5, description="Epochs to wait without improvement; 5 outlast noise."
    )
    min_delta: float = Field(
        default=0.0,
        ge=0,
        description="A change counts as an improvement when it is larger than this; 0: any does.",
    )
