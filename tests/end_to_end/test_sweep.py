"""`mlpcli sweep`, with real workers."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.digits import write_bars
from helpers.runs import Told
from helpers.sweeps import drive, timeless_sweep

from mlpcli.cli.commands.sweep import _leave_pictures, _text, _what_next
from mlpcli.files import as_argument
from mlpcli.sweeps import cluster

RATES = "optimizer.learning_rate=0.01,0.05"


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A folder with a sweep of four trials by the command, and what it said."""
    from helpers.processes import mlpcli

    folder = tmp_path_factory.mktemp("swept")
    config = write_bars(folder / "bars")
    widths = "network.hidden=[4],[8]"
    done = mlpcli(
        "sweep", "-c", config, RATES, widths, "training.pictures=true", "--workers", "2", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return folder, done


def test_it_says_what_it_does_and_what_came_of_it(swept):
    folder, done = swept
    lines = done.stderr.splitlines()
    assert lines[0] == (
        "Sweep: sweeps/bars (4 trials, grid, on 2 workers, at most 16 epochs in all)"
    )
    trials = [line for line in lines if line.startswith("trial ")]
    assert sorted(int(line.split()[1]) for line in trials) == [0, 1, 2, 3]
    assert "mlpcli train --config sweeps/bars/best.yaml" in done.stderr
    assert re.search(r"Trials:  4 \(4 done\)", done.stdout)
    assert re.search(r"Test:    [0-9.]+ % right, loss ", done.stdout)
    assert (folder / "sweeps" / "bars" / "pictures" / "parameters.png").is_file()


def test_its_trainings_are_listed_and_evaluated(swept, run):
    folder, _ = swept
    listed = run("runs", "sweeps/bars", at=folder).stdout.splitlines()
    assert [line.split()[0] for line in listed[1:]] == ["0000", "0001", "0002", "0003"]
    facts = run("runs", "sweeps/bars", "--json", at=folder).stdout.splitlines()
    best = max(json.loads(each)["val_accuracy"] for each in facts)
    summary = json.loads((folder / "sweeps" / "bars" / "summary.json").read_text())
    assert summary["best"]["val_accuracy"] == best
    one = json.loads(run("evaluate", "sweeps/bars", "--json", at=folder).stdout)
    assert one["accuracy"] == summary["test"]["1"]["test_accuracy"]
    three = json.loads(run("evaluate", "sweeps/bars", "--best", 3, "--json", at=folder).stdout)
    assert three["images"] == one["images"]
    many = run("evaluate", "sweeps/bars", "--best", 5, at=folder)
    assert (many.returncode, "has 4 trainings" in many.stderr) == (4, True)
    none = run("evaluate", "sweeps/bars/trials/0000", "--best", 5, at=folder)
    assert (none.returncode, "no folder of a sweep" in none.stderr) == (2, True)


def test_what_next_can_be_typed_as_it_is_printed(swept, run):
    folder, done = swept
    (line,) = [line for line in done.stderr.splitlines() if "mlpcli evaluate" in line]
    program, *arguments = shlex.split(line.rsplit("  ", 1)[0])
    assert program == "mlpcli"
    assert arguments == ["evaluate", str(Path("sweeps/bars")), "--best", "4"]
    assert run(*arguments, at=folder).returncode == 0


@pytest.mark.parametrize(
    ("config", "is_here", "proposed"),
    [
        ("bars", True, " --best 2"),
        ("bars", False, " --best 2 --trust-paths"),
        ("regression", True, " --best 2"),
        ("one", True, ""),
    ],
)
def test_what_next_fits_what_was_trained(tmp_path, monkeypatch, config, is_here, proposed):
    base = str(write_bars(tmp_path / "bars"))
    widths = {"network.hidden": [[4], [8]]}
    few = {"training": {"epochs": 1}}
    sine = ["examples/sine", {"data": {"validation": 5}}, few]
    sweeps = {
        "bars": {"base": [base, few], "parameters": widths},
        "regression": {"base": sine, "parameters": widths},
        "one": {"base": [base, few]},
    }
    result = drive(sweeps[config], tmp_path / "s")
    here = tmp_path if is_here else tmp_path / "s"
    monkeypatch.chdir(here)
    lines = _what_next(result, None).splitlines()
    (line,) = [line for line in lines if "mlpcli evaluate" in line]
    named = as_argument(tmp_path / "s")
    assert line.rsplit("  ", 1)[0].strip() == f"mlpcli evaluate {named}{proposed}"


def test_a_failing_picture_does_not_spoil_a_sweep(tmp_path, monkeypatch):
    result = drive({"base": str(write_bars(tmp_path / "bars"))}, tmp_path / "s")
    monkeypatch.setitem(sys.modules, "mlpcli.pictures.of_sweeps", None)
    told = Told()
    _leave_pictures(result, told)
    (remark,) = told.remarks
    assert "not all of its pictures could be drawn: ModuleNotFoundError" in remark
    assert remark.endswith(f"`mlpcli plot {as_argument(tmp_path / 's')}` draws them again.")


def test_when_the_minutes_are_over_it_says_how_to_go_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    base = str(write_bars(tmp_path / "bars"))
    widths = {"network.hidden": [[4], [8], [16]]}
    sweep = {"base": base, "parameters": widths, "minutes": 1e-9}
    result = drive(sweep, tmp_path / "s")
    text = _text(result)
    assert "Trials:  0, 3 not begun: the minutes are over" in text
    assert "No trial has a result yet." in text
    named = as_argument(tmp_path / "s")
    assert f"mlpcli sweep --resume {named}  the trials that are left" in _what_next(result, None)


def test_resuming_what_is_done_changes_nothing(swept, run):
    folder, first = swept
    before = timeless_sweep(folder / "sweeps" / "bars")
    again = run("sweep", "--resume", "sweeps/bars", "--workers", 1, at=folder)
    assert again.returncode == 0, again.stderr
    assert timeless_sweep(folder / "sweeps" / "bars") == before
    without_time = [each.stdout.rpartition("Time:")[0] for each in (first, again)]
    assert without_time[0] == without_time[1]


def test_the_whole_sweep_is_printed(swept, run, tmp_path):
    folder, _ = swept
    printed = run("sweep", "-c", folder / "bars" / "bars.yaml", RATES, "--print-sweep").stdout
    (tmp_path / "whole.yaml").write_text(printed)
    again = run("sweep", "whole.yaml", "--print-sweep")
    assert again.stdout.replace("name: whole", "name: bars") == printed


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--resume", "nowhere"], 4, "nowhere: no sweep there"),
        (["--resume", "sweeps/bars", "trials=3"], 2, "trials: expected at least 4"),
        (["--resume", "sweeps/bars", RATES[:-5]], 2, "=0.01: a resumed sweep may change trials"),
        (["--resume", "sweeps/bars", "seed=7"], 2, "seeds: was [1] and would be [7]"),
        (["--resume", "sweeps/bars", "-c", "mnist"], 2, "--resume goes with settings of the sweep"),
        (["a.yaml", "b.yaml"], 2, "b.yaml: expected one sweep file"),
        (["no.yaml"], 2, "no.yaml: no such file, and no shipped sweep has this name; shipped are"),
        (["--workers", "2", "--scheduler", "tcp://127.0.0.1:1"], 2, "--workers does not go with"),
        ([RATES, "optimizer.nam=1,2"], 2, 'unknown key; did you mean "name"?'),
    ],
)
def test_wrong_commands(swept, run, arguments, code, message):
    done = run("sweep", *arguments, at=swept[0])
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense", "foo://127.0.0.1:1"])
def test_no_scheduler(swept, run, monkeypatch, address):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.5)
    done = run("sweep", RATES, "--scheduler", address, at=swept[0])
    assert done.returncode == 10
    assert f"{address}: no Dask scheduler can be reached there" in done.stderr


