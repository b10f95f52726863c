"""Draws the pictures of runs into a folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlpcli.errors import ConfigError, DataError
from mlpcli.files import make_folder
from mlpcli.pictures.backend import import_matplotlib
from mlpcli.pictures.catalogue import LANDSCAPE, PICTURES, load
from mlpcli.pictures.subject import Subject
from mlpcli.reporting import Reporter
from mlpcli.training.evaluation import Evaluation

if TYPE_CHECKING:
    from mlpcli.pictures.style import Format

MOST_RUNS = 8
"""number of runs in one picture; more lines would look alike"""


def draw_pictures(
    *folders: Path,
    only: Sequence[str] = (),
    with_landscape: bool = False,
    output: Path | None = None,
    file_format: "Format" = "png",
    data_dir: Path | None = None,
    trust_paths: bool = False,
    reporter: Reporter | None = None,
    test: Evaluation | None = None,
) -> list[Path]:
    """Draw one run, or several over each other; return the files written.

    Args:
        folders: the runs' folders.
        only: names of pictures; by default all that suit every run, except those on request.
        with_landscape: also draw the landscape, which trains the runs once more.
        output: the folder to write to; by default `pictures/` in the folder of the first run.
        file_format: png or svg.
        data_dir: the cache of datasets; None for MLPCLI_DATA, or else `data`.
        trust_paths: read data files that a checkpoint names from anywhere; otherwise only from
            the working directory and the cache.
        reporter: receives progress and remarks.
        test: the evaluation of the run's best weights on its test set, if the caller has it.

    Raises:
        ConfigError: there is no such picture, or it cannot be drawn of so many runs.
        CheckpointError: there is no such run, it has not finished an epoch, or a link would lead
            its pictures out of the run.
        DataError: a file that a picture needs is missing or damaged.
        WriteError: a picture cannot be written.
    """
    import_matplotlib()
    from mlpcli.pictures import style

    names = list(only)
    if with_landscape:
        names.append(LANDSCAPE)
    _check_request(folders, names)
    reporter = reporter or Reporter()
    subjects = [Subject(folder, data_dir, reporter, test, trust_paths) for folder in folders]
    if not only:
        names = _all_names(subjects, with_landscape)
    for name in only:
        if why_not := load(name).why_not_of(subjects):
            raise DataError(f"No picture {name}: {why_not}")
    first = subjects[0].record.folder
    if output is None:
        first.refuse_links_outside()
        output = first.pictures
    labels = _labels(subjects)
    suffix = "_compared" if len(subjects) > 1 else ""
    written = []
    make_folder(output)
    with style.house_style():
        for name in dict.fromkeys(names):
            picture = load(name).draw(subjects, labels)
            path = output / f"{name}{suffix}.{file_format}"
            style.save(picture, path, file_format)
            written.append(path)
    return written


def _check_request(folders: Sequence[Path], names: Sequence[str]) -> None:
    if not 1 <= len(folders) <= MOST_RUNS:
        raise ConfigError(f"Give from 1 to {MOST_RUNS} runs, found {len(folders)}.")
    known = ", ".join(PICTURES)
    several = ", ".join(name for name, entry in PICTURES.items() if entry.of_several)
    for name in names:
        if name not in PICTURES:
            raise ConfigError(f"There is no picture of runs named {name!r}; there are {known}.")
        if len(folders) > 1 and not PICTURES[name].of_several:
            raise ConfigError(f"{name} is drawn of one run at a time; of several: {several}.")


def _all_names(subjects: Sequence[Subject], with_landscape: bool) -> list[str]:
    """Return the pictures that suit all of these runs."""
    for subject in subjects:
        subject.recorded  # noqa: B018 (raises where there is nothing to draw)
    names = [
        name
        for name, entry in PICTURES.items()
        if (not entry.on_request or (with_landscape and name == LANDSCAPE))
        and (len(subjects) == 1 or entry.of_several)
        and not load(name).why_not_of(subjects)
    ]
    for subject in subjects:
        path = subject.record.folder.gradients
        if "gradients" in names and not path.exists():
            names.remove("gradients")
            subject.reporter.remark(f"{path}: there is no such file, so gradients is left out.")
    return names


def _labels(subjects: Sequence[Subject]) -> list[str]:
    """Return the runs' names; equal ones get as much of their paths as tells them apart."""
    paths = [subject.folder.resolve() for subject in subjects]
    labels = [path.name for path in paths]
    for length in range(2, max(len(path.parts) for path in paths) + 1):
        if len(set(labels)) == len(set(paths)):
            break
        labels = ["/".join(path.parts[-length:]) for path in paths]
    return labels
