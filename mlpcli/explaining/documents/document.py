"""A document in sections: words, formulae, numbers, tables and images."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlpcli.nn.arrays import Array

MOST_NUMBERS, MOST_COLUMNS = 64, 10
"""An array of more is told by its summary."""
APART = 4 * " "
"""between two formulae"""
BY_DIFFERENCES = "by differences"
"""The symbol of a gradient that follows the same one by backpropagation."""


@dataclass(frozen=True)
class Quantity:
    """An array with its name."""

    name: str
    """in JSON, such as dW1"""
    symbol: str
    """in a formula, such as ∂L/∂W₁"""
    values: Array

    @property
    def is_small(self) -> bool:
        """Whether every number is shown."""
        columns = self.values.shape[-1] if self.values.ndim else 1
        return self.values.size <= MOST_NUMBERS and columns <= MOST_COLUMNS

    def rows(self) -> list[list[str]]:
        """Its numbers as they are written, all in one way."""
        largest = float(np.abs(self.values).max(initial=0))
        matrix = self.values.reshape(-1, self.values.shape[-1] if self.values.ndim else 1)
        return [[number(float(x), largest) for x in row] for row in matrix]

    def summary(self) -> dict[str, float]:
        """What is said of an array that is too large to be shown."""
        v = self.values.astype(np.float64)
        return {
            "min": float(v.min()),
            "max": float(v.max()),
            "mean": float(v.mean()),
            "norm": float(np.linalg.norm(v)),
        }

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        facts: dict[str, Any] = {"symbol": self.symbol, "shape": list(self.values.shape)}
        if self.is_small:
            return {**facts, "values": self.values.tolist()}
        return {**facts, "summary": self.summary()}


@dataclass(frozen=True)
class Section:
    """Part of a document; what is empty is left out."""

    title: str
    level: int = 2
    words: str = ""
    formula: str = ""
    """in the notation of `mathml`; `APART` parts one formula from the next"""
    shapes: str = ""
    """of the formula's arrays"""
    quantities: Sequence[Quantity] = ()
    rows: Sequence[Sequence[str]] = ()
    """a table, its first row the header"""
    image: Array | None = None
    """(height, width) from 0, white, to 1, black"""
    is_signed: bool = False
    """the image is from -1, blue, over 0, white, to 1, red"""

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        facts: dict[str, Any] = {"title": self.title}
        for key, value in (
            ("formula", self.formula),
            ("shapes", self.shapes),
            ("quantities", {each.name: each.facts() for each in self.quantities}),
        ):
            if value:
                facts[key] = value
        return facts


@dataclass
class Document:
    """Sections below a title."""

    title: str
    sections: list[Section] = field(default_factory=list)


def by(shape: tuple[int, ...]) -> str:
    """A shape as it is read: (1, 3)."""
    return str(shape)


def number(value: float, largest: float | None = None) -> str:
    """A number with six decimals, or four in powers of ten; never -0.

    Args:
        value: the number.
        largest: the greatest size among those it stands with, which decides; None where it is
            alone.
    """
    size = abs(value) if largest is None else largest
    if size and not 1e-3 <= size < 1e5:
        return f"{value + 0.0:.4e}"
    return f"{round(value, 6) + 0.0:.6f}"
