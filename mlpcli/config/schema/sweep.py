"""The settings of a sweep: which trainings it makes, and how they are compared."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError

from mlpcli.config.schema.config import RunName
from mlpcli.config.schema.conflicts import Conflict
from mlpcli.config.schema.section import (
    NamedSection,
    Positive,
    PositiveInteger,
    Section,
    tuple_from_list,
    wrong,
)

MOST_TRIALS = 100_000
MOST_VALUES = 1000
MOST_SEEDS = 1000
DEFAULT_SAMPLER = "tpe"

Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
_Base = WithJsonSchema({"type": ["object", "string", "array"]})
Number = Annotated[int | float, WithJsonSchema({"type": "number"})]
"""a number that stays an integer if it is one"""
TrialCount = Annotated[int, Field(ge=1, le=MOST_TRIALS)]


def _all_different(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(seeds)) < len(seeds):
        raise wrong("different seeds")
    return seeds


class _OrOneOrRange:
    """Lets the JSON Schema of seeds have its short forms: one seed, or a range such as 1..5."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        seeds = handler(schema)
        span = {"type": "string", "pattern": r"^[0-9]+\.\.[0-9]+$"}
        return {"anyOf": [seeds["items"], span, seeds]}


Seeds = Annotated[
    tuple[Seed, ...],
    Field(min_length=1, max_length=MOST_SEEDS),
    BeforeValidator(tuple_from_list),
    AfterValidator(_all_different),
    _OrOneOrRange(),
]


class ParameterConfig(Section):
    """A setting that differs from trial to trial: `values`, or a range from `low` to `high`."""

    values: Annotated[
        tuple[Any, ...] | None,
        Field(min_length=1, max_length=MOST_VALUES),
        BeforeValidator(tuple_from_list),
    ] = Field(default=None, description="The values to choose from.")
    low: Number | None = Field(default=None, description="The least value of a range.")
    high: Number | None = Field(default=None, description="The greatest value of a range.")
    log: bool = Field(
        default=False,
        description="Whether a range is searched by factors: from 0.001 to 0.1, half of the trials"
        " are below 0.01.",
    )
    step: Annotated[Number, Field(gt=0)] | None = Field(
        default=None, description="The distance between the values of a range. null: any value."
    )

    @model_validator(mode="after")
    def _is_list_or_range(self) -> Self:
        if problem := self._expected_instead():
            raise wrong(problem)
        return self

    def _expected_instead(self) -> str:
        """Return what is expected of the settings together; empty if that is what they are."""
        low, high, step = self.low, self.high, self.step
        if self.values is not None:
            is_list = low is None and high is None and step is None and not self.log
            return "" if is_list else "values, or low and high, not both"
        if low is None or high is None:
            return "values, or low and high"
        if low >= high:
            return f"low below high, which are {low:g} and {high:g}"
        if self.log and low <= 0:
            return f"low above 0, because log is true; it is {low:g}"
        if self.log and step is not None:
            return "log or step, not both"
        if step is not None and (high - low) / step >= MOST_VALUES:
            return f"a step that leaves at most {MOST_VALUES:,} values"
        return ""

    @property
    def is_integer(self) -> bool:
        """Whether a range is of integers: both of its ends are, and so is its step."""
        ends = (self.low, self.high, 1 if self.step is None else self.step)
        return all(isinstance(end, int) for end in ends)


class _OrList:
    """Lets the JSON Schema of a parameter have its short form: a list, or a range such as 1..5."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        short = {"type": ["array", "string"], "description": "Its values."}
        return {"anyOf": [handler(schema), short]}


class GridConfig(Section):
    """Every combination of the values, in order: the last parameter changes fastest."""

    name: Literal["grid"]


class RandomConfig(Section):
    """Random values (Bergstra and Bengio, 2012)."""

    name: Literal["random"]
    seed: Seed = Field(default=1, description="The random values follow from it.")


class TpeConfig(Section):
    """The tree-structured Parzen estimator, which learns from earlier trials (Bergstra, 2011)."""

    name: Literal["tpe"]
    seed: Seed = Field(default=1, description="All random choices follow from it.")
    round: TrialCount = Field(
        default=4,
        description="Trials that are chosen together, before any of them has a result. The choice"
        " does not depend on the number of workers, so the result does not either; to keep more"
        " than 4 workers busy, make it larger.",
    )
    random_trials: TrialCount = Field(
        default=10, description="The first trials are random: there is nothing to learn from yet."
    )


SamplerConfig = Annotated[
    GridConfig | RandomConfig | TpeConfig,
    Field(discriminator="name"),
    NamedSection(default=DEFAULT_SAMPLER),
]


class HalvingConfig(Section):
    """Successive halving: the better trials are trained for longer (Jamieson, Talwalkar, 2016)."""

    first: PositiveInteger = Field(
        default=2, description="Epochs after which all trials are compared for the first time."
    )
    factor: Annotated[int, Field(ge=2, le=100)] = Field(
        default=3,
        description="One trial in so many goes on, and for so many times as many epochs in all.",
    )


class SweepConfig(Section):
    """A sweep: many trainings of one config, each with other values of some settings."""

    name: RunName | None = Field(
        default=None, description="Name of the sweep's folder. null: that of the sweep file."
    )
    base: Annotated[dict[str, Any], _Base] = Field(
        default={},
        description="The config that all trials share: the name of a shipped one, a file, a list"
        " of those, which are merged in order, or the settings themselves.",
    )
    parameters: dict[str, Annotated[ParameterConfig, _OrList()]] = Field(
        default={},
        description="The settings that differ, by their dotted keys, such as"
        " optimizer.learning_rate; each has values, or low and high. config has whole configs, or"
        " pieces of them, that are merged over the base.",
    )
    sampler: SamplerConfig | None = Field(
        default=None,
        description="How values are chosen. null: grid where every parameter has values, or else"
        " tpe.",
    )
    trials: TrialCount | None = Field(
        default=None, description="Number of trials. null: the whole grid, or else 20."
    )
    seeds: Seeds | None = Field(
        default=None,
        description="Seeds, or a range such as 1..5: each trial is trained once with each of them,"
        " and its value is their mean. null: with the seed of the base only.",
    )
    halving: HalvingConfig | None = Field(
        default=None, description="null: every trial is trained for all epochs. {}: halving."
    )
    monitor: Literal["val_accuracy", "val_loss"] | None = Field(
        default=None,
        description="The metric by which a trial is the best, at its best epoch. null:"
        " val_accuracy, or val_loss in a regression.",
    )
    minutes: Positive | None = Field(
        default=None,
        description="After so much time no more training begins, and the best trial so far is"
        " evaluated. null: all trials are trained.",
    )

    @model_validator(mode="after")
    def _settings_agree(self) -> Self:
        found = list(self._conflicts())
        if found:
            text = "; ".join(f"{key}: {message}" for key, _, message in found)
            raise PydanticCustomError("conflicts", "{text}", {"text": text, "conflicts": found})
        return self

    def _conflicts(self) -> Iterator[Conflict]:
        is_grid = self.sampler is not None and self.sampler.name == "grid"
        for key, parameter in self.parameters.items():
            if is_grid and parameter.values is None and parameter.step is None:
                message = "a grid needs values, or a range with a step; or take sampler=random"
                yield Conflict(("parameters", key), ("sampler",), message)
        if self.halving and "training.epochs" in self.parameters:
            message = "halving decides how long a trial is trained; take this parameter out"
            yield Conflict(("parameters", "training.epochs"), ("halving",), message)
