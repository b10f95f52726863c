"""The schedules of the learning rate."""

from typing import Annotated, Literal

from pydantic import Field

from mlpcli.config.schema.section import (
    BetweenZeroAndOne,
    NamedSection,
    NonNegative,
    Positive,
    PositiveInteger,
    Section,
    Share,
    WatchConfig,
)


class Schedule(Section):
    """The settings of every schedule."""

    name: str
    warmup_epochs: NonNegative = Field(
        default=0.0,
        description="Epochs over which the learning rate rises from 0 to the schedule's start; 0,"
        " because small networks need no warm-up. Parts of an epoch count: 0.5.",
    )


class ConstantConfig(Schedule):
    """The same learning rate throughout."""

    name: Literal["constant"] = "constant"


class StepConfig(Schedule):
    """The learning rate is multiplied by a factor every few epochs."""

    name: Literal["step"]
    every_epochs: PositiveInteger = Field(description="Epochs from one change to the next.")
    factor: BetweenZeroAndOne = Field(description="What the learning rate is multiplied by.")


class ExponentialConfig(Schedule):
    """The learning rate falls by the same factor over every epoch, a little at each step."""

    name: Literal["exponential"]
    factor: BetweenZeroAndOne = Field(
        default=0.8,
        description="What the learning rate is multiplied by over an epoch; 0.8 leaves a tenth"
        " after ten.",
    )


class InverseTimeConfig(Schedule):
    """The learning rate divided by 1 + decay · epochs done (Robbins and Monro, 1951)."""

    name: Literal["inverse_time"]
    decay: Positive = Field(
        default=1.0,
        description="How fast it falls; 1 leaves a half after one epoch, a tenth after nine.",
    )


class CosineConfig(Schedule):
    """The learning rate falls along half a cosine (Loshchilov and Hutter, 2017)."""

    name: Literal["cosine"]
    final_fraction: Share = Field(
        default=0.0,
        description="Share of the learning rate left at the end; 0 ends as still as can be.",
    )


class OneCycleConfig(Schedule):
    """The learning rate rises to its peak and falls again, along half cosines (Smith, 2018)."""

    name: Literal["one_cycle"]
    rise: BetweenZeroAndOne = Field(
        default=0.3,
        description="Share of the epochs before the peak; 0.3 leaves most of the time to settle.",
    )
    initial_fraction: Share = Field(
        default=0.04,
        description="Share of the learning rate at the start; a 25th is safe with any weights.",
    )
    final_fraction: Share = Field(
        default=4e-6,
        description="Share of the learning rate left at the end; next to nothing, to end still.",
    )


class PlateauConfig(WatchConfig, Schedule):
    """The learning rate is lowered when a metric no longer improves."""

    name: Literal["plateau"]
    factor: BetweenZeroAndOne = Field(
        default=0.1, description="What the learning rate is multiplied by."
    )


ScheduleConfig = Annotated[
    ConstantConfig
    | StepConfig
    | ExponentialConfig
    | InverseTimeConfig
    | CosineConfig
    | OneCycleConfig
    | PlateauConfig,
    Field(discriminator="name"),
    NamedSection(default="constant"),
]
