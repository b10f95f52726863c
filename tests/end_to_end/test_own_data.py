"""From one's own images to answers, by the commands that a user types."""

import json

import numpy as np
import pytest
from helpers.digits import bars_dataset
from helpers.own import write_digits
from PIL import Image


def rows(images, labels=None):
    """A table as Kaggle has it."""
    pixels = images.reshape(len(images), -1)
    header = [f"pixel{i}" for i in range(pixels.shape[1])]
    if labels is not None:
        pixels, header = np.column_stack([labels, pixels]), ["label", *header]
    return "\n".join([",".join(header), *(",".join(map(str, row)) for row in pixels.tolist())])


@pytest.fixture
def kaggle(tmp_path):
    """The tables train.csv and test.csv, the labels of the second, and a config."""
    (tmp_path / "train.csv").write_text(rows(*bars_dataset(150, 0)))
    images, labels = bars_dataset(60, 1)
    (tmp_path / "test.csv").write_text(rows(images))
    (tmp_path / "kaggle.yaml").write_text(
        "data: {dataset: csv, path: train.csv, image_size: [6, 5]}\n"
        "network: {hidden: [8]}\n"
        "training: {epochs: 4, batch_size: 16, pictures: false}\n"
    )
    return labels


def test_kaggle(run, kaggle, tmp_path):
    done = run("train", "--config", "kaggle.yaml")
    assert done.returncode == 0, done.stderr
    assert "(15 of 15)" in done.stdout
    done = run("predict", "test.csv", "--submission", "submission.csv")
    assert (done.returncode, done.stdout) == (0, "submission.csv: 60 answers written\n")
    lines = (tmp_path / "submission.csv").read_text().splitlines()
    assert lines == ["ImageId,Label", *(f"{i},{label}" for i, label in enumerate(kaggle, 1))]
    done = run("predict", "test.csv", "--submission", "submission.csv", "--json")
    answers = [json.loads(line)["digit"] for line in done.stdout.splitlines()]
    assert answers == [str(label) for label in kaggle]
    assert "submission.csv: 60 answers written" in done.stderr
    for command in ("evaluate", "plot"):
        assert run(command, "runs/kaggle").returncode == 0
    assert run("train", "--resume", "runs/kaggle", "training.epochs=5").returncode == 0


