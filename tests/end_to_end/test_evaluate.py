import csv
import json

import pytest


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
