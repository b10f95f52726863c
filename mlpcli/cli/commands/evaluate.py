"""`mlpcli evaluate`."""

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlpcli.cli import options
from mlpcli.data.published.sources import SOURCES
from mlpcli.errors import AccuracyError, ConfigError
from mlpcli.text import count, percent, table

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
@click.argument("checkpoints", type=options.PATH, nargs=-1, required=True, metavar="CHECKPOINT...")
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
    split: "Split",
    dataset: "DatasetName | None",
    min_accuracy: float | None,
    predictions: Path | None,
    as_json: bool,
    data_dir: Path | None,
    trust_paths: bool,
) -> None:
    """Evaluate a trained network: CHECKPOINT is a run folder or a .safetensors file.

    Several answer together: their probabilities are averaged, each after its temperature. The loss
    of a single network is that of its outputs as they are, without the temperature.

    \b
    mlpcli evaluate runs/mnist
    mlpcli evaluate runs/committee runs/committee-2 runs/committee-3
    mlpcli evaluate runs/quickstart --dataset mnist
    mlpcli evaluate runs/mnist --min-accuracy 0.98 --json
    """
    from mlpcli.cli.reporters import reporter
    from mlpcli.inference.evaluate_checkpoints import evaluate_checkpoints

    evaluation = evaluate_checkpoints(
        *checkpoints,
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


def _facts(evaluation: "Evaluation") -> dict[str, Any]:
    import dataclasses

    from mlpcli.inference.class_metrics import class_metrics, confusion_matrix

    if evaluation.outputs is not None and evaluation.targets is not None:
        return {
            "examples": len(evaluation.labels),
            "loss": evaluation.loss,
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
        f"  {names[true]} taken for {names[predicted]}: {count}"
        for true, predicted, count in most_confused(confusion, MOST_CONFUSED)
    )
    return (
        f"Accuracy: {percent(evaluation.accuracy)} ({right:,} of {total:,} right)\n"
        f"Loss:     {evaluation.loss:.4f}\n"
        f"Trust:    {_calibration_text(evaluation)}\n\n"
        f"{table(by_class)}\n\n{confused}\n\nMost confused:\n{pairs or '  nothing'}"
    )


def _regression_text(evaluation: "Evaluation") -> str:
    values = _outputs(evaluation)
    rows = [["example", *(f"{what} {name}" for name in evaluation.class_names for what in COLUMNS)]]
    for i, row in enumerate(values[:MOST_ROWS]):
        rows.append([str(i), *(f"{value:.4f}" for value in row)])
    text = f"Loss: {evaluation.loss:.6g}\n\n{table(rows)}"
    rest = len(values) - MOST_ROWS
    return text if rest <= 0 else f"{text}\nand {count(rest, 'example')} more"


def _outputs(evaluation: "Evaluation") -> list[list[float]]:
    """Return each output's target, value and error, for every example of a regression."""
    import numpy as np

    t, z = np.asarray(evaluation.targets), np.asarray(evaluation.outputs)
    values: list[list[float]] = np.stack([t, z, z - t], axis=2).reshape(len(t), -1).tolist()
    return values


def _write_predictions(path: Path, evaluation: "Evaluation") -> None:
    from mlpcli.files import write_text

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = evaluation.class_names
    if evaluation.accuracy is None:
        writer.writerow(["index", *(f"{what}_{name}" for name in names for what in COLUMNS)])
        writer.writerows([i, *row] for i, row in enumerate(_outputs(evaluation)))
    else:
        writer.writerow(["index", "label", "prediction", *(f"probability_{n}" for n in names)])
        rows = zip(evaluation.labels, evaluation.predictions, evaluation.probabilities, strict=True)
        for i, (label, prediction, probabilities) in enumerate(rows):
            writer.writerow([i, names[label], names[prediction], *map(float, probabilities)])
    write_text(path, text.getvalue())
