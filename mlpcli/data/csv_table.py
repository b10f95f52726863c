"""Read tables of images: a label and the pixels, row by row, in every row; or pixels alone.

Kaggle's Digit Recognizer has such tables (`label,pixel0,…,pixel783`), and MNIST is often passed on
in them. No file is trusted: it may be cut short, a web page, or a few kilobytes that unpack to
terabytes. Pixels that are plain whole numbers, as nearly all are, are read many rows at once; where
a row is written otherwise, it is read cell by cell.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from mlpcli.config.class_names import MOST_CLASSES
from mlpcli.data.dataset import UInt8Array
from mlpcli.data.problems import Problems
from mlpcli.errors import DataError
from mlpcli.files import open_ordinary

PIECE = 2**18
"""bytes read and parsed at once, few enough to stay in a core's cache"""
MOST_BYTES = 2**33
"""largest table, unpacked: a million images of MNIST's size have 2 GB"""
LONGEST_ROW = 2**26
"""bytes of the longest row: 4,096 × 4,096 pixels"""
LABEL_NAMES = ("label", "class", "target")
"""headings of the column of labels, in any case"""
DELIMITERS = b",;\t"
GZIP_MAGIC = b"\x1f\x8b"
_NEWLINE = 10
_ZERO = 48


@dataclass(frozen=True)
class PixelTable:
    """What a table holds."""

    pixels: UInt8Array
    """(N, columns - 1), or (N, columns) without labels"""
    labels: list[str] | None
    """of each row; None without a column of labels"""
    rows: NDArray[np.int64]
    """(N,) the number of each row in the file, the header counted"""


def read_table(
    path: Path,
    *,
    label_column: str | int | None = None,
    n_pixels: int | None = None,
    skip: bool | None = None,
) -> tuple[PixelTable, Problems]:
    """Return the images in a table, and the rows that cannot be used.

    Args:
        path: the file, packed with gzip or not.
        label_column: its name, or its number from 1 on; None for the one called label, class or
            target, or else the first.
        n_pixels: if given, a table of so many columns has no labels.
        skip: whether rows that cannot be used are left out; otherwise they are an error. None: the
            user has no such choice.

    Raises:
        DataError: the file cannot be read, or rows in it cannot be used; the message has the first
            twenty of them.
    """
    try:
        with open_ordinary(path) as raw:
            is_packed = raw.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            raw.seek(0)
            if is_packed:
                with gzip.GzipFile(fileobj=raw) as unpacked:
                    return _Reader(path, label_column, n_pixels, skip).read(unpacked)
            return _Reader(path, label_column, n_pixels, skip).read(raw)
    except MemoryError as error:
        raise DataError(f"{path}: its content does not fit into memory.") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: its gzip packing is damaged ({error}).") from error
    except EOFError as error:
        raise DataError(f"{path}: it is cut short within its gzip packing.") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from error


def _whole_lines(file: BinaryIO | gzip.GzipFile, path: Path) -> Iterator[bytes]:
    """Yield the file in pieces of whole lines, each line with its end."""
    rest, total = b"", 0
    while piece := file.read(PIECE):
        total += len(piece)
        if total > MOST_BYTES:
            raise DataError(f"{path}: has more than {MOST_BYTES:,} bytes; give a smaller table.")
        rest += piece
        end = rest.rfind(b"\n") + 1
        if end:
            yield rest[:end]
            rest = rest[end:]
        elif len(rest) > LONGEST_ROW:
            raise DataError(f"{path}: has a row of more than {LONGEST_ROW:,} bytes; no table.")
    if rest:
        yield rest + b"\n"


