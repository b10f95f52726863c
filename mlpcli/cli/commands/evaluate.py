"""`mlpcli evaluate`."""

import csv
import io
import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlpcli.cli import candidates, options
from mlpcli.data.published.sources import SOURCES
from mlpcli.errors import AccuracyError, ConfigError
from mlpcli.text import count, number, percent, table

if TYPE_CHECKING:
    from mlpcli.config.schema.data import DatasetName
    from mlpcli.inference.evaluate_checkpoints import Split
    from mlpcli.training.evaluation import Evaluation

MOST_CONFUSED = 5
MOST_COLUMNS = 50
"""classes of the largest confusion matrix that is shown: it has a column for each"""
MOST_ROWS = 25
COLUMNS = ("target", "output", "error")


@click.command("evaluate")
@click.argument(
    "checkpoints",
    type=options.PATH,
    nargs=-1,
    required=True,
    metavar="CHECKPOINT...",
    shell_complete=candidates.checkpoints_or_sweeps,
)
@click.option(
    "--best",
    type=click.IntRange(min=1),
    metavar="N",
    help="Of a sweep, evaluate the mean of the N networks that validate best.  [default: 1]",
)
@click.option(
    "--split",
    type=click.Choice(["test", "validation", "train"]),
    default="test",
    show_default=True,
    help="The split to evaluate it on.",
)
@click.option(
    "--dataset",
    type=click.Choice([*SOURCES, "synthetic"]),
    help="Evaluate it on another dataset.  [default: the one it was trained on]",
)
@click.option(
    "--min-accuracy",
    type=click.FloatRange(0, 1),
    callback=options.finite,
    metavar="X",
    help="Exit with 8 if the accuracy is below X (0 to 1).",
)
@click.option(
    "--predictions",
    type=options.PATH,
    metavar="FILE.csv",
    help="Write each example's label, prediction and probabilities.",
)
@options.as_json
@options.data_dir
@options.trust_paths
def command(
    checkpoints: tuple[Path, ...],
    best: int | None,
    split: "Split",
    dataset: "DatasetName | None",
    min_accuracy: float | None,
    predictions: Path | None,
    as_json: bool,
    data_dir: Path | None,
    trust_paths: bool,
) -> None:
    """Evaluate a trained network: CHECKPOINT is a run folder, a .safetensors file or a sweep.

    Several answer together: their probabilities are averaged, each after its temperature. The loss
    of a single network is that of its outputs as they are, without the temperature. Several
    regressions answer by the mean of their outputs, whose loss is the mean squared error.

    \b
    mlpcli evaluate runs/mnist
    mlpcli evaluate runs/committee runs/committee-2 runs/committee-3
    mlpcli evaluate sweeps/mnist --best 5
    mlpcli evaluate runs/quickstart --dataset mnist
    mlpcli evaluate runs/mnist --min-accuracy 0.98 --json
    """
    from mlpcli.cli.reporters import reporter
    from mlpcli.inference.evaluate_checkpoints import evaluate_checkpoints

    evaluation = evaluate_checkpoints(
        *_networks(checkpoints, best),
        split=split,
        dataset=dataset,
        data_dir=data_dir,
        trust_paths=trust_paths,
        reporter=reporter(quiet=False),
    )
    if predictions is not None:
        _write_predictions(predictions, evaluation)
    click.echo(json.dumps(_facts(evaluation), allow_nan=False) if as_json else _text(evaluation))
    if min_accuracy is None:
        return
    if evaluation.accuracy is None:
        raise ConfigError("--min-accuracy: a regression has no accuracy; leave it out.")
    if evaluation.accuracy < min_accuracy:
        raise AccuracyError(
            f"The accuracy is {evaluation.accuracy:.6g}, below the {min_accuracy:g} asked for."
        )


def _networks(checkpoints: tuple[Path, ...], best: int | None) -> list[Path]:
    """Return the checkpoints, with the best networks of a sweep in its place."""
    from mlpcli.storage.folders import is_sweep

    networks: list[Path] = []
    for path in checkpoints:
        if is_sweep(path):
            from mlpcli.sweeps.best import best_runs

            networks += best_runs(path, best or 1)
        elif best is not None:
            raise ConfigError(f"--best: {path} is no folder of a sweep; leave it out.")
        else:
            networks.append(path)
    return networks


def _facts(evaluation: "Evaluation") -> dict[str, Any]:
    import dataclasses

    from mlpcli.inference.class_metrics import class_metrics, confusion_matrix

    if evaluation.outputs is not None and evaluation.targets is not None:
        return {
            "examples": len(evaluation.labels),
            "loss": evaluation.loss,
            "input_names": list(evaluation.input_names),
            "inputs": None if evaluation.inputs is None else evaluation.inputs.tolist(),
            "output_names": list(evaluation.class_names),
            "outputs": evaluation.outputs.tolist(),
            "targets": evaluation.targets.tolist(),
        }
    confusion = confusion_matrix(evaluation)
    return {
        "images": len(evaluation.labels),
        "loss": evaluation.loss,
        "accuracy": evaluation.accuracy,
        "calibration": _calibration_facts(evaluation),
        "classes": [
            dataclasses.asdict(each) for each in class_metrics(confusion, evaluation.class_names)
        ],
        "confusion_matrix": confusion.tolist(),
    }


def _calibration_facts(evaluation: "Evaluation") -> dict[str, float]:
    from mlpcli.inference.calibration import calibration

    labels = evaluation.labels
    before = after = calibration(evaluation.probabilities, labels).expected_error
    if evaluation.uncalibrated is not None:
        before = calibration(evaluation.uncalibrated, labels).expected_error
    temperature = evaluation.temperature
    return {"temperature": temperature, "expected_error_before": before, "expected_error": after}


