"""`mlpcli predict`."""

import functools
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from mlpcli.cli import candidates, options
from mlpcli.cli.answer_form import AnswerForm
from mlpcli.errors import CheckpointError, ImageError, ManyPartsError
from mlpcli.text import count, file_name, percent

if TYPE_CHECKING:
    from mlpcli.cli.predict_answers import Answer
    from mlpcli.data.dataset import UInt8Array
    from mlpcli.inference.committee import Committee

    Newest = Callable[[Path], Committee]
    Loading = Callable[[Newest], Committee]

MANY_IMAGES = 20
"""number of images from which on a terminal shows a bar"""
ONLY_FOR_IMAGES = (
    "recursive",
    "many",
    "keep_doubtful",
    "labels",
    "show",
    "save_input",
    "save_annotated",
    "save_wrong",
)
"""options that say nothing of a table of pixels"""


@click.command("predict")
@click.argument("images", nargs=-1, type=options.NAME, metavar="[IMAGE...]")
@click.option(
    "--inputs",
    multiple=True,
    metavar="ROW|FILE.csv",
    help="Instead of images, for a network that learned from a table: a row of numbers such as "
    "120,3, or a file of rows; may be given several times.",
)
@click.option(
    "--checkpoint",
    "checkpoints",
    type=options.PATH,
    multiple=True,
    shell_complete=candidates.checkpoints,
    help="A run folder or a .safetensors file; given several times, the networks answer together, "
    "by the mean of their probabilities.  [default: the newest run; where there is none, boxed, "
    "the network that comes with mlpcli]",
)
@click.option("--recursive", "-r", is_flag=True, help="Search the folders in a folder too.")
@click.option("--many", is_flag=True, help="Read every digit of each image: a number, a page.")
@click.option(
    "--top",
    type=click.IntRange(min=1),
    metavar="K",
    help="The number of classes to name, the likeliest first.  [default: 1; with --json, all]",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    callback=options.finite,
    default=0.0,
    metavar="P",
    help='Say "unsure" below this probability (0 to 1).',
)
@click.option(
    "--keep-doubtful",
    is_flag=True,
    help="Answer what looks like no digit too, instead of refusing it or leaving it out.",
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
    help="Write the image with each digit's box and answer.",
)
@click.option(
    "--save-wrong",
    type=options.PATH,
    metavar="DIR",
    help="With --labels: copy each misread image to DIR/LABEL/, a dataset to learn from.",
)
@click.option(
    "--submission",
    type=options.PATH,
    metavar="FILE.csv",
    help="Answer a table of pixels as Kaggle wants it: ImageId,Label.",
)
@options.runs_dir
def command(
    images: tuple[str, ...],
    inputs: tuple[str, ...],
    checkpoints: tuple[Path, ...],
    recursive: bool,
    many: bool,
    top: int | None,
    threshold: float,
    keep_doubtful: bool,
    as_json: bool,
    csv_file: Path | None,
    labels: Path | None,
    show: bool,
    save_input: Path | None,
    save_annotated: Path | None,
    save_wrong: Path | None,
    submission: Path | None,
    runs_dir: Path,
) -> None:
    """Say which digit each image shows, and how probable it is; or answer rows of numbers.

    IMAGE is a file, a folder, a pattern, or - for standard input; or a table of pixels in .csv or
    .csv.gz, a row for each image.

    \b
    mlpcli predict photo.png
    mlpcli predict scans --recursive --top 3 --csv answers.csv
    mlpcli predict photo.png --show --checkpoint runs/mnist --json
    mlpcli predict scans --labels scans/labels.csv --threshold 0.9
    mlpcli predict number.jpg --many --save-annotated answers.png
    mlpcli predict --inputs 0,1 --inputs 1,1 --checkpoint runs/xor
    mlpcli predict test.csv --submission submission.csv
    """
    load = functools.partial(_committee, checkpoints, runs_dir)
    form = AnswerForm(top, threshold, as_json, csv_file)
    if inputs:
        _answer_rows(inputs, load, form)
        return
    if not images:
        raise click.UsageError("Give an IMAGE, or --inputs for a network that learned a table.")
    if any(image.lower().endswith((".csv", ".csv.gz")) for image in images):
        _answer_table(images, load, form, submission)
        return
    if submission is not None:
        raise click.UsageError("--submission answers a table of pixels; name a .csv file.")
    if save_wrong is not None and labels is None:
        raise click.UsageError("--save-wrong needs --labels, which say what is wrong.")
    from mlpcli.cli.predict_answers import as_csv, read_labels, score
    from mlpcli.cli.save_wrong import check_names
    from mlpcli.cli.save_wrong import save_wrong as copy_wrong
    from mlpcli.files import write_text
    from mlpcli.half_blocks import drawn_for

    if save_wrong is not None and "-" in images:
        raise click.UsageError("--save-wrong needs files, not standard input.")
    if save_annotated is not None and "-" in images:
        raise click.UsageError("--save-annotated needs a file, not standard input.")
    if many and labels is not None:
        raise click.UsageError("--labels has one digit for each image; leave --many out.")
    label_of = read_labels(labels) if labels is not None else None
    committee = _reader(load)
    if save_wrong is not None:
        check_names(committee.class_names)
    names, failures = _images(images, recursive)
    if save_annotated is not None and len(names) > 1:
        raise click.UsageError("--save-annotated takes one image.")
    options.refuse_to_overwrite("--save-annotated", save_annotated, *names)
    options.refuse_to_overwrite("--csv", csv_file, *names, *([labels] if labels else []))
    answers: list[Answer] = []  # for a table or a score only: there may be very many
    answered = 0
    for image in _with_bar(names):
        try:
            found = _answers(committee, image, many, threshold, keep_doubtful)
        except ImageError as error:
            failures += 1
            _remark(f"mlpcli: {error}")
            continue
        answered += 1
        if csv_file is not None or label_of is not None:
            answers += found
        if as_json:
            for each in found:
                _say(json.dumps(each.facts(top), allow_nan=False))
        else:
            _say(_text(image, found, many, top or 1))
        for i, each in enumerate(found):
            pixels = committee.seen(each.prepared.pixels)
            if show:
                _say(drawn_for(sys.stderr if as_json else sys.stdout, pixels), err=as_json)
            if save_input is not None:
                name = Path(image).stem
                if many:
                    name += f"-{i + 1}"
                _save_input(save_input, pixels, name)
        if save_annotated is not None:
            _save_annotated(save_annotated, image, found, many)
    if csv_file is not None:
        write_text(csv_file, as_csv(answers, committee.class_names, of_many=many))
    if label_of is not None and answers:
        click.echo(score(answers, label_of), err=as_json)
        if save_wrong is not None:
            click.echo(copy_wrong(save_wrong, answers, label_of), err=True)
    if failures:
        raise ImageError(f"{failures} of {count(failures + answered, 'image')} could not be read.")


