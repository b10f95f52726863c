import csv
import json
import re

import pytest
from helpers.processes import in_process


def test_the_report(run, trained):
    done = run("evaluate", "--trust-paths", trained)
    assert done.returncode == 0
    assert "of 60 right)" in done.stdout
    assert "precision" in done.stdout
    assert "true \\ predicted" in done.stdout
    assert "Most confused:" in done.stdout
    assert done.stderr == ""


def test_json_has_every_figure(run, trained):
    done = run("evaluate", "--trust-paths", trained / "weights" / "best.safetensors", "--json")
    facts = json.loads(done.stdout)
    summary = json.loads((trained / "summary.json").read_text())
    assert facts["accuracy"] == summary["test_accuracy"]
    assert facts["loss"] == pytest.approx(summary["test_loss"])
    assert facts["images"] == sum(map(sum, facts["confusion_matrix"])) == 60
    assert [each["support"] for each in facts["classes"]] == [20, 20, 20]


@pytest.mark.parametrize(("split", "images"), [("train", 120), ("validation", 30), ("test", 60)])
def test_each_split(run, trained, split, images):
    done = run("evaluate", "--trust-paths", trained, "--split", split, "--json")
    assert json.loads(done.stdout)["images"] == images


def test_a_gate_on_the_accuracy(run, trained):
    assert run("evaluate", "--trust-paths", trained, "--min-accuracy", "0.5").returncode == 0
    done = run(
        "evaluate", "--trust-paths", trained, "--min-accuracy", "1", "--split", "test", "--json"
    )
    accuracy = json.loads(done.stdout)["accuracy"]
    assert done.returncode == (0 if accuracy == 1 else 8)
    if accuracy < 1:
        assert "below the 1 asked for" in done.stderr


@pytest.mark.parametrize("share", ["nan", "-0.1", "98", "98%"])
def test_a_gate_that_is_no_share(run, trained, share):
    assert run("evaluate", "--trust-paths", trained, "--min-accuracy", share).returncode == 2


def test_a_missed_accuracy(run, bars, tmp_path):
    run("train", "-c", bars, "optimizer.learning_rate=1e-9", "training.epochs=1")
    done = run("evaluate", "runs/bars", "--min-accuracy", "0.99")
    assert done.returncode == 8
    assert "below the 0.99 asked for" in done.stderr
    assert "Accuracy:" in done.stdout


def test_predictions_file(run, trained, tmp_path):
    done = run("evaluate", "--trust-paths", trained, "--predictions", "p.csv", "--json")
    with (tmp_path / "p.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 60
    right = sum(row["label"] == row["prediction"] for row in rows)
    assert right / 60 == json.loads(done.stdout)["accuracy"]
    for row in rows:
        shares = [float(row[f"probability_{name}"]) for name in "012"]
        assert sum(shares) == pytest.approx(1, abs=1e-5)


def test_another_dataset(run, trained_on_digits, trained):
    done = run("evaluate", trained_on_digits, "--dataset", "synthetic", "--json")
    assert json.loads(done.stdout)["images"] == 100
    assert run("evaluate", "--trust-paths", trained, "--dataset", "synthetic").returncode == 3


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "no such checkpoint"), (b"text", "not a checkpoint")]
)
def test_what_is_no_checkpoint(run, tmp_path, content, reason):
    if content:
        (tmp_path / "weights").write_bytes(content)
    done = run("evaluate", "weights")
    assert done.returncode == 4
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_networks_judged_together_answer_by_their_mean(run, bars, tmp_path):
    for rate in (0.05, 0.005):
        assert run("train", "-c", bars, f"optimizer.learning_rate={rate}", "-q").returncode == 0

    def probabilities(*checkpoints):
        done = run("evaluate", *checkpoints, "--predictions", "p.csv", "--json")
        assert done.returncode == 0, done.stderr
        with (tmp_path / "p.csv").open() as file:
            rows = list(csv.DictReader(file))
        return [float(row[f"probability_{name}"]) for row in rows for name in "012"]

    one, two = probabilities("runs/bars"), probabilities("runs/bars-2")
    mean = [(a + b) / 2 for a, b in zip(one, two, strict=True)]
    assert one != pytest.approx(two, abs=0.01)
    assert probabilities("runs/bars", "runs/bars-2") == pytest.approx(mean, abs=1e-6)


def test_what_is_taken_for_what(run, bars):
    run("train", "-c", bars, "optimizer.learning_rate=1e-9", "training.epochs=1", "-q")
    told = run("evaluate", "runs/bars").stdout
    matrix = json.loads(run("evaluate", "runs/bars", "--json").stdout)["confusion_matrix"]
    pairs = re.findall(r"(\d) taken for (\d): (\d+)", told)
    assert pairs
    for true, predicted, how_often in pairs:
        assert matrix[int(true)][int(predicted)] == int(how_often)


def test_the_calibration_before_and_after(run, bars):
    run("train", "-c", bars, "optimizer.learning_rate=2e-3", "training.epochs=1", "-q")
    facts = json.loads(run("evaluate", "runs/bars", "--json").stdout)["calibration"]
    told = run("evaluate", "runs/bars").stdout
    assert facts["temperature"] != 1
    before, after = (100 * facts[f"expected_error{which}"] for which in ("_before", ""))
    assert (
        f"expected calibration error {after:.2f} %; {before:.2f} % before the outputs were divided "
        f"by {facts['temperature']:.3f}"
    ) in told


@pytest.fixture(scope="module")
def parabola(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parabola")
    few = ("training.epochs=2", "training.pictures=false", "data.table.points=40", "-q")
    assert in_process("train", "-c", "examples/square", *few, cwd=folder).returncode == 0
    return folder / "runs" / "square"


def test_no_images_are_downloaded_for_a_table(run, parabola):
    done = run("evaluate", parabola, "--dataset", "mnist", MLPCLI_MIRROR="nowhere")
    assert (done.returncode, done.stdout) == (3, "")
    assert "knows no images; evaluate it on its own data" in done.stderr
    assert "could not be fetched" not in done.stderr


def test_a_regression(run, parabola, tmp_path):
    facts = json.loads(run("evaluate", parabola, "--json", "--predictions", "p.csv").stdout)
    outputs, targets = ([y for (y,) in facts[what]] for what in ("outputs", "targets"))
    assert facts["examples"] == len(outputs) == len(targets) == 39  # midway between the 40
    half_squares = [(z - t) ** 2 / 2 for z, t in zip(outputs, targets, strict=True)]
    assert facts["loss"] == pytest.approx(sum(half_squares) / 39)
    with (tmp_path / "p.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["output"]) for row in rows] == pytest.approx(outputs)
    assert [float(row["target"]) for row in rows] == pytest.approx(targets)
    errors = [z - t for z, t in zip(outputs, targets, strict=True)]
    assert [float(row["error"]) for row in rows] == pytest.approx(errors)
    loss, _, heading, *lines, rest = run("evaluate", parabola).stdout.splitlines()
    assert loss == f"Loss: {facts['loss']:.6g}"
    assert heading.split() == ["example", "x", "target", "output", "error"]
    assert [float(cell) for cell in lines[3].split()] == pytest.approx(
        [4, facts["inputs"][3][0], targets[3], outputs[3], errors[3]], abs=6e-6
    )
    assert rest == f"and {39 - len(lines)} examples more"


def test_a_regression_has_no_accuracy_to_ask_for(run, parabola):
    done = run("evaluate", parabola, "--min-accuracy", "0.5")
    assert done.returncode == 2
    assert "a regression has no accuracy" in done.stderr
