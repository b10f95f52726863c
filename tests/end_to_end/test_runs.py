import dataclasses
import json
import shutil

import pytest

from mlpcli.storage.checkpoint import load_checkpoint, to_bytes
from mlpcli.storage.run_folder import RunFolder


@pytest.fixture
def runs(trained, tmp_path):
    """A folder of two runs; the second is unfinished and has another learning rate."""
    shutil.copytree(trained, tmp_path / "runs" / "bars")
    shutil.copytree(trained, tmp_path / "runs" / "bars-2")
    config = tmp_path / "runs" / "bars-2" / "config.yaml"
    changed = config.read_text().replace("learning_rate: 0.05", "learning_rate: 0.01")
    assert changed != config.read_text()
    config.write_text(changed)
    (tmp_path / "runs" / "bars-2" / "summary.json").unlink()
    return tmp_path / "runs"


def test_a_table_of_runs(run, runs):
    done = run("runs")
    assert done.returncode == 0
    heading, first, second = done.stdout.splitlines()
    columns = "name when network optimizer epochs validation test time"
    assert " ".join(heading.split()) == columns
    summary = json.loads((runs / "bars" / "summary.json").read_text())
    assert first.split()[0] == "bars"
    figures = [f"{100 * summary['best']['val_accuracy']:.2f} %"]
    figures.append(f"{100 * summary['test_accuracy']:.2f} %")
    assert f" 8 momentum 0.05 4 of 4 {' '.join(figures)} " in " ".join(first.split())
    assert second.startswith("bars-2")
    assert "unfinished" in second
    assert "momentum 0.01" in second
    assert done.stderr == ""


def test_as_json_one_object_a_line(run, runs):
    done = run("runs", "--json", runs)
    first, second = map(json.loads, done.stdout.splitlines())
    summary = json.loads((runs / "bars" / "summary.json").read_text())
    assert first["name"] == "bars"
    assert first["finished"] is True
    assert first["test_accuracy"] == summary["test_accuracy"]
    assert first["val_accuracy"] == summary["best"]["val_accuracy"]
    assert first["best_epoch"] == summary["best_epoch"]
    assert first["seconds"] == summary["seconds"]
    assert (second["finished"], second["test_accuracy"]) == (False, None)


def test_a_comparison_shows_what_differs(run, runs):
    done = run("runs", "--compare", "bars", "bars-2")
    assert done.returncode == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[:2] == [["setting", "bars", "bars-2"], ["optimizer.learning_rate", "0.05", "0.01"]]
    assert lines[2:4] == [[], ["result", "bars", "bars-2"]]
    results = "best_epoch val_loss val_accuracy test_loss test_accuracy seconds"
    assert [line[0] for line in lines[4:]] == results.split()
    assert lines[-2][2] == "-"


def test_a_comparison_as_json_by_paths(run, runs):
    done = run("runs", "--json", "--compare", runs / "bars", runs / "bars-2")
    told = json.loads(done.stdout)
    assert told["settings"] == {"optimizer.learning_rate": [0.05, 0.01]}
    assert told["results"]["test_accuracy"][1] is None


def test_runs_alike(run, runs):
    done = run("runs", "--compare", "bars", "bars")
    assert "(all the same)" in done.stdout


def test_a_damaged_run_does_not_hide_the_others(run, runs):
    (runs / "bars-2" / "metrics.csv").write_text("nonsense")
    done = run("runs")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr.startswith("Left out: ")
    assert "bars-2" in done.stderr


def test_a_regression_is_listed_by_its_loss_and_what_stopped_by_its_reason(run, runs):
    directory = runs / "bars"
    header, *rows = (directory / "metrics.csv").read_text().splitlines()
    without = [
        ",".join(["" if i in (4, 6) else x for i, x in enumerate(row.split(","))]) for row in rows
    ]
    (directory / "metrics.csv").write_text("\n".join([header, *without]) + "\n")
    summary = json.loads((directory / "summary.json").read_text())
    summary |= {"test_accuracy": None, "test_loss": 0.0125}
    (directory / "summary.json").write_text(json.dumps(summary))
    stopped = {"stopped": "diverged", "test_loss": None, "test_accuracy": None}
    (runs / "bars-2" / "summary.json").write_text(json.dumps(stopped))
    _, first, second = run("runs").stdout.splitlines()
    assert first.split()[9] == "loss"
    assert " loss 0.012500 " in first
    assert " diverged " in second
    told = [json.loads(line) for line in run("runs", "--json").stdout.splitlines()]
    assert [each["finished"] for each in told] == [True, False]


def test_no_runs(run, tmp_path):
    done = run("runs")
    assert done.returncode == 4
    assert "runs: no folder of runs" in done.stderr
    (tmp_path / "runs").mkdir()
    done = run("runs")
    assert (done.returncode, done.stdout) == (0, "")
    assert "mlpcli train" in done.stderr
    assert run("runs", "--json").stdout == ""


def test_a_comparison_with_no_run(run, runs):
    done = run("runs", "--compare", "bars", "nonsense")
    assert done.returncode == 4
    assert "nonsense: no run there" in done.stderr


def test_the_folder_of_a_run_itself(run, runs):
    done = run("runs", runs / "bars")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["name", "bars"]


def test_where_every_run_is_damaged_nothing_else_is_said(run, runs):
    for name in ("bars", "bars-2"):
        (runs / name / "metrics.csv").write_text("nonsense")
    done = run("runs")
    assert (done.returncode, done.stdout) == (0, "")
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["Left out", "Left out"]


def test_the_order_and_the_times_of_runs(run, runs):
    for name, started, seconds in (
        ("bars", "2026-02-01T00:00:00+00:00", 7384.2),
        ("bars-2", "2026-01-31T12:05:59+00:00", 125.0),
    ):
        path = runs / name / "environment.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"started": started}))
        summary = {"stopped": "interrupted", "seconds": seconds}
        (runs / name / "summary.json").write_text(json.dumps(summary))
    _, first, second = run("runs").stdout.splitlines()
    assert first.split()[:3] == ["bars-2", "2026-01-31", "12:05"]
    assert first.endswith("2:05 min")
    assert second.split()[:3] == ["bars", "2026-02-01", "00:00"]
    assert second.endswith("2:03:04 h")


def test_a_run_of_an_older_version_is_read_and_resumed(run, runs):
    """It has `training.workers` where there is `training.workers` now."""
    old = RunFolder(runs / "bars")
    old.config.write_text(old.config.read_text().replace("  workers: auto", "  threads: auto"))
    checkpoint = load_checkpoint(old.last)
    settings = dict(checkpoint.config["training"])
    settings["threads"] = settings.pop("workers")
    config = checkpoint.config | {"training": settings}
    old.last.write_bytes(to_bytes(dataclasses.replace(checkpoint, config=config)))
    assert b"threads" in old.last.read_bytes()
    compared = json.loads(run("runs", "--json", "--compare", "bars", "bars-2").stdout)
    assert compared["settings"].keys() == {"optimizer.learning_rate"}
    done = run("train", "--resume", old.path, "training.workers=1", "--print-config")
    assert "  workers: 1\n" in done.stdout
    done = run("train", "--resume", old.path, "training.epochs=5", "--trust-paths", "-q")
    assert done.returncode == 0, done.stderr
    assert "  workers: auto\n" in old.config.read_text()
