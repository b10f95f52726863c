"""The command line: in this process, and as a process of its own where that matters."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.digits import write_bars
from helpers.processes import COMMAND, in_process, mlpcli

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def command() -> str:
    assert COMMAND, "mlpcli is not installed beside this Python"
    return COMMAND


def _in(folder: Path, runner: Run) -> Run:
    def run_there(
        *arguments: object, at: Path = folder, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return runner(*arguments, cwd=at, **variables)

    return run_there


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`run(*arguments, **variables)` in an empty folder, or in the one named with `at`."""
    return _in(tmp_path, in_process)


@pytest.fixture
def run_process(tmp_path: Path) -> Run:
    """The same as a process of its own."""
    return _in(tmp_path, mlpcli)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder, trained by the command on the bars."""
    folder = tmp_path_factory.mktemp("trained")
    done = in_process("train", "--config", write_bars(folder / "bars"), cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "runs" / "bars"


@pytest.fixture(scope="session")
def trained_on_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder, trained on a few synthetic digits."""
    folder = tmp_path_factory.mktemp("digits")
    done = in_process(
        "train",
        "--config",
        "quickstart",
        "data.train_size=1500",
        "data.test_size=100",
        "training.epochs=4",
        "training.pictures=false",
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return folder / "runs" / "quickstart"
