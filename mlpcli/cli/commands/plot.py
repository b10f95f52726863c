"""`mlpcli plot`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlpcli.cli import options
from mlpcli.pictures.catalogue import PICTURES
from mlpcli.text import listed

if TYPE_CHECKING:
    from mlpcli.pictures.style import Format

SEVERAL = [name for name, entry in PICTURES.items() if entry.of_several]
ON_REQUEST = [name for name, entry in PICTURES.items() if entry.on_request]
LINES = "\n".join(f"{name:19}{entry.shows}" for name, entry in PICTURES.items())
HELP = f"""Draw pictures of a run, or compare several runs.

\b
{LINES}

For several runs: {listed(SEVERAL)}.
Only where asked for: {listed(ON_REQUEST)}.

\b
mlpcli plot runs/mnist
mlpcli plot runs/mnist runs/mnist-2 --only curves --format svg --output .
mlpcli plot runs/quickstart --only landscape
mlpcli plot runs/sine runs/sine-2 --only fit --only landscape
"""


@click.command("plot", help=HELP)
@click.argument("runs", nargs=-1, required=True, type=options.PATH, metavar="RUN...")
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(list(PICTURES)),
    help="Draw this picture; may be given several times.  [default: all that suit the runs, without"
    " those that are drawn only where asked for]",
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
    """Draw the pictures and name their files."""
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
