"""Words and numbers as people read them."""

import re
from collections.abc import Sequence

from mlpcli.errors import printable


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


def listed(words: Sequence[str], conjunction: str = "and") -> str:
    """Return at least one word as: a, b and c."""
    *others, last = words
    return f"{', '.join(others)} {conjunction} {last}" if others else last


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return lines of columns, the first aligned to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [first.ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
