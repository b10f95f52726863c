"""The answers of `mlpcli predict`, as text, JSON and CSV, and their score against labels."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpcli.config.class_names import NO_DIGIT, REFUSED_FROM
from mlpcli.data.labels_table import labelled_files
from mlpcli.errors import DataError
from mlpcli.nn.arrays import Array
from mlpcli.reading.boxes import longer_side
from mlpcli.reading.digit import Prepared
from mlpcli.text import count, file_name, percent

if TYPE_CHECKING:
    from mlpcli.inference.committee import Committee

UNSURE = "unsure"
LEAST_JUDGED_SIDE = 12
"""least longer side, in pixels, of what may be refused: any smaller digit is blurred"""
MOST_NAMED = 5


@dataclass(frozen=True)
class Answer:
    """The answer to one digit."""

    file: str
    prepared: Prepared
    ranking: list[tuple[str, float]]
    """every class with its probability, the likeliest first"""
    sure: bool
    """the probability reaches the threshold"""
    no_digit: float = 0.0
    """the probability that it is none of the classes"""
    of_many: bool = False
    """the image may have other digits"""

    @property
    def is_refused(self) -> bool:
        """Whether it is refused, as what is probably no digit."""
        return self.no_digit >= REFUSED_FROM

    @property
    def digit(self) -> str:
        """The likeliest class."""
        return self.ranking[0][0]

    @property
    def probability(self) -> float:
        """The probability of the likeliest class."""
        return self.ranking[0][1]

    @property
    def box(self) -> dict[str, int]:
        """Where the digit is, in pixels of the upright image."""
        rows, columns = self.prepared.box
        return {
            "left": columns.start,
            "top": rows.start,
            "width": columns.stop - columns.start,
            "height": rows.stop - rows.start,
        }

    @property
    def position(self) -> dict[str, int]:
        """Its line and its place there; empty where the image has no other digits."""
        if not self.of_many:
            return {}
        return {"line": self.prepared.line, "place": self.prepared.place}

    def text(self, top: int) -> str:
        """Return the `top` likeliest classes for people."""
        ranking = ", ".join(f"{name} ({percent(p)})" for name, p in self.ranking[:top])
        if self.is_refused:
            return f"{NO_DIGIT} ({percent(self.no_digit)}), perhaps {ranking}"
        return ranking if self.sure else f"{UNSURE}, perhaps {ranking}"

    def facts(self, top: int | None) -> dict[str, Any]:
        """Return the answer for programs."""
        return {
            "file": self.file,
            **self.position,
            "digit": self.digit,
            "probability": self.probability,
            "sure": self.sure,
            "probabilities": dict(self.ranking[:top]),
            "no_digit": self.no_digit,
            "preparation": {
                "inverted": self.prepared.inverted,
                "already_prepared": self.prepared.already_prepared,
                "box": self.box,
            },
        }


def answers(
    file: str,
    prepared: Sequence[Prepared],
    committee: "Committee",
    threshold: float,
    *,
    of_many: bool,
) -> list[Answer]:
    """Let networks answer each prepared digit of an image file.

    The probabilities include the doubt about where digits that touch are parted.
    """
    pixels = np.stack([each.pixels for each in prepared])
    names, found = committee.class_names, []
    for each, digits, none in zip(prepared, *committee.judge(pixels), strict=True):
        no_digit = float(none) if longer_side(each.box) >= LEAST_JUDGED_SIDE else 0.0
        probabilities = digits * each.certainty
        one = answer(file, each, probabilities, names, threshold, no_digit, of_many=of_many)
        found.append(one)
    return found


def answer(
    file: str,
    prepared: Prepared,
    probabilities: Array,
    names: Sequence[str],
    threshold: float,
    no_digit: float = 0.0,
    *,
    of_many: bool = False,
) -> Answer:
    """Rank the classes `names` (n,) by their `probabilities` (n,)."""
    order = np.argsort(-probabilities, kind="stable")
    ranking = [(names[i], float(probabilities[i])) for i in order]
    sure = ranking[0][1] >= threshold and no_digit < REFUSED_FROM
    return Answer(file, prepared, ranking, sure, no_digit, of_many)


def as_csv(answers: Sequence[Answer], names: Sequence[str], *, of_many: bool) -> str:
    """Return a table with a row for each answer."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    probabilities = [f"probability_{name}" for name in names]
    position = ["line", "place"] if of_many else []
    writer.writerow(["file", *position, "digit", "probability", "sure", *probabilities, "no_digit"])
    for each in answers:
        by_name = dict(each.ranking)
        row = [each.file, *each.position.values()]
        row += [each.digit, each.probability, str(each.sure).lower()]
        writer.writerow([*row, *(by_name[name] for name in names), each.no_digit])
    return text.getvalue()


