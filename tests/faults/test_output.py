"""Output that goes nowhere, interruptions at any moment, and what no file may make happen."""

import ast
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers.processes import environment, mlpcli
from PIL import Image

import mlpcli as package

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system"),
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, config: Path) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    assert mlpcli("train", "-c", config, cwd=folder).returncode == 0
    pixels = np.full((60, 60), 255, np.uint8)
    pixels[20:24, 15:45] = pixels[20:50, 41:45] = 0
    Image.fromarray(pixels).save(folder / "digit.png")
    return folder


COMMANDS = [
    ["--help"],
    ["--version"],
    ["config", "list"],
    ["config", "schema"],
    ["train", "-c", "CONFIG"],
    ["train", "-c", "CONFIG", "--dry-run"],
    ["train", "-c", "CONFIG", "--print-config"],
    ["evaluate", "--trust-paths", "runs/run"],
    ["evaluate", "--trust-paths", "runs/run", "--json"],
    ["data", "verify"],
    ["runs"],
    ["runs", "--compare", "run", "run"],
    ["explain", "-c", "examples/worked_3_2_3"],
    ["explain", "-c", "examples/worked_3_2_3", "--format", "html"],
    ["gradcheck", "-c", "examples/worked_3_2_3"],
    ["predict", "PICTURE"],
    ["predict", "PICTURE", "--json"],
    ["plot", "--trust-paths", "runs/run"],
]
WITHOUT = {"data verify": 3}
"""the exit code where it is another than that of the output: nothing is in the cache"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_full_device_and_a_closed_pipe(trained, config, arguments, count) -> None:
    wrong = WITHOUT.get(" ".join(arguments))
    named = {"CONFIG": str(config), "PICTURE": str(trained / "digit.png")}
    arguments = [named.get(argument, argument) for argument in arguments]
    reader, writer = os.pipe()
    os.close(reader)
    full = os.open("/dev/full", os.O_WRONLY)
    for stdout, code in ((full, 7), (writer, 141)):
        done = mlpcli(*arguments, cwd=trained, stdout=stdout)
        os.close(stdout)
        assert done.returncode == (wrong or code), done.stderr
        assert "Traceback" not in done.stderr
        assert "Exception ignored" not in done.stderr
        if code == 7 and not wrong:
            assert "mlpcli: The output cannot be written: No space left" in done.stderr
        count("commands whose output went nowhere")


@pytest.mark.parametrize("arguments", [["config", "schema"], ["train", "-c", "CONFIG"]])
def test_a_reader_of_one_line(command, trained, config, arguments) -> None:
    arguments = [str(config) if argument == "CONFIG" else argument for argument in arguments]
    done = subprocess.run(
        ["bash", "-c", '"$0" "$@" | head -n 1; exit ${PIPESTATUS[0]}', command, *arguments],
        cwd=trained,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert len(done.stdout.splitlines()) == 1
    assert done.returncode in (0, 141)
    assert "Traceback" not in done.stderr


def test_predictions_on_a_full_disk_leave_the_previous_ones(command, trained, count) -> None:
    import resource

    target = trained / "predictions.csv"
    target.write_text("previous")
    done = subprocess.run(
        [command, "evaluate", "--trust-paths", "runs/run", "--predictions", target],
        cwd=trained,
        env=environment(PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
    )
    assert done.returncode == 7
    assert done.stderr.endswith("predictions.csv: cannot be written: File too large.\n")
    assert target.read_text() == "previous"
    assert {path.name for path in trained.iterdir()} >= {"predictions.csv", "runs"}
    assert not [path for path in trained.iterdir() if path.suffix == ".tmp"]
    count("runs on a full disk or a read-only folder")


def test_interrupted_at_any_moment(trained, config, count) -> None:
    """From our first line to Python's last: the code of the signal, or done, and no traceback."""
    moments = random.Random(0)
    begun = "import mlpcli.__main__, os; os.write(1, b'.'); mlpcli.__main__.main()"
    seen = set()
    for i in range(90):
        number = (signal.SIGINT, signal.SIGTERM)[i % 2]
        asked = ["--version"] if i % 3 else ["evaluate", "--trust-paths", "runs/run"]
        process = subprocess.Popen(
            [sys.executable, "-c", begun, *asked],
            cwd=trained,
            env=environment(OPENBLAS_NUM_THREADS="1"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        process.stdout.read(1)
        time.sleep(0.0005 + moments.uniform(0, 0.06 if i % 3 else 0.5))
        for _ in range(1 + i % 4 // 2):  # some are impatient
            process.send_signal(number)
        _, error = process.communicate(timeout=30)
        seen.add(process.returncode)
        assert process.returncode in (0, 128 + number), error
        assert "Traceback" not in error
        assert "Exception ignored" not in error
        count("interruptions from the first moment to the last")
    assert seen >= {130, 143}


def test_interrupted_while_the_end_is_told(command, tmp_path, count) -> None:
    """Nobody reads stderr, so the message waits; Ctrl-C comes then, twice."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b".")
    os.set_blocking(writer, True)
    process = subprocess.Popen([command, "nonsense"], stderr=writer, cwd=tmp_path)
    os.close(writer)
    time.sleep(0.7)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    with os.fdopen(reader, encoding="utf-8") as stream:
        shown = stream.read()
    assert process.wait(10) == 130
    assert shown.strip(".") == ""
    count("interruptions from the first moment to the last")


RUNS_CODE = {"pickle", "marshal", "shelve", "dill", "joblib", "runpy", "code", "ctypes", "cffi"}
LISTENS = {"socket", "socketserver", "http", "asyncio", "xmlrpc", "dask", "distributed"}
MAY = {
    "cluster.py": {"pickle", "asyncio", "dask", "distributed"},
    "worker_imports.py": {"dask", "distributed"},
    "memory.py": {"ctypes"},
}
"""modules that may: for the workers of a sweep, on loopback, and to ask Windows for its memory"""
TRUSTING = {"eval", "exec", "compile", "__import__", "load_pickle", "unsafe_load", "full_load"}


def test_nothing_that_is_read_can_run_and_nothing_listens() -> None:
    processes = []
    for module in Path(package.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names]
                names = [node.module] if isinstance(node, ast.ImportFrom) else names
                roots = {name.partition(".")[0] for name in names}
                allowed = MAY.get(module.name, set())
                assert not roots & (RUNS_CODE | LISTENS) - allowed, module
                processes += [module.name] * ("subprocess" in roots)
            elif isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                assert name not in TRUSTING, module
                assert not name.startswith(("os.system", "os.exec", "os.spawn", "os.popen")), module
                assert all(word.arg not in ("allow_pickle", "shell") for word in node.keywords)
    assert processes == ["environment.py"]  # which asks git for the commit
