import csv
import io
import json
import os
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from helpers.processes import in_terminal
from PIL import Image, ImageDraw

from mlpcli.data import synthetic
from mlpcli.half_blocks import in_black

SEVEN = Path(__file__).parents[2] / "docs" / "seven.png"


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
    assert "4 of 5 images" in done.stderr
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


@pytest.mark.parametrize(
    "arguments",
    [
        ("predict", "x.png", "--save-annotated", "x.png"),
        ("predict", "x.png", "--labels", "x.csv", "--csv", "x.csv"),
        ("predict", ".", "--labels", "x.csv", "--csv", "./x.csv"),
        ("predict", "x.csv", "--csv", "x.csv"),
        ("predict", "x.csv", "--submission", "link.csv"),
        ("export", "boxed.safetensors", "boxed.safetensors"),
        ("explain", "boxed.safetensors", "x.png", "--output", "x.png"),
    ],
)
def test_what_is_read_is_not_overwritten(run, tmp_path, arguments):
    assert run("export", "boxed", "boxed.safetensors").returncode == 0
    shutil.copy(SEVEN, tmp_path / "x.png")
    (tmp_path / "x.csv").write_text("file,label\nx.png,7\n")
    (tmp_path / "link.csv").hardlink_to(tmp_path / "x.csv")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert ": this file is read; name another one" in done.stderr
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


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
    assert "download the image" in done.stderr
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
    assert "has several frames; the first is read" in done.stderr


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
def test_a_bar_and_the_answers_share_a_terminal(trained_on_digits, pictures, tmp_path):
    paths = [path for path in pictures[0] for _ in range(2)]
    written = in_terminal("predict", "--checkpoint", trained_on_digits, *paths, cwd=tmp_path)
    lines = written.replace("\r\n", "\n").split("\n")
    assert any("/24 [" in line for line in lines)
    answers = [line.rsplit("\r", 1)[-1] for line in lines if "%)" in line]
    assert [answer.rsplit(": ", 1)[0] for answer in answers] == [str(path) for path in paths]
    assert not lines[-1].rsplit("\r", 1)[-1].strip()


def test_standard_input(trained_on_digits, pictures, run, run_process):
    arguments = ("predict", "--json", "--checkpoint", trained_on_digits)
    with pictures[0][3].open("rb") as picture:
        done = run_process(*arguments, "-", stdin=picture)
    named = json.loads(run(*arguments, pictures[0][3]).stdout)
    assert json.loads(done.stdout) == named | {"file": "-"}


def test_runs_elsewhere(run, trained_on_digits, pictures):
    done = run("predict", pictures[0][0], "--runs-dir", trained_on_digits.parent)
    assert str(trained_on_digits) in done.stderr
    done = run("predict", pictures[0][0], "--runs-dir", "typo")
    assert done.returncode == 4
    assert "typo: no folder of runs there" in done.stderr


def test_every_form_tells_the_same(run, trained_on_digits, pictures, tmp_path):
    paths = pictures[0][:3]
    arguments = ("predict", "--checkpoint", trained_on_digits, *paths)
    told = [json.loads(line) for line in run(*arguments, "--json").stdout.splitlines()]
    for facts, first in zip(told, run(*arguments).stdout.splitlines(), strict=True):
        assert first == f"{facts['file']}: {facts['digit']} ({100 * facts['probability']:.2f} %)"
    run(*arguments, "--csv", "answers.csv", "--threshold", "1")
    with (tmp_path / "answers.csv").open() as file:
        rows = list(csv.DictReader(file))
    for facts, row in zip(told, rows, strict=True):
        assert (row["file"], row["digit"], row["sure"]) == (facts["file"], facts["digit"], "false")
        assert float(row["probability"]) == facts["probability"]
        assert {name: float(row[f"probability_{name}"]) for name in "0123456789"} == facts[
            "probabilities"
        ]
    two = [json.loads(line) for line in run(*arguments, "--json", "--top", "2").stdout.splitlines()]
    for facts, short in zip(told, two, strict=True):
        ranking = sorted(facts["probabilities"].items(), key=lambda pair: -pair[1])
        assert list(short["probabilities"].items()) == ranking[:2]


def test_how_it_was_prepared(run, trained_on_digits, tmp_path):
    digit = Image.fromarray(synthetic.draw(1, range(1))[0].reshape(28, 28))
    digit.save(tmp_path / "as_mnist.png")
    paper = Image.new("L", (200, 160), 255)
    paper.paste(Image.fromarray(255 - np.asarray(digit)).resize((84, 84)), (70, 20))
    paper.save(tmp_path / "on_paper.png")
    done = run(
        "predict", "--checkpoint", trained_on_digits, "as_mnist.png", "on_paper.png", "--json"
    )
    ready, found = (json.loads(line)["preparation"] for line in done.stdout.splitlines())
    assert (ready["already_prepared"], ready["inverted"]) == (True, False)
    assert (found["already_prepared"], found["inverted"]) == (False, True)
    rows, columns = (np.flatnonzero((np.asarray(paper) < 100).any(axis=axis)) for axis in (1, 0))
    box = found["box"]
    assert abs(box["left"] - columns[0]) <= 6
    assert abs(box["top"] - rows[0]) <= 6
    assert abs(box["left"] + box["width"] - columns[-1]) <= 7
    assert abs(box["top"] + box["height"] - rows[-1]) <= 7


