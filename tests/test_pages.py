"""Pages, drawn and photographed: the network in the box reads them line by line."""

from io import BytesIO

import numpy as np
import pytest
from helpers import photographs
from PIL import Image

import mlpcli
from mlpcli.config.class_names import REFUSED_FROM
from mlpcli.data import synthetic
from mlpcli.errors import ImageError
from mlpcli.reading.digit import prepare_many
from mlpcli.reading.grid import lines_across, without_grid
from mlpcli.reading.lines import reading_order
from mlpcli.storage.run_folder import BOXED

ROWS, COLUMNS, SIZE = 3, 7, 56


def stored(grey):
    file = BytesIO()
    Image.fromarray(np.rint(255 * np.clip(grey, 0, 1)).astype(np.uint8)).save(file, "PNG")
    file.seek(0)
    return file


@pytest.fixture(scope="module")
def network():
    return mlpcli.load_model(BOXED)


def page(seed, gap=24, size=SIZE, margin=50):
    """Lines of drawn digits on paper, (H, W), and what they say."""
    images, labels = synthetic.draw(seed, range(ROWS * COLUMNS))
    width = 2 * margin + COLUMNS * (size + max(gap, 0))
    ink = np.zeros((2 * margin + ROWS * 2 * size, width))
    for i, image in enumerate(images.reshape(-1, 28, 28)):
        rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
        digit = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] / 255
        height, across = (round(side * size / 20) for side in digit.shape)
        if i % COLUMNS == 0:
            left = margin
        top = margin + i // COLUMNS * 2 * size + size - height
        place = ink[top : top + height, left : left + across]
        np.maximum(place, photographs.resized(digit, height, across), out=place)
        left += across + gap
    text = "".join(map(str, labels))
    return photographs.PAPER - 0.6 * ink, [
        text[i : i + COLUMNS] for i in range(0, len(text), COLUMNS)
    ]


def rimmed(paper):
    """The paper lies on a dark table, which is seen at two sides."""
    rows, columns = np.indices(paper.shape)
    return np.where((columns < 24 + rows / 30) | (rows < 14), 0.2, paper)


def vignetted(paper):
    rows, columns = (np.linspace(-1, 1, side) for side in paper.shape)
    return paper * (1 - 0.35 * (rows[:, np.newaxis] ** 2 + columns**2))


def in_perspective(paper):
    height, width = paper.shape
    corners = [(0, 0), (-0.06 * width, height), (1.05 * width, height * 1.02), (width, 0)]
    image = Image.fromarray(paper.astype(np.float32))
    quad = [side for corner in corners for side in corner]
    method, bicubic = Image.Transform.QUAD, Image.Resampling.BICUBIC
    filled = photographs.PAPER
    return np.asarray(image.transform(image.size, method, quad, bicubic, fillcolor=filled))


CONDITIONS = {
    "on paper": (page, lambda paper: paper),
    "ruled": (page, lambda paper: photographs.lined(paper, gap=37, slope=0.03)),
    "squared": (page, lambda paper: photographs.lined(paper, gap=28, slope=-0.02, squared=True)),
    "dark rim": (page, rimmed),
    "vignette": (page, vignetted),
    "shadow": (page, photographs.shaded),
    "perspective": (page, in_perspective),
    "turned": (page, lambda paper: photographs.turned(paper, 4)),
    "touching": (lambda seed: page(seed, gap=-1), lambda paper: paper),
    "tiny": (lambda seed: page(seed, gap=7, size=18, margin=15), lambda paper: paper),
    "light on dark": (page, lambda paper: 1 - paper),
}
FLOORS = {"touching": 0.75}
FLOOR = 0.96
"""share of the digits that are right in their place, on three pages"""


def edits(found, label):
    """The fewest changes that make one text of the other (Levenshtein)."""
    row = list(range(len(label) + 1))
    for i, digit in enumerate(found, 1):
        before, row[0] = row[0], i
        for j, wanted in enumerate(label, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (digit != wanted))
    return row[-1]


