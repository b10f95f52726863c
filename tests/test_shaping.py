import dataclasses

import numpy as np
import pytest

import mlpcli
from mlpcli.config.loading import load_config
from mlpcli.data import synthetic
from mlpcli.data.dataset import Dataset, numbered
from mlpcli.data.shaping import SHAPED_PIXELS, STEEPEST, Shaping, centres, row_sums, slants
from mlpcli.errors import CheckpointError, ConfigError, DataError
from mlpcli.inference.committee import load_committee
from mlpcli.inference.evaluate_checkpoints import evaluate_checkpoints
from mlpcli.storage.checkpoint import load_checkpoint, save_checkpoint

UPRIGHT = Shaping(deslant=True)


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
    images = image[np.newaxis].astype(np.uint8)
    assert slants(row_sums(images)) == pytest.approx([slant])
    assert np.ravel(centres(row_sums(images))) == pytest.approx([4, 10])
    upright = UPRIGHT.apply(dataset_of(images)).images.reshape(9, 21)
    assert np.abs(upright.sum(axis=1, dtype=int) - 200).max() <= 1
    assert abs(slants(row_sums(upright[np.newaxis]))[0]) < 0.005
    if slant in (-1.0, 0.0, 1.0):  # whole pixels: nothing is blurred
        assert (upright[:, 10] == 200).all()


def test_the_slant_is_the_slope_of_the_regression_of_x_on_y():
    images = np.random.default_rng(0).integers(0, 256, (5, 6, 4)).astype(np.uint8)
    for image, slant in zip(images, slants(row_sums(images)), strict=True):
        y, x = np.mgrid[:6, :4]
        weights = image.ravel().astype(float)
        slope = np.polyfit(y.ravel(), x.ravel(), 1, w=np.sqrt(weights))[0]
        assert slant == pytest.approx(slope)


def test_what_cannot_lean_stays_as_it_is():
    blank, row, upright = np.zeros((3, 5, 5))
    row[2, 1:4] = 255
    upright[1:4, 2] = 9
    dataset = dataset_of([blank, row, upright])
    assert np.array_equal(UPRIGHT.apply(dataset).images, dataset.images)


def test_a_flat_line_is_not_torn_apart():
    image = np.zeros((4, 20))
    image[1, :10] = image[2, 10:] = 255
    assert slants(row_sums(image[np.newaxis].astype(np.uint8))) == [STEEPEST]


@pytest.mark.parametrize("shaping", [UPRIGHT, Shaping(deslant=True, digit_width=16)])
def test_blocks_do_not_show_and_the_original_is_left(shaping):
    block = SHAPED_PIXELS // 784
    images, labels = synthetic.draw(1, range(block + 3))
    dataset = Dataset(images, labels, (28, 28), numbered(10))
    kept = images.copy()
    upright = shaping.apply(dataset)
    assert np.array_equal(images, kept)
    last = shaping.apply(dataset.take(np.arange(block, block + 3)))
    assert np.array_equal(upright.images[block:], last.images)
    before, after = (
        np.abs(slants(row_sums(d.images.reshape(-1, 28, 28)))) for d in (dataset, upright)
    )
    assert after.mean() < 0.1 * before.mean()
    assert shaping.apply(dataset.take(np.arange(0))).images.shape == (0, 784)


@pytest.mark.parametrize(
    "shaping",
    [UPRIGHT, Shaping(digit_width=14), Shaping(deslant=True, interpolation="bicubic")],
)
def test_a_network_sees_all_digits_in_the_shape_that_it_learned(shaping, tmp_path):
    settings = {
        "data": {"train_size": 400, "test_size": 50, **dataclasses.asdict(shaping)},
        "network": {"hidden": [8]},
        "training": {"epochs": 2, "pictures": False},
    }
    run = mlpcli.train(load_config(settings), runs_dir=tmp_path)
    model = run.load_model()
    images, labels = synthetic.draw(1, range(2**32, 2**32 + 50))
    raw = Dataset(images, labels, (28, 28), numbered(10))
    judged = model.evaluate(raw)
    assert judged.loss == pytest.approx(run.test.loss)
    held_out = evaluate_checkpoints(run.folder, split="validation")
    assert held_out.loss == pytest.approx(run.history[model.epoch - 1].val_loss)
    without = dataclasses.replace(model, config={**model.config, "data": {}})
    assert without.evaluate(raw).loss != pytest.approx(judged.loss, rel=1e-3)
    assert np.array_equal(model.predict_proba(images), judged.probabilities)
    seen = load_committee([run.folder]).seen(images[3])
    assert np.array_equal(seen.ravel(), shaping.apply(raw).images[3])
    assert not np.array_equal(seen.ravel(), images[3])


