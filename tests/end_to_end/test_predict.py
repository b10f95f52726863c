import json
import os
import shutil
import time
from pathlib import Path

import pytest
from PIL import Image

from mlpcli.data import synthetic


@pytest.fixture
def pictures(tmp_path):
    """Twelve synthetic digits as dark ink on large white paper; their paths and labels."""
    images, labels = synthetic.draw(1, range(12))
    paths = []
    for i, image in enumerate(images.reshape(-1, 28, 28)):
        picture = Image.new("L", (200, 160), 255)
        picture.paste(Image.fromarray(255 - image).resize((84, 84)), (70, 20))
        paths.append(tmp_path / f"{i}.png")
        picture.save(paths[-1])
    return paths, [str(label) for label in labels]


def test_each_picture_gets_its_digit(run, trained_on_digits, pictures):
    paths, labels = pictures
    done = run("predict", "--checkpoint", trained_on_digits, *paths)
    assert done.returncode == 0
    answers = [line.rsplit(": ", 1) for line in done.stdout.splitlines()]
    assert [path for path, _ in answers] == [str(path) for path in paths]
    right = sum(answer[0] == label for (_, answer), label in zip(answers, labels, strict=True))
    assert right >= 10


def test_the_newest_run_answers_and_is_named(run, trained_on_digits, pictures, tmp_path):
    (tmp_path / "runs").mkdir()
    for age, name in ((200, "older"), (0, "newer"), (100, "old")):
        weights = shutil.copytree(trained_on_digits, tmp_path / "runs" / name) / "weights"
        written = time.time() - age
        os.utime(weights / "best.safetensors", (written, written))
    done = run("predict", pictures[0][0])
    assert done.returncode == 0
    assert str(Path("runs", "newer", "weights", "best.safetensors")) in done.stderr


def test_json_and_top(run, trained_on_digits, pictures):
    path = pictures[0][0]
    done = run("predict", "--checkpoint", trained_on_digits, path, "--json")
    answer = json.loads(done.stdout)
    assert answer["file"] == str(path)
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert answer["probability"] == max(answer["probabilities"].values())
    top = run("predict", "--checkpoint", trained_on_digits, path, "--top", "3").stdout
    assert top.count("%") == 3
    assert top.split(": ")[-1][0] == answer["digit"]


def test_bad_pictures_do_not_stop_the_others(run, trained_on_digits, pictures, tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "folder").mkdir()
    Image.new("L", (28, 28)).save(tmp_path / "blank.png")
    bad = ["missing.png", "text.png", "folder", "blank.png"]
    done = run("predict", "--checkpoint", trained_on_digits, *bad, pictures[0][0])
    assert done.returncode == 6
    assert len(done.stdout.splitlines()) == 1
    for name in bad:
        assert f"mlpcli: {name}: " in done.stderr
    assert "4 of 5 pictures" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_any_run(run, pictures):
    done = run("predict", pictures[0][0])
    assert done.returncode == 4
    assert "mlpcli train" in done.stderr


def test_without_a_picture(run):
    assert run("predict").returncode == 2
