"""The folder where fetched datasets are kept, as `<data_dir>/<dataset>/<file>.gz`.

A file there is trusted for as long as its SHA-256 is right and no longer: what to do with it is
decided by `judge` from its bytes alone, each time it is needed.
"""

import functools
import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from mlpcli.data.published.sources import SOURCES, Source, SourceFile
from mlpcli.errors import DataError, WriteError
from mlpcli.files import as_argument, make_folder, open_ordinary, remove_stale_temporaries

if TYPE_CHECKING:
    from mlpcli.data.published.download import Patience

DATA_VARIABLE = "MLPCLI_DATA"
MIRROR_VARIABLE = "MLPCLI_MIRROR"
DEFAULT_FOLDER = Path("data")


class State(Enum):
    """What a file of the cache is worth."""

    OK = "ok"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True)
class CachedFile:
    """A published file, and what the cache holds of it."""

    file: SourceFile
    path: Path
    state: State
    problem: str
    """what is wrong with a damaged file; otherwise empty"""


@dataclass(frozen=True)
class CachedDataset:
    """The part of a dataset that lies in the cache, unverified."""

    name: str
    folder: Path
    file_names: tuple[str, ...]
    size: int
    """bytes of these files together"""


def data_directory(option: Path | None = None) -> Path:
    """Return the cache's folder: `option`, else the variable MLPCLI_DATA, else `data`."""
    if option is not None:
        return option
    variable = os.environ.get(DATA_VARIABLE)
    return _from_home(variable) if variable else DEFAULT_FOLDER


