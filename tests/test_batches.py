import numpy as np
import pytest

from mlpcli.data import batches
from mlpcli.data.batches import Batches, Normalization
from mlpcli.data.dataset import Dataset


@pytest.fixture
def numbered():
    """25 images, each with its own number in all its pixels and, times ten, as its label."""
    images = np.arange(25, dtype=np.uint8)[:, np.newaxis].repeat(4, axis=1)
    return Dataset(images, np.arange(25) * 10, (2, 2), tuple(map(str, range(250))))


def epoch(dataset, epoch, *, batch_size=4, seed=1, dtype=np.float32):
    made = Batches(dataset, batch_size, Normalization(0.0, 1.0), seed, dtype)
    return [(x.copy(), y.copy()) for x, y in made.epoch(epoch)]


@pytest.mark.parametrize("block", [1, 8, 2048])
def test_every_example_comes_once_with_its_label(numbered, block, monkeypatch):
    monkeypatch.setattr(batches, "BLOCK_IMAGES", block)
    found = epoch(numbered, 1)
    assert [len(y) for _, y in found] == [4, 4, 4, 4, 4, 4, 1]
    x, y = (np.concatenate(parts) for parts in zip(*found, strict=True))
    assert sorted(x[:, 0]) == list(range(25))
    assert np.array_equal(x[:, 3] * 10, y)


def test_the_order_is_the_same_in_blocks_of_any_size(numbered, monkeypatch):
    whole = epoch(numbered, 1)
    monkeypatch.setattr(batches, "BLOCK_IMAGES", 8)
    for (x, _), (other, _) in zip(whole, epoch(numbered, 1), strict=True):
        assert np.array_equal(x, other)


def test_the_order_is_a_function_of_seed_and_epoch(numbered):
    def order(**arguments):
        return np.concatenate([y for _, y in epoch(numbered, **arguments)]).tolist()

    assert order(epoch=3) == order(epoch=3)
    assert order(epoch=3) != order(epoch=4)
    assert order(epoch=3) != order(epoch=3, seed=2)


def test_the_number_of_batches(numbered):
    for size, number in ((1, 25), (5, 5), (6, 5), (25, 1), (100, 1)):
        assert len(Batches(numbered, size, Normalization.unit(), 1, np.float32)) == number
        assert len(epoch(numbered, 1, batch_size=size)) == number


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_is_kept(numbered, dtype):
    assert {x.dtype for x, _ in epoch(numbered, 1, dtype=dtype)} == {np.dtype(dtype)}


def test_unit_normalization():
    out = np.empty((1, 3))
    Normalization.unit().apply(np.array([[0, 51, 255]], np.uint8), out)
    np.testing.assert_allclose(out, [[0, 0.2, 1]], rtol=1e-15)


def test_standardized_images_have_mean_0_and_standard_deviation_1():
    images = np.random.default_rng(0).integers(0, 256, (5000, 7), dtype=np.uint8)
    out = np.empty(images.shape)
    Normalization.standardize(images).apply(images, out)
    assert out.mean() == pytest.approx(0, abs=1e-12)
    assert out.std() == pytest.approx(1)


def test_images_that_are_all_alike_are_not_divided_by_zero():
    assert Normalization.standardize(np.full((3, 4), 7, np.uint8)) == Normalization(7.0, 1.0)
