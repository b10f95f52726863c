import numpy as np
import pytest

from mlpcli.data.dice import Dice


def dice(indices, seed=3):
    return Dice(seed, 1, np.array(indices, np.uint64))


def test_splitmix64_as_published():
    """The first outputs of Steele, Lea and Flood's generator for the state 1234567."""
    streams = dice([0])
    streams._streams = np.array([1234567], np.uint64)
    assert streams.bits(3)[:, 0].tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64])
def test_rows_are_the_pieces_of_the_bits(dtype):
    pieces = 8 // np.dtype(dtype).itemsize
    rows = dice([5, 9]).rows(2 * pieces + 1, dtype)
    assert rows.dtype == dtype
    bits = dice([5, 9]).bits(3)
    width = 64 // pieces
    for image in range(2):
        for i, value in enumerate(rows[image]):
            word = int(bits[i // pieces, image])
            assert value == word >> (i % pieces * width) & (2**width - 1)


def test_rows_move_the_streams_on():
    streams = dice([1])
    first, second = streams.rows(8, np.uint8), streams.rows(8, np.uint8)
    assert first.tolist() != second.tolist()
    np.testing.assert_array_equal(np.hstack([first, second]), dice([1]).rows(16, np.uint8))


def test_rows_are_spread_evenly():
    rows = dice(range(1000)).rows(256, np.uint8)
    counts = np.bincount(rows.ravel(), minlength=256)
    assert abs(counts - 1000).max() < 5 * 1000**0.5