@pytest.mark.parametrize(
    ("address", "is_protected"),
    [
        ("tls://host:8786", True),
        ("wss://host:8786", True),
        ("tcp://127.0.0.1:8786", True),
        ("localhost:8786", True),
        ("tcp://[::1]:8786", True),
        ("tcp://host:8786", False),
        ("10.0.0.1:8786", False),
        ("tcp://localhost.example.com:8786", False),
        ("127.example.com:8786", False),
        ("tcp://[::1", False),
    ],
)
def test_what_goes_to_another_machine_is_protected_by_tls_alone(address, is_protected):
    assert cluster._is_protected(address) is is_protected


@pytest.mark.parametrize("package", ["optuna", "distributed"])
def test_without_the_extra(run, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    done = run("sweep", RATES)
    assert done.returncode == 2
    assert "pip install 'mlpcli[sweep]'" in done.stderr


def test_python_without_the_extra(tmp_path):
    """The name can be had, and the call says what is missing."""
    script = (
        "import sys\n"
        "sys.modules['optuna'] = sys.modules['distributed'] = None\n"
        "import mlpcli\n"
        "try:\n"
        "    mlpcli.sweep('smoke', {'training.epochs': [1, 2]}, sweeps_dir=sys.argv[1])\n"
        "except mlpcli.errors.ConfigError as error:\n"
        "    print(error)\n"
    )
    line = [sys.executable, "-c", script, str(tmp_path / "sweeps")]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("A sweep needs the package optuna")
    assert "pip install 'mlpcli[sweep]' adds it." in done.stdout
    assert not (tmp_path / "sweeps").exists()


def test_a_schema_for_editors(run):
    schema = json.loads(run("config", "schema", "--sweep").stdout)
    assert {"base", "parameters", "sampler", "trials", "seeds", "halving"} <= set(
        schema["properties"]
    )
