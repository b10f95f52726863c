"""The installed command, run as its users run it: a process of its own."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.digits import write_bars
from helpers.processes import COMMAND, mlpcli

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def command() -> str:
    assert COMMAND, "mlpcli is not installed beside this Python"
    return COMMAND


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`run(*arguments, **variables)` in an empty folder, or in the one named with `at`."""

    def run_there(
        *arguments: object, at: Path = tmp_path, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return mlpcli(*arguments, cwd=at, **variables)

    return run_there


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder, trained by the command on the bars."""
    folder = tmp_path_factory.mktemp("trained")
    done = mlpcli("train", "--config", write_bars(folder / "bars"), cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "runs" / "bars"


@pytest.fixture(scope="session")
def trained_on_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder, trained on a few synthetic digits."""
    folder = tmp_path_factory.mktemp("digits")
    done = mlpcli(
        "train",
        "--config",
        "quickstart",
        "data.train_size=1500",
        "data.test_size=100",
        "training.epochs=4",
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return folder / "runs" / "quickstart"
