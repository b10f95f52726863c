"""Collecting the images that were misread, in a folder for each class: a dataset to learn from."""

import re
from collections.abc import Sequence
from pathlib import Path

import click

from mlpcli.cli.predict_answers import Answer, Labels, misread
from mlpcli.errors import DataError
from mlpcli.files import make_folder, os_errors_as, read_ordinary, write_bytes
from mlpcli.reading.decoding import MAX_BYTES
from mlpcli.text import count

_NO_FOLDER = re.compile(r'[/\\<>:"|?*]|^\.|[. ]$')
"""what some system does not allow in the name of a folder"""


def check_names(class_names: Sequence[str]) -> None:
    """Raise a UsageError if a class cannot have a folder of its name."""
    for name in class_names:
        if _NO_FOLDER.search(name):
            raise click.UsageError(f"--save-wrong: no folder can be named {name!r}, as a class is.")


def save_wrong(folder: Path, answers: Sequence[Answer], labels: Labels) -> str:
    """Copy the misread images to `folder`/class/, and return what was done.

    An image that is there already is not copied again.

    Raises:
        DataError: an image can no longer be read.
        WriteError: a copy cannot be written.
    """
    wrong = misread(answers, labels)
    for each, label in wrong:
        with os_errors_as(DataError, each.file, "cannot be read"):
            content = read_ordinary(Path(each.file), MAX_BYTES)
        make_folder(folder / label)
        _write_once(folder / label / Path(each.file).name, content)
    if not wrong:
        return f"{folder}: nothing to write, for no image was misread"
    return f"{folder}: {count(len(wrong), 'misread image')} written"


def _write_once(path: Path, content: bytes) -> None:
    """Write a file, under another name if there is another one of this name."""
    target, number = path, 1
    while target.exists():
        with os_errors_as(DataError, target, "cannot be read"):
            if target.stat().st_size == len(content) and target.read_bytes() == content:
                return
        number += 1
        target = path.with_name(f"{path.stem}-{number}{path.suffix}")
    write_bytes(target, content)
