"""`mlpcli plot`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlpcli.cli import candidates, options
from mlpcli.errors import ConfigError, DataError
from mlpcli.pictures.catalogue import PICTURES, SWEEP_PICTURES, Entry
from mlpcli.text import listed

if TYPE_CHECKING:
    from mlpcli.pictures.style import Format

SEVERAL = [name for name, entry in PICTURES.items() if entry.of_several]
ON_REQUEST = [name for name, entry in PICTURES.items() if entry.on_request]


def _lines(pictures: dict[str, Entry]) -> str:
    return "\n".join(f"{name:22}{entry.shows}" for name, entry in pictures.items())


HELP = f"""Draw pictures of a run or of a sweep, or compare several runs.

\b
{_lines(PICTURES)}

For several runs: {listed(SEVERAL)}.
Only where asked for: {listed(ON_REQUEST)}.

Of a sweep:

\b
{_lines(SWEEP_PICTURES)}

\b
mlpcli plot runs/mnist
mlpcli plot runs/mnist runs/mnist-2 --only curves --format svg --output .
mlpcli plot runs/quickstart --only landscape
mlpcli plot runs/sine runs/sine-2 --only fit --only landscape
mlpcli plot sweeps/mnist
"""


@click.command("plot", help=HELP)
@click.argument(
    "runs",
    nargs=-1,
    required=True,
    type=options.PATH,
    metavar="RUN|SWEEP...",
    shell_complete=candidates.checkpoints_or_sweeps,
)
@click.option(
    "--only",
    multiple=True,
    type=click.Choice([*PICTURES, *SWEEP_PICTURES]),
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
    help="The folder to write to.  [default: pictures in the folder of the first run or sweep]",
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
    from mlpcli.storage.folders import is_sweep

    if any(is_sweep(folder) for folder in runs):
        if len(runs) > 1:
            raise ConfigError("One sweep is drawn at a time, and not together with runs.")
        if landscape:
            raise ConfigError("The landscape is a picture of a run, not of a sweep.")
        written = _draw_sweep(runs[0], only, output, file_format)
    else:
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


def _draw_sweep(
    folder: Path, only: tuple[str, ...], output: Path | None, file_format: "Format"
) -> list[Path]:
    from mlpcli.pictures import of_sweeps
    from mlpcli.sweeps.reading import read_sweep_result

    result = read_sweep_result(folder)
    written = of_sweeps.draw_pictures(result, only=only, output=output, file_format=file_format)
    if not written:
        raise DataError(f"{folder}: {of_sweeps.why_nothing(result)}.")
    return written
