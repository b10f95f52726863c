"""Fixtures for all tests."""

import dataclasses
import functools
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

sys.path.append(str(Path(__file__).parent))  # for the helpers beside the tests

from helpers.digits import write_bars
from helpers.mirrors import Mirror, SmallDataset, small_dataset

import mlpcli
from mlpcli.data.published.sources import SOURCES
from mlpcli.storage import environment

settings.register_profile("mlpcli", deadline=None)  # a busy machine is no failure
settings.load_profile("mlpcli")

PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's own mirror, cache and proxy out of the tests."""
    for name in (
        *PROXY_VARIABLES,
        "CURL_CA_BUNDLE",
        "MLPCLI_MIRROR",
        "MLPCLI_DATA",
        "MLPCLI_LANGUAGE",
    ):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config file for a dataset of its own, so easy that a second of training learns it.

    The working directory is where the data lie: elsewhere a checkpoint's data are left alone.
    """
    monkeypatch.chdir(tmp_path)
    return write_bars(tmp_path / "bars")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> mlpcli.Run:
    """A finished run on the bars, for tests that only read it."""
    folder = tmp_path_factory.mktemp("finished")
    config = mlpcli.load_config(write_bars(folder / "bars"))
    return mlpcli.train(config, runs_dir=folder / "runs")


@pytest.fixture
def run(finished: mlpcli.Run, tmp_path: Path) -> mlpcli.Run:
    """A copy of the finished run, which a test may change."""
    copy = shutil.copytree(finished.folder, tmp_path / "runs" / "bars")
    return dataclasses.replace(finished, folder=copy)


HOLD = """
import sys
from pathlib import Path
from mlpcli.locking import held
with held(Path(sys.argv[1])) as is_ours:
    print(is_ours, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holding() -> Callable[..., AbstractContextManager[subprocess.Popen[str]]]:
    """`with holding(path)`: another process holds the lock on `path`."""

    @contextmanager
    def hold(path: Path) -> Iterator[subprocess.Popen[str]]:
        with subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout.readline() == "True\n"
            yield process

    return hold


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    """A server on loopback; `Mirror.answer` says what it does."""
    server = Mirror()
    yield server
    server.close()


@pytest.fixture
def fabricate(monkeypatch: pytest.MonkeyPatch) -> Callable[..., SmallDataset]:
    """Replace the facts of a dataset by those of a small fabricated one, and return that."""

    def replace(name: str = "mnist", mirrors: tuple[str, ...] = ()) -> SmallDataset:
        dataset = small_dataset(name, mirrors)
        monkeypatch.setitem(SOURCES, name, dataset.source)
        return dataset

    return replace


@pytest.fixture(scope="session", autouse=True)
def _nothing_waits_for_the_disk():
    """Let no test of this process flush to the disk, which takes a quarter of a short training."""
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr("os.fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def _git_is_asked_once():
    """Let the first training of this process ask git for the commit: each time starts a process."""
    asked = functools.cache(environment._git_commit)
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(environment, "_git_commit", asked)
        yield


@pytest.fixture(scope="session", autouse=True)
def _signals_are_heard():
    """Let the tests and what they start hear signals that their own start has had ignored.

    That is SIGHUP under nohup, and SIGINT of a shell's background job.
    """
    heard: dict[str, Any] = {"SIGINT": signal.default_int_handler, "SIGHUP": signal.SIG_DFL}
    before = {
        number: signal.signal(number, handler)
        for name, handler in heard.items()
        if (number := getattr(signal, name, None)) is not None
        and signal.getsignal(number) == signal.SIG_IGN
    }
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