def _refuse_options(names: tuple[str, ...], reason: str) -> None:
    """Refuse what was given of these options, or IMAGE, and say why."""
    for parameter in click.get_current_context().command.params:
        if parameter.name in names and options.is_given(parameter.name):
            name = "IMAGE" if parameter.name == "images" else parameter.opts[0]
            raise click.UsageError(f"{name} {reason}")


def _answer_rows(inputs: tuple[str, ...], load: "Loading", form: AnswerForm) -> None:
    """Answer rows of numbers."""
    from mlpcli.cli.table_answers import answer_rows
    from mlpcli.files import write_text
    from mlpcli.inference.committee import newest_of_tables

    _refuse_options(("images", "submission", *ONLY_FOR_IMAGES), "does not go with --inputs.")
    committee = load(newest_of_tables)
    if committee.models[0].is_regression:
        _refuse_options(("top", "threshold"), "is for classes, and this network has none.")
    options.refuse_to_overwrite("--csv", form.csv_file, *inputs)
    found = answer_rows(committee, inputs, form.threshold)
    if form.as_json:
        for facts in found.facts(form.top):
            click.echo(json.dumps(facts, allow_nan=False))
    else:
        click.echo("\n".join(found.lines(form.top or 1)))
    if form.csv_file is not None:
        write_text(form.csv_file, found.as_csv())


def _answer_table(
    images: tuple[str, ...], load: "Loading", form: AnswerForm, submission: Path | None
) -> None:
    """Answer the rows of a table of pixels."""
    from mlpcli.cli.predict_table import answer_table, show

    if len(images) > 1:
        raise click.UsageError("A table of pixels is answered alone; name one file.")
    _refuse_options(ONLY_FOR_IMAGES, "is for images, not for a table of pixels.")
    options.refuse_to_overwrite("--csv", form.csv_file, *images)
    options.refuse_to_overwrite("--submission", submission, *images)
    show(answer_table(_reader(load), Path(images[0])), form, submission)


def _reader(load: "Loading") -> "Committee":
    """Load the networks that answer images; DataError if one of them learned from a table."""
    from mlpcli.inference.committee import newest_reader

    committee = load(newest_reader)
    for model in committee.models:
        model.refuse_unless_it_reads_images()
    return committee


