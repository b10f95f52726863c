"""Words and numbers as people read them."""

import json
import re
import textwrap
from collections.abc import Sequence
from typing import Any, Literal

from mlpcli.errors import printable
from mlpcli.language import N_, _, language


def file_name(name: str) -> str:
    """Return a file's name on one line, whatever characters it has."""
    return printable(name).replace("\n", "\\n")


def without_password(text: str) -> str:
    """Return `text` without the user and password of the addresses in it."""
    return re.sub(r"://[^\s'\"]*@", "://", text)


def size(n_bytes: int) -> str:
    """Return a size in decimal units: 950 bytes, 11.6 MB, 8.2 GB."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.1f} {unit}"
    return count(n_bytes, "byte")


def percent(share: float) -> str:
    """Return a share as 98.31 %."""
    return f"{100 * share:.2f} %"


def number(value: float, largest: float | None = None) -> str:
    """Return a number with six decimals, or four in powers of ten; never -0.

    `largest`, the greatest magnitude among the numbers beside it, decides between them; None for a
    number that stands alone.
    """
    size = abs(value) if largest is None else largest
    if size and not 1e-3 <= size < 1e5:
        return f"{value + 0.0:.4e}"
    return f"{round(value, 6) + 0.0:.6f}"


def count(n: int, one: str, many: str = "") -> str:
    """Return a number with its noun: 1 epoch, 2,000 epochs."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def setting(value: Any) -> str:
    """Return a setting's value as a config has it: null, true, [30, 10] or relu."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def listed(words: Sequence[str], conjunction: Literal["and", "or"] = "and") -> str:
    """Return at least one word as: a, b and c."""
    *others, last = words
    if not others:
        return last
    listing = N_("{words} and {last}") if conjunction == "and" else N_("{words} or {last}")
    return _(listing, words=_(", ").join(others), last=last)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return lines of columns, the first aligned to the left and the others to the right."""
    widths = [max(map(columns, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [filled(first, widths[0])]
        cells += [
            " " * (width - columns(cell)) + cell
            for cell, width in zip(others, widths[1:], strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def columns(text: str) -> int:
    """Return how many columns of a terminal a line takes: two for each Chinese character."""
    if text.isascii():
        return len(text)
    import unicodedata  # a library that English does not need

    return len(text) + sum(unicodedata.east_asian_width(each) in "WF" for each in text)


def filled(text: str, width: int) -> str:
    """Return a line with spaces behind it, so that it takes this many columns."""
    return text + " " * (width - columns(text))


_WIDE = "\u2e80-\u9fff\uff00-\uffef"
_CLOSING, _OPENING = "，。；：、！？）》”", "（《“"
_PIECE = re.compile(
    rf"[{_OPENING}]*(?:[{_WIDE}]|[^{_WIDE}\s{_OPENING}{_CLOSING}]+)[{_CLOSING}]*\s*|\S+\s*"
)
"""what stays on one line: a Chinese character or a word, with its marks and the space behind it"""


def wrapped(text: str, width: int) -> list[str]:
    """Return lines of at most so many columns.

    Chinese has no spaces between words: there a line may end behind each character, but not before
    a mark that belongs to what precedes it.
    """
    if language() == "en":
        return textwrap.wrap(text, width)
    lines, line = [], ""
    for piece in _PIECE.findall(text):
        if line and columns(line + piece.rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line += piece
        while columns(line.rstrip()) > width:  # a word that is longer than a line
            lines.append(line[:width])
            line = line[width:]
    return [*lines, line.rstrip()] if line.strip() else lines