BAR = [0, 0, 0, 0, 9, 9, 9, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("digit_width", "expected"),
    [
        (3, BAR),
        (4.5, [0, 0, 0, 6, 9, 9, 9, 6, 0, 0, 0]),
        (6, [0, 0, 5, 9, 9, 9, 9, 9, 5, 0, 0]),
        (11, [0, 0, 5, 9, 9, 9, 9, 9, 5, 0, 0]),
        (1.5, [0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0]),
        (1, [0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0]),
    ],
)
def test_a_bar_becomes_as_wide_as_asked_but_no_more_than_doubled_or_halved(digit_width, expected):
    """Three pixels about column 5: column x of the result shows 5 + (x - 5) 3 / digit_width."""
    dataset = dataset_of([[BAR, BAR]])
    shaped = Shaping(digit_width=digit_width).apply(dataset)
    assert shaped.images.reshape(2, 11).tolist() == [expected, expected]


def test_bicubic_keeps_the_edges_of_a_bar():
    """Doubled, every other pixel is halfway: -1, 9, 9 and -1 sixteenths of those beside it."""
    shaped = Shaping(digit_width=6, interpolation="bicubic").apply(
        dataset_of([[[0, 0, 0, 0, 96, 96, 96, 0, 0, 0, 0]]])
    )
    assert shaped.images.tolist() == [[0, 0, 48, 96, 102, 96, 102, 96, 48, 0, 0]]


def test_a_leaning_stroke_is_as_wide_as_it_is_upright():
    """Upright it is one pixel wide, and doubled two; leaning it would be nine."""
    shaped = Shaping(deslant=True, digit_width=9).apply(dataset_of([leaning(1.0)]))
    middle = shaped.images.reshape(9, 21)[:, 8:13]
    assert (middle == [0, 100, 200, 100, 0]).all()


def test_a_blank_image_stays_blank():
    shaped = Shaping(deslant=True, digit_width=5).apply(dataset_of(np.zeros((1, 7, 7))))
    assert not shaped.images.any()


def test_images_must_have_room_for_the_digit():
    with pytest.raises(DataError, match=r"29 pixels \(data\.digit_width\) is wider than .* 28"):
        Shaping(digit_width=29).apply(dataset_of(np.zeros((1, 28, 28))))


NO_WIDTHS = ["16", True, 0, -4.0, float("nan"), float("inf"), [16]]
NO_INTERPOLATIONS = ["cubic", None, ["bicubic"]]


@pytest.mark.parametrize(
    "wrong",
    [{"digit_width": width} for width in NO_WIDTHS]
    + [{"interpolation": interpolation} for interpolation in NO_INTERPOLATIONS],
    ids=str,
)
def test_a_checkpoint_that_asks_for_no_shape_is_refused(wrong, tmp_path):
    settings = {
        "data": {"train_size": 20, "test_size": 10, "digit_width": 16},
        "network": {"hidden": [3]},
        "training": {"epochs": 1, "pictures": False},
    }
    run = mlpcli.train(load_config(settings), runs_dir=tmp_path)
    file = run.folder / "weights" / "last.safetensors"
    checkpoint = load_checkpoint(file)
    data = {**checkpoint.config["data"], **wrong}
    config = {**checkpoint.config, "data": data}
    save_checkpoint(file, dataclasses.replace(checkpoint, config=config))
    with pytest.raises(CheckpointError, match=r"a digit's width of|an interpolation of"):
        load_checkpoint(file)


@pytest.mark.parametrize(
    "setting", [{"deslant": True}, {"digit_width": 16}, {"interpolation": "bicubic"}]
)
def test_a_table_has_nothing_to_shape(setting):
    data = {"dataset": "table", "table": {"formula": "x**2"}, **setting}
    with pytest.raises(ConfigError, match=rf"data\.{next(iter(setting))}: a table has no images"):
        load_config({"data": data})


@pytest.mark.parametrize("shaping", [Shaping(deslant=True), Shaping(digit_width=14.0)])
def test_any_number_of_threads_makes_the_same_images(shaping, monkeypatch):
    images, labels = synthetic.draw(1, range(50))
    dataset = Dataset(images, labels, (28, 28), numbered(10))
    found = set()
    for cores, pixels in ((1, 784_000), (1, 784 * 7), (3, 784 * 7)):
        monkeypatch.setattr("mlpcli.data.shaping.available_cores", lambda cores=cores: cores)
        monkeypatch.setattr("mlpcli.data.shaping.SHAPED_PIXELS", pixels)
        found.add(shaping.apply(dataset).images.tobytes())
    assert len(found) == 1


@pytest.mark.parametrize("width", [28, 300])
def test_the_sums_of_rows_are_whole_numbers_however_wide(width):
    images = np.random.default_rng(0).integers(0, 256, (2, 3, width), dtype=np.uint8)
    images[1] = 255
    expected = [images.sum(axis=2), (images.astype(np.int64) * np.arange(width)).sum(axis=2)]
    assert np.array_equal(row_sums(images), expected)
