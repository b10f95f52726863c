"""Rows of numbers from a CSV file or from the command line, for a network that learned a table."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mlpcli.data.dataset import FloatArray
from mlpcli.errors import DataError
from mlpcli.files import os_errors_as

MOST_ROWS = 10_000_000


def parse_row(text: str, names: Sequence[str]) -> list[float]:
    """Return the numbers of a row such as 120,3.

    Raises:
        DataError: there are not as many as `names`, or one is not a finite number.
    """
    return _numbers(text.split(","), names, text)


def read_rows(path: Path, names: Sequence[str]) -> FloatArray:
    """Return the rows (N, n_in) of a CSV file.

    Its first line may name the columns: then those of `names` are taken, in any order, and others
    are left out. Without it, each row has as many numbers as there are names.

    Raises:
        DataError: the file cannot be read, or a row has not the numbers that it should have.
    """
    rows: list[list[float]] = []
    chosen: list[int] | None = None
    try:
        with (
            os_errors_as(DataError, path, "cannot be read"),
            path.open(encoding="utf-8-sig", newline="") as file,
        ):
            reader = csv.reader(file)
            for cells in reader:
                if not cells:
                    continue
                place = f"{path}:{reader.line_num}"
                if not rows and chosen is None and not all(map(_is_number, cells)):
                    chosen = _columns([cell.strip() for cell in cells], names, place)
                    continue
                if chosen is not None:
                    if len(cells) <= max(chosen):
                        raise DataError(f"{place}: too few cells for {', '.join(names)}.")
                    cells = [cells[i] for i in chosen]
                rows.append(_numbers(cells, names, place))
                if len(rows) > MOST_ROWS:
                    raise DataError(f"{path}: more than {MOST_ROWS:,} rows; split the file.")
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as a table: {error}.") from error
    if not rows:
        raise DataError(f"{path}: has no row of numbers.")
    return np.array(rows)


def _columns(header: Sequence[str], names: Sequence[str], place: str) -> list[int]:
    missing = [name for name in names if name not in header]
    if missing:
        raise DataError(
            f"{place}: no column {', '.join(missing)}; the network learned from the columns "
            f"{', '.join(names)}, and the file has {', '.join(header)}."
        )
    return [header.index(name) for name in names]


def _numbers(cells: Sequence[str], names: Sequence[str], place: str) -> list[float]:
    if len(cells) != len(names) or not all(map(_is_number, cells)):
        wanted = "1 number" if len(names) == 1 else f"{len(names)} numbers"
        raise DataError(
            f"{place}: expected {wanted} ({', '.join(names)}), found {','.join(cells)!r}."
        )
    return [float(cell) for cell in cells]


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False
