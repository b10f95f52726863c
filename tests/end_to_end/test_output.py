"""What goes to stdout and what to stderr, in a pipe, in a terminal, and where nothing fits."""

import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.processes import in_terminal, started

import mlpcli
from mlpcli.cli.commands import runs as listing
from mlpcli.cli.main import run as run_here
from mlpcli.cli.reporters import bar, reporter
from mlpcli.errors import DataError

posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")
SEVEN = Path(__file__).parents[2] / "docs" / "seven.png"
full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


def test_version(run_process):
    assert run_process("--version").stdout.strip() == f"mlpcli, version {mlpcli.__version__}"


def test_help_of_every_command(run):
    listed = run("--help").stdout
    for name in ("train", "evaluate", "predict", "page", "plot", "runs", "data", "config"):
        assert f"\n  {name} " in listed
        done = run(name, "--help")
        assert done.returncode == 0
        assert done.stdout.startswith(f"Usage: mlpcli {name}")
        assert "\\b" not in done.stdout
    assert "\n    mlpcli train --config quickstart " in listed


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["--help"], {"numpy", "pydantic", "requests", "PIL", "tqdm", "yaml", "matplotlib"}),
        (["predict", str(SEVEN)], {"pydantic", "requests", "yaml", "matplotlib"}),
    ],
)
def test_a_command_imports_only_what_it_needs(arguments, heavy):
    script = f"import sys; from mlpcli.cli.main import run\nassert run({arguments!r}) == 0\n"
    script += f"print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_python_m(tmp_path):
    process = started(sys.executable, "-m", "mlpcli", "--version", cwd=tmp_path)
    assert mlpcli.__version__ in process.communicate()[0]


def test_a_wrong_command_line(run):
    for arguments in (["nonsense"], ["train", "--nonsense"], ["evaluate"], [], ["data"]):
        done = run(*arguments)
        assert done.returncode == 2
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
        assert " --help`" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        (("train", "--config"), "mlpcli train"),
        (("data", "preview", "--count"), "mlpcli data"),
        (("runs", "--compare", "a"), "mlpcli runs"),
        (("train", "--no-such-option"), "mlpcli train"),
        (("--no-such-option",), "mlpcli"),
    ],
)
def test_a_wrong_command_line_names_the_help_of_its_command(run, arguments, where):
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr.endswith(f" See `{where} --help`.\n")


