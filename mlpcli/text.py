"""How results are written for people."""

from collections.abc import Sequence

from mlpcli.errors import printable


def file_name(name: str) -> str:
    """A file's name on one line, whatever characters it has."""
    return printable(name).replace("\n", "\\n")


def percent(share: float) -> str:
    """A share as it is read: 98.31 %."""
    return f"{100 * share:.2f} %"


def count(n: int, one: str, many: str = "") -> str:
    """A number with its noun: 1 epoch, 2,000 epochs."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def listed(words: Sequence[str]) -> str:
    """Two or more as they are read: a, b and c."""
    return f"{', '.join(words[:-1])} and {words[-1]}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Lines of columns, the first aligned to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
