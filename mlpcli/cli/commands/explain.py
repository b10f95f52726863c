"""`mlpcli explain`."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from mlpcli.cli import candidates, options
from mlpcli.errors import ConfigError
from mlpcli.language import LOCALES, VARIABLE, _, speaking

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlpcli.config.schema.config import Config
    from mlpcli.explaining.documents.document import Document
    from mlpcli.explaining.graph import Graph
    from mlpcli.explaining.notation import Notation, NotationName
    from mlpcli.explaining.prediction import TracedPrediction

WRITTEN = {".txt": "text", ".md": "markdown", ".html": "html", ".json": "json"}
DRAWN = {".png": "png", ".svg": "svg"}
LONGEST_RANGE = 1000
"""examples of a range that are taken: more than can be shown"""


@dataclass(frozen=True)
class Explanation:
    """An explanation that can be written in every format, and perhaps drawn."""

    document: "Document"
    facts: dict[str, Any]
    draw: "Callable[[], Figure] | None" = None


@click.command("explain")
@click.argument(
    "arguments",
    nargs=-1,
    type=options.NAME,
    metavar="[RUN] [IMAGE] [KEY=VALUE]...",
    shell_complete=candidates.explained,
)
@options.configs_without_default
@click.option(
    "--steps",
    type=click.IntRange(1, 100_000),
    metavar="N",
    help="With --config: train N steps; one is shown in full.  [default: up to that one]",
)
@click.option(
    "--at-step",
    type=click.IntRange(1, 100_000),
    metavar="N",
    help="With --config: show step N in full.  [default: 1]",
)
@click.option(
    "--graph",
    is_flag=True,
    help="With --config, or a RUN that learned from a table: draw the computational graph.",
)
@click.option(
    "--example",
    metavar="N",
    help="The number of a training example: with --graph, where 1,2,4 or 1-4 or all are several "
    "graphs, or with a RUN.  [default: with --graph the one of the greatest loss]",
)
@click.option(
    "--inputs",
    metavar="ROW",
    help="With a RUN that learned from a table: the numbers to explain, such as 0,1.",
)
@click.option(
    "--target",
    metavar="CLASS|ROW",
    help="With --inputs: what the output should be, a class or numbers.  [default: the network's "
    "own class; of a regression none]",
)
@click.option(
    "--notation",
    "notation_name",
    type=click.Choice(["rows", "columns"]),
    default="rows",
    show_default=True,
    help="rows: z₁ = x W₁ + b₁, as in the code. columns: z⁽²⁾ = W⁽¹⁾ a⁽¹⁾ + b⁽¹⁾, with layers "
    "counted from the input, as in many textbooks.",
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
@click.option(
    "--language",
    type=click.Choice(list(LOCALES)),
    default="en",
    show_default=True,
    envvar=VARIABLE,
    show_envvar=True,
    help="The language of the words: English or Chinese.",
)
@options.data_dir
@options.trust_paths
def command(
    arguments: tuple[str, ...],
    configs: tuple[str, ...],
    steps: int | None,
    at_step: int | None,
    graph: bool,
    example: str | None,
    inputs: str | None,
    target: str | None,
    notation_name: "NotationName",
    activations: bool,
    label: str | None,
    ways: str | None,
    form: str | None,
    output: Path | None,
    language: str,
    data_dir: Path | None,
    trust_paths: bool,
) -> None:
    """Show every number of a training step, or of a trained network's answer.

    With --config: forward pass, backward pass and update of the first step, or of another, from the
    code that trains, and each gradient beside its centred difference. With RUN, a run folder or a
    checkpoint, and IMAGE: what the network sees, what each layer and each pixel contributes, and
    what one step would change. With RUN and --inputs, or --example: forward, backward and one step
    of a network that learned from a table.

    \b
    mlpcli explain --config examples/worked_3_2_3
    mlpcli explain --config examples/worked_3_2_3 --notation columns --output worked.html
    mlpcli explain --config examples/worked_3_2_3 --at-step 277
    mlpcli explain --config examples/chain --graph --output chain.svg
    mlpcli explain runs/mnist photo.png --label 7 --output sheet.png
    mlpcli explain runs/xor --inputs 0,1 --target 1
    mlpcli explain runs/three_ways photo.png --label 2 --ways 2
    mlpcli explain --activations tanh relu
    mlpcli explain --config examples/xor --language zh
    """
    of_row = inputs is not None or (example is not None and not configs)
    is_run = not configs and not activations
    if is_run:
        options.refuse_configs(arguments[:1])
    conflicts = {
        "--activations goes without --config and --graph.": activations and (configs or graph),
        "--graph goes with --config, or with a RUN and --inputs or --example.": (
            graph and not configs and not of_row
        ),
        "--label goes with RUN and IMAGE alone.": label is not None and (not is_run or of_row),
        "--ways goes with RUN and IMAGE alone, or with RUN and --example.": (
            ways is not None and (not is_run or inputs is not None or graph)
        ),
        "--steps and --at-step go with --config, and not with --graph.": (
            (steps is not None or at_step is not None) and (graph or not configs)
        ),
        "--steps is less than --at-step.": (steps or at_step or 1) < (at_step or 1),
        "--example goes with --graph or with a RUN.": (
            example is not None and (activations or (bool(configs) and not graph))
        ),
        "--inputs goes with a RUN, and without --example.": (
            inputs is not None and (not is_run or example is not None)
        ),
        "--target goes with --inputs.": target is not None and inputs is None,
        "--notation goes without --activations.": activations and notation_name != "rows",
        "--data-dir goes with --config or --example.": (
            data_dir is not None and not configs and example is None
        ),
        "--trust-paths goes with a RUN and --example.": (
            trust_paths and (bool(configs) or example is None)
        ),
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
    if written in DRAWN.values() and inputs is not None and not graph:
        raise click.UsageError("Drawn is only the graph: add --graph, or write an .html file.")
    from mlpcli.explaining.notation import NOTATIONS

    click.get_current_context().with_resource(speaking(language))
    notation = NOTATIONS[notation_name]
    if activations:
        explanation = _activations(arguments)
    elif configs:
        from mlpcli.config.loading import load_config

        config = load_config(*configs, overrides=arguments)
        if graph:
            explanation = _graph(config, _examples(example), data_dir, notation)
        else:
            at_step = at_step or 1
            explanation = _training(config, steps or at_step, at_step, data_dir, notation)
    elif len(arguments) == 1 and of_row:
        number = None if example is None else _one_example(example)
        run = Path(arguments[0])
        explanation = _row(
            run,
            inputs,
            number,
            target,
            ways,
            data_dir,
            notation,
            graph=graph,
            trust_paths=trust_paths,
        )
    elif len(arguments) == 2 and not of_row:
        options.refuse_to_overwrite("--output", output, arguments[1])
        explanation = _image(Path(arguments[0]), Path(arguments[1]), label, ways, notation)
    else:
        raise click.UsageError(
            "Give --config, with KEY=VALUE if you like; or a RUN and an IMAGE alone; or a RUN with "
            "--inputs or --example; or --activations."
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

    if explanation.draw is None:
        raise click.UsageError("A sheet of numbers is not drawn: write an .html file, or --graph.")
    with style.house_style():
        style.save(explanation.draw(), output, "svg" if form == "svg" else "png")


def _examples(text: str | None) -> "list[int] | Literal['all'] | None":
    """Return the numbers in 3, 1,2,4 or 1-4; of a long range only its beginning."""
    if text is None:
        return None
    if text == "all":
        return "all"
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        start, end = _number(first), _number(last if dash else first)
        if start is None or end is None or start > end:
            raise click.UsageError(f"--example {text}: expected numbers such as 3, 1,2 or 1-4.")
        numbers += range(start, min(end, start + LONGEST_RANGE) + 1)
    return list(dict.fromkeys(numbers))


def _one_example(text: str) -> int:
    number = _number(text)
    if number is None:
        raise click.UsageError(f"--example {text}: expected a number from 1 on.")
    return number


def _number(text: str) -> int | None:
    """Return a number from 1 on; None if the text is none, or has thousands of digits."""
    try:
        return (int(text) if text.isdecimal() else 0) or None
    except ValueError:  # more digits than Python converts
        return None


def _training(
    config: "Config", steps: int, at_step: int, data_dir: Path | None, notation: "Notation"
) -> Explanation:
    from mlpcli.cli.reporters import reporter
    from mlpcli.explaining.documents.step import step_document, step_facts
    from mlpcli.explaining.first_steps import explain_training

    report = reporter(quiet=True)
    traced = explain_training(config, steps, shown=at_step, data_dir=data_dir, reporter=report)
    return Explanation(
        step_document(config, traced, notation), step_facts(config, traced, notation)
    )


def _graph(
    config: "Config",
    examples: "list[int] | Literal['all'] | None",
    data_dir: Path | None,
    notation: "Notation",
) -> Explanation:
    from mlpcli.cli.reporters import reporter
    from mlpcli.explaining.graph import explain_graphs

    report = reporter(quiet=True)
    found = explain_graphs(config, examples, notation=notation, data_dir=data_dir, reporter=report)
    return _graphs(found)


def _graphs(graphs: "list[Graph]") -> Explanation:
    from mlpcli.explaining.documents.graph import graph_document, graph_facts

    def draw() -> "Figure":
        from mlpcli.pictures import graph

        return graph.draw(graphs)

    return Explanation(graph_document(graphs), graph_facts(graphs), draw)


def _row(
    run: Path,
    inputs: str | None,
    example: int | None,
    target: str | None,
    ways: str | None,
    data_dir: Path | None,
    notation: "Notation",
    *,
    graph: bool,
    trust_paths: bool,
) -> Explanation:
    from mlpcli.cli.reporters import reporter
    from mlpcli.explaining.documents.step import step_document, step_facts
    from mlpcli.explaining.trained import ask, graph_asked, trace_asked
    from mlpcli.inference.model import load_model

    report = reporter(quiet=True)
    if example is not None and not load_model(run).learned_from_a_table:
        if graph:
            raise ConfigError("--graph draws networks of a table, or those of --config.")
        from mlpcli.explaining.prediction import explain_training_image

        traced_image = explain_training_image(
            run, example, data_dir=data_dir, trust_paths=trust_paths, reporter=report
        )
        return _sheet(_("example {n}", n=example), traced_image, ways, notation)
    if ways is not None:
        raise ConfigError("--ways is of a network that learned from images; this one did not.")
    asked = ask(run, inputs, example, target, data_dir=data_dir, reporter=report)
    if graph:
        return _graphs([graph_asked(asked, notation)])
    traced = trace_asked(asked)
    return Explanation(
        step_document(asked.config, traced, notation), step_facts(asked.config, traced, notation)
    )


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


def _image(
    run: Path, image: Path, label: str | None, ways: str | None, notation: "Notation"
) -> Explanation:
    from mlpcli.explaining.prediction import explain_prediction

    return _sheet(str(image), explain_prediction(run, image, label), ways, notation)


def _sheet(
    name: str, traced: "TracedPrediction", ways: str | None, notation: "Notation"
) -> Explanation:
    if ways is not None:
        return _ways(name, traced, ways, notation)
    from mlpcli.explaining.documents.prediction import prediction_document, prediction_facts

    def draw() -> "Figure":
        from mlpcli.pictures import prediction

        return prediction.draw(Path(name).name, traced)

    return Explanation(
        prediction_document(name, traced, notation),
        prediction_facts(name, traced, notation),
        draw,
    )


def _ways(
    image: str, traced: "TracedPrediction", class_name: str, notation: "Notation"
) -> Explanation:
    from mlpcli.explaining.documents.ways import ways_document, ways_facts
    from mlpcli.explaining.ways import ways

    found = ways(traced, class_name)

    def draw() -> "Figure":
        from mlpcli.pictures import ways as picture

        return picture.draw(Path(image).name, found)

    return Explanation(
        ways_document(image, found, notation), ways_facts(image, found, notation), draw
    )
