"""`mlpcli page`."""

from pathlib import Path

import click

from mlpcli.cli import candidates, options


@click.command("page")
@click.argument("checkpoint", type=options.PATH, shell_complete=candidates.checkpoints)
@click.option(
    "--output",
    "-o",
    type=options.PATH,
    metavar="FILE.html",
    callback=options.html,
    help="Where to write it.  [default: page.html]",
)
@click.option("--open", "opens", is_flag=True, help="Open it in the browser.")
@click.option("--force", is_flag=True, help="Make a page of more than 20 MB too.")
@options.data_dir
@options.trust_paths
def command(
    checkpoint: Path,
    output: Path | None,
    opens: bool,
    force: bool,
    data_dir: Path | None,
    trust_paths: bool,
) -> None:
    """Write one HTML file in which one draws a digit and the network answers, forward and back.

    CHECKPOINT is a run folder, a .safetensors file, or boxed, the network that comes with mlpcli.
    The file opens from a disk, without a server and without the internet, on a phone too.

    \b
    mlpcli page runs/mnist --open
    mlpcli page boxed --output digits.html
    mlpcli page runs/xor                   a small network, drawn whole, that trains in the page
    """
    from mlpcli.cli.reporters import reporter
    from mlpcli.files import write_text
    from mlpcli.page.page import make_page

    path = output or Path("page.html")
    page = make_page(
        checkpoint,
        data_dir,
        trust_paths=trust_paths,
        force=force,
        reporter=reporter(quiet=True),
    )
    write_text(path, page)
    click.echo(f"{path}: {len(page.encode()):,} bytes")
    if opens:
        import webbrowser

        if not webbrowser.open(path.resolve().as_uri()):
            click.echo(f"No browser could be started; open {path} yourself.", err=True)
