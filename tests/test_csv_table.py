"""Tables of a label and pixels: read as Kaggle and others write them, and broken in every way."""

import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpcli.data import csv_table
from mlpcli.data.csv_table import plain_numbers, read_table
from mlpcli.errors import DataError

ROWS = [[7, 0, 255, 3, 12], [0, 1, 2, 3, 4], [9, 255, 255, 255, 100]]
PIXELS = [row[1:] for row in ROWS]


def text_of(rows, delimiter=",", end="\n"):
    return "".join(delimiter.join(map(str, row)) + end for row in rows)


@pytest.fixture
def written(tmp_path: Path):
    def write(content, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def check(found, pixels=PIXELS, labels=("7", "0", "9")):
    assert found.pixels.dtype == np.uint8
    assert found.pixels.tolist() == pixels
    assert found.labels == list(labels)


HEADER = "label,pixel0,pixel1,pixel2,pixel3\n"


@pytest.mark.parametrize(
    ("content", "first"),
    [
        (text_of(ROWS), 1),
        (HEADER + text_of(ROWS), 2),
        (HEADER.replace(",", ";") + text_of(ROWS, ";"), 2),
        (text_of(ROWS, "\t", "\r\n"), 1),
        ("\ufeff" + HEADER + text_of(ROWS), 2),
        (text_of(ROWS).rstrip("\n"), 1),
        (text_of(ROWS) + "\n\n", 1),
        ("\n\r\n" + HEADER + text_of(ROWS), 4),
        ("\n" * 300_000 + text_of(ROWS), 300_001),
        (text_of([[f"{number}.0" for number in row] for row in ROWS]), 1),
        (text_of([[f' "{number}"' for number in row] for row in ROWS]).replace(" ", ""), 1),
        (text_of(ROWS, ", "), 1),
    ],
)
def test_the_ways_in_which_a_table_is_written(written, content, first):
    found, problems = read_table(written(content))
    check(found)
    assert found.rows.tolist() == [first, first + 1, first + 2]
    assert problems.total == 0


def test_gzip(written):
    check(read_table(written(gzip.compress((HEADER + text_of(ROWS)).encode())))[0])


def test_the_column_of_labels(written):
    last = [[*row[1:], row[0]] for row in ROWS]
    names = "a,b,c,d,Class\n"
    check(read_table(written(names + text_of(last)))[0])
    check(read_table(written(text_of(last)), label_column=5)[0])
    check(read_table(written("a,b,c,d,what\n" + text_of(last)), label_column="what")[0])
    with pytest.raises(DataError, match=r"has no column 'x' .*: its columns are a, b, c, d, Class"):
        read_table(written(names + text_of(last)), label_column="x")
    with pytest.raises(DataError, match="is 9, but there are 5 columns"):
        read_table(written(text_of(last)), label_column=9)


def test_labels_that_are_names(written):
    rows = [["drei", *row[1:]] for row in ROWS]
    check(read_table(written(text_of(rows)))[0], labels=["drei"] * 3)


def test_a_table_without_labels(written):
    path = written(text_of([["p0", "p1", "p2", "p3"], *PIXELS]))
    found, _ = read_table(path, n_pixels=4)
    assert (found.labels, found.pixels.tolist()) == (None, PIXELS)


def test_a_header_of_numbers(written):
    rows = [["label", *range(300)], [1, *[5] * 300]]
    found, _ = read_table(written(text_of(rows)))
    assert (found.pixels.tolist(), found.labels) == ([[5] * 300], ["1"])


@pytest.mark.parametrize(
    ("header", "options"),
    [
        ("0,1,2,3,label", {}),
        ("0,1,2,3,what", {"label_column": "what"}),
        ("1,2, 3,4, Target", {}),
    ],
)
def test_columns_that_are_only_counted(written, header, options):
    """As pandas writes them, of images so small that each number could be a pixel."""
    last = text_of([[*row[1:], row[0]] for row in ROWS])
    check(read_table(written(f"{header}\n{last}"), **options)[0])
    *others, label = header.split(",")
    first = ",".join([label, *others])
    check(read_table(written(f"{first}\n{text_of(ROWS)}"), **options)[0])


def test_counted_pixels_are_no_header(written):
    rows = [[7, 0, 1, 2, 3], *ROWS[1:]]
    check(read_table(written(text_of(rows)))[0], [[0, 1, 2, 3], *PIXELS[1:]])
    named = ["target", 9, 1, 2, 3]
    found, _ = read_table(written(text_of([named, *ROWS[1:]])))
    check(found, [named[1:], *PIXELS[1:]], ["target", "0", "9"])


WRONG_ROWS = [
    ("7,0,255,3", "row 3: 4 columns, where the first row has 5"),
    ("7,0,255,3,256", "row 3: column 5: expected a whole number from 0 to 255, found '256'"),
    ("7,0,-1,3,2", "row 3: column 3: expected a whole number from 0 to 255, found '-1'"),
    ("7,0,0.5,3,2", "row 3: column 3: expected a whole number from 0 to 255, found '0.5'"),
    ("7,0,nan,3,2", "row 3: column 3: expected a whole number from 0 to 255, found 'nan'"),
    ("7,0,inf,3,2", "row 3: column 3: expected a whole number from 0 to 255, found 'inf'"),
    ("7,0,,3,2", "row 3: column 3: expected a whole number from 0 to 255, found ''"),
    (",0,1,3,2", "row 3: it has no label"),
]


@pytest.mark.parametrize(("row", "problem"), WRONG_ROWS)
def test_rows_that_cannot_be_used(written, row, problem):
    content = text_of(ROWS[:2]) + row + "\n" + text_of(ROWS[2:])
    with pytest.raises(DataError) as caught:
        read_table(written(content))
    assert problem in str(caught.value)
    found, problems = read_table(written(content), skip=True)
    check(found)
    assert problems.listed == [problem]


@pytest.mark.parametrize("row", ["1,2,3,4,999\n", "1,2,3,4,-9\n"])
def test_no_row_is_left(written, row):
    with pytest.raises(DataError, match=r"2 problems\n(.*\n)*No row is left"):
        read_table(written(row * 2), skip=True)


def test_all_problems_in_one_message_the_first_twenty_of_them(written):
    with pytest.raises(DataError) as caught:
        read_table(written(text_of(ROWS) + "1,2,3,4,999\n" * 30))
    lines = str(caught.value).splitlines()
    assert lines[0].endswith("table.csv: 30 problems")
    assert sum("found '999'" in line for line in lines) == 20
    assert "… and 10 more" in lines[21]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the table is empty"),
        (b"\n\n", "the table is empty"),
        (b"<html><body>404</body></html>", "no table of images"),
        (HEADER.encode(), "no row that can be used"),
        (b"\x00" * 500, "no table of images"),
        ("1,²,3".encode(), "row 1: column 2: expected a whole number"),
        (gzip.compress(b"1,2,3\n" * 99, mtime=0)[:-9], "cut short"),
        (gzip.compress(b"1,2,3\n", mtime=0)[:10] + b"\xff" * 9, "damaged"),
    ],
)
def test_what_is_no_table(written, content, message):
    with pytest.raises(DataError, match=message):
        read_table(written(content))