class _Reader:
    """Reads one table."""

    def __init__(
        self, path: Path, label_column: str | int | None, n_pixels: int | None, skip: bool | None
    ) -> None:
        self.path, self.wanted, self.n_pixels = path, label_column, n_pixels
        self.problems = Problems(str(path), "row", skip=skip is True)
        if skip is None:
            self.problems.remedy = "Mend them, or leave them out of the table."
        self.delimiter = ord(",")
        self.columns = 0
        self.label: int | None = None
        self.row = 0  # in the file, from 1 on
        self.pixels: list[UInt8Array] = []
        self.labels: list[str] = []
        self.rows: list[NDArray[np.int64]] = []

    def read(self, file: BinaryIO | gzip.GzipFile) -> tuple[PixelTable, Problems]:
        for piece in _whole_lines(file, self.path):
            piece = piece.replace(b"\r\n", b"\n")
            if not self.columns:
                piece = self._begin(piece)
            if piece:
                self._add(piece)
        if not self.columns:
            raise DataError(f"{self.path}: the table is empty.")
        self.problems.raise_if_any()
        if not any(map(len, self.pixels)):
            if self.problems.total:
                raise DataError(f"{self.problems.text()}\nNo row is left.")
            raise DataError(f"{self.path}: has no row that can be used.")
        pixels = np.concatenate(self.pixels)
        self.pixels.clear()
        labels = None if self.label is None else self.labels
        return PixelTable(pixels, labels, np.concatenate(self.rows)), self.problems

    def _begin(self, piece: bytes) -> bytes:
        """Learn the columns from the first line that is not empty; return the rows from it on.

        A header is no row.
        """
        given = piece.removeprefix(b"\xef\xbb\xbf")
        piece = given.lstrip(b"\n")
        self.row += len(given) - len(piece)
        if not piece:
            return piece
        line, _, rest = piece.partition(b"\n")
        counts = {delimiter: line.count(delimiter) for delimiter in DELIMITERS}
        self.delimiter = max(DELIMITERS, key=counts.__getitem__)
        names = [name.strip() for name in self._cells(line)]
        self.columns = len(names)
        if self.columns < 2:
            raise DataError(
                f"{self.path}: no table of images; expected a label and pixels in each row, "
                "separated by commas."
            )
        has_header = self._is_header(names)
        self._find_label(names if has_header else [])
        if not has_header:
            return piece
        self.row += 1
        return rest

    def _is_header(self, names: list[str]) -> bool:
        """Return whether the cells of the first line are headings, which may be numbers."""
        others = [name for name in names if name.lower() not in LABEL_NAMES and name != self.wanted]
        has_label = len(others) < len(names)
        if not has_label:
            others = names[1:]
        if not any(map(_is_number, others)):
            return True
        # Without a heading of the labels, the numbers could be a row's pixels, unless too large.
        return _are_counted(others) and (has_label or int(others[-1]) > 255)

    def _find_label(self, header: list[str]) -> None:
        """Learn which column has the labels, if one has."""
        named = [name.lower() for name in header]
        usual = [named.index(name) for name in LABEL_NAMES if name in named]
        wanted = self.wanted
        if isinstance(wanted, int):
            if wanted > self.columns:
                raise DataError(
                    f"{self.path}: data.label_column is {wanted}, but there are {self.columns} "
                    "columns."
                )
            self.label = wanted - 1
        elif wanted is not None:
            if wanted not in header:
                has = (
                    f"its columns are {', '.join(header[:5])}, …" if header else "it has no header"
                )
                raise DataError(
                    f"{self.path}: has no column {wanted!r} (data.label_column): {has}."
                )
            self.label = header.index(wanted)
        elif usual:
            self.label = usual[0]
        else:
            self.label = None if self.columns == self.n_pixels else 0

    def _cells(self, line: bytes) -> list[str]:
        text = line.decode("utf-8", errors="surrogateescape")
        try:
            return next(csv.reader(io.StringIO(text), delimiter=chr(self.delimiter)), [])
        except csv.Error:
            return text.split(chr(self.delimiter))

    def _add(self, piece: bytes) -> None:
        """Add the rows in a piece of whole lines."""
        table = plain_numbers(piece, self.delimiter, self.columns)
        if table is None:
            self._add_by_cells(piece)
            return
        n = len(table)
        rows = np.arange(self.row + 1, self.row + n + 1)
        self.row += n
        pixels = table if self.label is None else np.delete(table, self.label, axis=1)
        labels = None if self.label is None else table[:, self.label].tolist()
        bright = (pixels > 255).any(axis=1)
        if bright.any():
            for at in np.flatnonzero(bright).tolist():
                column = int(np.argmax(pixels[at] > 255))
                self._tell_pixel(int(rows[at]), column, str(pixels[at, column]))
            pixels, rows = pixels[~bright], rows[~bright]
            if labels is not None:
                labels = [labels[at] for at in np.flatnonzero(~bright).tolist()]
        self.pixels.append(pixels.astype(np.uint8))
        self.rows.append(rows)
        if labels is not None:
            self.labels += map(str, labels)

    def _add_by_cells(self, piece: bytes) -> None:
        for line in piece.split(b"\n")[:-1]:
            self.row += 1
            if not line.strip():
                continue
            cells = self._cells(line)
            if len(cells) != self.columns:
                found = f"{len(cells)} columns, where the first row has {self.columns}"
                self.problems.add(str(self.row), found)
                continue
            label = None if self.label is None else cells.pop(self.label).strip()
            if label == "":
                self.problems.add(str(self.row), "it has no label")
                continue
            self._add_row(cells, label)

    def _add_row(self, cells: list[str], label: str | None) -> None:
        values = list(map(_whole, cells))
        for column, value in enumerate(values):
            if value is None or not 0 <= value <= 255:
                self._tell_pixel(self.row, column, cells[column])
                return
        self.pixels.append(np.array([values], np.uint8))
        self.rows.append(np.array([self.row]))
        if label is not None:
            self.labels.append(_plain_label(label))

    def _tell_pixel(self, row: int, column: int, found: str) -> None:
        if self.label is not None and column >= self.label:
            column += 1
        expected = "expected a whole number from 0 to 255"
        self.problems.add(
            str(row), f"column {column + 1}: {expected}, found {found.strip()[:20]!r}"
        )


