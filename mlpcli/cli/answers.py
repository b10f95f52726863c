"""The answers of `mlpcli predict`, and how they are written."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlpcli.cli.text import percent
from mlpcli.data.image import Prepared
from mlpcli.errors import DataError
from mlpcli.nn.arrays import Array

UNSURE = "unsure"


@dataclass(frozen=True)
class Answer:
    """What the network made of one digit."""

    file: str
    prepared: Prepared
    ranking: list[tuple[str, float]]
    """every class with its probability, the likeliest first"""
    sure: bool
    """the probability reaches the threshold"""

    @property
    def digit(self) -> str:
        """The likeliest class."""
        return self.ranking[0][0]

    @property
    def probability(self) -> float:
        """Of the likeliest class."""
        return self.ranking[0][1]

    @property
    def box(self) -> dict[str, int]:
        """Where it is, in pixels of the picture as it was read."""
        rows, columns = self.prepared.box
        return {
            "left": columns.start,
            "top": rows.start,
            "width": columns.stop - columns.start,
            "height": rows.stop - rows.start,
        }

    def text(self, top: int) -> str:
        """The `top` likeliest classes, for people."""
        ranking = ", ".join(f"{name} ({percent(p)})" for name, p in self.ranking[:top])
        return ranking if self.sure else f"{UNSURE}, perhaps {ranking}"

    def facts(self, top: int | None) -> dict[str, Any]:
        """The same, for programs."""
        return {
            "file": self.file,
            "digit": self.digit,
            "probability": self.probability,
            "sure": self.sure,
            "probabilities": dict(self.ranking[:top]),
            "preparation": {
                "inverted": self.prepared.inverted,
                "already_prepared": self.prepared.already_prepared,
                "box": self.box,
            },
        }


def answer(
    file: str, prepared: Prepared, probabilities: Array, names: Sequence[str], threshold: float
) -> Answer:
    """Rank the classes `names` (n,) by their `probabilities` (n,)."""
    order = np.argsort(-probabilities, kind="stable")
    ranking = [(names[i], float(probabilities[i])) for i in order]
    return Answer(file, prepared, ranking, ranking[0][1] >= threshold)


def as_csv(answers: Sequence[Answer], names: Sequence[str]) -> str:
    """A table with a row an answer."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "digit", "probability", "sure", *(f"probability_{n}" for n in names)])
    for each in answers:
        by_name = dict(each.ranking)
        row = [each.file, each.digit, each.probability, str(each.sure).lower()]
        writer.writerow([*row, *(by_name[name] for name in names)])
    return text.getvalue()


Labels = dict[tuple[str, ...], str | None]
"""By each end of a file's path, its name to all of it; None where files that have it differ."""


def read_labels(path: Path) -> Labels:
    """What a table with the columns `file` and `label` says.

    Raises:
        DataError: it cannot be read, or lacks a column or a label.
    """
    labels: Labels = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if not {"file", "label"} <= set(reader.fieldnames or ()):
                raise DataError(f"{path}: expected a table with the columns file and label.")
            for row in reader:
                if not row["file"] or row["label"] is None:
                    raise DataError(f"{path}:{reader.line_num}: expected a file and its label.")
                for end in _ends(row["file"]):
                    known = labels.setdefault(end, row["label"])
                    labels[end] = row["label"] if row["label"] == known else None
            return labels
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as a table: {error}.") from error


def _ends(file: str) -> list[tuple[str, ...]]:
    parts = Path(file).parts
    return [parts[start:] for start in range(len(parts))]


def _label(file: str, labels: Labels) -> str | None:
    """The label of the row whose path ends most like the file's; None where there is none."""
    for end in _ends(file):
        if end in labels:
            if labels[end] is None:
                raise DataError(
                    f"{file}: the table of --labels has different labels for "
                    f"{Path(*end)}; write more of the path there."
                )
            return labels[end]
    return None


def score(answers: Sequence[Answer], labels: Labels) -> str:
    """How many answers are right, and which are wrong.

    Raises:
        DataError: none of the files has a label, or one has several.
    """
    labelled = [(each, _label(each.file, labels)) for each in answers]
    judged = [(each, label) for each, label in labelled if label is not None]
    if not judged:
        raise DataError("None of the pictures has a label in the table of --labels.")
    wrong = [(each, label) for each, label in judged if each.digit != label]
    right = len(judged) - len(wrong)
    lines = [f"Accuracy: {percent(right / len(judged))} ({right:,} of {len(judged):,} right)"]
    sure = [each.digit == label for each, label in judged if each.sure]
    if len(sure) < len(judged):
        share = f", {percent(sum(sure) / len(sure))} of them right" if sure else ""
        lines.append(f"Sure: {len(sure):,} of {len(judged):,}{share}")
    lines += [f"  {each.file}: {label}, answered {each.text(1)}" for each, label in wrong]
    return "\n".join(lines)
