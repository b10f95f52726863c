"""`mlpcli predict`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from mlpcli.cli import options
from mlpcli.errors import CheckpointError, ImageError
from mlpcli.text import count, file_name

if TYPE_CHECKING:
    from mlpcli.cli.commands.predict_answers import Answer
    from mlpcli.data.dataset import UInt8Array
    from mlpcli.inference.committee import Committee

MANY_PICTURES = 20
"""From so many on, a terminal shows a bar."""


@click.command("predict")
@click.argument("images", nargs=-1, required=True, type=options.NAME, metavar="IMAGE...")
@click.option(
    "--checkpoint",
    "checkpoints",
    type=options.PATH,
    multiple=True,
    help="A run folder or a .safetensors file; given several times, the networks answer together, "
    "by the mean of their probabilities.  [default: the newest run; where there is none, boxed, "
    "the network that comes with mlpcli]",
)
@click.option("--recursive", "-r", is_flag=True, help="Search the folders in a folder too.")
@click.option("--many", is_flag=True, help="Read every digit of each picture: a number, a page.")
@click.option(
    "--top",
    type=click.IntRange(min=1),
    metavar="K",
    help="How many classes to name, the likeliest first.  [default: 1; with --json, all]",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    callback=options.finite,
    default=0.0,
    metavar="P",
    help='Say "unsure" below this probability (0 to 1).',
)
@options.as_json
@click.option("--csv", "csv_file", type=options.PATH, metavar="FILE", help="Write a table too.")
@click.option(
    "--labels",
    type=options.PATH,
    metavar="FILE.csv",
    help="Score the answers: a table with the columns file and label.",
)
@click.option("--show", is_flag=True, help="Draw in the terminal what the network sees.")
@click.option(
    "--save-input", type=options.PATH, metavar="DIR", help="Write what the network sees, as PNG."
)
@click.option(
    "--save-annotated",
    type=options.PATH,
    metavar="FILE.png",
    callback=options.png,
    help="Write the picture with each digit's box and answer.",
)
@options.runs_dir
def command(
    images: tuple[str, ...],
    checkpoints: tuple[Path, ...],
    recursive: bool,
    many: bool,
    top: int | None,
    threshold: float,
    as_json: bool,
    csv_file: Path | None,
    labels: Path | None,
    show: bool,
    save_input: Path | None,
    save_annotated: Path | None,
    runs_dir: Path,
) -> None:
    """Say which digit is in each picture, and how probable it is.

    IMAGE is a file, a folder, a pattern, or - for standard input.

    \b
    mlpcli predict photo.png
    mlpcli predict scans --recursive --top 3 --csv answers.csv
    mlpcli predict photo.png --show --checkpoint runs/mnist --json
    mlpcli predict scans --labels scans/labels.csv --threshold 0.9
    mlpcli predict number.jpg --many --save-annotated answers.png
    """
    from mlpcli.cli.commands.predict_answers import as_csv, read_labels, score
    from mlpcli.files import write_text
    from mlpcli.half_blocks import drawn_for

    if save_annotated is not None and "-" in images:
        raise click.UsageError("--save-annotated needs a file, not standard input.")
    if many and labels is not None:
        raise click.UsageError("--labels knows one digit a picture; leave --many out.")
    label_of = read_labels(labels) if labels is not None else None
    committee = _committee(checkpoints, runs_dir)
    pictures, failures = _pictures(images, recursive)
    if save_annotated is not None and len(pictures) > 1:
        raise click.UsageError("--save-annotated takes one picture.")
    answers: list[Answer] = []  # only those of a table or a score: there may be very many
    answered = 0
    for picture in _with_bar(pictures):
        try:
            found = _answers(committee, picture, many, threshold)
        except ImageError as error:
            failures += 1
            _tell(f"mlpcli: {error}")
            continue
        answered += 1
        if csv_file is not None or label_of is not None:
            answers += found
        if as_json:
            for each in found:
                _say(json.dumps(each.facts(top), allow_nan=False))
        else:
            _say(_text(picture, found, many, top or 1))
        for i, each in enumerate(found):
            pixels = committee.seen(each.prepared.pixels)
            if show:
                _say(drawn_for(sys.stderr if as_json else sys.stdout, pixels), err=as_json)
            if save_input is not None:
                _save_input(save_input, pixels, f"{Path(picture).stem}{f'-{i + 1}' * many}")
        if save_annotated is not None:
            _save_annotated(save_annotated, picture, found, many)
    if csv_file is not None:
        write_text(csv_file, as_csv(answers, committee.class_names))
    if label_of is not None and answers:
        click.echo(score(answers, label_of), err=as_json)
    if failures:
        raise ImageError(
            f"{failures} of {count(failures + answered, 'picture')} could not be read."
        )


def _committee(checkpoints: tuple[Path, ...], runs_dir: Path) -> "Committee":
    """The networks that answer, named on stderr."""
    from mlpcli.inference.committee import load_committee, newest_reader
    from mlpcli.storage.run_folder import BOXED

    if options.is_given("runs_dir") and not runs_dir.is_dir():
        raise CheckpointError(f"{runs_dir}: no folder of runs there; `mlpcli train` makes one.")
    committee = load_committee(checkpoints) if checkpoints else newest_reader(runs_dir)
    for model in committee.models:
        boxed = model.path == BOXED
        name = "boxed, the network that comes with mlpcli" if boxed else model.path
        click.echo(f"Model: {name}", err=True)
    return committee


def _pictures(images: tuple[str, ...], recursive: bool) -> tuple[list[str], int]:
    """The names of all pictures, and how many arguments name none, which is said at once."""
    from mlpcli.reading.image_files import images_named

    names: list[str] = []
    failures = 0
    for image in images:
        try:
            names += [image] if image == "-" else map(str, images_named(image, recursive))
        except ImageError as error:
            failures += 1
            _tell(f"mlpcli: {error}")
    return names, failures


def _with_bar(pictures: list[str]) -> Iterator[str]:
    """The pictures, with a bar below the answers where stderr is a terminal."""
    if len(pictures) < MANY_PICTURES or not sys.stderr.isatty():
        yield from pictures
        return
    from tqdm import tqdm

    tqdm.monitor_interval = 0
    yield from tqdm(pictures, unit=" pictures", leave=False, dynamic_ncols=True)


def _say(text: str, *, err: bool = False) -> None:
    """Lines on stdout or stderr, above a bar if there is one, even where both are one terminal."""
    from tqdm import tqdm

    with tqdm.external_write_mode(sys.stderr if err else sys.stdout):
        click.echo(text, err=err)


def _tell(remark: str) -> None:
    """A line on stderr."""
    _say(remark, err=True)


def _answers(committee: "Committee", picture: str, many: bool, threshold: float) -> "list[Answer]":
    """The answer to a picture, or to each of its digits."""
    import numpy as np

    from mlpcli.cli.commands.predict_answers import answer
    from mlpcli.reading.digit import prepare, prepare_many

    source = _standard_input() if picture == "-" else Path(picture)
    shape = committee.image_shape
    prepared = prepare_many(source, shape, _tell) if many else [prepare(source, shape, _tell)]
    probabilities = committee.predict_proba(np.stack([each.pixels for each in prepared]))
    return [
        answer(picture, each, row, committee.class_names, threshold)
        for each, row in zip(prepared, probabilities, strict=True)
    ]


def _standard_input() -> BinaryIO:
    if sys.stdin is None:  # closed by whoever started us
        raise ImageError("-: standard input is closed; name a file.")
    return sys.stdin.buffer


def _text(picture: str, found: "list[Answer]", many: bool, top: int) -> str:
    picture = file_name(picture)
    if not many:
        return f"{picture}: {found[0].text(top)}"
    number = "".join(each.digit if each.sure else "?" for each in found)
    lines = [f"{picture}: {number}"]
    for each in found:
        box = each.box
        place = f"{box['width']}×{box['height']} at ({box['left']}, {box['top']})"
        lines.append(f"  {place}: {each.text(top)}")
    return "\n".join(lines)


def _save_input(folder: Path, pixels: "UInt8Array", name: str) -> None:
    from mlpcli.files import make_folder
    from mlpcli.reading.image_files import write_png

    make_folder(folder)
    path = folder / f"{name}.png"
    number = 1
    while path.exists():
        number += 1
        path = folder / f"{name}-{number}.png"
    write_png(path, pixels)


def _save_annotated(path: Path, picture: str, found: "list[Answer]", many: bool) -> None:
    from mlpcli.reading.annotating import annotated
    from mlpcli.reading.boxes import rescaled
    from mlpcli.reading.decoding import DECODED_SIDE, read_grey
    from mlpcli.reading.image_files import write_png
    from mlpcli.reading.page import PAGE_SIDE

    grey, full_shape = read_grey(Path(picture), PAGE_SIDE if many else DECODED_SIDE)
    boxes = [rescaled(each.prepared.box, full_shape, grey.shape) for each in found]
    write_png(path, annotated(grey, boxes, [each.digit for each in found]))
