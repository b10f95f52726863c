"""How far a run has come."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlpcli.training.metrics import EpochMetrics

_COLUMNS = [field.name for field in dataclasses.fields(EpochMetrics) if field.name != "seconds"]
_MAY_BE_MISSING = ("train_accuracy", "val_loss", "val_accuracy")


@dataclass(frozen=True)
class Progress:
    """The epochs that are done, and how much of the next one.

    What is saved of the epochs is what a second run would measure too, so not how long they took:
    the same run leaves the same bytes.
    """

    history: tuple[EpochMetrics, ...] = ()
    """one row for each epoch that is done"""
    steps: int = 0
    """of the optimizer, since the start"""
    examples: int = 0
    """of the next epoch, in its order; a whole number of blocks"""
    sums: tuple[tuple[float, float, float], ...] = ()
    """of the running metrics over these examples, a row for each member of the team"""
    seconds: float = 0.0
    """that these examples took"""

    @property
    def epoch(self) -> int:
        """How many epochs are done."""
        return len(self.history)

    def as_json(self) -> dict[str, Any]:
        """What a checkpoint says of it; floats keep every bit."""
        rows = [[getattr(row, column) for column in _COLUMNS[1:]] for row in self.history]
        begun = {"examples": self.examples, "sums": self.sums, "seconds": self.seconds}
        return {"history": rows, "steps": self.steps, **(begun if self.examples else {})}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "Progress":
        """The same back.

        Raises:
            ValueError, KeyError, TypeError: it is no such thing.
        """
        examples = _count(found.get("examples", 0))
        return cls(
            history=tuple(_row(epoch, row) for epoch, row in enumerate(found["history"], 1)),
            steps=_count(found["steps"]),
            examples=examples,
            sums=tuple(_three(sums) for sums in found["sums"]) if examples else (),
            seconds=_number(found["seconds"]) if examples else 0.0,
        )


def _row(epoch: int, values: list[object]) -> EpochMetrics:
    named = zip(_COLUMNS[1:], values, strict=True)
    figures = {
        name: None if value is None and name in _MAY_BE_MISSING else _number(value)
        for name, value in named
    }
    return EpochMetrics(epoch=epoch, seconds=None, **figures)  # type: ignore[arg-type]


def _three(sums: list[object]) -> tuple[float, float, float]:
    seen, loss, correct = map(_number, sums)
    return seen, loss, correct


def _number(value: object) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):  # type: ignore[arg-type]
        raise ValueError(f"{value!r} where a number should be")
    return float(value)  # type: ignore[arg-type]


def _count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} where a count should be")
    return value
