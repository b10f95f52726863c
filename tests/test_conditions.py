"""How many drawn photographs the network in the box reads right, whatever light and paper."""

from io import BytesIO

import numpy as np
import pytest
from helpers import photographs
from PIL import Image

import mlpcli
from mlpcli.data import synthetic
from mlpcli.errors import ImageError
from mlpcli.reading.digit import prepare, prepare_many
from mlpcli.storage.run_folder import BOXED

N = 20
FLOOR = 0.95
"""share of the photographs; of the digits as drawn, the network reads every one"""


@pytest.fixture(scope="module")
def network():
    return mlpcli.load_model(BOXED)


def stored(grey):
    file = BytesIO()
    Image.fromarray(np.rint(255 * grey).astype(np.uint8)).save(file, "PNG")
    file.seek(0)
    return file


def share_right(network, draw):
    images, labels = synthetic.draw(11, range(N))
    rng = np.random.default_rng(0)
    right = 0
    for image, label in zip(images, labels, strict=True):
        try:
            pixels = prepare(stored(draw(image, rng))).pixels
        except ImageError:
            continue
        right += network.predict(pixels)[0] == label
    return right / N


def test_the_network_knows_the_digits(network):
    images, labels = synthetic.draw(11, range(N))
    assert np.array_equal(network.predict(images), labels)


@pytest.mark.parametrize("condition", photographs.CONDITIONS)
def test_at_least_so_many_are_right(network, condition):
    assert share_right(network, photographs.CONDITIONS[condition]) >= FLOOR


def number(images, gap, rng):
    """Digits in a row, `gap` pixels between their boxes, on paper."""
    row = np.zeros((110, 40 + len(images) * (60 + max(gap, 0))))
    left = 20
    for image in images.reshape(-1, 28, 28):
        rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
        digit = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] / 255
        height, width = 3 * np.array(digit.shape)
        place = row[80 - height : 80, left : left + width]
        np.maximum(place, photographs.resized(digit, height, width), out=place)
        left += width + gap
    return photographs.PAPER - 0.65 * row + rng.normal(0, 0.005, row.shape)


@pytest.mark.parametrize(("gap", "at_least"), [(12, 0.95), (1, 0.8), (-2, 0.55)])
def test_a_number_is_read_though_its_digits_touch(network, gap, at_least):
    rng = np.random.default_rng(0)
    alike = []
    for seed in range(8):
        images, labels = synthetic.draw(100 + seed, range(7))
        found = prepare_many(stored(np.clip(number(images, gap, rng), 0, 1)))
        answers = network.predict(np.stack([each.pixels for each in found]))
        alike += list(answers == labels) if len(answers) == len(labels) else [False] * len(labels)
    assert np.mean(alike) >= at_least
