"""A report in sections, written as text, Markdown or one HTML file with MathML formulae."""

import html
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlpcli.cli import half_blocks
from mlpcli.cli.mathml import MATH, mathml, mathml_parts
from mlpcli.cli.text import table
from mlpcli.nn.arrays import Array

MOST_NUMBERS, MOST_COLUMNS = 64, 10
"""An array of more is told by its summary."""
PAGE_WIDTH = 100
APART = 4 * " "
LEAST_INK = 0.35
"""of a pixel that is black in a text"""
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
    """Part of a report; what is empty is left out."""

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
    """A report."""

    title: str
    sections: list[Section] = field(default_factory=list)


def by(shape: tuple[int, ...]) -> str:
    """A shape as it is read: (1, 3)."""
    return str(shape)


def as_text(document: Document) -> str:
    """Plain text, at most `PAGE_WIDTH` columns wide where its parts allow."""
    parts = [f"{document.title}\n{'=' * len(document.title)}"]
    for section in document.sections:
        lines = [section.title]
        if section.level == 2:
            lines.append("-" * len(section.title))
        parts.append("\n".join([*lines, *_plain_body(section)]))
    return "\n\n".join(parts)


def as_markdown(document: Document) -> str:
    """Headings and blocks of text that keep their columns."""
    parts = [f"# {document.title}"]
    for section in document.sections:
        parts.append(f"{'#' * section.level} {section.title}")
        if section.words:
            parts.append(section.words)
        body = _plain_body(section, words=False)
        if body:
            parts.append("\n".join(["```text", *body, "```"]))
    return "\n\n".join(parts)


def as_html(document: Document) -> str:
    """One page that needs nothing else: formulae in MathML, pictures in SVG."""
    title = html.escape(document.title)
    body = "\n".join(_html_section(section) for section in document.sections)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f"{body}\n</body>\n</html>\n"
    )


STYLE = """\
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { border-bottom: 1px solid #aaa; margin-top: 2.5rem; }
math { font-size: 1.1em; }
p.shapes { color: #666; font-size: 0.9em; margin: 0.2rem 0; }
p.formula { margin: 0.4rem 0; }
div.quantities { display: flex; flex-wrap: wrap; gap: 0.8rem 2rem; margin: 0.6rem 0; }
mtd { padding: 0.1em 0.4em; text-align: right; }
table { border-collapse: collapse; margin: 0.6rem 0; }
th, td { border: 1px solid #ccc; padding: 0.1rem 0.6rem; text-align: right; }
th:first-child, td:first-child { text-align: left; }
@media (prefers-color-scheme: dark) {
  body { background: #1b1b1b; color: #ddd; }
  p.shapes { color: #aaa; }
}
"""


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


def _plain_body(section: Section, *, words: bool = True) -> list[str]:
    lines = textwrap.wrap(section.words, PAGE_WIDTH) if words else []
    if section.formula:
        parts = section.formula.split(APART)
        parts += [f"  {section.shapes}"] if section.shapes else []
        lines += [f"  {line}" for line in _joined(parts)]
    blocks: list[list[str]] = []
    for each in section.quantities:
        block = _plain_quantity(each)
        if each.symbol == BY_DIFFERENCES:  # never parted from what it is compared with
            block = [line[4:] for line in _side_by_side([blocks.pop(), block])]
        blocks.append(block)
    lines += _side_by_side(blocks)
    if section.rows:
        lines += ["  " + line for line in table(section.rows).splitlines()]
    if section.image is not None:
        lines += _signed(section.image) if section.is_signed else _ink(section.image)
    return lines


