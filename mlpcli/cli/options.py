"""Options that several commands share."""

from pathlib import Path

import click

data_dir = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where datasets are cached.  [default: $MLPCLI_DATA, or data]",
)
runs_dir = click.option(
    "--runs-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Where runs lie.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
