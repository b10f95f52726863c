"""`mlpcli explain`."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlpcli.cli import options
from mlpcli.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlpcli.config.schema.config import Config
    from mlpcli.explaining.documents.document import Document
    from mlpcli.explaining.prediction import TracedPrediction

WRITTEN = {".txt": "text", ".md": "markdown", ".html": "html", ".json": "json"}
DRAWN = {".png": "png", ".svg": "svg"}


@dataclass(frozen=True)
class Explanation:
    """An explanation that can be written in every format, and perhaps drawn."""

    document: "Document"
    facts: dict[str, Any]
    draw: "Callable[[], Figure] | None" = None


@click.command("explain")
@click.argument("arguments", nargs=-1, type=options.NAME, metavar="[RUN IMAGE] [KEY=VALUE]...")
@options.configs_without_default
@click.option(
    "--steps",
    type=click.IntRange(1, 100_000),
    metavar="N",
    help="With --config: train N steps; the first is shown in full.  [default: 1]",
)
@click.option("--graph", is_flag=True, help="With --config: draw the computational graph.")
@click.option(
    "--example",
    type=click.IntRange(min=1),
    metavar="N",
    help="With --graph: the number of the training example.  [default: 1]",
)
@click.option(
    "--activations", is_flag=True, help="Draw the activation functions: all, or those named."
)
@click.option(
    "--label",
    metavar="CLASS",
    help="With a RUN: the class that the image shows.  [default: the network's answer]",
)
@click.option(
    "--ways",
    metavar="CLASS",
    help="With a RUN: the three ways to change the output of this class, and what all outputs wish "
    "of the units before them.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(WRITTEN.values())),
    help="The format of the output. html is one self-contained page.  [default: text]",
)
@click.option(
    "--output",
    "-o",
    type=options.PATH,
    metavar="FILE",
    help="Write it to a file instead: .png and .svg are drawn, .html, .md, .json and .txt written. "
    " [default: graph.png with --graph, activations.png with --activations]",
)
@options.data_dir
def command(
    arguments: tuple[str, ...],
    configs: tuple[str, ...],
    steps: int | None,
    graph: bool,
    example: int | None,
    activations: bool,
    label: str | None,
    ways: str | None,
    form: str | None,
    output: Path | None,
    data_dir: Path | None,
) -> None:
    """Show every number of a training step, or of a trained network's answer to an image.

    With --config: forward pass, backward pass and update of the first step, from the code that
    trains, and each gradient beside its centred difference. With RUN, a run folder or a checkpoint,
    and IMAGE: what the network sees, what each layer and each pixel contributes, and what one step
    would change.

    \b
    mlpcli explain --config examples/worked_3_2_3
    mlpcli explain --config examples/worked_3_2_3 --steps 277 --output worked.html
    mlpcli explain --config examples/chain --graph --output chain.svg
    mlpcli explain runs/mnist photo.png --label 7 --output sheet.png
    mlpcli explain runs/three_ways photo.png --label 2 --ways 2
    mlpcli explain --activations tanh relu
    """
    conflicts = {
        "--activations goes without --config and --graph.": activations and (configs or graph),
        "--graph goes with --config.": graph and not configs,
        "--label goes with RUN and IMAGE alone.": label is not None and (configs or activations),
        "--ways goes with RUN and IMAGE alone.": ways is not None and (configs or activations),
        "--steps goes with --config, and not with --graph.": (
            steps is not None and (graph or not configs)
        ),
        "--example goes with --graph.": example is not None and not graph,
        "--data-dir goes with --config.": data_dir is not None and not configs,
    }
    for message, is_so in conflicts.items():
        if is_so:
            raise click.UsageError(message)
    written = _form_of(output, form) if output is not None else form
    if written is None and (graph or activations):
        output, written = Path("graph.png" if graph else "activations.png"), "png"
    if written in DRAWN.values() and configs and not graph:
        raise click.UsageError(
            "A worked sheet is text: write it to an .html, .md, .json or .txt file; --graph draws."
        )
    if activations:
        explanation = _activations(arguments)
    elif configs:
        from mlpcli.config.loading import load_config

        config = load_config(*configs, overrides=arguments)
        if graph:
            explanation = _graph(config, example or 1, data_dir)
        else:
            explanation = _training(config, steps or 1, data_dir)
    elif len(arguments) == 2:
        explanation = _picture(Path(arguments[0]), Path(arguments[1]), label, ways)
    else:
        raise click.UsageError(
            "Give --config, with KEY=VALUE if you like, or a RUN and an IMAGE alone, or "
            "--activations."
        )
    if output is None:
        click.echo(_text(explanation, written or "text"), nl=written != "html")
        return
    _write(output, explanation, written or "text")
    click.echo(f"{output}: written")


def _form_of(output: Path, form: str | None) -> str:
    """Return the format of a file by its ending."""
    formats = WRITTEN | DRAWN
    found = formats.get(output.suffix.lower())
    if found is None:
        raise click.UsageError(
            f"--output {output}: expected a file that ends in {', '.join(formats)}."
        )
    if form not in (None, found):
        raise click.UsageError(f"--output {output} is {found}, but --format says {form}.")
    return found


def _text(explanation: Explanation, form: str) -> str:
    from mlpcli.explaining.documents.html_page import as_html
    from mlpcli.explaining.documents.plain_text import as_markdown, as_text

    if form == "json":
        return json.dumps(explanation.facts, indent=2, allow_nan=False)
    return {"text": as_text, "markdown": as_markdown, "html": as_html}[form](explanation.document)


def _write(output: Path, explanation: Explanation, form: str) -> None:
    from mlpcli.files import write_text

    if form not in DRAWN.values():
        write_text(output, _text(explanation, form) + ("" if form == "html" else "\n"))
        return
    from mlpcli.pictures.backend import import_matplotlib

    import_matplotlib()
    from mlpcli.pictures import style

    assert explanation.draw is not None  # noqa: S101 - others were refused
    with style.house_style():
        style.save(explanation.draw(), output, "svg" if form == "svg" else "png")


def _training(config: "Config", steps: int, data_dir: Path | None) -> Explanation:
    from mlpcli.cli.reporters import reporter
    from mlpcli.explaining.documents.step import step_document, step_facts
    from mlpcli.explaining.first_steps import explain_training

    traced = explain_training(config, steps, data_dir=data_dir, reporter=reporter(quiet=True))
    return Explanation(step_document(config, traced), step_facts(config, traced))


def _graph(config: "Config", example: int, data_dir: Path | None) -> Explanation:
    from mlpcli.cli.reporters import reporter
    from mlpcli.explaining.documents.graph import graph_document, graph_facts
    from mlpcli.explaining.graph import explain_graph

    found = explain_graph(config, example, data_dir=data_dir, reporter=reporter(quiet=True))

    def draw() -> "Figure":
        from mlpcli.pictures import graph

        return graph.draw(found)

    return Explanation(graph_document(found), graph_facts(found), draw)


def _activations(names: tuple[str, ...]) -> Explanation:
    from mlpcli.explaining.documents.activations import activation_document, activation_facts
    from mlpcli.nn.activations import ACTIVATIONS

    for name in names:
        if name not in ACTIVATIONS:
            raise ConfigError(
                f"{name}: there is no such activation; there are {', '.join(ACTIVATIONS)}."
            )
    chosen = [ACTIVATIONS[name] for name in dict.fromkeys(names)] or list(ACTIVATIONS.values())

    def draw() -> "Figure":
        from mlpcli.pictures import activation_functions

        return activation_functions.draw(chosen)

    return Explanation(activation_document(chosen), activation_facts(chosen), draw)


def _picture(run: Path, image: Path, label: str | None, ways: str | None) -> Explanation:
    from mlpcli.explaining.documents.prediction import prediction_document, prediction_facts
    from mlpcli.explaining.prediction import explain_prediction

    traced = explain_prediction(run, image, label)
    if ways is not None:
        return _ways(str(image), traced, ways)

    def draw() -> "Figure":
        from mlpcli.pictures import prediction

        return prediction.draw(image.name, traced)

    return Explanation(
        prediction_document(str(image), traced), prediction_facts(str(image), traced), draw
    )


def _ways(image: str, traced: "TracedPrediction", class_name: str) -> Explanation:
    from mlpcli.explaining.documents.ways import ways_document, ways_facts
    from mlpcli.explaining.ways import ways

    found = ways(traced, class_name)

    def draw() -> "Figure":
        from mlpcli.pictures import ways as picture

        return picture.draw(Path(image).name, found)

    return Explanation(ways_document(image, found), ways_facts(image, found), draw)
