"""`mlpcli evaluate`."""

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlpcli.cli import options
from mlpcli.cli.text import percent, table
from mlpcli.errors import AccuracyError

if TYPE_CHECKING:
    from mlpcli.training.evaluation import Evaluation
    from mlpcli.training.judging import DatasetName, Split

MOST_CONFUSED = 5


def _share(_context: click.Context, _option: click.Parameter, value: float | None) -> float | None:
    if value is not None and not 0 <= value <= 1:  # nan is neither
        raise click.BadParameter(f"expected a number from 0 to 1, found {value:g}")
    return value


@click.command("evaluate")
@click.argument("checkpoint", type=options.PATH)
@click.option(
    "--split",
    type=click.Choice(["test", "validation", "train"]),
    default="test",
    show_default=True,
    help="Which part of the data to judge it on.",
)
@click.option(
    "--dataset",
    type=click.Choice(["mnist", "fashion_mnist", "kmnist", "synthetic"]),
    help="Judge it on another dataset.  [default: the one it was trained on]",
)
@click.option(
    "--min-accuracy",
    type=float,
    callback=_share,
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
def command(
    checkpoint: Path,
    split: "Split",
    dataset: "DatasetName | None",
    min_accuracy: float | None,
    predictions: Path | None,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Judge a trained network: CHECKPOINT is a run folder or a .safetensors file.

    \b
    mlpcli evaluate runs/mnist
    mlpcli evaluate runs/quickstart --dataset mnist
    mlpcli evaluate runs/mnist --min-accuracy 0.98 --json
    """
    from mlpcli.cli.progress import reporter
    from mlpcli.training.judging import judge

    evaluation = judge(
        checkpoint, split=split, dataset=dataset, data_dir=data_dir, reporter=reporter(quiet=False)
    )
    if predictions is not None:
        _write_predictions(predictions, evaluation)
    click.echo(json.dumps(_facts(evaluation), allow_nan=False) if as_json else _text(evaluation))
    if min_accuracy is not None and evaluation.accuracy < min_accuracy:
        raise AccuracyError(
            f"The accuracy is {evaluation.accuracy:.4f}, below the {min_accuracy:g} asked for."
        )


def _facts(evaluation: "Evaluation") -> dict[str, Any]:
    import dataclasses

    from mlpcli.training.metrics import class_metrics

    return {
        "images": len(evaluation.labels),
        "loss": evaluation.loss,
        "accuracy": evaluation.accuracy,
        "classes": [
            dataclasses.asdict(each)
            for each in class_metrics(evaluation.confusion, evaluation.class_names)
        ],
        "confusion_matrix": evaluation.confusion.tolist(),
    }


def _text(evaluation: "Evaluation") -> str:
    from mlpcli.training.metrics import class_metrics, most_confused

    names, confusion = evaluation.class_names, evaluation.confusion
    total = len(evaluation.labels)
    right = int(confusion.trace())
    by_class = table(
        [["class", "precision", "recall", "F1", "images"]]
        + [
            [m.name, f"{m.precision:.4f}", f"{m.recall:.4f}", f"{m.f1:.4f}", str(m.support)]
            for m in class_metrics(confusion, names)
        ]
    )
    matrix = table(
        [["true \\ predicted", *names]]
        + [[name, *map(str, row)] for name, row in zip(names, confusion, strict=True)]
    )
    pairs = "\n".join(
        f"  {names[true]} taken for {names[predicted]}: {count}"
        for true, predicted, count in most_confused(confusion, MOST_CONFUSED)
    )
    return (
        f"Accuracy: {percent(evaluation.accuracy)} ({right:,} of {total:,} right)\n"
        f"Loss:     {evaluation.loss:.4f}\n\n"
        f"{by_class}\n\n{matrix}\n\nMost confused:\n{pairs or '  nothing'}"
    )


def _write_predictions(path: Path, evaluation: "Evaluation") -> None:
    from mlpcli.files import write_text

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = evaluation.class_names
    writer.writerow(["index", "label", "prediction", *(f"probability_{name}" for name in names)])
    for i, (label, prediction, probabilities) in enumerate(
        zip(evaluation.labels, evaluation.predictions, evaluation.probabilities, strict=True)
    ):
        writer.writerow([i, names[label], names[prediction], *map(float, probabilities)])
    write_text(path, text.getvalue())
