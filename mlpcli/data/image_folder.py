"""Folders of image files: a folder for each class, or a table that says each file's label.

A class is the name of a folder, as PyTorch's ImageFolder and Keras'
image_dataset_from_directory have it, and files may be in folders within it. The order of the images
is that of their names, whatever order the system lists them in. No link leads out of the folder.
"""

import hashlib
import json
import os
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

from mlpcli.data.labels_table import labelled_files
from mlpcli.data.problems import Problems
from mlpcli.errors import DataError
from mlpcli.reading.image_files import ENDINGS

TABLE = "labels.csv"
"""a table of labels that may lie in a folder"""
MOST_FILES = 5_000_000
DEEPEST = 50
_OF_THE_SYSTEM = {"thumbs.db", "desktop.ini", "__macosx"}
"""what systems leave in folders by themselves, beside hidden files"""
LEADS_OUT = "it leads out of the folder, and is not followed"
_HASHING_THREADS, _HASHED_AT_ONCE = 4, 100


@dataclass(frozen=True)
class ImageFile:
    """An image file with its label."""

    path: str
    name: str
    """its path within the folder, with /"""
    label: str


def find_images(path: Path, problems: Problems) -> list[ImageFile]:
    """Return the image files with their labels, in the order of their names.

    Args:
        path: a folder with a folder for each class; a folder with a labels.csv; or such a table,
            whose files are named from its own folder on.
        problems: receives what cannot be used.

    Raises:
        DataError: the folder or the table cannot be read, or there is nothing in it.
    """
    try:
        if path.is_dir():
            table = path / TABLE
            found = _in_table(table, problems) if table.is_file() else _in_folders(path, problems)
        else:
            found = _in_table(path, problems)
    except OSError as error:
        where = error.filename or path
        raise DataError(f"{where}: cannot be read: {error.strerror or error}.") from error
    found.sort(key=lambda image: unicodedata.normalize("NFC", image.name))
    if not found:
        problems.raise_if_any()
        raise DataError(
            f"{path}: no images; expected a folder for each class, with images in it, or images "
            f"and a {TABLE} with the columns file and label."
        )
    return found


def _in_table(table: Path, problems: Problems) -> list[ImageFile]:
    root = table.parent
    found: dict[str, ImageFile] = {}
    for line, file, label in labelled_files(table):
        parts = PureWindowsPath(file).parts if os.name == "nt" else PurePosixPath(file).parts
        name = "/".join(parts)
        image = ImageFile(str(root / file), name, label)
        if leads_to_another_drive(file, root):
            problems.add(file, f"{LEADS_OUT} ({table.name}, line {line})")
        elif problem := _fault(root / file, root):
            problems.add(file, f"{problem} ({table.name}, line {line})")
        elif not label:
            problems.add(file, f"it has no label ({table.name}, line {line})")
        elif found.setdefault(name, image).label != label:
            problems.add(file, f"it has two different labels ({table.name}, line {line})")
    return list(found.values())


def leads_to_another_drive(file: str, root: PurePath) -> bool:
    r"""Return whether a file, named from a folder on, is on another drive of Windows than that.

    The drive may be \\computer\share: to open such a file, even to resolve its path, would make
    Windows log in there.
    """
    return (root / file).drive.lower() != root.drive.lower()


def _in_folders(root: Path, problems: Problems) -> list[ImageFile]:
    found: list[ImageFile] = []
    for entry in _entries(root):
        if entry.is_dir(follow_symlinks=False):
            before = len(found)
            label = unicodedata.normalize("NFC", entry.name)
            for image in _below(entry.path, entry.name, root, label, problems, DEEPEST):
                found.append(image)
                if len(found) > MOST_FILES:
                    raise DataError(f"{root}: has more than {MOST_FILES:,} images.")
            if len(found) == before:
                problems.add(f"{entry.name}/", "a class without an image")
        else:
            problems.add(entry.name, _fault_of(entry, root) or "it lies in no folder of a class")
    return found


def _below(
    folder: str, name: str, root: Path, label: str, problems: Problems, depth: int
) -> Iterator[ImageFile]:
    """Yield the images of a class in a folder within `root`; whatever else is there is a problem.

    `name` is the path of `folder` from `root` on, with /; `depth` is how many more folders may be
    nested in it.
    """
    for entry in _entries(folder):
        inner = f"{name}/{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            if depth:
                yield from _below(entry.path, inner, root, label, problems, depth - 1)
            else:
                problems.add(f"{inner}/", "the folders are nested too deep")
        elif problem := _fault_of(entry, root):
            problems.add(inner, problem)
        elif os.path.splitext(entry.name)[1].lower() not in ENDINGS:  # noqa: PTH122 (quicker)
            problems.add(inner, f"not an image by its name; expected {_endings()}")
        else:
            yield ImageFile(entry.path, inner, label)


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(
            (
                entry
                for entry in entries
                if not entry.name.startswith(".") and entry.name.lower() not in _OF_THE_SYSTEM
            ),
            key=lambda entry: entry.name,
        )


def _endings() -> str:
    return ", ".join(sorted(ENDINGS - {".dib", ".pnm", ".pbm", ".pgm"})) + ", …"


def _fault_of(entry: os.DirEntry[str], root: Path) -> str | None:
    """Return the fault of an entry of a folder within `root`, of which only a link leads out."""
    return None if entry.is_file(follow_symlinks=False) else _fault(Path(entry.path), root)


def _fault(path: Path, root: Path) -> str | None:
    """Return why a file may not be read, if so: it is missing, no file, or outside of `root`."""
    try:
        real = path.resolve(strict=True)
    except FileNotFoundError:
        return "a link to nothing" if path.is_symlink() else "there is no such file"
    except (OSError, RuntimeError, ValueError) as error:
        return f"cannot be read: {getattr(error, 'strerror', None) or error}"
    if not real.is_relative_to(root.resolve()):
        return LEADS_OUT
    if real.is_dir():
        return "a link to a folder is not followed" if path.is_symlink() else "a folder, no image"
    return None if real.is_file() else "not an ordinary file"


def fingerprint(images: list[ImageFile], settings: object) -> str:
    """Return the SHA-256 of the images' bytes, in their order, and of JSON-able `settings`.

    A file that cannot be read counts as such; preparing it says why.
    """
    digest = hashlib.sha256(json.dumps(settings).encode())
    paths = [image.path for image in images]
    some = [
        paths[start : start + _HASHED_AT_ONCE] for start in range(0, len(paths), _HASHED_AT_ONCE)
    ]
    with ThreadPoolExecutor(_HASHING_THREADS) as pool:
        for each in pool.map(lambda paths: b"".join(map(_hash, paths)), some):
            digest.update(each)
    return digest.hexdigest()


def _hash(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 (quicker; what is no file was refused)
            digest = hashlib.sha256()
            while piece := file.read(2**20):
                digest.update(piece)
            return digest.digest()
    except OSError:
        return bytes(32)
