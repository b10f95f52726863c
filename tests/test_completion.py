"""Completion: what is offered, and that real shells complete it."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from helpers.processes import COMMAND, in_process

from mlpcli.cli import candidates
from mlpcli.cli.shells import SHELLS
from mlpcli.config.schema.config import Config
from mlpcli.config.schema.sweep import SweepConfig
from mlpcli.config.shipped import config_names, schema_file, sweep_names
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.optimizers import OPTIMIZERS


@pytest.fixture
def folder(tmp_path):
    """A working directory with two runs, a sweep, and a run elsewhere."""
    for run in ("runs/mnist", "runs/mine", "elsewhere/other"):
        (tmp_path / run / "weights").mkdir(parents=True)
        (tmp_path / run / "config.yaml").write_text("")
        (tmp_path / run / "weights" / "best.safetensors").write_bytes(b"")
    (tmp_path / "sweeps" / "rates").mkdir(parents=True)
    (tmp_path / "sweeps" / "rates" / "sweep.yaml").write_text("")
    (tmp_path / "runs" / "empty").mkdir()
    return tmp_path


@pytest.fixture
def offered(folder):
    """What is offered behind a line, as PowerShell would have it: all that is no file."""

    def ask(line, shell="powershell"):
        variables = {"_MLPCLI_COMPLETE": f"{shell}_complete", "COMP_WORDS": f"mlpcli {line}"}
        done = in_process(cwd=folder, **variables)
        assert (done.returncode, done.stderr) == (0, "")
        return [each.partition("\t")[0] for each in done.stdout.splitlines() if each]

    return ask


def test_commands_and_options(offered):
    assert offered("ev") == ["evaluate"]
    assert offered("train --pri") == ["--print-config"]
    assert offered("data f") == ["fetch"]
    assert offered("evaluate x --dataset f") == ["fashion_mnist"]


def test_shipped_configs(offered):
    assert offered("train --config ") == config_names()
    assert offered("train -c examples/wo") == ["examples/worked_3_2_3"]
    assert offered("train -c mine.ya") == []  # a shell looks for files


def test_settings_a_section_at_a_time(offered):
    assert offered("train ")[:4] == ["name=", "seed=", "dtype=", "data."]
    assert offered("train opt") == ["optimizer.", "optimizer="]
    assert offered("train training.ea") == ["training.early_stopping."]
    assert offered("train data.augmentation.elastic.") == [
        "data.augmentation.elastic.alpha=",
        "data.augmentation.elastic.sigma=",
    ]
    assert "optimizer.beta1=" in offered("train optimizer.")  # of any kind of optimizer
    assert offered("train nothing.of.this") == []


def test_choices_of_a_setting(offered):
    assert set(offered("train optimizer.name=")) == {f"optimizer.name={o}" for o in OPTIMIZERS}
    assert set(offered("train network.activation=")) == {
        f"network.activation={name}" for name in ACTIVATIONS
    }
    assert offered("train optimizer=mo") == ["optimizer=momentum"]
    assert offered("train schedule.name=st") == ["schedule.name=step"]
    assert offered("train data.deslant=") == ["data.deslant=true", "data.deslant=false"]
    assert offered("train training.monitor=val_") == [
        "training.monitor=val_accuracy",
        "training.monitor=val_loss",
    ]
    assert offered("train seed=") == []
    assert offered("train nothing=") == []


def names_of(section, path=""):
    """The dotted names of all settings, from the schema's own objects."""
    for name, field in section.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and hasattr(kind, "model_fields"):
            yield from names_of(kind, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def test_every_setting_is_offered(offered):
    for name in names_of(Config):
        begun = name[: name.rfind(".") + 1]
        assert {f"{name}=", f"{name}."} & set(offered(f"train {begun}")), name


def test_the_settings_of_a_sweep():
    choices = {
        name: Config if name in ("base", "parameters", "name") else ()
        for name in SweepConfig.model_fields
    }
    assert set(candidates.SWEEP_SETTINGS) == {name for name, kind in choices.items() if kind == ()}
    schema = SweepConfig.model_json_schema()
    for name in ("sampler", "monitor"):
        named = schema["properties"][name]["anyOf"][0]["enum"]
        assert sorted(candidates.SWEEP_SETTINGS[name]) == sorted(named)


def test_a_sweep_takes_several_values(offered):
    assert offered("sweep optimizer.name=adam,sg") == ["optimizer.name=adam,sgd"]
    assert offered("sweep sampler=t") == ["sampler=tpe"]
    assert offered("sweep tri") == ["trials="]
    assert offered("sweep sweeps/") == sweep_names()
    assert offered("sweep --resume sw") == ["sweeps/rates"]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("evaluate ", ["runs/mine", "runs/mnist", "sweeps/rates"]),
        ("evaluate runs/mn", ["runs/mnist"]),
        ("evaluate elsewhere/", ["elsewhere/other"]),
        ("evaluate runs/mnist/", ["runs/mnist/weights/best.safetensors"]),
        ("evaluate runs/mnist/weights/b", ["runs/mnist/weights/best.safetensors"]),
        ("plot sw", ["sweeps/rates"]),
        ("export b", ["boxed"]),
        ("train --resume runs/mi", ["runs/mine"]),
        ("train --runs-dir elsewhere --resume ", ["elsewhere/other"]),
        ("predict photo.png --checkpoint r", ["runs/mine", "runs/mnist"]),
        ("runs --compare mi", ["mine"]),
        ("runs --compare mine mn", ["mnist"]),
        ("explain runs/mn", ["runs/mnist"]),
        ("explain runs/mnist se", []),
        ("explain --config examples/xor network.act", ["network.activation="]),
        ("explain --activations ta", ["tanh"]),
        ("gradcheck runs/mn", ["runs/mnist"]),
        ("evaluate missing/", []),
    ],
)
def test_runs_checkpoints_and_sweeps(offered, line, found):
    assert offered(line) == found


