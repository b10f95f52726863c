import json

import yaml

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
    assert sorted(tmp_path.rglob("*")) == before


def test_every_config_problem_at_once_with_its_place(run, tmp_path):
    (tmp_path / "bad.yaml").write_text("optimizer:\n  learnin_rate: 0.1\ntraining:\n  epochs: no\n")
    done = run("train", "-c", "bad.yaml", "seed=-1")
    assert done.returncode == 2
    assert done.stderr.startswith("mlpcli: 3 problems:\n")
    assert 'bad.yaml:2: optimizer.learnin_rate: unknown key; did you mean "learning_rate"?' in (
        done.stderr
    )
    assert "bad.yaml:4: training.epochs: expected an integer of at least 1, found 'no'" in (
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
