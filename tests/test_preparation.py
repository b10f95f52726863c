"""The steps of the preparation against definitions written out."""

import numpy as np
import pytest
from helpers import photographs
from helpers.found_digits import digits_on_page
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mlpcli.data import synthetic
from mlpcli.errors import ImageError
from mlpcli.reading.digit import prepare_array
from mlpcli.reading.dither import without_dots
from mlpcli.reading.ground import ink_on_ground, plane
from mlpcli.reading.ink import evenly_lit
from mlpcli.reading.labelling import labelled
from mlpcli.reading.lines import reading_order
from mlpcli.reading.morphology import closed, odd, opened, sliding_max, without_grain
from mlpcli.reading.ruled_lines import without_ruling
from mlpcli.reading.stroke_width import stroke_width
from mlpcli.reading.touching import separated

MASKS = arrays.arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9)))


def flooded(mask, corners):
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
                around = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if corners or not i * j]
                open_ends += [(row + i, column + j) for i, j in around]
    return labels, count


@given(MASKS, st.booleans())
def test_parts_are_those_that_flooding_finds(mask, corners):
    labels, count = labelled(mask, corners=corners)
    expected, expected_count = flooded(mask, corners)
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
    image = np.ones((20, 20))
    image[:, 5:8] = 0
    assert closed(image, 5).all()
    np.testing.assert_array_equal(closed(image, 3), image)
    np.testing.assert_array_equal(opened(1 - image, 5), 0 * image)


@pytest.mark.parametrize(("size", "expected"), [(0, 1), (1, 1), (2.9, 1), (3, 3), (4.5, 3), (5, 5)])
def test_windows_are_odd(size, expected):
    assert odd(size) == expected


def test_the_median_of_three_keeps_edges_and_takes_specks():
    edge = np.add.outer(np.arange(12), np.arange(12)) > 10.0
    np.testing.assert_array_equal(without_grain(edge.astype(float)), edge)
    speck = np.zeros((7, 7))
    speck[3, 3] = 1
    assert not without_grain(speck).any()


def test_light_ink_is_as_strong_in_shadow_as_in_light():
    stroke = np.zeros((40, 40))
    stroke[5:35, 10:15] = stroke[18:22, 10:30] = 1
    mask = stroke > 0
    assert evenly_lit(stroke, mask, width=5) is stroke
    shaded = stroke * np.where(np.arange(40) < 28, 1, 0.5)[:, np.newaxis]
    lit = evenly_lit(shaded, mask, width=5)
    np.testing.assert_array_equal(lit > 0, mask)
    assert shaded[mask].std() > 0.15
    assert lit[mask & ~np.isin(np.arange(40), (28, 29))[:, np.newaxis]].min() == 1


def test_a_plane_is_found_under_ink():
    down, across = np.mgrid[-1:1:64j, -1:1:64j]
    slope = 0.6 + 0.1 * down - 0.2 * across
    inked = slope.copy()
    inked[20:40, 10:20] = 0
    np.testing.assert_allclose(plane(inked), slope, atol=1e-6)


def test_the_plane_through_paper_of_one_light_is_flat_whatever_is_written_on_it():
    drawn = np.full((64, 64), 0.9)
    drawn[5:50, 3:25] = np.linspace(0.9, 0.8999, 22)
    np.testing.assert_array_equal(plane(drawn), np.full((64, 64), 0.9))


@pytest.mark.parametrize("continued", [False, True])
def test_neither_the_edge_of_a_shadow_nor_a_slope_is_ink(continued):
    across = np.linspace(0.5, 1, 120)[np.newaxis].repeat(120, axis=0)
    shadow = np.where(np.add.outer(np.arange(120), np.arange(120)) < 120, 0.55, 1.0)
    inside = np.s_[25:-25, 25:-25]
    assert ink_on_ground(across, dark=True, continued=continued)[inside].max() < 0.01
    assert ink_on_ground(shadow, dark=True, continued=continued)[inside].max() < 1e-6


def test_dark_ink_is_the_fraction_of_light_that_it_takes_away():
    paper = np.linspace(0.3, 1, 120)[np.newaxis].repeat(120, axis=0)
    paper[60:64, 20:100] *= 0.4
    ink = ink_on_ground(paper, dark=True)[61:63, 30:90]
    np.testing.assert_allclose(ink, 0.6, atol=0.02)


def test_the_width_of_a_stroke():
    mask = np.zeros((60, 60), bool)
    mask[5:55, 20:25] = True
    assert stroke_width(mask) == pytest.approx(5 * 4 / np.pi, rel=0.15)