def test_where_nothing_of_ours_fits_the_shell_looks_for_files(folder):
    variables = {"_MLPCLI_COMPLETE": "bash_complete", "COMP_WORDS": "mlpcli evaluate ph"}
    assert in_process(cwd=folder, **variables).stdout == "file,ph\n"


def test_a_damaged_schema_completes_nothing(offered, tmp_path, monkeypatch):
    monkeypatch.setattr("mlpcli.config.shipped.schema_file", lambda: tmp_path / "missing.json")
    assert offered("train opt") == []


def test_the_schema_lies_beside_the_configs():
    assert "optimizer" in json.loads(schema_file().read_text())["properties"]


@pytest.mark.parametrize(
    "line", ["train optimizer.name=", "evaluate ", "train -c ", "sweep ", "explain --activations "]
)
def test_completing_imports_nothing_heavy(folder, line):
    heavy = {"numpy", "pydantic", "requests", "PIL", "tqdm", "yaml", "matplotlib", "optuna"}
    script = "import sys; from mlpcli.cli.main import run\nassert run([]) == 0\n"
    script += f"print(); print(sorted({heavy!r} & set(sys.modules)))"
    variables = {"_MLPCLI_COMPLETE": "bash_complete", "COMP_WORDS": f"mlpcli {line}"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env={**os.environ, **variables},
    )
    assert len(done.stdout.splitlines()) > 2
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", SHELLS)
def test_each_script_names_the_command_and_its_variable(folder, name):
    script = in_process("completion", name, cwd=folder).stdout
    assert f"_MLPCLI_COMPLETE={name}_complete" in script.replace("'", "").replace(
        "$env:COMP_WORDS, $env:_MLPCLI_COMPLETE = $line, ", "_MLPCLI_COMPLETE="
    )
    assert "%(" not in script
    assert "mlpcli" in script


def test_the_own_shell_is_taken(folder):
    zsh = in_process("completion", "zsh", cwd=folder).stdout
    assert in_process("completion", cwd=folder, SHELL="/usr/bin/zsh").stdout == zsh
    if os.name != "nt":
        done = in_process("completion", cwd=folder, SHELL="/bin/csh")
        assert (done.returncode, "Give one of bash, zsh, fish" in done.stderr) == (2, True)


LINES = [
    ("tra\toptimizer.na\tnad\t", ["train", "optimizer.name=nadam"]),
    ("train netw\tba\ttr\t", ["train", "network.batch_norm=true"]),
    ("train --config examples/wor\t", ["train", "--config", "examples/worked_3_2_3"]),
    ("evaluate runs/mn\t--data-d\t", ["evaluate", "runs/mnist", "--data-dir"]),
    ("predict photo\t", ["predict", "photo.png"]),
    ("sweep optimizer.name=adam,sg\t", ["sweep", "optimizer.name=adam,sgd"]),
]
SHOWS_WORDS = """#!/bin/sh
[ -n "$_MLPCLI_COMPLETE" ] && exec {command}
printf '<%s>' "$@"
echo '<end>'
"""


@pytest.mark.skipif(os.name != "posix", reason="needs a terminal of POSIX")
@pytest.mark.parametrize(
    ("name", "options", "loading"),
    [
        ("bash", ["--norc", "--noprofile", "-i"], 'eval "$({0} bash)"; PS1="$MARK"'),
        ("zsh", ["-f", "-i"], 'eval "$({0} zsh)"; PS1="$MARK"'),
        ("fish", ["--no-config", "-i"], "{0} fish | source; function fish_prompt; echo $MARK; end"),
    ],
)
def test_a_real_shell_completes(folder, name, options, loading):
    from helpers.interactive import shell

    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    programs = folder / "programs"
    programs.mkdir()
    (programs / "mlpcli").write_text(SHOWS_WORDS.format(command=COMMAND))
    (programs / "mlpcli").chmod(0o755)
    (folder / "photo.png").write_bytes(b"")
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    variables = {"PATH": path, "HOME": str(folder), "MARK": "<ready>"}
    with shell([found, *options], folder, variables) as terminal:
        terminal.type(loading.format(f"{COMMAND} completion") + "\r")
        terminal.read_until("<ready>")
        for typed, words in LINES:
            terminal.type(f"mlpcli {typed}\r")
            told = terminal.read_until("<end>", "<ready>")
            assert "".join(f"<{word}>" for word in words) in told, (typed, told)
