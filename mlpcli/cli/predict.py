"""`mlpcli predict`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlpcli.cli import options
from mlpcli.cli.text import percent
from mlpcli.errors import ImageError

if TYPE_CHECKING:
    from mlpcli.training.model import Model


@click.command("predict")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option(
    "--checkpoint",
    type=options.PATH,
    help="A run folder or a .safetensors file.  [default: the newest run]",
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    metavar="K",
    help="How many classes to name, the likeliest first.  [default: 1; with --json, all]",
)
@options.as_json
@options.runs_dir
def command(
    images: tuple[str, ...], checkpoint: Path | None, top: int | None, as_json: bool, runs_dir: Path
) -> None:
    """Say which digit is in each picture, and how probable it is.

    \b
    mlpcli predict photo.png
    mlpcli predict scans/*.png --top 3
    mlpcli predict photo.png --checkpoint runs/mnist --json
    """
    from mlpcli.training.model import load_model
    from mlpcli.training.run_directory import newest_run

    if checkpoint is None:
        checkpoint = newest_run(runs_dir).best
        click.echo(f"Model: {checkpoint}", err=True)
    model = load_model(checkpoint)
    if top is None and not as_json:
        top = 1
    failures = 0
    for image in images:
        try:
            ranking = _ranking(model, Path(image))
        except ImageError as error:
            failures += 1
            click.echo(f"mlpcli: {error}", err=True)
            continue
        click.echo(_json(image, ranking[:top]) if as_json else _text(image, ranking[:top]))
    if failures:
        raise ImageError(f"{failures} of {len(images)} pictures could not be read.")


def _ranking(model: "Model", image: Path) -> list[tuple[str, float]]:
    """Every class with its probability, the likeliest first."""
    from mlpcli.data.image import prepare

    prepared = prepare(image, model.image_shape)
    probabilities = model.predict_proba(prepared.pixels)[0]
    order = (-probabilities).argsort(kind="stable")
    return [(model.class_names[i], float(probabilities[i])) for i in order]


def _text(image: str, ranking: list[tuple[str, float]]) -> str:
    return f"{image}: " + ", ".join(f"{name} ({percent(p)})" for name, p in ranking)


def _json(image: str, ranking: list[tuple[str, float]]) -> str:
    name, probability = ranking[0]
    facts: dict[str, Any] = {
        "file": image,
        "digit": name,
        "probability": probability,
        "probabilities": dict(ranking),
    }
    return json.dumps(facts)