@given(MASKS)
def test_any_image_is_prepared_or_refused(mask):
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
    boxes = [
        (slice(row, row + 20), slice(column, column + 8))
        for row, column in zip(top.tolist(), left.tolist(), strict=True)
    ]
    assert reading_order(boxes) == [[2, 3, 1, 4], [0, 5]]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", [(60, 60), (200, 300)])
def test_grain_is_no_digit(seed, shape):
    rng = np.random.default_rng(seed)
    for grain in (rng.normal(0.5, 0.05, shape), rng.random(shape)):
        with pytest.raises(ImageError, match="no digit found"):
            prepare_array(np.clip(grain, 0, 1))


ROWS, COLUMNS = np.mgrid[-1:1:120j, -1:1:160j]
FROM_THE_MIDDLE = np.hypot(ROWS, COLUMNS)
NO_DIGITS = {
    "dot": np.where(FROM_THE_MIDDLE < 0.06, 0.2, 0.85),
    "large dot": np.where(FROM_THE_MIDDLE < 0.25, 0.2, 0.85),
    "oval": np.where(np.hypot(ROWS, 1.5 * COLUMNS) < 0.2, 0.2, 0.85),
    "one pixel": np.where(np.arange(ROWS.size).reshape(ROWS.shape) == 5000, 0.1, 0.85),
    "line that lies": np.where((abs(ROWS) < 0.02) & (abs(COLUMNS) < 0.7), 0.2, 0.85),
    "vignette": 0.85 * (1 - 0.5 * (FROM_THE_MIDDLE / 1.5) ** 4),
    "spot of light": 0.3 + 0.5 * np.exp(-5 * FROM_THE_MIDDLE**2),
    "shadow in a corner": np.where(ROWS + COLUMNS < -0.9, 0.4, 0.8),
    "soft shadow in a corner": 0.8 - 0.4 / (1 + np.exp(12 * (ROWS + COLUMNS + 0.9))),
    "half in shadow": np.where(COLUMNS + 0.3 * ROWS < 0.2, 0.4, 0.8),
    "soft spot that lies": 0.8 - 0.4 * np.exp(-20 * (ROWS**2 + (COLUMNS / 1.3) ** 2)),
    "two eyes": np.where(np.hypot(60 * ROWS, 80 * (abs(COLUMNS) - 0.3)) < 12, 0.2, 0.85),
    "wave that lies": np.where(
        (abs(ROWS - 0.2 * np.sin(9 * COLUMNS)) < 0.08) & (abs(COLUMNS) < 0.6), 0.2, 0.85
    ),
    "checkerboard": np.where((np.indices(ROWS.shape) // 20).sum(axis=0) % 2, 0.3, 0.8),
    "edge of a table": np.where(ROWS > 0.6 + 0.1 * COLUMNS, 0.25, 0.8),
    "ruled paper": photographs.lined(np.full(ROWS.shape, 0.85), gap=24, slope=0.02),
    "squared paper": photographs.lined(np.full(ROWS.shape, 0.85), gap=24, squared=True),
}


@pytest.mark.parametrize("noise", [0, 0.008])
@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("image", NO_DIGITS)
def test_what_is_no_digit_is_refused(image, negative, noise):
    grey = NO_DIGITS[image] + np.random.default_rng(0).normal(0, noise, ROWS.shape)
    with pytest.raises(ImageError, match="no digit found"):
        prepare_array(np.clip(1 - grey if negative else grey, 0, 1))


@pytest.mark.parametrize(
    "spot", [np.ones((20, 20)), np.ones((20, 12)), np.hypot(*np.mgrid[-1:1:20j, -1:1:20j]) < 1.01]
)
def test_a_spot_as_large_as_a_prepared_digit_is_refused(spot):
    with pytest.raises(ImageError, match="a spot"):
        prepare_array(np.pad(spot.astype(float), ((4, 4), (4, 24 - spot.shape[1]))))


@pytest.mark.parametrize("slope", [-0.1, 0, 0.06])
@pytest.mark.parametrize("squared", [False, True])
def test_ruled_lines_go_and_what_crosses_them_stays(slope, squared):
    ink = np.zeros((150, 150))
    ink[30:120, 70:80] = 1
    ink[40:50, 50:110] = 1
    lines = 1 - photographs.lined(np.ones(ink.shape), gap=31, slope=slope, squared=squared)
    left = without_ruling(np.maximum(ink, lines), threshold=0.4)
    inner = left[15:135, 15:135] > 0.4  # a line that leaves through a corner may stay
    assert inner.sum() == pytest.approx(ink.sum(), rel=0.05)
    assert (left[ink == 1] == 1).mean() > 0.97


def test_digits_that_stand_exactly_below_each_other_are_no_line():
    images, _ = synthetic.draw(1, range(400))
    sheet = np.pad(images.reshape(20, 20, 28, 28), ((0, 0), (0, 0), (1, 1), (1, 1)))
    ink = sheet.swapaxes(1, 2).reshape(600, 600) / 255
    np.testing.assert_array_equal(without_ruling(ink, threshold=0.4), ink)


@pytest.mark.parametrize("lines", [((60, 64), None), (None, (70, 74)), ((5, 9), (5, 9))])
def test_the_bars_of_a_digit_that_is_cut_out_closely_stay(lines):
    ink = np.eye(150)
    ink[:, 1:] += np.eye(150)[:, :-1]
    for band, axis in zip(lines, (0, 1), strict=True):
        if band:
            np.moveaxis(ink, axis, 0)[slice(*band)] = 1
    np.testing.assert_array_equal(without_ruling(ink, 0.5), ink)


@pytest.mark.parametrize("levels", [2, 6])
def test_the_dots_of_a_dithered_image_become_greys(levels):
    grey = np.linspace(0.25, 0.75, 160)[np.newaxis].repeat(120, axis=0)
    dots, error = np.zeros(grey.shape), grey.copy()
    for row, column in np.ndindex(119, 160):  # Floyd and Steinberg, 1976
        value = error[row, column]
        dots[row, column] = np.clip(np.rint(value * (levels - 1)), 0, levels - 1) / (levels - 1)
        left = value - dots[row, column]
        for down, right, share in ((0, 1, 7), (1, -1, 3), (1, 0, 5), (1, 1, 1)):
            if 0 <= column + right < 160:
                error[row + down, column + right] += left * share / 16
    found = without_dots(dots)
    inside = np.s_[5:110, 5:-5]
    assert np.abs(found - grey)[inside].mean() < 0.5 * np.abs(dots - grey)[inside].mean()


def test_a_drawing_of_thin_lines_is_not_taken_for_dots():
    drawing = np.zeros((40, 40))
    drawing[np.arange(25, 35), np.arange(25, 35)] = 1
    drawing[10, 5:35] = drawing[5:35, 20] = 1
    assert without_dots(drawing) is drawing


def test_pieces_in_a_row_of_touching_digits():
    ring = np.hypot(*np.mgrid[-1:1:40j, -1:1:40j])
    ring = (ring < 1) & (ring > 0.7)
    row = np.concatenate([ring, ring, ring], axis=1)
    pieces = separated(row, (slice(10, 50), slice(100, 220)), usual=40)
    assert [box[1].start for _, box in pieces] == pytest.approx([100, 140, 180], abs=2)
    assert separated(ring, (slice(0, 40), slice(0, 40)), usual=40)[0][0] is ring


def drawn_page(shape=(140, 200)):
    """A page with a 7 of two strokes apart, and a stick."""
    page = np.full(shape, 0.9)
    page[40:44, 40:66] = page[50:80, 58:63] = page[38:80, 110:115] = 0.2
    return page


def test_strokes_close_to_each_other_are_one_digit():
    boxes = [box for _, box in digits_on_page(drawn_page())]
    assert len(boxes) == 2
    assert boxes[0][0].start <= 40 < 80 <= boxes[0][0].stop


def test_the_boxes_of_a_form_are_no_digits():
    page = drawn_page()
    for left in (30, 100):
        page[25:28, left : left + 50] = page[90:93, left : left + 50] = 0.4
        page[25:93, left : left + 3] = page[25:93, left + 47 : left + 50] = 0.4
    assert len(list(digits_on_page(page))) == 2


def test_a_frame_around_a_digit_is_not_the_digit():
    page = np.full((160, 160), 0.9)
    page[45:115, 75:83] = 0.2
    framed = page.copy()
    framed[15:145, 15:145] = np.minimum(
        framed[15:145, 15:145], np.pad(np.full((120, 120), 0.9), 5, constant_values=0.2)
    )
    found = prepare_array(framed)
    np.testing.assert_allclose(found.pixels.astype(int), prepare_array(page).pixels, atol=40)


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


def test_what_has_no_place_for_a_cut_stays_in_one_piece():
    comb = np.zeros((80, 140), bool)
    comb[:, :8] = True
    for top in (0, 24, 48, 72):
        comb[top : top + 8] = True
    line = np.ones((1, 10), bool)
    for part in (comb, line):
        height, width = part.shape
        ((piece, _),) = separated(part, (slice(0, height), slice(0, width)), usual=40)
        assert piece is part
