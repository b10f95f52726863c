"""The cache of downloaded datasets: `<data_dir>/<dataset>/<file>.gz`.

The SHA-256 of a file is verified at each use.
"""

import functools
import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from mlpcli.data.published.sources import SOURCES, PublishedDataset, PublishedFile
from mlpcli.errors import DataError, WriteError
from mlpcli.files import as_argument, make_folder, open_ordinary, remove_stale_temporaries

DATA_VARIABLE = "MLPCLI_DATA"
MIRROR_VARIABLE = "MLPCLI_MIRROR"
DEFAULT_FOLDER = Path("data")


class State(Enum):
    """The state of a cached file."""

    OK = "ok"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True)
class CachedFile:
    """A published file and its copy in the cache."""

    file: PublishedFile
    path: Path
    state: State
    problem: str = ""
    """the fault of a damaged file"""
    content: bytes = b""
    """the content of a file that is not damaged"""


@dataclass(frozen=True)
class CachedDataset:
    """The files of a dataset that are in the cache, not verified."""

    name: str
    folder: Path
    file_names: tuple[str, ...]
    size: int
    """total, in bytes"""


def data_directory(option: Path | None = None) -> Path:
    """Return the folder of the cache: `option`, else the variable MLPCLI_DATA, else `data`."""
    if option is not None:
        return option
    variable = os.environ.get(DATA_VARIABLE)
    return _from_home(variable) if variable else DEFAULT_FOLDER


def _from_home(path: str) -> Path:
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path's raises where there is no home


def verify(dataset: str, data_dir: Path) -> list[CachedFile]:
    """Return each file of a dataset with its state, compared with the published one."""
    folder = data_dir / dataset
    return [_inspect(file, folder / file.name) for file in SOURCES[dataset].files]


def cached(data_dir: Path) -> list[CachedDataset]:
    """Return the datasets with at least one file in the cache; the files are not read.

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
    files: Iterable[PublishedFile] | None = None,
    progress: Callable[[PublishedFile, int], object] = lambda _file, _received: None,
    report: Callable[[str], object] = lambda _message: None,
) -> dict[str, CachedFile]:
    """Download the files of a dataset that the cache lacks, or that are damaged in it.

    A complete cache is only read, so it may be in a read-only folder.

    Args:
        dataset: a key of `SOURCES`.
        data_dir: the folder of the cache.
        files: the files needed; None for all four.
        progress: called with a file and the number of bytes received; a new try starts at 0.
        report: called with a sentence about a damaged file or a mirror that failed.

    Returns:
        Each verified file by its name.

    Raises:
        DataError: no mirror sent a file.
        WriteError: the cache cannot be written.
    """
    source = SOURCES[dataset]
    verified = {}
    for file in source.files if files is None else files:
        path = data_dir / dataset / file.name
        remove_stale_temporaries(path)
        found = _inspect(file, path)
        if found.state is State.DAMAGED:
            report(f"{path} is damaged ({found.problem}); fetching it again.")
        if found.state is not State.OK:
            _fetch_file(source, found, progress, report)
            found = CachedFile(file, path, State.OK, content=read_verified(file, path))
        verified[file.name] = found
    return verified


def read_verified(file: PublishedFile, path: Path) -> bytes:
    """Return the verified content of a cached file.

    Raises:
        DataError: the file is missing, damaged or cannot be read.
    """
    found = _inspect(file, path)
    if found.state is State.OK:
        return found.content
    problem = f"damaged ({found.problem})" if found.problem else "missing"
    command = fetch_command([path.parent.name], path.parents[1])
    raise DataError(f"{path}: {problem}; `{command}` fetches it anew.")


def option_for(data_dir: str | Path | None) -> str:
    """Return the option for a cache in `data_dir`; empty if None."""
    return "" if data_dir is None else f" --data-dir {as_argument(Path(data_dir))}"


def fetch_command(names: Iterable[str], folder: Path) -> str:
    """Return the command line that downloads datasets into the cache in `folder`."""
    elsewhere = None if folder == data_directory(None) else folder
    return " ".join(["mlpcli data fetch", *names]) + option_for(elsewhere)


def locations(source: PublishedDataset, file: PublishedFile, mirror: str | None) -> list[str]:
    """Return the URLs or paths of a file, in the order in which they are tried.

    `mirror` is the user's own, a URL or a folder, tried before the public ones. It has one folder
    for each dataset; MNIST's files may also be in it directly.
    """
    public = [_joined(folder, file.name) for folder in source.mirrors]
    if not mirror:
        return public
    own = [_joined(mirror, f"{source.name}/{file.name}")]
    if source.name == "mnist":
        own.insert(0, _joined(mirror, file.name))
    return own + public


def _joined(mirror: str, name: str) -> str:
    if "://" in mirror:
        return f"{mirror.rstrip('/')}/{name}"
    return str(_from_home(mirror) / name)


def _fetch_file(
    source: PublishedDataset,
    found: CachedFile,
    progress: Callable[[PublishedFile, int], object],
    report: Callable[[str], object],
) -> None:
    # Imported late: requests is slow to import, and a complete cache does not need it.
    from mlpcli.data.published.download import download

    file, path = found.file, found.path
    try:
        make_folder(path.parent)
        download(
            file,
            locations(source, file, os.environ.get(MIRROR_VARIABLE)),
            path,
            progress=functools.partial(progress, file),
            report=report,
        )
    except WriteError as error:
        # Windows refuses to replace a file that another process has just put there and reads.
        if _inspect(file, path).state is not State.OK:
            raise WriteError(
                f"{error} Choose another folder for the data with --data-dir or {DATA_VARIABLE}."
            ) from error
    except DataError as error:
        damage = f"{path} is damaged ({found.problem}).\n" if found.problem else ""
        names = ", ".join(file.name for file in source.files)
        raise DataError(
            f"{damage}{error}\n"
            f"To work without the network, put {names} into {path.parent.absolute()}, or set "
            f"{MIRROR_VARIABLE} to a folder or URL that has them; `--config quickstart` needs no "
            "data."
        ) from error


def _inspect(file: PublishedFile, path: Path) -> CachedFile:
    try:
        with open_ordinary(path) as stream:
            content = stream.read(file.limit + 1)
    except (FileNotFoundError, NotADirectoryError):
        return CachedFile(file, path, State.MISSING)
    except OSError as error:
        problem = f"cannot be read: {error.strerror or error}"
        return CachedFile(file, path, State.DAMAGED, problem)
    if mismatch := file.mismatch(len(content), hashlib.sha256(content).hexdigest()):
        return CachedFile(file, path, State.DAMAGED, mismatch)
    return CachedFile(file, path, State.OK, content=content)
