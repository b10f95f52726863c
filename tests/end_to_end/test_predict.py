import contextlib
import json
import os
import shutil
import struct
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mlpcli.cli.half_blocks import in_black
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


def test_without_any_run_the_network_in_the_box_answers(run, pictures):
    paths, labels = pictures
    done = run("predict", *paths, "--json")
    assert done.returncode == 0
    assert done.stderr == "Model: boxed, the network that comes with mlpcli\n"
    answers = [json.loads(line)["digit"] for line in done.stdout.splitlines()]
    assert answers == labels


def test_without_a_picture(run):
    assert run("predict").returncode == 2


def test_annotating_standard_input_is_refused_before_anything_is_read(run):
    done = run("predict", "-", "--save-annotated", "a.png")
    assert done.returncode == 2
    assert "needs a file, not standard input" in done.stderr
    assert "Model:" not in done.stderr


def test_annotating_into_another_format_is_refused(run):
    done = run("predict", "x.png", "--save-annotated", "a.jpg")
    assert done.returncode == 2
    assert "expected a name in .png, found a.jpg. See `mlpcli predict --help`." in done.stderr


def test_a_threshold_that_is_no_number(run):
    done = run("predict", "x.png", "--threshold", "nan")
    assert done.returncode == 2
    assert "expected a finite number" in done.stderr


def test_folders_patterns_tables_and_scores(run, trained_on_digits, pictures, tmp_path):
    paths, labels = pictures
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for path in paths:
        shutil.copy(path, tmp_path / "deep" / "er")
    table = "file,label\n" + "".join(
        f"{path.name},{label}\n" for path, label in zip(paths, labels, strict=True)
    )
    (tmp_path / "labels.csv").write_text(table)
    model = ("--checkpoint", trained_on_digits)
    flat = run("predict", *model, "deep")
    assert flat.returncode == 6
    assert "--recursive" in flat.stderr
    done = run("predict", *model, "deep", "-r", "--labels", "labels.csv", "--csv", "answers.csv")
    assert done.returncode == 0, done.stderr
    assert "of 12 right" in done.stdout
    rows = (tmp_path / "answers.csv").read_text().splitlines()
    assert len(rows) == 13
    assert rows[0].startswith("file,digit,probability,sure,probability_0,")
    by_pattern = run("predict", *model, str(Path("deep", "*", "1*.png")))
    assert len(by_pattern.stdout.splitlines()) == 3  # 1, 10, 11


def test_a_url_is_refused(run, trained_on_digits, pictures):
    done = run(
        "predict", "--checkpoint", trained_on_digits, "http://127.0.0.1/a.png", pictures[0][0]
    )
    assert done.returncode == 6
    assert "download the picture" in done.stderr
    assert len(done.stdout.splitlines()) == 1


def test_what_the_network_sees(run, trained_on_digits, pictures, tmp_path):
    path = pictures[0][0]
    done = run("predict", "--checkpoint", trained_on_digits, path, "--show", "--save-input", "seen")
    with Image.open(tmp_path / "seen" / path.name) as seen:
        assert seen.size == (28, 28)
        ink = np.asarray(seen) > 127
    assert 20 < ink.sum() < 300
    assert done.stdout.splitlines()[1:] == in_black(ink)


def test_below_the_threshold_it_is_unsure(run, trained_on_digits, pictures):
    arguments = ("predict", "--checkpoint", trained_on_digits, pictures[0][0], "--threshold", "1")
    assert ": unsure, perhaps " in run(*arguments).stdout
    assert json.loads(run(*arguments, "--json").stdout)["sure"] is False


def test_several_networks_answer_by_their_mean(run, trained_on_digits, pictures):
    twice = ("--checkpoint", trained_on_digits, "--checkpoint", trained_on_digits)
    done = run("predict", *twice, pictures[0][0], "--json")
    alone = run("predict", *twice[:2], pictures[0][0], "--json")
    assert done.stderr.count("Model: ") == 2
    together, one = (json.loads(each.stdout)["probability"] for each in (done, alone))
    assert together == pytest.approx(one)


def test_networks_for_different_images_do_not_answer_together(
    run, trained_on_digits, trained, pictures
):
    done = run(
        "predict", "--checkpoint", trained_on_digits, "--checkpoint", trained, pictures[0][0]
    )
    assert done.returncode == 4
    assert "answer together" in done.stderr


def test_an_animation_is_said_to_be_one(run, trained_on_digits, pictures, tmp_path):
    first, second = (Image.open(path) for path in pictures[0][:2])
    first.save(tmp_path / "two.gif", save_all=True, append_images=[second])
    done = run("predict", "--checkpoint", trained_on_digits, "two.gif")
    assert done.returncode == 0
    assert "has 2 frames; the first is read" in done.stderr


def test_a_number_is_read_digit_by_digit(run, trained_on_digits, tmp_path):
    images, labels = synthetic.draw(1, range(6))
    picture = Image.new("L", (420, 120), 255)
    for i, image in enumerate(images.reshape(-1, 28, 28)):
        picture.paste(Image.fromarray(255 - image).resize((56, 56)), (10 + 65 * i, 30 + 3 * i))
    picture.save(tmp_path / "number.png")
    model = ("--checkpoint", trained_on_digits)
    done = run("predict", *model, "number.png", "--many", "--save-annotated", "answers.png")
    assert done.returncode == 0, done.stderr
    first, *places = done.stdout.splitlines()
    number = first.removeprefix("number.png: ")
    assert len(number) == len(places) == 6
    assert sum(a == str(b) for a, b in zip(number, labels, strict=True)) >= 5
    with Image.open(tmp_path / "answers.png") as answers:
        assert answers.size == picture.size


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX terminal")
def test_a_bar_and_the_answers_share_a_terminal(command, trained_on_digits, pictures, tmp_path):
    import fcntl
    import pty
    import termios

    paths = [path for path in pictures[0] for _ in range(2)]
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    arguments = [command, "predict", "--checkpoint", trained_on_digits, *paths]
    with subprocess.Popen(arguments, stdout=theirs, stderr=theirs, cwd=tmp_path) as process:
        os.close(theirs)
        written = b""
        with contextlib.suppress(OSError):  # how Linux says that the other end is closed
            while part := os.read(ours, 65536):
                written += part
    os.close(ours)
    assert process.returncode == 0
    lines = written.decode().replace("\r\n", "\n").split("\n")
    assert any("/24 [" in line for line in lines)
    answers = [line.rsplit("\r", 1)[-1] for line in lines if "%)" in line]
    assert [answer.rsplit(": ", 1)[0] for answer in answers] == [str(path) for path in paths]
    assert not lines[-1].rsplit("\r", 1)[-1].strip()