def test_other_answers_to_a_table(run, kaggle, tmp_path):
    run("train", "--config", "kaggle.yaml")
    done = run("predict", "test.csv", "--top", "2", "--csv", "answers.csv")
    first = done.stdout.splitlines()[0]
    assert first.startswith(f"test.csv, row 2: {kaggle[0]} (")
    assert first.count("%") == 2
    answers = (tmp_path / "answers.csv").read_text().splitlines()
    assert answers[0] == "row,digit,probability,sure,probability_0,probability_1,probability_2"
    assert answers[1].startswith(f"2,{kaggle[0]},")
    done = run("predict", "test.csv", "--json", "--threshold", "1")
    facts = json.loads(done.stdout.splitlines()[0])
    assert (facts["row"], facts["digit"], facts["sure"]) == (2, str(kaggle[0]), False)
    assert len(facts["probabilities"]) == 3
    done = run("predict", "train.csv")
    assert "Accuracy: 100.00 % (150 of 150 right)" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("test.csv", "--show"), 2, "--show is for images"),
        (("test.csv", "test.csv"), 2, "name one file"),
        (("x.png", "--submission", "s.csv"), 2, "name a .csv file"),
        (("x.png", "--save-wrong", "wrong"), 2, "needs --labels"),
        (("-", "--save-wrong", "wrong", "--labels", "l.csv"), 2, "needs files"),
        (("missing.csv",), 3, "cannot be read"),
        (("small.csv",), 3, "has 3 pixels in each row, but the network reads images of 6×5"),
        (("bad.csv",), 3, "row 2: column 1: expected a whole number from 0 to 255, found '999'"),
    ],
)
def test_what_a_table_cannot_do(run, trained, tmp_path, arguments, code, message):
    images, _ = bars_dataset(3, 1)
    (tmp_path / "test.csv").write_text(rows(images))
    (tmp_path / "small.csv").write_text("1,2,3,4\n")
    (tmp_path / "l.csv").write_text("file,label\n")
    (tmp_path / "bad.csv").write_text(rows(images).replace("\n", "\n999,", 1))
    (tmp_path / "bad.csv").write_text(rows(np.full((1, 30), 999)))
    done = run("predict", "--checkpoint", trained, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr


def test_the_misread_are_collected_and_learned(run, tmp_path, trained_on_digits):
    folder = write_digits(tmp_path / "scans", 12)
    labels = [f"{path.name},{path.parent.name}" for path in sorted(folder.rglob("*.png"))]
    file, label = labels[0].split(",")
    other = str((int(label) + 1) % 10)  # told wrong, so that there is a misread one
    (tmp_path / "labels.csv").write_text("\n".join(["file,label", f"{file},{other}", *labels[1:]]))
    ask = ("predict", "scans", "--recursive", "--labels", "labels.csv", "--save-wrong", "wrong")
    done = run(*ask, "--checkpoint", trained_on_digits)
    assert done.returncode == 0
    wrong = {path.relative_to(tmp_path).as_posix() for path in (tmp_path / "wrong").rglob("*.png")}
    assert f"wrong/{other}/{file}" in wrong
    assert f"wrong: {len(wrong)} misread image" in done.stderr
    assert run(*ask, "--checkpoint", trained_on_digits).returncode == 0
    assert len(list((tmp_path / "wrong").rglob("*.png"))) == len(wrong)  # none is there twice
    (tmp_path / "learn.yaml").write_text(
        f"data: {{dataset: folder, path: wrong, test_share: 0, mix: {{dataset: synthetic}}}}\n"
        f"training: {{start_from: {trained_on_digits}, epochs: 1, pictures: false}}\n"
        "optimizer: {learning_rate: 0.02}\n"
    )
    done = run("train", "--config", "learn.yaml")
    assert done.returncode == 0, done.stderr
    assert "of 2,000)" in done.stdout
    done = run("predict", f"wrong/{other}/{file}", "--json", "--top", "1")
    assert json.loads(done.stdout)["digit"] == other
    done = run("evaluate", "runs/learn", "--dataset", "synthetic", "--split", "train")
    assert (done.returncode, "data.mix" in done.stderr) == (3, True)


def test_a_name_that_no_folder_can_have(run, tmp_path):
    images = np.zeros((2, 3, 3), np.uint8)
    np.savez(tmp_path / "a.npz", x=np.repeat(images, 10, axis=0), y=np.repeat([0, 1], 10))
    settings = ["data.dataset=npz", "data.path=a.npz", "data.class_names=[T-shirt/top, b]"]
    fast = ["training.epochs=1", "training.pictures=false"]
    assert run("train", "--config", "quickstart", *settings, *fast).returncode == 0
    (tmp_path / "labels.csv").write_text("file,label\n")
    done = run("predict", "x.png", "--labels", "labels.csv", "--save-wrong", "wrong")
    assert (done.returncode, "'T-shirt/top'" in done.stderr) == (2, True)


def test_images_that_are_no_digits(run, tmp_path):
    """Bright and dark squares, which no preparation of digits would let through."""
    for name, value in (("dark", 10), ("bright", 240)):
        (tmp_path / "squares" / name).mkdir(parents=True)
        for i in range(10):
            Image.new("L", (9, 9), value + i).save(tmp_path / "squares" / name / f"{i}.png")
    (tmp_path / "squares.yaml").write_text(
        "data: {dataset: folder, path: squares, prepare: none, image_size: [3, 4]}\n"
        "training: {epochs: 5, pictures: false}\n"
    )
    done = run("train", "--config", "squares.yaml")
    assert done.returncode == 0, done.stderr
    for name in ("dark", "bright"):
        done = run("predict", f"squares/{name}/3.png")
        assert f": {name} (" in done.stdout
    assert run("explain", "runs/squares", "squares/dark/3.png").returncode == 0
    done = run("predict", "squares/dark/3.png", "--many")
    assert (done.returncode, "--many finds digits" in done.stderr) == (2, True)


def test_a_thousand_classes(run, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (1000, 4, 3), dtype=np.uint8)
    np.savez(
        tmp_path / "k.npz",
        x_train=np.tile(x, (2, 1, 1)),
        y_train=np.tile(np.arange(1000), 2),
        x_test=x[:20],
        y_test=np.arange(980, 1000),
    )
    (tmp_path / "k.yaml").write_text(
        "data: {dataset: npz, path: k.npz, validation: 0}\n"
        "network: {hidden: [16]}\n"
        "training: {epochs: 1, batch_size: 500}\n"
    )
    done = run("train", "--config", "k.yaml")
    assert done.returncode == 0, done.stderr
    done = run("evaluate", "runs/k")
    assert "The confusion matrix of 1,000 classes is in --json." in done.stdout
    done = run("evaluate", "runs/k", "--json")
    assert np.shape(json.loads(done.stdout)["confusion_matrix"]) == (1000, 1000)


def test_the_same_folder_listed_in_another_order_gives_the_same_weights(run, tmp_path, monkeypatch):
    write_digits(tmp_path / "digits", 60)
    train = ["train", "--config", "quickstart", "data.dataset=folder", "data.path=digits"]
    train += ["training.epochs=1", "training.pictures=false", "name=run"]
    assert run(*train).returncode == 0
    from mlpcli.data import image_folder

    usual = image_folder._entries
    monkeypatch.setattr(image_folder, "_entries", lambda folder: usual(folder)[::-1])
    assert run(*train, "--runs-dir", "other", "--data-dir", "elsewhere").returncode == 0
    one, other = (
        (tmp_path / runs / "run" / "weights" / "last.safetensors").read_bytes()
        for runs in ("runs", "other")
    )
    assert one == other
