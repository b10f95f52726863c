"""Draws the pictures of a sweep into a folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlpcli.errors import ConfigError, DataError
from mlpcli.files import as_argument, make_folder
from mlpcli.pictures.backend import import_matplotlib
from mlpcli.pictures.catalogue import SWEEP_PICTURES, load_of_sweeps
from mlpcli.storage.run_folder import refuse_links_outside
from mlpcli.sweeps.results import SweepResult
from mlpcli.sweeps.sweep_folder import SweepFolder

if TYPE_CHECKING:
    from mlpcli.pictures.style import Format
    from mlpcli.pictures.sweep_subject import SweepSubject


def draw_pictures(
    result: SweepResult,
    *,
    only: Sequence[str] = (),
    output: Path | None = None,
    file_format: "Format" = "png",
) -> list[Path]:
    """Draw a sweep; return the files written: none where there is nothing to draw.

    Args:
        result: of the sweep, finished or not.
        only: names of pictures; by default all that suit the sweep.
        output: the folder to write to; by default `pictures/` in the sweep's folder.
        file_format: png or svg.

    Raises:
        ConfigError: there is no such picture.
        CheckpointError: a link would lead the pictures out of the sweep.
        DataError: the sweep has nothing for a picture of `only`.
        WriteError: a picture cannot be written.
    """
    for name in only:
        if name not in SWEEP_PICTURES:
            known = ", ".join(SWEEP_PICTURES)
            raise ConfigError(f"There is no picture of sweeps named {name!r}; there are {known}.")
    import_matplotlib()
    from mlpcli.pictures import style
    from mlpcli.pictures.sweep_subject import SweepSubject

    subject = SweepSubject(result)
    for name in only:
        if why_not := _why_not(subject, name):
            raise DataError(f"No picture {name}: {result.folder}: {why_not}.")
    names = only or [name for name in SWEEP_PICTURES if not _why_not(subject, name)]
    if not names:
        return []
    if output is None:
        output = SweepFolder(result.folder).pictures
        refuse_links_outside(result.folder, [output, *output.glob("*")], "sweep")
    written = []
    make_folder(output)
    with style.house_style():
        for name in dict.fromkeys(names):
            path = output / f"{name}.{file_format}"
            style.save(load_of_sweeps(name).draw(subject), path, file_format)
            written.append(path)
    return written


def why_nothing(result: SweepResult) -> str:
    """Return why a sweep has no picture, if it has none."""
    if result.best is None:
        return _without_result(result)
    return "a sweep of one training has no pictures; draw the run in its folder trials"


def _why_not(subject: "SweepSubject", name: str) -> str | None:
    if not subject.valued:
        return _without_result(subject.result)
    return load_of_sweeps(name).why_not(subject)


def _without_result(result: SweepResult) -> str:
    if any(trial.reason for trial in result.trials):
        return "no trial has a result, so there is nothing to draw; results.csv has the reasons"
    resume = f"mlpcli sweep --resume {as_argument(result.folder)}"
    return f"no trial has a result yet, so there is nothing to draw; resume it: {resume}"