def read(network, grey):
    """The lines that the network reads."""
    found = prepare_many(stored(np.clip(grey, 0, 1)), judge=network.judge)
    answers = network.predict(np.stack([each.pixels for each in found]))
    lines: dict[int, list[str]] = {}
    for each, answer in zip(found, answers, strict=True):
        lines.setdefault(each.line, []).append(str(answer))
        assert each.place == len(lines[each.line])
    return ["".join(line) for line in lines.values()]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_at_least_so_many_digits_of_a_page_are_right(network, condition):
    draw, photograph = CONDITIONS[condition]
    wrong = 0
    rng = np.random.default_rng(0)
    for seed in range(3):
        paper, lines = draw(seed)
        found = read(network, photographs.grainy(photograph(paper), rng, 0.005))
        wrong += edits("".join(found), "".join(lines))
    assert 1 - wrong / (3 * ROWS * COLUMNS) >= FLOORS.get(condition, FLOOR)


@pytest.mark.parametrize("degrees", [-5, 0, 5])
def test_the_lines_of_a_turned_page_stay_apart(network, degrees):
    paper, lines = page(4)
    found = read(network, photographs.turned(paper, degrees))
    assert [len(line) for line in found] == [len(line) for line in lines]


def test_a_bent_line_is_one():
    across = np.arange(0, 800, 40)
    down = np.rint(30 * np.sin(across / 250)).astype(int)
    boxes = [
        (slice(top + below, top + below + 30), slice(left, left + 20))
        for below in (60, 0)
        for left, top in zip(across.tolist(), down.tolist(), strict=True)
    ]
    n = len(across)
    assert reading_order(boxes) == [list(range(n, 2 * n)), list(range(n))]


def squared(shape, period, slope, bend=0.0):
    """Ink of squared paper, two pixels wide, whose level lines sag by `bend` pixels."""
    rows, columns = np.indices(shape)
    sag = bend * np.cos(np.pi * (columns / shape[1] - 0.5))
    level = np.rint(rows + slope * columns + sag) % period < 2
    upright = np.rint(columns - slope * rows) % period < 2
    return 0.4 * (level | upright)


@pytest.mark.parametrize(("slope", "bend"), [(0.0, 0), (0.05, 0), (-0.12, 0), (0.02, 3)])
def test_squared_paper_goes_and_what_is_written_stays(slope, bend):
    lines = squared((200, 420), 40, slope, bend)
    stroke = np.zeros_like(lines)
    for i in range(5):
        left = 46 + 80 * i
        stroke[50:150, left : left + 8] = 0.9
        stroke[100:108, left : left + 50] = 0.9
    remaining = without_grid(np.maximum(lines, stroke), 0.25) > 0.25
    written = stroke > 0
    assert (remaining & written).sum() > 0.97 * written.sum()
    rest = (lines > 0) & ~written
    assert (remaining & rest).sum() < 0.06 * rest.sum()


def test_a_row_of_strokes_is_no_line():
    """Neither ones beside each other nor their feet: no stroke reaches both borders."""
    ink = np.zeros((100, 400))
    for left in range(20, 380, 30):
        ink[8:92, left : left + 5] = 1
        ink[88:92, left - 6 : left + 11] = 1
    assert lines_across(ink, 0.5) == lines_across(ink.T, 0.5) == []


@pytest.mark.parametrize(("places", "found"), [((60, 150, 241, 330), 4), ((60, 150, 290, 410), 0)])
def test_lines_that_digits_hide_are_known_by_their_even_distances(places, found):
    """Each is seen over little more than half of its way."""
    ink = np.zeros((140, 460))
    for left in places:
        ink[:, left : left + 2] = 0.4
        ink[40:100, left - 15 : left + 20] = 0.9
    assert len(lines_across(ink.T, 0.5)) == found


def test_letters_are_refused_and_digits_are_not(network):
    signs = synthetic.draw_signs(77, range(400))
    digits, _ = synthetic.draw(77, range(400))
    assert np.mean(network.judge(signs)[1] >= REFUSED_FROM) > 0.75
    assert np.mean(network.judge(digits)[1] >= REFUSED_FROM) < 0.01


def test_the_probabilities_of_digits_and_of_none_add_up(network):
    some = np.concatenate([synthetic.draw_signs(1, range(20)), synthetic.draw(1, range(20))[0]])
    digits, none = network.judge(some)
    np.testing.assert_allclose(digits.sum(axis=1) + none, 1, atol=1e-5)
    np.testing.assert_allclose(network.predict_proba(some).sum(axis=1), 1, atol=1e-5)
    assert digits.shape == network.predict_proba(some).shape == (40, 10)


def test_blank_squared_paper_has_no_digit(network):
    paper = photographs.lined(np.full((300, 500), photographs.PAPER), gap=30, squared=True)
    with pytest.raises(ImageError, match="no digit found"):
        prepare_many(stored(paper), judge=network.judge)