def _from_home(path: str) -> Path:
    """A path in which ~ is the user's home, if there is one."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def judge(file: SourceFile, content: bytes | None) -> tuple[State, str]:
    """Decide what a cached copy is worth, and why; `content` is None where there is no copy."""
    if content is None:
        return State.MISSING, ""
    problem = file.mismatch(len(content), hashlib.sha256(content).hexdigest())
    return (State.DAMAGED, problem) if problem else (State.OK, "")


def verify(dataset: str, data_dir: Path) -> list[CachedFile]:
    """Read each file of a dataset and compare it with what was published."""
    folder = data_dir / dataset
    return [_inspect(file, folder / file.name) for file in SOURCES[dataset].files]


def cached(data_dir: Path) -> list[CachedDataset]:
    """List the datasets of which the cache holds at least one file, without reading them.

    Raises:
        DataError: the folder cannot be read.
    """
    found = []
    for source in SOURCES.values():
        folder = data_dir / source.name
        try:
            names = tuple(file.name for file in source.files if (folder / file.name).is_file())
            size = sum((folder / name).stat().st_size for name in names)
        except OSError as error:
            raise DataError(f"{folder}: cannot be read: {error.strerror}.") from error
        if names:
            found.append(CachedDataset(source.name, folder, names, size))
    return found


def fetch(
    dataset: str,
    data_dir: Path,
    *,
    files: Iterable[SourceFile] | None = None,
    progress: Callable[[SourceFile, int], object] = lambda _file, _received: None,
    report: Callable[[str], object] = lambda _message: None,
    patience: "Patience | None" = None,
) -> dict[str, Path]:
    """Make sure that the cache holds a dataset, fetching what is missing or damaged.

    A whole cache is only read, so it may lie in a folder that cannot be written.

    Args:
        dataset: a key of `SOURCES`.
        data_dir: the cache's folder.
        files: the files that are needed; None for all four.
        progress: told a file and the number of its bytes received so far, which starts from 0
            again with each try.
        report: told in a sentence of a damaged file, and of a mirror that failed.
        patience: how long and how often a mirror is tried; None for the usual.

    Returns:
        The path of each file by its name.

    Raises:
        DataError: no mirror gave a file.
        WriteError: the cache cannot be written.
    """
    source = SOURCES[dataset]
    paths = {}
    for file in source.files if files is None else files:
        path = data_dir / dataset / file.name
        remove_stale_temporaries(path)
        found = _inspect(file, path)
        if found.state is State.DAMAGED:
            report(f"{path} is damaged ({found.problem}); fetching it again.")
        if found.state is not State.OK:
            _fetch_file(source, found, progress, report, patience)
        paths[file.name] = path
    return paths


def read_verified(file: SourceFile, path: Path) -> bytes:
    """Read a cached file once, and return the very bytes whose hash was right.

    Raises:
        DataError: the file is missing, damaged or cannot be read.
    """
    try:
        content = _read(file, path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from error
    state, problem = judge(file, content)
    if content is None or state is not State.OK:
        detail = f" ({problem})" if problem else ""
        fetch_again = f"`{fetch_command([path.parent.name], path.parents[1])}` fetches it anew"
        raise DataError(f"{path}: {state.value}{detail}; {fetch_again}.")
    return content


def option_for(data_dir: str | Path | None) -> str:
    """What says on a command line where the cache is; nothing where it is the usual one."""
    return "" if data_dir is None else f" --data-dir {as_argument(Path(data_dir))}"


def fetch_command(names: Iterable[str], folder: Path) -> str:
    """What downloads datasets into this cache, as it is written on a command line."""
    elsewhere = None if folder == data_directory(None) else folder
    return " ".join(["mlpcli data fetch", *names]) + option_for(elsewhere)


def locations(source: Source, file: SourceFile, mirror: str | None) -> list[str]:
    """List the URLs or paths of a file in the order in which they are tried.

    Args:
        source: the dataset.
        file: one of its files.
        mirror: the user's own mirror, a URL or a folder, tried before the public ones. It holds
            one folder a dataset; MNIST's files may also lie in it directly.
    """
    own = []
    if mirror:
        own.append(f"{source.name}/{file.name}")
        if source.name == "mnist":
            own.insert(0, file.name)
    return [_joined(mirror or "", name) for name in own] + [
        _joined(public, file.name) for public in source.mirrors
    ]


def _joined(mirror: str, name: str) -> str:
    if "://" in mirror:
        return f"{mirror.rstrip('/')}/{name}"
    return str(_from_home(mirror) / name)


def _fetch_file(
    source: Source,
    found: CachedFile,
    progress: Callable[[SourceFile, int], object],
    report: Callable[[str], object],
    patience: "Patience | None",
) -> None:
    # Imported late: requests takes 0.1 s, which a run with a full cache need not spend.
    from mlpcli.data.published.download import DEFAULT_PATIENCE, download

    file, path = found.file, found.path
    try:
        make_folder(path.parent)
        download(
            file,
            locations(source, file, os.environ.get(MIRROR_VARIABLE)),
            path,
            progress=functools.partial(progress, file),
            report=report,
            patience=patience or DEFAULT_PATIENCE,
        )
    except WriteError as error:
        # Windows refuses to replace a file that another process has just put there and reads.
        if _inspect(file, path).state is not State.OK:
            raise WriteError(
                f"{error} Choose another folder for the data with --data-dir or {DATA_VARIABLE}."
            ) from error
    except DataError as error:
        damage = f"{path} is damaged ({found.problem}).\n" if found.problem else ""
        ways = _ways_without_network(source, path.parent)
        raise DataError(f"{damage}{error}\n{ways}") from error


def _ways_without_network(source: Source, folder: Path) -> str:
    names = ", ".join(file.name for file in source.files)
    return (
        f"To go on without the network, put {names} into {folder.absolute()}, or set "
        f"{MIRROR_VARIABLE} to a folder or URL that has them; `--config quickstart` needs no data."
    )


def _inspect(file: SourceFile, path: Path) -> CachedFile:
    try:
        state, problem = judge(file, _read(file, path))
    except OSError as error:
        state, problem = State.DAMAGED, f"cannot be read: {error.strerror or error}"
    return CachedFile(file, path, state, problem)


def _read(file: SourceFile, path: Path) -> bytes | None:
    """Read a file, but not much more than it may hold; None where there is none."""
    try:
        with open_ordinary(path) as stream:
            return stream.read(file.limit + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
