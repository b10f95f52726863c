"""A document as plain text, or as Markdown."""

import textwrap
from bisect import bisect_left

from mlpcli import half_blocks
from mlpcli.explaining.documents.document import APART, BY_DIFFERENCES, Document, Quantity, Section
from mlpcli.nn.arrays import Array
from mlpcli.text import table

PAGE_WIDTH = 100
LEAST_INK = 0.35
"""least ink of a pixel drawn black"""


def as_text(document: Document) -> str:
    """Return plain text, at most `PAGE_WIDTH` columns wide where its parts allow."""
    parts = [f"{document.title}\n{'=' * len(document.title)}"]
    if opening := _opening(document, document.see):
        parts.append("\n".join(textwrap.wrap(opening, PAGE_WIDTH)))
    for section in document.sections:
        lines = [section.title]
        if section.level == 2:
            lines.append("-" * len(section.title))
        parts.append("\n".join([*lines, *_plain_body(section)]))
    return "\n\n".join(parts)


def as_markdown(document: Document) -> str:
    """Return Markdown in which each section's columns stand in a block of text."""
    parts = [f"# {document.title}"]
    if opening := _opening(document, f"[{document.see}]({document.see})"):
        parts.append(opening)
    for section in document.sections:
        parts.append(f"{'#' * section.level} {section.title}")
        if section.words:
            parts.append(section.words)
        body = _plain_body(section, words=False)
        if body:
            parts.append("\n".join(["```text", *body, "```"]))
    return "\n\n".join(parts)


def _opening(document: Document, link: str) -> str:
    see = f"All symbols, beside those of other texts: {link}. " if document.see else ""
    return f"{see}{document.opening}"


def _plain_body(section: Section, *, words: bool = True) -> list[str]:
    lines = textwrap.wrap(section.words, PAGE_WIDTH) if words else []
    if section.formula:
        parts = section.formula.split(APART)
        if section.shapes:
            parts.append(f"  {section.shapes}")
        lines += [f"  {line}" for line in _joined(parts)]
    blocks: list[list[str]] = []
    for each in section.quantities:
        block = _plain_quantity(each)
        if each.symbol == BY_DIFFERENCES:  # stays beside what it is compared with
            block = _side_by_side([blocks.pop(), block])
        blocks.append(block)
    lines += [f"    {line}" for line in _side_by_side(blocks)]
    if section.rows:
        lines += ["  " + line for line in table(section.rows).splitlines()]
    if section.image is not None:
        lines += _signed(section.image) if section.is_signed else _ink(section.image)
    return lines


def _joined(parts: list[str]) -> list[str]:
    """Return formulae beside each other, in lines no wider than the page."""
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
        return [f"{head}{quantity.values.shape}  {figures}"]
    rows = quantity.rows()
    width = max((len(cell) for row in rows for cell in row), default=0)
    lines = ["  ".join(cell.rjust(width) for cell in row) for row in rows]
    return [(head if i == 0 else " " * len(head)) + line for i, line in enumerate(lines)]


def _side_by_side(blocks: list[list[str]]) -> list[str]:
    """Return blocks of lines beside each other, in bands that fit on the page when indented."""
    bands: list[list[str]] = []
    for block in blocks:
        width = max(map(len, block))
        padded = [line.ljust(width) for line in block]
        if bands and len(bands[-1][0]) + 4 + width <= PAGE_WIDTH - 4:
            bands[-1] = _beside(bands[-1], padded)
        else:
            bands.append(padded)
    return [line.rstrip() for band in bands for line in band]


def _beside(left: list[str], right: list[str]) -> list[str]:
    """Return two rectangles of text beside each other, the lower one filled with spaces."""
    lines = []
    for i in range(max(len(left), len(right))):
        a = left[i] if i < len(left) else " " * len(left[0])
        b = right[i] if i < len(right) else " " * len(right[0])
        lines.append(f"{a}    {b}")
    return lines


def _ink(image: Array) -> list[str]:
    return [f"  |{line}|" for line in half_blocks.in_black(image > LEAST_INK)]


def _signed(image: Array) -> list[str]:
    """Return an image from -1 to 1: + and - where strong, ' and . where weak, else blank."""
    bounds, signs = [-0.4, -0.1, 0.1, 0.4], "-. '+"
    return [f"  |{''.join(signs[bisect_left(bounds, v)] for v in row)}|" for row in image]