@dataclass(frozen=True)
class Labels:
    """The labels of files, from a table."""

    by_path: dict[tuple[str, ...], str]
    """by the components of the path in the table"""
    by_end: dict[tuple[str, ...], set[str]]
    """by each end of those paths"""

    def of(self, file: str) -> str | None:
        """Return the label of the row that shares the longest end with the file's path, or None.

        Raises:
            DataError: several rows end in the file's path, with different labels.
        """
        for end in _ends(file):
            if end in self.by_path:
                return self.by_path[end]
        labels = self.by_end.get(Path(file).parts, set())
        if len(labels) > 1:
            raise DataError(
                f"{file}: the table of --labels has different labels for files that end so; "
                "name the image by more of its path."
            )
        return next(iter(labels), None)


def _ends(file: str | Path) -> list[tuple[str, ...]]:
    parts = Path(file).parts
    return [parts[start:] for start in range(len(parts))]


def read_labels(path: Path) -> Labels:
    """Read a table with the columns `file` and `label`.

    Raises:
        DataError: it cannot be read, lacks a column or a label, or has two of one file.
    """
    found = Labels({}, {})
    for line, file, label in labelled_files(path):
        if found.by_path.setdefault(Path(file).parts, label) != label:
            raise DataError(f"{path}:{line}: {file} has two different labels.")
        for end in _ends(file):
            found.by_end.setdefault(end, set()).add(label)
    return found


def score(answers: Sequence[Answer], labels: Labels) -> str:
    """Return how many answers are right, which are wrong, and what was not counted.

    Raises:
        DataError: no file has a label, or one has several, or one that is no class.
    """
    labelled = [(each, labels.of(each.file)) for each in answers]
    scored = [(each, label) for each, label in labelled if label is not None]
    if not scored:
        raise DataError(
            "None of the images that were read has a label in the table of --labels; files are "
            "matched by their names, or by the end of their paths that is the same."
        )
    classes = sorted(name for name, _ in answers[0].ranking)
    for each, label in scored:
        if label not in classes:
            raise DataError(
                f"{each.file}: its label is {label!r}, which is none of the network's classes: "
                f"{', '.join(classes)}."
            )
    wrong = misread(answers, labels)
    right = len(scored) - len(wrong)
    lines = [f"Accuracy: {percent(right / len(scored))} ({right:,} of {len(scored):,} right)"]
    sure = [each.digit == label for each, label in scored if each.sure]
    if len(sure) < len(scored):
        share = f", {percent(sum(sure) / len(sure))} of them right" if sure else ""
        lines.append(f"Sure: {len(sure):,} of {len(scored):,}{share}")
    lines += [
        f"  {file_name(each.file)}: {label}, answered {each.text(1)}" for each, label in wrong
    ]
    lines += _not_counted(labelled, labels)
    return "\n".join(lines)


def misread(answers: Sequence[Answer], labels: Labels) -> list[tuple[Answer, str]]:
    """Return the wrong answers, each with the right one."""
    labelled = [(each, labels.of(each.file)) for each in answers]
    return [(each, label) for each, label in labelled if label not in (None, each.digit) and label]


def _not_counted(labelled: Sequence[tuple[Answer, str | None]], labels: Labels) -> list[str]:
    """Return lines on labels without answers, and answers without labels."""
    whole = {Path(each.file).parts for each, _ in labelled}
    ends = {end for each, _ in labelled for end in _ends(each.file)}
    lines = []
    unanswered = [
        file_name(str(Path(*parts)))
        for parts in labels.by_path
        if parts not in ends and whole.isdisjoint(_ends(Path(*parts)))
    ]
    if unanswered:
        named = ", ".join(unanswered[:MOST_NAMED])
        if len(unanswered) > MOST_NAMED:
            named += ", ..."
        lines.append(f"Not counted: {count(len(unanswered), 'label')} without an answer: {named}")
    if unlabelled := sum(label is None for _, label in labelled):
        lines.append(f"Not counted: {count(unlabelled, 'answer')} without a label")
    return lines
