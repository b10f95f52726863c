import json
import os
import re
import shlex
import signal
from pathlib import Path

import pytest
import yaml
from helpers.digits import write_bars
from helpers.processes import in_process, started
from helpers.runs import timeless

import mlpcli


def test_it_says_where_how_well_and_what_next(run, bars, tmp_path):
    done = run("train", "--config", bars)

    assert done.returncode == 0
    facts = dict(line.split(":", 1) for line in done.stdout.splitlines())
    assert facts["Run"].strip() == "runs/bars".replace("/", "\\" if "\\" in done.stdout else "/")
    assert facts["Best epoch"].strip().startswith(("1 of 4", "2 of 4", "3 of 4", "4 of 4"))
    assert " right (" in facts["Test"]
    assert "of 60)" in facts["Test"]
    assert "mlpcli evaluate" in done.stderr
    assert "mlpcli predict" in done.stderr
    assert (tmp_path / "runs" / "bars" / "weights" / "best.safetensors").is_file()


def test_without_a_terminal_there_is_one_plain_line_an_epoch(run, bars):
    done = run("train", "--config", bars)
    lines = [line for line in done.stderr.splitlines() if line.startswith("epoch")]
    assert len(lines) == 4
    assert "\r" not in done.stderr
    assert "\x1b" not in done.stderr
    assert "%|" not in done.stderr


def test_quiet_leaves_only_the_result(run, bars):
    done = run("train", "--config", bars, "--quiet")
    assert done.stderr == ""
    assert done.stdout.startswith("Run:")


def test_the_default_config_is_mnist(run):
    done = run("train", "--print-config")
    assert yaml.safe_load(done.stdout)["data"]["dataset"] == "mnist"
    assert done.stderr == ""


def test_the_command_line_wins_over_the_config_and_that_over_the_defaults(run, bars):
    done = run("train", "-c", bars, "optimizer.learning_rate=1e-2", "--print-config")
    config = yaml.safe_load(done.stdout)
    assert config["optimizer"]["learning_rate"] == 0.01
    assert config["training"]["batch_size"] == 16
    assert config["optimizer"]["momentum"] == 0.9


def test_several_configs_are_merged_in_order(run, bars, tmp_path):
    (tmp_path / "more.yaml").write_text("training: {epochs: 2}\nname: mine\n")
    done = run("train", "-c", bars, "-c", "more.yaml", "--quiet")
    assert done.returncode == 0
    assert len((tmp_path / "runs" / "mine" / "metrics.csv").read_text().splitlines()) == 3


