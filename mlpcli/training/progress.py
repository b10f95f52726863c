"""How much of a run is done."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlpcli.training.metrics import EpochMetrics, optional_columns

_COLUMNS = [field.name for field in dataclasses.fields(EpochMetrics) if field.name != "seconds"]
_OPTIONAL = optional_columns(EpochMetrics)


@dataclass(frozen=True)
class Progress:
    """The epochs that are done, and how much of the next one.

    The durations of epochs are not saved, so that the same run leaves the same bytes.
    """

    history: tuple[EpochMetrics, ...] = ()
    """one row for each finished epoch"""
    steps: int = 0
    """number of steps since the start"""
    examples: int = 0
    """number of examples done of the next epoch; whole blocks"""
    sums: tuple[tuple[float, float, float], ...] = ()
    """of the running metrics over these examples, a row for each worker"""
    seconds: float = 0.0
    """time that these examples took"""

    @property
    def took_back(self) -> bool:
        """Whether the only step of the last epoch was taken back.

        The weights are then those whose loss is in the last row; the run stopped on that loss.
        """
        return self.steps < self.epoch

    @property
    def before_the_last_epoch(self) -> "Progress":
        """The same without the last epoch, none of whose steps is done."""
        return Progress(self.history[:-1], self.steps)

    @property
    def epoch(self) -> int:
        """Number of finished epochs."""
        return len(self.history)

    def as_json(self) -> dict[str, Any]:
        """Return what a checkpoint saves; floats keep every bit."""
        rows = [[getattr(row, column) for column in _COLUMNS[1:]] for row in self.history]
        begun = {"examples": self.examples, "sums": self.sums, "seconds": self.seconds}
        return {"history": rows, "steps": self.steps, **(begun if self.examples else {})}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "Progress":
        """Return the progress that `as_json` saved.

        Raises:
            ValueError, KeyError, TypeError: `found` is nothing of the kind.
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
        name: None if value is None and name in _OPTIONAL else _number(value)
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
