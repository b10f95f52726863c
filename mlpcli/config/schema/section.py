"""Strict, frozen sections, and the types that they share.

Types are strict: a bool is not an integer, text is not a number, and nan and inf are refused. An
integer is accepted where a number is expected.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from mlpcli.config.class_names import MOST_CLASSES

MOST_IMAGES = 1_000_000_000
"""more than any memory holds, so that a mistyped number does not become an enormous array"""
MOST_NUMBERS = 65536
"""most numbers in a row, and most rows, that a config may have"""


class Section(BaseModel):
    """A group of settings, which refuses unknown keys, conversions and later changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def wrong(expected: str) -> PydanticCustomError:
    """Return the error of a value that is not `expected`."""
    return PydanticCustomError("expected", "{expected}", {"expected": expected})


def tuple_from_list(value: Any) -> Any:
    """Return a list as a tuple, which a frozen section needs, and anything else as it is."""
    return tuple(value) if isinstance(value, list) else value


def _path_from_text(value: Any) -> Any:
    if isinstance(value, str):
        if not value or "\0" in value:
            raise wrong("a path")
        return Path(value)
    return value


PathFromText = Annotated[Path, BeforeValidator(_path_from_text)]
FilePath = Annotated[PathFromText, AfterValidator(Path.absolute)]
NonNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
BelowOne = Annotated[float, Field(ge=0, lt=1)]
BetweenZeroAndOne = Annotated[float, Field(gt=0, lt=1)]
PositiveInteger = Annotated[int, Field(ge=1)]
ImageCount = Annotated[int, Field(ge=1, le=MOST_IMAGES)]
StartingValue = Annotated[float, Field(ge=-1e6, le=1e6)]

_one_to_many = Field(min_length=1, max_length=MOST_NUMBERS)
_from_list = BeforeValidator(tuple_from_list)
Row = Annotated[tuple[StartingValue, ...], _one_to_many, _from_list]
Matrix = Annotated[tuple[Row, ...], _one_to_many, _from_list]
Label = Annotated[int, Field(ge=0, lt=MOST_CLASSES)]
Labels = Annotated[tuple[Label, ...], _one_to_many, _from_list]

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
    min_delta: NonNegative = Field(
        default=0.0,
        description="A change counts as an improvement when it is larger than this; 0: any does.",
    )


def expand_shorthand(value: Any) -> Any:
    """Return the long form, `{name: sgd}`, of a named section that may be short, `sgd`."""
    return {"name": value} if isinstance(value, str) else value


class NamedSection:
    """Marks a union of sections that `name` distinguishes.

    A plain string is short for `{name: string}`, and a mapping without a name means the default
    kind, so that `optimizer.learning_rate=0.01` is enough on the command line.
    """

    def __init__(self, default: str) -> None:
        self.default = default

    def _complete(self, value: Any) -> Any:
        value = expand_shorthand(value)
        if isinstance(value, dict) and "name" not in value:
            return {"name": self.default, **value}
        return value

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._complete, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        union = handler(schema)
        needs_nothing_else = [
            name
            for name, reference in union["discriminator"]["mapping"].items()
            if set(handler.resolve_ref_schema({"$ref": reference}).get("required", [])) <= {"name"}
        ]
        return {"anyOf": [{"type": "string", "enum": needs_nothing_else}, union]}