def _committee(checkpoints: tuple[Path, ...], runs_dir: Path, newest: "Newest") -> "Committee":
    """Load the networks that answer, or the newest that fits, and name them on stderr."""
    from mlpcli.inference.committee import load_committee
    from mlpcli.storage.run_folder import BOXED

    if options.is_given("runs_dir") and not os.path.isdir(runs_dir):  # noqa: PTH112 - Path's raises
        raise CheckpointError(f"{runs_dir}: no folder of runs there; `mlpcli train` makes one.")
    committee = load_committee(checkpoints) if checkpoints else newest(runs_dir)
    for model in committee.models:
        boxed = model.path == BOXED
        name = "boxed, the network that comes with mlpcli" if boxed else model.path
        click.echo(f"Model: {name}", err=True)
    return committee


def _images(images: tuple[str, ...], recursive: bool) -> tuple[list[str], int]:
    """Return the names of all images, and the number of arguments that name none, each reported."""
    from mlpcli.reading.image_files import images_named

    names: list[str] = []
    failures = 0
    for image in images:
        try:
            names += [image] if image == "-" else map(str, images_named(image, recursive))
        except ImageError as error:
            failures += 1
            _remark(f"mlpcli: {error}")
    return names, failures


def _with_bar(names: list[str]) -> Iterator[str]:
    """Yield the names, with a bar below the answers where stderr is a terminal."""
    from tqdm import tqdm

    tqdm.monitor_interval = 0  # no thread of its own
    has_no_bar = len(names) < MANY_IMAGES or not sys.stderr.isatty()
    yield from tqdm(names, unit=" images", leave=False, dynamic_ncols=True, disable=has_no_bar)


def _say(text: str, *, err: bool = False) -> None:
    """Write lines on stdout or stderr, above the bar if there is one."""
    from tqdm import tqdm

    with tqdm.external_write_mode(sys.stderr if err else sys.stdout):
        click.echo(text, err=err)


def _remark(text: str) -> None:
    _say(text, err=True)


def _answers(
    committee: "Committee", image: str, many: bool, threshold: float, keep_doubtful: bool
) -> "list[Answer]":
    """Return the answer to an image, or to each of its digits.

    Raises:
        ImageError: there is no digit, or only what the network refuses to call one.
    """
    from mlpcli.cli.predict_answers import answers
    from mlpcli.reading.digit import prepare_many
    from mlpcli.reading.preparations import PREPARATIONS

    source: Path | BinaryIO = Path(image)
    if image == "-":
        if sys.stdin is None:  # closed by the parent process
            raise ImageError("-: standard input is closed; name a file.")
        source = sys.stdin.buffer
    shape, prepare = committee.image_shape, PREPARATIONS[committee.preparation]
    if many and prepare is not PREPARATIONS["digit"]:
        raise click.UsageError("--many finds digits, and this network learned other images.")
    if many:
        # A network that has not learned what is no digit takes pieces of digits for digits.
        judge = committee.judge if committee.refuses else None
        prepared = prepare_many(source, shape, _remark, judge)
    else:
        try:
            prepared = [prepare(source, shape, _remark)]
        except ManyPartsError as error:
            raise ImageError(f"{error} If they are digits, --many reads each of them.") from error
    found = answers(image, prepared, committee, threshold, of_many=many)
    kept = found if keep_doubtful else [each for each in found if not each.is_refused]
    if not kept:
        name = "standard input" if image == "-" else image
        surely = percent(max(each.no_digit for each in found))
        raise ImageError(
            f"{name}: no digit found: what is there looks like none ({surely}); --keep-doubtful "
            "answers anyway."
        )
    return kept


def _text(image: str, found: "list[Answer]", many: bool, top: int) -> str:
    """Return the answers for people: of many digits, a line for each line of the page first."""
    name = file_name(image)
    if not many:
        return f"{name}: {found[0].text(top)}"
    lines = []
    for _, line in itertools.groupby(found, key=lambda each: each.prepared.line):
        digits = list(line)
        lines.append(f"{name}: {''.join(each.digit if each.sure else '?' for each in digits)}")
        for each in digits:
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


def _save_annotated(path: Path, image: str, found: "list[Answer]", many: bool) -> None:
    from mlpcli.reading.annotating import annotated
    from mlpcli.reading.boxes import rescaled
    from mlpcli.reading.decoding import DECODED_SIDE, read_grey
    from mlpcli.reading.image_files import write_png
    from mlpcli.reading.page import PAGE_SIDE

    grey, full_shape = read_grey(Path(image), PAGE_SIDE if many else DECODED_SIDE)
    boxes = [rescaled(each.prepared.box, full_shape, grey.shape) for each in found]
    write_png(
        path, annotated(grey, boxes, ["?" if each.is_refused else each.digit for each in found])
    )
