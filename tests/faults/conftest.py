"""What the tests of faults share: figures, told at the end, and the command as a process."""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.digits import write_bars
from helpers.processes import COMMAND

import mlpcli

FIGURES: Counter[str] = Counter()
RECORDS: dict[str, tuple[float, Path]] = {}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if FIGURES:
        terminalreporter.section("faults")
        for what, number in FIGURES.items():
            terminalreporter.line(f"{number:10,} {what}")
        for most, (figure, path) in RECORDS.items():
            terminalreporter.line(f"{figure:10,.1f} {most}: {path}")


@pytest.fixture
def count() -> Callable[..., None]:
    """`count("kills", 1)`: add to a figure that is told at the end."""

    def add(what: str, number: int = 1) -> None:
        FIGURES[what] += number

    return add


@pytest.fixture
def keep_most(tmp_path: Path) -> Callable[[str, float, Path], None]:
    """`keep_most("s", 3.2, path)`: the file of the highest figure is kept, and told at the end."""

    def keep(what: str, figure: float, path: Path) -> None:
        if figure > RECORDS.get(what, (0, path))[0]:
            kept = tmp_path / f"most {what}{path.suffix}"
            shutil.copy(path, kept)
            RECORDS[what] = (figure, kept)

    return keep


@pytest.fixture(scope="session")
def command() -> str:
    assert COMMAND, "mlpcli is not installed beside this Python"
    return COMMAND


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A config whose epochs take milliseconds, so that a run does little but save."""
    path = write_bars(tmp_path_factory.mktemp("faults") / "bars")
    with path.open("a") as file:
        file.write("name: run\n")
    return path


@pytest.fixture
def small(config: Path, tmp_path: Path) -> Path:
    """The last checkpoint of a run of one epoch with two hidden units."""
    settings = ["training.epochs=1", "network.hidden=[2]"]
    run = mlpcli.train(mlpcli.load_config(config, overrides=settings), runs_dir=tmp_path)
    return run.folder / "weights" / "last.safetensors"
