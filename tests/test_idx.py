"""IDX files, whole and broken in every way."""

import gzip
import math
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from helpers.mirrors import idx
from hypothesis import given
from hypothesis import strategies as st

from mlpcli.data.idx import read_first_labels, read_images, read_labels
from mlpcli.errors import DataError

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
LABELS = np.array([3, 0, 9, 1], np.uint8)
PACKINGS = pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["raw", "gzip"])


def header(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *numbers)


@PACKINGS
@given(data=st.data())
def test_round_trip(pack, data: st.DataObject) -> None:
    shape = data.draw(st.tuples(*[st.integers(1, 6)] * 3))
    size = math.prod(shape)
    content = data.draw(st.binary(min_size=size, max_size=size))
    images = np.frombuffer(content, np.uint8).reshape(shape)
    read = read_images(pack(idx(images)))
    assert read.dtype == np.uint8
    assert read.shape == shape
    assert np.array_equal(read, images)
    assert np.array_equal(read_labels(pack(idx(images.ravel()))), images.ravel())


@PACKINGS
def test_a_path_is_read_like_bytes(pack, tmp_path: Path) -> None:
    path = tmp_path / "images"
    path.write_bytes(pack(idx(IMAGES)))
    assert np.array_equal(read_images(path), IMAGES)


@PACKINGS
def test_every_truncation_is_noticed(pack) -> None:
    content = pack(idx(IMAGES))
    for length in range(len(content)):
        with pytest.raises(DataError, match="digits"):
            read_images(content[:length], name="digits")


@PACKINGS
@pytest.mark.parametrize("extra", [b"\0", b"trailing bytes"])
def test_bytes_after_the_last_image(pack, extra: bytes) -> None:
    with pytest.raises(DataError, match="2 x 3 x 4 bytes, but more follow"):
        read_images(pack(idx(IMAGES) + extra))


def test_garbage_after_the_gzip_packing() -> None:
    with pytest.raises(DataError, match="gzip packing is damaged"):
        read_images(gzip.compress(idx(IMAGES)) + b"garbage")


def test_gzip_in_several_members() -> None:
    content = idx(IMAGES)
    assert np.array_equal(
        read_images(gzip.compress(content[:20]) + gzip.compress(content[20:])), IMAGES
    )


def test_a_flipped_bit_in_gzip_is_noticed() -> None:
    content = gzip.compress(idx(np.arange(4000, dtype=np.uint16).astype(np.uint8)))
    for position in range(10, len(content)):  # the 10 bytes of gzip's own header are not checked
        flipped = bytearray(content)
        flipped[position] ^= 1
        with pytest.raises(DataError):
            read_labels(bytes(flipped))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "ends within its header, after 0 bytes"),
        (b"<!doctype html>", "no IDX file of images: it begins with 0x3c21646f"),
        (idx(LABELS), "it holds labels, where images are needed"),
        (header(0x0D03, 2, 3, 4) + bytes(96), "begins with 0x00000d03"),  # 0D: float32
        (header(0x0803, 0, 3, 4), "promises 0 x 3 x 4 bytes"),
        (header(0x0803, 2, 0, 4), "promises 2 x 0 x 4 bytes"),
        (header(0x0803, 2, 3, 5) + bytes(24), "2 x 3 x 5 bytes, but it holds 24"),
        (header(0x0803, 2**31, 3, 4) + bytes(24), "2147483648 x 3 x 4 bytes, not 1 to"),
        (header(0x0803, *[2**32 - 1] * 3) + bytes(24), "bytes, not 1 to 2147483648"),
    ],
)
@PACKINGS
def test_a_header_that_is_wrong_or_lies(pack, content: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        read_images(pack(content))


def test_images_are_no_labels() -> None:
    with pytest.raises(DataError, match="holds images, where labels are needed"):
        read_labels(idx(IMAGES))


@pytest.mark.parametrize("promised", [100, 2**31])
def test_a_lie_or_a_gzip_bomb_takes_no_memory(promised: int) -> None:
    """Memory grows neither with what a short file promises, nor with what a long one unpacks to."""
    short = header(0x0801, promised) + bytes(90)
    bomb = gzip.compress(header(0x0801, 100) + bytes(50_000_000))
    content = bomb if promised == 100 else gzip.compress(short)
    tracemalloc.start()
    try:
        with pytest.raises(DataError):
            read_labels(content)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


def test_labels_are_checked_against_the_classes() -> None:
    assert read_labels(idx(LABELS), classes=10).tolist() == [3, 0, 9, 1]
    with pytest.raises(DataError, match="y: label 2 is 9, but there are 9 classes"):
        read_labels(idx(LABELS), name="y", classes=9)


def test_a_path_names_itself_in_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.gz: cannot be read"):
        read_images(tmp_path / "absent.gz")
    (tmp_path / "labels").write_bytes(idx(LABELS))
    with pytest.raises(DataError, match="labels: label 2"):
        read_labels(tmp_path / "labels", classes=9)


def label_rows(rows) -> bytes:
    table = np.array(rows, ">i4")
    return struct.pack(">3I", 0x0C02, *table.shape) + table.tobytes()


@PACKINGS
def test_the_first_of_many_labels(pack) -> None:
    rows = [[3, 4, -1], [0, 70_000, 2], [9, 0, 0]]
    assert read_first_labels(pack(label_rows(rows))).tolist() == [3, 0, 9]
    for wrong in (-1, 256):
        with pytest.raises(DataError, match="not from 0 to 255"):
            read_first_labels(pack(label_rows([*rows, [wrong, 0, 0]])))


def test_rows_of_labels_are_told_from_labels() -> None:
    content = label_rows([[3, 4], [0, 7]])
    with pytest.raises(DataError, match="it holds rows of labels, where labels are needed"):
        read_labels(content)
    with pytest.raises(DataError, match="it holds labels, where rows of labels are needed"):
        read_first_labels(idx(LABELS))
    for length in range(len(content)):
        with pytest.raises(DataError):
            read_first_labels(content[:length])
