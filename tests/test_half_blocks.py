"""Two pixels a character, in black and in greys."""

import numpy as np

from mlpcli.half_blocks import in_black, in_greys


def test_in_black():
    ink = np.array([[0, 1, 0, 1], [0, 0, 1, 1], [1, 1, 0, 0]], bool)
    assert in_black(ink) == [" ▀▄█", "▀▀  "]


def test_in_greys():
    pixels = np.array([[0, 255], [11, 0], [253, 5]], np.uint8)
    assert in_greys(pixels) == (
        "\x1b[38;5;232;48;5;233m▀\x1b[38;5;255;48;5;232m▀\x1b[0m\n"
        "\x1b[38;5;255;48;5;232m▀\x1b[38;5;232;48;5;232m▀\x1b[0m"
    )