@pytest.fixture
def two_digits(tmp_path):
    """A 1 and a 0, in ink of two strengths, far apart on one paper."""
    picture = Image.new("L", (300, 120), 255)
    draw = ImageDraw.Draw(picture)
    draw.line((60, 25, 60, 95), fill=0, width=8)
    draw.ellipse((200, 25, 250, 95), outline=0, width=8)
    picture.save(tmp_path / "two.png")
    return tmp_path / "two.png"


def test_many_digits_have_their_places_and_their_files(run, two_digits, tmp_path):
    model = ("--checkpoint", "boxed", "--many")
    done = run("predict", *model, "two.png", "--save-input", "seen", "--save-annotated", "a.png")
    first, one, zero = done.stdout.splitlines()
    assert first == "two.png: 10"
    places = [
        [int(number) for number in re.findall(r"\d+", line.split(": ")[0])] for line in (one, zero)
    ]
    assert places[0] == pytest.approx([9, 71, 56, 25], abs=6)
    assert places[1] == pytest.approx([51, 71, 200, 25], abs=6)
    assert sorted(path.name for path in (tmp_path / "seen").iterdir()) == ["two-1.png", "two-2.png"]
    with Image.open(tmp_path / "seen" / "two-2.png") as seen:
        assert np.asarray(seen)[14, 14] == 0  # the inside of the 0
    with Image.open(tmp_path / "a.png") as annotated, Image.open(two_digits) as plain:
        changed = np.asarray(annotated.convert("L")) != np.asarray(plain)
    columns = np.flatnonzero(changed.any(axis=0))
    assert set(range(150, 190)).isdisjoint(columns)
    assert columns[0] < 60 < columns[-1]

    unsure = run("predict", *model, "two.png", "--threshold", "1")
    assert unsure.stdout.splitlines()[0] == "two.png: ??"


def test_the_table_of_many_digits_says_of_each_what_json_says(run, two_digits, tmp_path):
    model = ("--checkpoint", "boxed", "--many")
    done = run("predict", *model, "two.png", "--json", "--csv", "answers.csv")
    facts = [json.loads(line) for line in done.stdout.splitlines()]
    rows = list(csv.DictReader(io.StringIO((tmp_path / "answers.csv").read_text())))
    for row, each in zip(rows, facts, strict=True):
        for key in ("file", "line", "place", "digit", "probability", "no_digit"):
            assert row[key] == str(each[key])
    assert [(row["line"], row["place"]) for row in rows] == [("1", "1"), ("1", "2")]
    assert list(rows[0]) == [
        *("file", "line", "place", "digit", "probability", "sure"),
        *(f"probability_{digit}" for digit in range(10)),
        "no_digit",
    ]


def test_digits_that_are_read_as_one_bring_many_to_mind(run):
    number = SEVEN.with_name("number.jpg")
    alone = run("predict", "--checkpoint", "boxed", number)
    assert alone.returncode == 6
    assert "none stands out. If they are digits, --many reads each of them." in alone.stderr


def test_files_of_the_same_name_are_not_overwritten(run, trained_on_digits, pictures, tmp_path):
    for folder, path in zip("ab", pictures[0], strict=False):
        (tmp_path / folder).mkdir()
        shutil.copy(path, tmp_path / folder / "x.png")
    model = ("--checkpoint", trained_on_digits)
    run("predict", *model, "a/x.png", "b/x.png", "--save-input", "seen")
    first, second = ((tmp_path / "seen" / name).read_bytes() for name in ("x.png", "x-2.png"))
    assert first != second


def test_json_alone_is_on_standard_output(run, trained_on_digits, pictures, tmp_path):
    path = pictures[0][0]
    (tmp_path / "labels.csv").write_text(f"file,label\n{path.name},{pictures[1][0]}\n")
    more = ("--show", "--labels", "labels.csv", "--json", "--threshold", "1")
    done = run("predict", "--checkpoint", trained_on_digits, path, *more)
    assert len(done.stdout.splitlines()) == 1
    json.loads(done.stdout)
    assert "Accuracy: " in done.stderr
    assert "Sure: 0 of 1" in done.stderr
    assert len(done.stderr.splitlines()) > 14


def test_what_goes_with_one_picture_alone(run, trained_on_digits, pictures, tmp_path):
    model = ("--checkpoint", trained_on_digits)
    done = run("predict", *model, *pictures[0][:2], "--save-annotated", "a.png")
    assert done.returncode == 2
    assert "--save-annotated takes one image" in done.stderr
    assert not (tmp_path / "a.png").exists()
    (tmp_path / "labels.csv").write_text("file,label\n0.png,1\n")
    done = run("predict", *model, pictures[0][0], "--many", "--labels", "labels.csv")
    assert done.returncode == 2
    assert "--labels has one digit for each image" in done.stderr
