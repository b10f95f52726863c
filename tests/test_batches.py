import math
from fractions import Fraction

import numpy as np
import pytest

from mlpcli.config.schema.augmentation import AugmentationConfig
from mlpcli.data import batches
from mlpcli.data.augmentation import Augmenter
from mlpcli.data.batches import Batches
from mlpcli.data.dataset import Dataset
from mlpcli.data.normalization import Normalization


@pytest.fixture
def numbered():
    """25 images, each with its own number in all its pixels and, times ten, as its label."""
    images = np.arange(25, dtype=np.uint8)[:, np.newaxis].repeat(4, axis=1)
    return Dataset(images, np.arange(25) * 10, (2, 2), tuple(map(str, range(250))))


def batches_of(dataset, batch_size=4, seed=1, dtype=np.float32):
    return Batches(dataset, batch_size, Normalization(0.0, 1.0), seed, dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_examples_come_with_their_targets(numbered, dtype):
    x, t = np.full((3, 4), 9.0, dtype), np.full((3, 250), 9.0, dtype)
    augmenter = Augmenter(AugmentationConfig(), (2, 2), seed=1)
    batches_of(numbered).fill(np.array([7, 0, 24]), 1, augmenter, x, t)
    assert x.tolist() == [[7] * 4, [0] * 4, [24] * 4]
    assert t.argmax(axis=1).tolist() == [70, 0, 240]
    assert t.sum(axis=1).tolist() == [1, 1, 1]
    assert t.max() == 1


def test_an_epoch_has_every_example_once(numbered):
    assert sorted(batches_of(numbered).order(1)) == list(range(25))


def test_the_order_is_a_function_of_seed_and_epoch(numbered):
    def order(epoch, **arguments):
        return batches_of(numbered, **arguments).order(epoch).tolist()

    assert order(3) == order(3, batch_size=7)
    assert order(3) != order(4)
    assert order(3) != order(3, seed=2)


def test_the_number_of_batches(numbered):
    for size, number in ((1, 25), (5, 5), (6, 5), (25, 1), (100, 1)):
        assert len(batches_of(numbered, size)) == number


@pytest.mark.parametrize(
    ("most", "batch_size", "size"), [(8, 4, 8), (8, 3, 6), (8, 9, 9), (99, 4, 28)]
)
def test_a_block_is_a_whole_number_of_batches(numbered, most, batch_size, size, monkeypatch):
    monkeypatch.setattr(batches, "BLOCK_IMAGES", most)
    assert batches_of(numbered, batch_size).block_size == size


def test_unit_normalization():
    out = np.empty((1, 3))
    Normalization.unit().apply(np.array([[0, 51, 255]], np.uint8), out)
    np.testing.assert_allclose(out, [[0, 0.2, 1]], rtol=1e-15)


def test_standardized_images_have_mean_0_and_standard_deviation_1():
    images = np.random.default_rng(0).integers(0, 256, (5001, 7), dtype=np.uint8)
    out = np.empty(images.shape)
    Normalization.standardize(images).apply(images, out)
    assert out.mean() == pytest.approx(0, abs=1e-12)
    assert out.std() == pytest.approx(1)


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (333, 784), (1, 300_000)])
def test_mean_and_standard_deviation_are_exact(shape):
    images = np.random.default_rng(0).choice([0, 0, 1, 254, 255], shape).astype(np.uint8)
    n, total = images.size, sum(images.ravel().tolist())
    squares = sum(pixel**2 for pixel in images.ravel().tolist())
    variance = Fraction(squares, n) - Fraction(total, n) ** 2
    found = Normalization.standardize(images)
    assert found.mean == float(Fraction(total, n))
    assert found.std == (math.sqrt(variance) or 1)


def test_images_that_are_all_alike_are_not_divided_by_zero():
    assert Normalization.standardize(np.full((3, 4), 7, np.uint8)) == Normalization(7.0, 1.0)