def _calibration_text(evaluation: "Evaluation") -> str:
    facts = _calibration_facts(evaluation)
    text = f"expected calibration error {percent(facts['expected_error'])}"
    if evaluation.uncalibrated is None:
        return text
    before = percent(facts["expected_error_before"])
    return f"{text}; {before} before the outputs were divided by {evaluation.temperature:.3f}"


def _text(evaluation: "Evaluation") -> str:
    from mlpcli.inference.class_metrics import class_metrics, confusion_matrix, most_confused

    if evaluation.accuracy is None:
        return _regression_text(evaluation)
    names, confusion = evaluation.class_names, confusion_matrix(evaluation)
    total = len(evaluation.labels)
    right = int(confusion.trace())
    by_class = [["class", "precision", "recall", "F1", "images"]]
    by_class += [
        [m.name, f"{m.precision:.4f}", f"{m.recall:.4f}", f"{m.f1:.4f}", str(m.support)]
        for m in class_metrics(confusion, names)
    ]
    confused = f"The confusion matrix of {len(names):,} classes is in --json."
    if len(names) <= MOST_COLUMNS:
        matrix = [["true \\ predicted", *names]]
        matrix += [[name, *map(str, row)] for name, row in zip(names, confusion, strict=True)]
        confused = table(matrix)
    pairs = "\n".join(
        f"  {names[true]} taken for {names[predicted]}: {images}"
        for true, predicted, images in most_confused(confusion, MOST_CONFUSED)
    )
    rows = ""
    if evaluation.inputs is not None:
        rows = f"{_rows_text(evaluation)}\n\n"
    return (
        f"Accuracy: {percent(evaluation.accuracy)} ({right:,} of {total:,} right)\n"
        f"Loss:     {number(evaluation.loss)}\n"
        f"Trust:    {_calibration_text(evaluation)}\n\n{rows}"
        f"{table(by_class)}\n\n{confused}\n\nMost confused:\n{pairs or '  nothing'}"
    )


def _regression_text(evaluation: "Evaluation") -> str:
    what = f" ({evaluation.loss_is})" if evaluation.loss_is else ""
    return f"Loss: {evaluation.loss:.6g}{what}\n\n{_rows_text(evaluation)}"


def _rows_text(evaluation: "Evaluation") -> str:
    """Return the first examples of a table with their inputs, targets and answers."""
    header, as_given = _header(evaluation), 1 + len(evaluation.input_names)
    given = [i < as_given or name.startswith("target") for i, name in enumerate(header)]
    rows = [header]
    for cells in _rows(evaluation)[:MOST_ROWS]:
        rows.append([_written(cell, each) for cell, each in zip(cells, given, strict=True)])
    rest = len(evaluation.labels) - MOST_ROWS
    return table(rows) if rest <= 0 else f"{table(rows)}\nand {count(rest, 'example')} more"


def _written(cell: str | float, is_given: bool) -> str:
    """Return a name, a given number as short as it is, or a computed one with its decimals."""
    if isinstance(cell, str):
        return cell
    return f"{cell:.6g}" if is_given else number(cell)


def _header(evaluation: "Evaluation") -> list[str]:
    names = evaluation.class_names
    header = ["example", *evaluation.input_names]
    if evaluation.targets is None:
        return [*header, "class", "answer", "probability"]
    if names == ("1",):  # one output without a name
        return [*header, *COLUMNS]
    return [*header, *(f"{what} {name}" for name in names for what in COLUMNS)]


def _rows(evaluation: "Evaluation") -> list[list[str | float]]:
    """Return a row for each example of a table: its number, inputs, target, output and error."""
    import numpy as np

    n = len(evaluation.labels)
    x = np.empty((n, 0)) if evaluation.inputs is None else evaluation.inputs
    rows: list[list[str | float]] = [[i, *row] for i, row in enumerate(x.tolist(), 1)]
    if evaluation.targets is None:
        names = evaluation.class_names
        labels = zip(evaluation.labels, evaluation.predictions, strict=True)
        for row, p, (label, answer) in zip(rows, evaluation.probabilities, labels, strict=True):
            row += [names[label], names[answer], float(p[answer])]
        return rows
    t, z = np.asarray(evaluation.targets), np.asarray(evaluation.outputs)
    values = np.stack([t, z, z - t], axis=2).reshape(n, -1).tolist()
    for row, more in zip(rows, values, strict=True):
        row += more
    return rows


def _write_predictions(path: Path, evaluation: "Evaluation") -> None:
    from mlpcli.files import write_text

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = evaluation.class_names
    if evaluation.accuracy is None:
        writer.writerow([each.replace(" ", "_") for each in _header(evaluation)])
        writer.writerows(_rows(evaluation))
    else:
        inputs = evaluation.input_names
        x: Iterable[list[float]] = itertools.repeat([])
        if evaluation.inputs is not None:
            x = evaluation.inputs.tolist()
        probabilities = [f"probability_{name}" for name in names]
        counted = "index" if evaluation.inputs is None else "example"
        writer.writerow([counted, *inputs, "label", "prediction", *probabilities])
        answers = (evaluation.labels, evaluation.predictions, evaluation.probabilities)
        rows = zip(x, *answers, strict=False)
        for i, (row, label, answer, p) in enumerate(rows, int(bool(inputs))):
            writer.writerow([i, *row, names[label], names[answer], *map(float, p)])
    write_text(path, text.getvalue())
