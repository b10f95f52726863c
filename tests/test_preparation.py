"""The steps of the preparation against definitions written out, and on drawn photographs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mlpcli.data import synthetic
from mlpcli.data.image import prepare_array
from mlpcli.data.preparation.ground import ink_on_ground, plane
from mlpcli.data.preparation.labelling import labelled
from mlpcli.data.preparation.morphology import closed, odd, opened, sliding_max, without_grain
from mlpcli.data.preparation.page import digits_on_page, reading_order
from mlpcli.data.preparation.strokes import stroke_width
from mlpcli.errors import ImageError

MASKS = arrays.arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9)))


def flooded(mask):
    """Labels by flooding from each pixel that has none yet."""
    labels = np.zeros(mask.shape, int)
    count = 0
    for start in zip(*np.nonzero(mask), strict=True):
        if labels[start]:
            continue
        count += 1
        open_ends = [start]
        while open_ends:
            row, column = open_ends.pop()
            inside = 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1]
            if inside and mask[row, column] and not labels[row, column]:
                labels[row, column] = count
                open_ends += [(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return labels, count


@given(MASKS)
def test_parts_are_those_that_flooding_finds(mask):
    labels, count = labelled(mask)
    expected, expected_count = flooded(mask)
    assert count == expected_count
    np.testing.assert_array_equal(labels, expected)


@given(MASKS, st.integers(0, 4).map(lambda reach: 2 * reach + 1))
def test_a_sliding_maximum_is_the_maximum_of_each_window(mask, window):
    reach = window // 2
    expected = [
        [
            mask[max(0, row - reach) : row + reach + 1, max(0, column - reach) :][
                :, : reach + 1 + min(column, reach)
            ].any()
            for column in range(mask.shape[1])
        ]
        for row in range(mask.shape[0])
    ]
    np.testing.assert_array_equal(sliding_max(mask, window), expected)
    np.testing.assert_array_equal(sliding_max(mask.astype(float), window), expected)


def test_closing_fills_what_is_narrower_than_the_window_and_nothing_else():
    picture = np.ones((20, 20))
    picture[:, 5:8] = 0
    assert closed(picture, 5).all()
    np.testing.assert_array_equal(closed(picture, 3), picture)
    np.testing.assert_array_equal(opened(1 - picture, 5), 0 * picture)


@pytest.mark.parametrize(("size", "expected"), [(0, 1), (1, 1), (2.9, 1), (3, 3), (4.5, 3), (5, 5)])
def test_windows_are_odd(size, expected):
    assert odd(size) == expected


def test_the_median_of_three_keeps_edges_and_takes_specks():
    edge = np.add.outer(np.arange(12), np.arange(12)) > 10.0
    np.testing.assert_array_equal(without_grain(edge.astype(float)), edge)
    speck = np.zeros((7, 7))
    speck[3, 3] = 1
    assert not without_grain(speck).any()


def test_a_plane_is_found_under_ink():
    down, across = np.mgrid[-1:1:64j, -1:1:64j]
    slope = 0.6 + 0.1 * down - 0.2 * across
    inked = slope.copy()
    inked[20:40, 10:20] = 0
    np.testing.assert_allclose(plane(inked), slope, atol=1e-6)


@pytest.mark.parametrize("continued", [False, True])
def test_neither_the_edge_of_a_shadow_nor_a_slope_is_ink(continued):
    across = np.linspace(0.5, 1, 120)[np.newaxis].repeat(120, axis=0)
    shadow = np.where(np.add.outer(np.arange(120), np.arange(120)) < 120, 0.55, 1.0)
    inside = np.s_[25:-25, 25:-25]
    assert ink_on_ground(across, dark=True, continued=continued)[inside].max() < 0.01
    assert ink_on_ground(shadow, dark=True, continued=continued)[inside].max() < 1e-6


def test_the_width_of_a_stroke():
    mask = np.zeros((60, 60), bool)
    mask[5:55, 20:25] = True
    assert stroke_width(mask) == pytest.approx(5 * 4 / np.pi, rel=0.15)


@given(MASKS)
def test_any_picture_is_prepared_or_refused(mask):
    try:
        pixels = prepare_array(mask.astype(float)).pixels
    except ImageError:
        return
    assert pixels.shape == (784,)
    assert pixels.max() == 255


def test_rows_may_climb():
    top = np.array([60, 12, 20, 16, 8, 55])
    left = np.array([0, 20, 0, 10, 30, 20])
    # two rows from the left: 2, 3, 1, 4 climbs; 0, 5 lies below
    assert reading_order(top, top + 20, left) == [2, 3, 1, 4, 0, 5]


def photographed(digit, rng, *, size, light, chalk):
    """A digit (28, 28) as ink on paper, or chalk on slate, size × size, lit, with grain."""
    large = np.kron(digit.reshape(28, 28) / 255, np.ones((3, 3)))
    paper = np.full((size, size), 0.15 if chalk else 0.85)
    top, left = rng.integers(0, size - 84, 2)
    paper[top : top + 84, left : left + 84] += (0.6 if chalk else -0.6) * large
    return np.clip(paper * light + rng.normal(0, 0.01, paper.shape), 0, 1)


def lights(size):
    across = np.linspace(0.4, 1, size)[np.newaxis]
    return {
        "even": 1.0,
        "slope": across,
        "shadow": np.where(np.arange(size)[:, np.newaxis] < size / 3, 0.55, 1.0),
        "oblique shadow": np.where(np.add.outer(np.arange(size), np.arange(size)) < size, 0.55, 1),
    }


@pytest.mark.parametrize("light", lights(1))
@pytest.mark.parametrize("size", [100, 260])
@pytest.mark.parametrize("chalk", [False, True])
def test_what_is_found_on_paper_is_what_was_drawn(light, size, chalk):
    rng = np.random.default_rng(0)
    images, _ = synthetic.draw(1, range(40))
    alike = []
    for image in images:
        grey = photographed(image, rng, size=size, light=lights(size)[light], chalk=chalk)
        found = prepare_array(grey).pixels
        alike.append(np.corrcoef(found.astype(float), image.reshape(-1))[0, 1])
    assert np.mean(np.array(alike) > 0.6) >= 0.85


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", [(60, 60), (200, 300)])
def test_grain_is_no_digit(seed, shape):
    rng = np.random.default_rng(seed)
    for grain in (rng.normal(0.5, 0.05, shape), rng.random(shape)):
        with pytest.raises(ImageError, match="no digit found"):
            prepare_array(np.clip(grain, 0, 1))


def test_a_page_is_read_row_by_row():
    images, _ = synthetic.draw(3, range(12))
    page = np.full((200, 260), 0.9)
    for i, image in enumerate(images.reshape(-1, 28, 28)):
        top, left = 20 + 60 * (i // 4) - 2 * (i % 4), 20 + 55 * (i % 4)
        page[top : top + 28, left : left + 28] -= 0.7 * image / 255
    page[:, 250:] *= 0.6
    page[100, 5] = 0
    boxes = [box for _, box in digits_on_page(page)]
    rows = [(rows.start + rows.stop) // 2 // 60 for rows, _ in boxes]
    assert rows == [0] * 4 + [1] * 4 + [2] * 4
    lefts = np.array([columns.start for _, columns in boxes]).reshape(3, 4)
    assert (np.diff(lefts) > 30).all()