@pytest.mark.parametrize(
    "arguments",
    [("predict", ""), ("train", "-c", ""), ("runs", ""), ("evaluate", ""), ("gradcheck", "")],
)
def test_an_empty_name_is_not_this_folder(run, arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert "expected a name, found an empty one" in done.stderr


def test_a_misspelt_command(run):
    assert "No such command 'evalute'. Did you mean 'evaluate'? " in run("evalute", "x").stderr
    assert "No such command 'zzz'. See " in run("zzz").stderr


@pytest.mark.parametrize(
    ("arguments", "setting"),
    [
        (("train", "--epochs", "3"), "training.epochs"),
        (("--debug", "sweep", "--learning-rate=3"), "optimizer.learning_rate"),
        (("data", "preview", "--rotation", "3"), "data.augmentation.rotation"),
        (("gradcheck", "--seed", "3"), "seed"),
    ],
)
def test_a_setting_that_is_given_as_an_option(run, arguments, setting):
    done = run(*arguments)
    assert done.returncode == 2
    assert f"; it is a setting: {setting}=VALUE. See `mlpcli " in done.stderr


def test_an_option_that_is_no_setting_of_this_command(run):
    for arguments in (("train", "--nothing"), ("evaluate", "--epochs", "3")):
        assert "setting" not in run(*arguments).stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "quickstart"),
        ("train", "training.epochs=1", "mine.yaml"),
        ("sweep", "quickstart", "seed=1,2"),
        ("data", "preview", "quickstart"),
        ("gradcheck", "quickstart"),
        ("explain", "examples/xor", "--steps", "3"),
    ],
)
def test_a_config_that_stands_among_other_arguments(run, tmp_path, arguments):
    name = next(word for word in arguments[1:] if word.endswith(("start", "xor", ".yaml")))
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{name} is a config; name it with --config {name}. See `mlpcli " in done.stderr


def test_a_run_may_have_the_name_of_a_config(run, trained, tmp_path):
    shutil.copytree(trained, tmp_path / "quickstart")
    assert run("gradcheck", "quickstart", "--sample", "2").returncode == 0
    assert run("gradcheck", "boxed", "--sample", "2").returncode == 0


def test_a_shell_completes_commands_whatever_stands_before(run):
    begun = {"_MLPCLI_COMPLETE": "bash_complete", "COMP_CWORD": "1", "COMP_WORDS": "mlpcli ev"}
    assert run(**begun).stdout.splitlines() == ["plain,evaluate"]
    misspelt = {**begun, "COMP_CWORD": "2", "COMP_WORDS": "mlpcli evalute "}
    done = run(**misspelt)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_message_is_never_endless(run, tmp_path):
    (tmp_path / "many.yaml").write_text("".join(f"k{i}: 1\n" for i in range(300)))
    (tmp_path / "long.yaml").write_text("a" * 50_000 + ": 1")
    many, long = run("train", "-c", "many.yaml"), run("train", "-c", "long.yaml")
    assert many.returncode == long.returncode == 2
    assert many.stderr.startswith("mlpcli: 300 problems:\n")
    assert many.stderr.endswith("and 201 lines more\n")
    assert len(many.stderr) < 20_000
    assert len(long.stderr) < 2000


def test_debug_shows_the_traceback_wherever_it_stands(run):
    assert "Traceback" in run("--debug", "evaluate", "missing").stderr
    done = run("evaluate", "missing", "--debug")
    assert "Traceback" in done.stderr
    assert done.returncode == 4


def test_config_schema_and_list(run):
    assert '"optimizer"' in run("config", "schema").stdout
    assert {"mnist", "quickstart", "smoke", "fashion_mnist"} <= set(
        run("config", "list").stdout.split()
    )


@posix
def test_in_a_terminal_there_are_bars(bars, tmp_path):
    text = in_terminal("train", "-c", bars, "training.epochs=3", cwd=tmp_path)
    for part in ("epochs", "batches", "3/3", "█"):
        assert part in text
    assert text.count("validation loss") == 3


@pytest.mark.parametrize("position", [0, 2])
def test_the_cursor_waits_at_the_left(capsys, position):
    """There the ^C that a terminal echoes breaks no line, and the bar is taken away whole."""
    drawn = bar("epochs", 3, position=position)
    assert re.search(r"epochs[^\r]+\r$", capsys.readouterr().err)
    drawn.close()


@pytest.mark.parametrize("what", ["download", "work", "training"])
def test_an_error_has_a_line_of_its_own_below_the_bars(monkeypatch, what):
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)

    def fail(**_):
        report = reporter(quiet=False)
        {
            "download": lambda: report.download("images.gz", 1000, 4000),
            "work": lambda: report.work_done("images", 1, 4),
            "training": lambda: report.training_begins(Path("runs/x"), 3, 10),
        }[what]()
        raise DataError("x.png: broken.")

    monkeypatch.setattr(listing.command, "callback", fail)
    assert run_here(["runs"]) == 3
    before, message, after = terminal.getvalue().partition("mlpcli: x.png: broken.\n")
    assert (bool(message), after) == (True, "")
    line = before.rpartition("\n")[2]
    assert line.rpartition("\r")[2] == ""
    assert line.strip() == "" or line.split("\r")[-2].isspace()  # what was drawn there is gone


@full_device
def test_a_full_device(run_process, trained):
    with Path("/dev/full").open("w") as full:
        done = run_process("evaluate", "--trust-paths", trained, stdout=full)
    assert done.returncode == 7
    assert done.stderr.startswith("mlpcli: The output cannot be written")
    assert len(done.stderr.splitlines()) == 1


@posix
def test_a_closed_pipe(run_process, trained):
    reader, writer = os.pipe()
    os.close(reader)
    done = run_process("evaluate", "--trust-paths", trained, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@posix
@pytest.mark.parametrize("closed", [1, 2])
def test_a_closed_stream(command, bars, tmp_path, closed):
    script = f'"$0" train -c "$1" training.epochs=1 {closed}>&-'
    process = started("sh", "-c", script, command, bars, cwd=tmp_path)
    assert "Traceback" not in "".join(process.communicate(timeout=60))
    assert process.returncode == 0


def test_a_narrow_encoding_shows_escapes(run_process, bars):
    config = ["-c", bars, "data.class_names=[上, 中, 下]", "training.epochs=1"]
    assert run_process("train", *config, PYTHONIOENCODING="cp1252").returncode == 0
    done = run_process("evaluate", "runs/bars", PYTHONIOENCODING="cp1252")
    assert done.returncode == 0
    assert "\\u4e0a" in done.stdout


@full_device
def test_no_run_is_given_up_because_its_progress_cannot_be_shown(run_process, bars):
    with Path("/dev/full").open("w") as full:
        done = run_process("train", "-c", bars, stderr=full)
    assert done.returncode == 0
    assert "Test:" in done.stdout


INTERRUPTED_IN_A_FINALIZER = """
import signal, time
from mlpcli import __main__
from mlpcli.cli import main

class Deleted:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)

def work(*_, **__):
    Deleted()
    time.sleep(10)

main.command.main = work
__main__.main()
"""


@posix
def test_a_signal_counts_where_python_drops_exceptions(tmp_path):
    process = started(sys.executable, "-c", INTERRUPTED_IN_A_FINALIZER, cwd=tmp_path)
    assert process.communicate(timeout=8) == ("", "")
    assert process.returncode == 143
