"""`mlpcli explain`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlpcli.cli import options

if TYPE_CHECKING:
    from mlpcli.cli.document import Document


@click.command("explain")
@click.argument("arguments", nargs=-1, metavar="[RUN IMAGE] [KEY=VALUE]...")
@options.configs_without_default
@click.option(
    "--steps",
    type=click.IntRange(1, 100_000),
    metavar="N",
    help="With --config: train so many steps; the first is told in full.  [default: 1]",
)
@click.option(
    "--label",
    metavar="CLASS",
    help="With a RUN: which class is in the picture.  [default: what the network takes it for]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "html", "json"]),
    default="text",
    show_default=True,
    help="How it is written. html is one page that opens anywhere.",
)
@options.data_dir
def command(
    arguments: tuple[str, ...],
    configs: tuple[str, ...],
    steps: int | None,
    label: str | None,
    form: str,
    data_dir: Path | None,
) -> None:
    """Show every number of a step of training, or what a trained network makes of a picture.

    With --config: forward, backward and update of the first step, from the code that trains, and
    each gradient beside its centred difference. With RUN, a run folder or a checkpoint, and IMAGE:
    what the network saw, what each layer and each pixel said, and what one step would change.

    \b
    mlpcli explain --config examples/worked_3_2_3
    mlpcli explain --config examples/worked_3_2_3 --steps 277 --format html > worked.html
    mlpcli explain runs/mnist photo.png --label 7
    """
    if configs:
        if label is not None:
            raise click.UsageError("--label goes with RUN and IMAGE, not with --config.")
        document, facts = _training(configs, arguments, steps or 1, data_dir)
    else:
        if steps is not None:
            raise click.UsageError("--steps goes with --config.")
        if len(arguments) != 2:
            raise click.UsageError("Give --config, or a RUN and an IMAGE.")
        document, facts = _picture(Path(arguments[0]), Path(arguments[1]), label)
    click.echo(_written(document, facts, form), nl=form != "html")


def _written(document: "Document", facts: dict[str, Any], form: str) -> str:
    from mlpcli.cli.document import as_html, as_markdown, as_text

    if form == "json":
        return json.dumps(facts, indent=2, allow_nan=False)
    return {"text": as_text, "markdown": as_markdown, "html": as_html}[form](document)


def _training(
    configs: tuple[str, ...], overrides: tuple[str, ...], steps: int, data_dir: Path | None
) -> "tuple[Document, dict[str, Any]]":
    from mlpcli.cli.progress import reporter
    from mlpcli.cli.step_document import step_document, step_facts
    from mlpcli.config.loading import load_config
    from mlpcli.training.explaining import explain_training

    config = load_config(*configs, overrides=overrides)
    story = explain_training(config, steps, data_dir=data_dir, reporter=reporter(quiet=True))
    parts = (config, story.first, story.losses, story.last)
    return step_document(*parts), step_facts(*parts)


def _picture(run: Path, image: Path, label: str | None) -> "tuple[Document, dict[str, Any]]":
    from mlpcli.cli.picture_document import picture_document, picture_facts
    from mlpcli.training.picture import explain_picture

    story = explain_picture(run, image, label)
    return picture_document(str(image), story), picture_facts(str(image), story)