def test_a_dry_run_writes_nothing(run, bars, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    done = run("train", "-c", bars, "--dry-run")
    assert done.returncode == 0
    assert "30-8-3 (275 parameters)" in done.stdout
    assert "120 for training, 30 for validation, 60 for the test" in done.stdout
    assert sorted(tmp_path.rglob("*")) == before


def test_every_config_problem_at_once_with_its_place(run, tmp_path):
    (tmp_path / "bad.yaml").write_text("optimizer:\n  learnin_rate: 0.1\ntraining:\n  epochs: no\n")
    done = run("train", "-c", "bad.yaml", "seed=-1")
    assert done.returncode == 2
    assert done.stderr.startswith("mlpcli: 3 problems:\n")
    assert 'bad.yaml:2: optimizer.learnin_rate: unknown key; did you mean "learning_rate"?' in (
        done.stderr
    )
    assert "bad.yaml:4: training.epochs: expected an integer of at least 0, found 'no'" in (
        done.stderr
    )
    assert "seed=-1: " in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_config_names_the_nearest(run):
    done = run("train", "-c", "quikstart")
    assert done.returncode == 2
    assert "quickstart" in done.stderr


def test_data_that_is_not_there(run, bars):
    (bars.parent / "train-images").unlink()
    done = run("train", "-c", bars)
    assert done.returncode == 3
    assert "train-images" in done.stderr


def test_divergence_has_its_exit_code_and_no_warnings(run, bars):
    done = run("train", "-c", bars, "optimizer.learning_rate=1e30", "--quiet")
    assert done.returncode == 5
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("mlpcli: Training diverged")


def test_a_run_folder_that_cannot_be_made(run, bars, tmp_path):
    (tmp_path / "file").write_text("")
    done = run("train", "-c", bars, "--runs-dir", "file/runs")
    assert done.returncode == 7
    assert "file" in done.stderr


def test_the_environment_is_recorded(trained):
    environment = json.loads((trained / "environment.json").read_text())
    assert environment["mlpcli"] == mlpcli.__version__
    assert environment["threads"] >= 1


def test_what_does_not_go_with_resume(run, trained):
    for option in (["-c", "mnist"], ["--runs-dir", "other"], ["--dry-run"]):
        done = run("train", "--resume", trained, *option)
        assert done.returncode == 2
        assert "does not go with --resume" in done.stderr


def test_a_checkpoint_has_data_files_read_here_alone_unless_it_is_trusted(run, bars, tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    done = run("train", "-c", bars, "training.epochs=1", "training.pictures=false", at=here)
    assert f"mlpcli evaluate {Path('runs/bars')} --trust-paths" in done.stderr
    for command in (
        ("evaluate", "runs/bars"),
        ("plot", "runs/bars", "--only", "mistakes"),
        ("explain", "runs/bars", "--example", "1"),
        ("train", "--resume", "runs/bars", "training.epochs=2", "training.pictures=false"),
    ):
        done = run(*command, at=here)
        assert (done.returncode, done.stdout) == (3, "")
        assert "add --trust-paths" in done.stderr
        assert run(*command, "--trust-paths", at=here).returncode == 0


@pytest.mark.parametrize(
    "arguments", [("runs/bars", "a.png"), ("runs/bars", "--inputs", "1"), ("-c", "examples/xor")]
)
def test_trust_says_nothing_where_an_explanation_reads_no_training_set(run, arguments):
    done = run("explain", *arguments, "--trust-paths")
    assert done.returncode == 2
    assert "--trust-paths goes with a RUN and --example" in done.stderr


def test_what_next_can_be_typed_as_it_is_printed(run, bars, tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    cache = str(bars.parent)
    done = run("train", "-c", bars, "--runs-dir", "my runs", "--data-dir", cache, "-q", at=here)
    assert done.returncode == 0
    done = run("train", "-c", bars, "--runs-dir", "my runs", "--data-dir", cache, at=here)
    (line,) = [line for line in done.stderr.splitlines() if "mlpcli evaluate" in line]
    program, *arguments = shlex.split(line.rsplit("  ", 1)[0])
    assert program == "mlpcli"
    assert run(*arguments, at=here).returncode == 0


def test_a_config_needs_no_trust(run, bars):
    done = run("train", "-c", bars, "--trust-paths")
    assert done.returncode == 2
    assert "--trust-paths goes with --resume" in done.stderr


def test_resume_prints_the_config_it_would_go_on_with(run, trained):
    done = run("train", "--resume", trained, "training.epochs=9", "--print-config")
    assert yaml.safe_load(done.stdout)["training"]["epochs"] == 9


def test_resume_of_a_finished_run_a_longer_one_and_a_refused_one(run, bars, tmp_path):
    run("train", "-c", bars, "training.epochs=2")
    done = run("train", "--resume", "runs/bars")
    assert done.returncode == 0
    assert "nothing to do" in done.stderr
    assert "of 2" in done.stdout
    done = run("train", "--resume", "runs/bars", "training.epochs=5")
    assert done.returncode == 0
    assert "(at most 5 epochs of 8 batches, 2 done before)" in done.stderr
    assert len((tmp_path / "runs" / "bars" / "metrics.csv").read_text().splitlines()) == 6
    done = run("train", "--resume", "runs/bars", "seed=2")
    assert done.returncode == 2
    assert "seed: was 1 and would be 2" in done.stderr
    assert run("train", "--resume", "runs/nothing").returncode == 4


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """What `train` is given for a long run, and what an uninterrupted one leaves."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    arguments = ["-c", write_bars(folder / "bars"), "training.epochs=100", "training.workers=2"]
    assert in_process("train", *arguments, cwd=folder).returncode == 0
    return arguments, timeless(folder / "runs" / "bars")


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_interrupted_it_prints_the_command_that_goes_on(
    uninterrupted, run, command, tmp_path, name
):
    arguments, whole = uninterrupted
    here = tmp_path / "here"  # and the data elsewhere, so that the command must trust their paths
    here.mkdir()
    process = started(command, "train", *arguments, cwd=here)
    while not process.stderr.readline().startswith("epoch   2"):
        assert process.poll() is None
    process.send_signal(getattr(signal, name))
    out, error = process.communicate(timeout=30)
    assert process.returncode == (130 if name == "SIGINT" else 143), error
    assert out == ""
    assert "Traceback" not in error
    last = error.splitlines()[-1]
    assert last.startswith("mlpcli: Interrupted. " if name == "SIGINT" else "mlpcli: Terminated. ")
    folder = here / "runs" / "bars"
    assert json.loads((folder / "summary.json").read_text())["stopped"] == "interrupted"
    program, *resuming = shlex.split(last.partition("To resume: ")[2])
    assert program == "mlpcli"
    assert run(*resuming, at=here).returncode == 0
    assert timeless(folder) == whole


@pytest.mark.skipif(os.name != "posix", reason="needs nohup")
def test_nohup_keeps_a_hangup_away(command, bars, tmp_path):
    settings = ["training.epochs=50"]
    process = started("nohup", command, "train", "-c", bars, *settings, cwd=tmp_path)
    while not process.stderr.readline().startswith("epoch"):
        assert process.poll() is None
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_what_the_hint_of_a_finished_run_says_can_be_typed(run, bars, tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    run("train", "-c", bars, "training.epochs=1", "-q", at=here)
    done = run("train", "--resume", "runs/bars", "--trust-paths", at=here)
    (line,) = [line for line in done.stderr.splitlines() if "To train longer: " in line]
    program, *arguments = shlex.split(line.split("To train longer: ")[1])
    assert program == "mlpcli"
    done = run(*arguments, "-q", at=here)
    assert done.returncode == 0, done.stderr
    assert "of 2" in done.stdout


def test_it_says_why_it_stopped(run, bars):
    never = "{patience: 1, monitor: val_loss, min_delta: 100}"
    done = run("train", "-c", bars, f"training.early_stopping={never}", "-q")
    assert re.search(r"Best epoch: 1 of 2 \(val_accuracy [\d.]+\), stopped early\n", done.stdout)
    done = run("train", "-c", bars, "training.stop_at_loss=100", "-q")
    assert "below training.stop_at_loss\n" in done.stdout


def test_what_is_next_for_digits_and_for_a_table(run):
    few = ("data.train_size=60", "data.test_size=10", "data.validation=10", "training.epochs=1")
    done = run("train", "-c", "quickstart", *few, "training.pictures=false")
    _, *lines = done.stderr[done.stderr.index("Try next:") :].splitlines()
    assert [line.split("  ")[1] for line in lines] == [
        "mlpcli train --config mnist",
        "mlpcli evaluate runs/quickstart",
        "mlpcli evaluate runs/quickstart --dataset mnist",
        "mlpcli predict photo.png --checkpoint runs/quickstart",
        "mlpcli page runs/quickstart --open",
    ]
    done = run("train", "-c", "examples/xor", "training.epochs=1", "training.pictures=false")
    _, *lines = done.stderr[done.stderr.index("Try next:") :].splitlines()
    assert len(lines) == 5
    for line in lines:
        program, *arguments = shlex.split(line.split("  ")[1])
        assert program == "mlpcli"
        done = run(*(each for each in arguments if each != "--open"))
        assert done.returncode == 0, done.stderr
    large = ("network.hidden=[65]", "training.epochs=1", "training.pictures=false")
    assert "mlpcli page" not in run("train", "-c", "examples/xor", *large).stderr


def test_a_start_that_is_not_finite(run, bars):
    done = run("train", "-c", bars, "network.initializer={name: normal, std: 1e300}", "-q")
    assert done.returncode == 5
    assert "a parameter is not finite at the start" in done.stderr
    assert "network.initializer" in done.stderr
    assert "learning rate" not in done.stderr


@pytest.mark.parametrize(
    ("setting", "advice"),
    [
        ("optimizer.l1=1e30", "a weaker L1 penalty (optimizer.l1)"),
        ("optimizer.weight_decay=1e6", "less weight decay (optimizer.weight_decay)"),
        ("optimizer.learning_rate=1e30", "optimizer.learning_rate=1e+29"),
    ],
)
def test_what_to_try_after_a_divergence(run, bars, setting, advice):
    done = run("train", "-c", bars, setting, "training.epochs=30", "-q")
    assert done.returncode == 5, done.stderr
    assert advice in done.stderr
