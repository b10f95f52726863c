"""Strict, frozen sections, and the types that they share.

Types are strict: a bool is not an integer, text is not a number, and nan and inf are refused. An
integer is accepted where a number is expected.
"""

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

MOST_IMAGES = 1_000_000_000
"""more than any memory holds, so that a mistyped number does not become an enormous array"""

MOST_NUMBERS = 65536
"""most numbers in a row, and most rows, that a config may have"""


class Section(BaseModel):
    """A group of settings: nothing unknown, nothing converted, nothing changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def wrong(expected: str) -> PydanticCustomError:
    """Return the error of a value that is not `expected`."""
    return PydanticCustomError("expected", "{expected}", {"expected": expected})


def tuple_from_list(value: Any) -> Any:
    """Turn a list into a tuple, which a frozen section needs."""
    return tuple(value) if isinstance(value, list) else value


NonNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
BelowOne = Annotated[float, Field(ge=0, lt=1)]
BetweenZeroAndOne = Annotated[float, Field(gt=0, lt=1)]
PositiveInteger = Annotated[int, Field(ge=1)]
ImageCount = Annotated[int, Field(ge=1, le=MOST_IMAGES)]
StartingValue = Annotated[float, Field(ge=-1e6, le=1e6)]

Row = Annotated[
    tuple[StartingValue, ...],
    Field(min_length=1, max_length=MOST_NUMBERS),
    BeforeValidator(tuple_from_list),
]

Matrix = Annotated[
    tuple[Row, ...],
    Field(min_length=1, max_length=MOST_NUMBERS),
    BeforeValidator(tuple_from_list),
]


def expand_shorthand(value: Any) -> Any:
    """Turn the short form of a named section, `sgd`, into the long one, `{name: sgd}`."""
    return {"name": value} if isinstance(value, str) else value


class NamedSection:
    """Marks a union of sections told apart by `name`.

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
