"""The table of labels that goes with a folder of images: the columns file and label."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mlpcli.errors import DataError
from mlpcli.files import open_ordinary, os_errors_as

MOST_BYTES = 2**28
"""size of the largest table: some million rows"""


class LabelledFile(NamedTuple):
    """A row of the table."""

    line: int
    file: str
    label: str


def labelled_files(path: Path) -> Iterator[LabelledFile]:
    """Yield the rows of a table of labels; other columns than file and label may be in it.

    Spaces around a label are none of it: people write `1.png, 7`.

    Raises:
        DataError: it cannot be read, lacks a column, or a row lacks a file or a label.
    """
    with os_errors_as(DataError, path, "cannot be read"), open_ordinary(path) as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise DataError(f"{path}: has more than {MOST_BYTES:,} bytes; give a smaller table.")
    # Not `str.splitlines`: for it a line ends at U+2028 and others, too, which a label may have.
    lines = io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", "surrogateescape", newline="")
    reader = csv.DictReader(lines)
    try:
        reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
        if not {"file", "label"} <= set(reader.fieldnames):
            raise DataError(f"{path}: expected a table with the columns file and label.")
        for row in reader:
            if not row["file"] or row["label"] is None:
                raise DataError(f"{path}:{reader.line_num}: expected a file and its label.")
            yield LabelledFile(reader.line_num, row["file"], row["label"].strip())
    except csv.Error as error:
        raise DataError(f"{path}: cannot be read as a table: {error}.") from error
