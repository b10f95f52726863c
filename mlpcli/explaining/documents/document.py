"""A document in sections: words, formulae, numbers, tables and images."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlpcli.nn.arrays import Array
from mlpcli.text import number

MOST_NUMBERS, MOST_COLUMNS = 64, 10
"""size of the largest array shown in full; of others there is a summary"""
APART = 4 * " "
"""separates two formulae"""
BY_DIFFERENCES = "by differences"
"""symbol of a gradient by differences; it follows the same one by backpropagation"""


@dataclass(frozen=True)
class Quantity:
    """An array with its name."""

    name: str
    """its key in JSON, such as dW1"""
    symbol: str
    """its symbol in a formula, such as ∂L/∂W₁"""
    values: Array
    """(n,) or (rows, columns)"""

    @property
    def is_small(self) -> bool:
        """Whether every number is shown."""
        return self.values.size <= MOST_NUMBERS and self.values.shape[-1] <= MOST_COLUMNS

    def rows(self) -> list[list[str]]:
        """Return its numbers, all in the same format."""
        largest = float(np.abs(self.values).max())
        return [[number(float(x), largest) for x in row] for row in np.atleast_2d(self.values)]

    def summary(self) -> dict[str, float]:
        """Return figures that describe an array too large to show."""
        v = self.values.astype(np.float64)
        return {
            "min": float(v.min()),
            "max": float(v.max()),
            "mean": float(v.mean()),
            "norm": float(np.linalg.norm(v)),
        }

    def facts(self) -> dict[str, Any]:
        """Return it for JSON."""
        facts: dict[str, Any] = {"symbol": self.symbol, "shape": list(self.values.shape)}
        if self.is_small:
            facts["values"] = self.values.tolist()
        else:
            facts["summary"] = self.summary()
        return facts


@dataclass(frozen=True)
class Section:
    """A section of a document, written without its empty fields."""

    title: str
    level: int = 2
    words: str = ""
    formula: str = ""
    """in the notation of `mathml`, with `APART` between two formulae"""
    shapes: str = ""
    """shapes of the formula's arrays"""
    quantities: Sequence[Quantity] = ()
    rows: Sequence[Sequence[str]] = ()
    """a table; its first row is the header"""
    image: Array | None = None
    """(height, width), from 0 for white to 1 for black"""
    is_signed: bool = False
    """whether the image goes from -1, red, through 0, white, to 1, blue"""

    def facts(self) -> dict[str, Any]:
        """Return it for JSON."""
        facts = {
            "title": self.title,
            "formula": self.formula,
            "shapes": self.shapes,
            "quantities": {each.name: each.facts() for each in self.quantities},
        }
        return {key: value for key, value in facts.items() if value}


@dataclass(frozen=True)
class Subsection(Section):
    """A section one level further down."""

    level: int = 3


@dataclass
class Document:
    """A title with sections."""

    title: str
    sections: list[Section] = field(default_factory=list)
    opening: str = ""
    """its first line"""
    see: str = ""
    """path of a page of the documentation, to which the first line leads"""