def test_what_is_not_there(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_table(tmp_path / "nothing.csv")
    with pytest.raises(DataError, match="cannot be read"):
        read_table(tmp_path)


def test_limits(written, monkeypatch):
    monkeypatch.setattr(csv_table, "MOST_BYTES", 100)
    with pytest.raises(DataError, match="more than 100 bytes"):
        read_table(written(text_of(ROWS * 20)))
    monkeypatch.setattr(csv_table, "LONGEST_ROW", 50)
    monkeypatch.setattr(csv_table, "PIECE", 30)
    with pytest.raises(DataError, match="a row of more than 50 bytes"):
        read_table(written("1" * 99))


numbers = st.integers(0, 255)


@given(data=st.data(), piece=st.integers(1, 99))
def test_round_trip(data, piece):
    columns = data.draw(st.integers(1, 5))
    row = st.lists(numbers, min_size=columns, max_size=columns)
    pixels = data.draw(st.lists(row, min_size=1, max_size=9))
    labels = data.draw(st.lists(st.integers(0, 999), min_size=len(pixels), max_size=len(pixels)))
    blank = data.draw(st.booleans())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_table, "PIECE", piece)
        reader = csv_table._Reader(Path("t"), None, None, None)
        rows = [[label, *row] for label, row in zip(labels, pixels, strict=True)]
        found, _ = reader.read(io.BytesIO(text_of(rows, end="\n" + "\n" * blank).encode()))
    check(found, pixels, list(map(str, labels)))


@given(st.lists(st.text("0123456789,\n ;.-", max_size=12), max_size=6).map("\n".join))
def test_plain_numbers_are_those_that_python_reads(text):
    text += "\n"
    found = plain_numbers(text.encode(), ord(","), 2)
    try:
        expected = [[int(cell) for cell in line.split(",")] for line in text.split("\n")[:-1]]
        cells = [cell for line in text.split("\n")[:-1] for cell in line.split(",")]
        is_plain = all(len(row) == 2 for row in expected) and all(
            cell.isdigit() and len(cell) <= 3 for cell in cells
        )
    except ValueError:
        is_plain = False
    assert (found is not None) == is_plain
    if is_plain:
        assert found.tolist() == expected