def plain_numbers(piece: bytes, delimiter: int, columns: int) -> NDArray[np.uint16] | None:
    """Return lines of whole numbers of one to three digits as (rows, columns), or else None.

    Each number ends with a delimiter, or with the line after the last column. So at each of these
    ends stands what the three bytes before it say, computed at every byte, which is faster than
    going to the ends: processors do it for 64 bytes at a time.
    """
    characters = np.frombuffer(piece, np.uint8)
    is_newline = characters == _NEWLINE
    is_end = is_newline | (characters == delimiter)
    in_number = ~is_end
    digits = (characters - np.uint8(_ZERO)) * in_number  # no digit: wraps around to 10 or more
    if (digits > 9).any() or is_end[0] or (is_end[1:] & is_end[:-1]).any():
        return None
    two = in_number[1:] & in_number[:-1]
    if (two[2:] & two[:-2]).any():  # four digits
        return None
    values = np.zeros(len(characters), np.uint16)
    values[1:] = digits[:-1]
    values[2:] += digits[:-2] * np.uint16(10)
    values[3:] += (digits[:-3] * in_number[1:-2]) * np.uint16(100)
    ends = np.flatnonzero(is_end)  # indexing with it is faster than with a mask
    if len(ends) % columns:
        return None
    newlines = is_newline[ends].reshape(-1, columns)
    if not newlines[:, -1].all() or newlines[:, :-1].any():
        return None
    return values[ends].reshape(-1, columns)


def _are_counted(names: list[str]) -> bool:
    """Return whether these are consecutive numbers, as those of columns are."""
    numbers = [int(name) if name.isdecimal() and len(name) < 9 else -1 for name in names]
    return numbers == list(range(numbers[0], numbers[0] + len(numbers))) and numbers[0] >= 0


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _whole(cell: str) -> int | None:
    """Return a whole number, which may be written as 7.0, or None."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return int(value) if value.is_integer() else None


def _plain_label(label: str) -> str:
    """Return a label that is a number without zeros that say nothing: 7.0 is 7."""
    number = _whole(label)
    return label if number is None or not 0 <= number < MOST_CLASSES else str(number)
