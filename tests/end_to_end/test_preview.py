import numpy as np
import pytest
from helpers.digits import write_bars
from PIL import Image

from mlpcli.data import preview


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.fixture
def bars(tmp_path):
    return write_bars(tmp_path / "bars")


def test_a_sheet_is_written_and_told(run, bars, tmp_path):
    done = run("data", "preview", "--config", bars, "data.augmentation.shift=1", "--count", "4")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "preview.png: written\n"
    assert done.stderr == ""
    four = pixels(tmp_path / "preview.png")
    again = run("data", "preview", "-c", bars, "data.augmentation.shift=1", "-o", "all.png")
    assert again.returncode == 0
    ten = pixels(tmp_path / "all.png")
    np.testing.assert_array_equal(ten[: len(four)], four)


def test_another_epoch_is_another_sheet(run, bars, tmp_path):
    for epoch in (1, 2):
        arguments = ("data.augmentation.shift=1", "--epoch", epoch, "-o", f"{epoch}.png")
        assert run("data", "preview", "-c", bars, *arguments).returncode == 0
    first, second = (pixels(tmp_path / f"{epoch}.png") for epoch in (1, 2))
    assert first.shape == second.shape
    assert (first != second).any()


def test_epochs_that_are_not_distorted_are_told(run, bars, tmp_path):
    settings = ("data.augmentation.shift=1", "data.augmentation.undistorted_fraction=0.5")
    done = run("data", "preview", "-c", bars, *settings, "training.epochs=4", "-o", "some.png")
    assert "images as they are after epoch 2 (data.augmentation.undistorted" in done.stderr
    done = run("data", "preview", "-c", bars, *settings[:1], "training.epochs=2", "-o", "all.png")
    assert done.stderr == ""
    some, every = pixels(tmp_path / "some.png"), pixels(tmp_path / "all.png")
    two = preview.CELL_MARGIN + preview.ORIGINAL_GAP + 2 * (preview.CELL_SIDE + preview.CELL_MARGIN)
    np.testing.assert_array_equal(some[preview.HEADER :, :two], every[preview.HEADER :, :two])
    assert (some[preview.HEADER :, two:] != every[preview.HEADER :, two:]).any()


def test_a_config_without_augmentation(run, bars, tmp_path):
    done = run("data", "preview", "--config", bars)
    assert done.returncode == 0
    assert "no augmentation" in done.stderr
    assert pixels(tmp_path / "preview.png").shape[1] < 100


def test_where_nothing_can_be_written(run, bars, tmp_path):
    for place in ("missing/sheet.png", "."):
        done = run("data", "preview", "--config", bars, "--output", place)
        assert done.returncode == 7
        assert "cannot be written" in done.stderr
    assert not list(tmp_path.glob("*.png"))


def test_wrong_settings(run, bars):
    done = run("data", "preview", "-c", bars, "data.augmentation.rotation=200")
    assert done.returncode == 2
    assert (
        "data.augmentation.rotation=200: expected a number from 0 to 180, found 200" in done.stderr
    )
    done = run("data", "preview", "-c", bars, "data.augmentation.rotaton=10")
    assert 'did you mean "rotation"?' in done.stderr
    assert run("data", "preview", "-c", bars, "--count", "0").returncode == 2
    done = run("data", "preview", "-c", bars, "-o", "sheet.svg")
    assert done.returncode == 2
    assert "a PNG file is written; expected a name in .png, found sheet.svg" in done.stderr


def test_upright_digits_are_previewed_upright(run, tmp_path):
    few = ("data.train_size=20", "data.test_size=10", "data.validation=0", "--count", "2")
    for name, setting in (("slanted", "false"), ("upright", "true")):
        arguments = (f"data.deslant={setting}", "-o", f"{name}.png")
        assert run("data", "preview", "-c", "quickstart", *few, *arguments).returncode == 0
    slanted, upright = (pixels(tmp_path / f"{name}.png") for name in ("slanted", "upright"))
    assert slanted.shape == upright.shape
    assert (slanted != upright).any()


def test_a_table_has_no_images(run):
    done = run("data", "preview", "-c", "examples/xor")
    assert done.returncode == 2
    assert "A table has no images to draw" in done.stderr
