import dataclasses

import numpy as np
import pytest

import mlpcli
from mlpcli.config.loading import load_config
from mlpcli.data import synthetic
from mlpcli.data.dataset import Dataset, numbered
from mlpcli.data.deslanting import BLOCK, STEEPEST, deslanted, slants
from mlpcli.errors import ConfigError
from mlpcli.training.committee import load_committee


def dataset_of(images):
    images = np.asarray(images, np.uint8)
    n, height, width = images.shape
    flat = images.reshape(n, height * width)
    return Dataset(flat, np.zeros(n, np.intp), (height, width), ("a",))


def leaning(slant, height=9, width=21):
    """A stroke through the middle, its ink shared by the two pixels that it passes between."""
    image = np.zeros((height, width))
    for y in range(height):
        x = width // 2 + slant * (y - height // 2)
        left = int(np.floor(x))
        image[y, left] += 200 * (1 - (x - left))
        image[y, left + 1] += 200 * (x - left)
    return np.rint(image)


@pytest.mark.parametrize("slant", [-1.0, -0.5, 0.0, 0.25, 1.0])
def test_a_leaning_stroke_stands_upright(slant):
    image = leaning(slant)
    found, middle = slants(image[np.newaxis].astype(np.uint8))
    assert found == pytest.approx([slant])
    assert middle == pytest.approx([4])
    upright = deslanted(dataset_of([image])).images.reshape(9, 21)
    assert np.abs(upright.sum(axis=1, dtype=int) - 200).max() <= 1
    assert abs(slants(upright[np.newaxis])[0][0]) < 0.005
    if slant in (-1.0, 0.0, 1.0):  # whole pixels: nothing is blurred
        assert (upright[:, 10] == 200).all()


def test_the_slant_is_the_slope_of_the_regression_of_x_on_y():
    images = np.random.default_rng(0).integers(0, 256, (5, 6, 4)).astype(np.uint8)
    for image, slant in zip(images, slants(images)[0], strict=True):
        y, x = np.mgrid[:6, :4]
        weights = image.ravel().astype(float)
        slope = np.polyfit(y.ravel(), x.ravel(), 1, w=np.sqrt(weights))[0]
        assert slant == pytest.approx(slope)


def test_what_cannot_lean_stays_as_it_is():
    blank, row, upright = np.zeros((3, 5, 5))
    row[2, 1:4] = 255
    upright[1:4, 2] = 9
    dataset = dataset_of([blank, row, upright])
    assert np.array_equal(deslanted(dataset).images, dataset.images)


def test_a_flat_line_is_not_torn_apart():
    image = np.zeros((4, 20))
    image[1, :10] = image[2, 10:] = 255
    assert slants(image[np.newaxis].astype(np.uint8))[0] == [STEEPEST]


def test_blocks_do_not_show_and_the_original_is_left():
    images, labels = synthetic.draw(1, range(BLOCK + 3))
    dataset = Dataset(images, labels, (28, 28), numbered(10))
    kept = images.copy()
    upright = deslanted(dataset)
    assert np.array_equal(images, kept)
    last = deslanted(dataset.part(np.arange(BLOCK, BLOCK + 3)))
    assert np.array_equal(upright.images[BLOCK:], last.images)
    before, after = (np.abs(slants(d.images.reshape(-1, 28, 28))[0]) for d in (dataset, upright))
    assert after.mean() < 0.1 * before.mean()
    assert deslanted(dataset.part(np.arange(0))).images.shape == (0, 784)


def test_a_network_that_learned_upright_digits_sets_all_upright(tmp_path):
    settings = {
        "data": {"train_size": 400, "test_size": 50, "deslant": True},
        "network": {"hidden": [8]},
        "training": {"epochs": 2, "pictures": False},
    }
    run = mlpcli.train(load_config(settings), runs_dir=tmp_path)
    model = run.load_model()
    images, labels = synthetic.draw(1, range(2**32, 2**32 + 50))
    raw = Dataset(images, labels, (28, 28), numbered(10))
    judged = model.evaluate(raw)
    assert judged.loss == pytest.approx(run.test.loss)
    leaning_ones = dataclasses.replace(model, config={**model.config, "data": {}})
    assert leaning_ones.evaluate(raw).loss != pytest.approx(judged.loss, rel=1e-3)
    assert np.array_equal(model.predict_proba(images), judged.probabilities)
    seen = load_committee([run.folder]).seen(images[3])
    assert np.array_equal(seen.ravel(), deslanted(raw).images[3])
    assert not np.array_equal(seen.ravel(), images[3])


def test_a_table_has_nothing_to_set_upright():
    table = {"formula": "x**2"}
    with pytest.raises(ConfigError, match=r"data\.deslant: a table has no images"):
        load_config({"data": {"dataset": "table", "table": table, "deslant": True}})