def _joined(parts: list[str]) -> list[str]:
    """Formulae beside each other, in as many lines as the page's width asks for."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + len(APART) + len(part) <= PAGE_WIDTH:
            lines[-1] += APART + part
        else:
            lines.append(part)
    return lines


def _plain_quantity(quantity: Quantity) -> list[str]:
    head = f"{quantity.symbol} = "
    if not quantity.is_small:
        figures = "  ".join(f"{key} {value:.4g}" for key, value in quantity.summary().items())
        return [f"{head}{by(quantity.values.shape)}  {figures}"]
    rows = _cells(quantity.values)
    width = max((len(cell) for row in rows for cell in row), default=0)
    lines = ["  ".join(cell.rjust(width) for cell in row) for row in rows]
    return [(head if i == 0 else " " * len(head)) + line for i, line in enumerate(lines)]


def _cells(values: Array) -> list[list[str]]:
    largest = float(np.abs(values).max(initial=0))
    matrix = values.reshape(-1, values.shape[-1] if values.ndim else 1)
    return [[number(float(x), largest) for x in row] for row in matrix]


def _side_by_side(blocks: list[list[str]]) -> list[str]:
    """Blocks of lines beside each other, in as many bands as the page's width asks for."""
    bands: list[list[list[str]]] = []
    used = 0
    for block in blocks:
        width = 4 + max(map(len, block))
        if bands and used + width <= PAGE_WIDTH:
            bands[-1].append(block)
            used += width
        else:
            bands.append([block])
            used = width
    lines = []
    for band in bands:
        for i in range(max(map(len, band))):
            line = "".join(
                "    " + (block[i] if i < len(block) else "").ljust(max(map(len, block)))
                for block in band
            )
            lines.append(line.rstrip())
    return lines


def _ink(image: Array) -> list[str]:
    return [f"  |{line}|" for line in half_blocks.in_black(image > LEAST_INK)]


def _signed(image: Array) -> list[str]:
    """An image from -1 to 1: + and - where strong, ' and . where weak, nothing below a tenth."""
    steps = [(0.4, "+"), (0.1, "'"), (-0.1, " "), (-0.4, "."), (-2.0, "-")]
    return [
        "  |" + "".join(next(sign for least, sign in steps if v > least) for v in row) + "|"
        for row in image
    ]


def _html_section(section: Section) -> str:
    parts = [f"<h{section.level}>{html.escape(section.title)}</h{section.level}>"]
    if section.words:
        parts.append(f"<p>{html.escape(section.words)}</p>")
    if section.formula:
        formulae = " &emsp; ".join(map(mathml, section.formula.split(APART)))
        parts.append(f'<p class="formula">{formulae}</p>')
    if section.shapes:
        parts.append(f'<p class="shapes">{html.escape(section.shapes)}</p>')
    if section.quantities:
        inside = "".join(f"<div>{_html_quantity(each)}</div>" for each in section.quantities)
        parts.append(f'<div class="quantities">{inside}</div>')
    if section.rows:
        header, *rows = section.rows
        parts.append(
            "<table>"
            + _html_row(header, "th")
            + "".join(_html_row(row, "td") for row in rows)
            + "</table>"
        )
    if section.image is not None:
        parts.append(_svg(section.image, _signed_colour if section.is_signed else _grey))
    return "\n".join(parts)


def _html_row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _html_quantity(quantity: Quantity) -> str:
    symbol = mathml_parts(quantity.symbol)
    if not quantity.is_small:
        rows = [["", "shape", *quantity.summary()]]
        figures = [f"{value:.4g}" for value in quantity.summary().values()]
        rows.append([quantity.symbol, by(quantity.values.shape), *figures])
        return f"<table>{_html_row(rows[0], 'th')}{_html_row(rows[1], 'td')}</table>"
    cells = "".join(
        "<mtr>" + "".join(f"<mtd><mn>{cell}</mn></mtd>" for cell in row) + "</mtr>"
        for row in _cells(quantity.values)
    )
    return (
        f"{MATH}<mrow>{symbol}<mo>=</mo><mo>(</mo><mtable>{cells}</mtable><mo>)</mo></mrow></math>"
    )


def _svg(image: Array, colour: Callable[[float], str]) -> str:
    height, width = image.shape
    squares = "".join(
        f'<rect x="{x}" y="{y}" width="1" height="1" fill="{colour(float(image[y, x]))}"/>'
        for y in range(height)
        for x in range(width)
        if image[y, x]
    )
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{10 * width}" height="{10 * height}" '
        'role="img" style="background: #fff; border: 1px solid #888" '
        f'shape-rendering="crispEdges" xmlns="http://www.w3.org/2000/svg">{squares}</svg>'
    )


def _grey(value: float) -> str:
    rest = round(255 * (1 - value))
    return f"rgb({rest},{rest},{rest})"


def _signed_colour(value: float) -> str:
    rest = round(255 * (1 - min(1, abs(value))))
    return f"rgb({rest},{rest},255)" if value < 0 else f"rgb(255,{rest},{rest})"
