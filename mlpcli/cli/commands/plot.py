"""`mlpcli plot`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlpcli.cli import options

if TYPE_CHECKING:
    from mlpcli.pictures.style import Format

NAMES = [
    "curves",
    "calibration",
    "confusion_matrix",
    "mistakes",
    "weights",
    "activations",
    "gradients",
    "fit",
    "decision",
    "landscape",
]


@click.command("plot")
@click.argument("runs", nargs=-1, required=True, type=options.PATH, metavar="RUN...")
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(NAMES),
    help="Draw this picture; may be given several times.  [default: all but the landscape]",
)
@click.option("--landscape", is_flag=True, help="Draw the landscape too, which trains once more.")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["png", "svg"]),
    default="png",
    show_default=True,
    help="The file format.",
)
@click.option(
    "--output",
    "-o",
    type=options.PATH,
    metavar="FOLDER",
    help="The folder to write to.  [default: pictures in the folder of the first run]",
)
@options.data_dir
@options.trust_paths
def command(
    runs: tuple[Path, ...],
    only: tuple[str, ...],
    landscape: bool,
    file_format: "Format",
    output: Path | None,
    data_dir: Path | None,
    trust_paths: bool,
) -> None:
    """Draw pictures of a run, or compare several runs.

    \b
    curves             loss, accuracy and learning rate, epoch by epoch
    calibration        is it right as often as it believes to be?
    confusion_matrix   which class is taken for which
    mistakes           the wrong answers it was surest of
    weights            what each unit of the first layer looks for
    activations        how often each hidden unit fires; dead units
    gradients          the lengths of each layer's gradient and update
    fit                a regression of one input: its points and the curve
    decision           two inputs: the answer for each point of their plane
    landscape          the loss around the path of the training

    For several runs: curves, calibration, gradients, fit and decision.

    \b
    mlpcli plot runs/mnist
    mlpcli plot runs/mnist runs/mnist-2 --only curves --format svg --output .
    mlpcli plot runs/quickstart --only landscape
    mlpcli plot runs/sine runs/sine-2 --only fit
    """
    from mlpcli.cli.reporters import reporter
    from mlpcli.pictures.of_runs import draw_pictures

    written = draw_pictures(
        *runs,
        only=only,
        with_landscape=landscape,
        output=output,
        file_format=file_format,
        data_dir=data_dir,
        trust_paths=trust_paths,
        reporter=reporter(quiet=False),
    )
    for path in written:
        click.echo(f"{path}: written")
