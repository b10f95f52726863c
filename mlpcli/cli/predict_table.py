"""Answers to a table of pixels, such as Kaggle's test.csv: a row for each image."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from mlpcli.cli.answer_form import AnswerForm
from mlpcli.data.csv_table import PixelTable, read_table
from mlpcli.errors import DataError
from mlpcli.files import write_text
from mlpcli.inference.committee import Committee
from mlpcli.nn.arrays import Array
from mlpcli.text import count, file_name, percent

AT_ONCE = 4096
"""images answered at once"""


@dataclass(frozen=True)
class RowAnswers:
    """The answers to the rows of a table."""

    path: Path
    table: PixelTable
    probabilities: Array
    """(N, n_classes)"""
    names: tuple[str, ...]

    @property
    def digits(self) -> list[str]:
        """The likeliest class of each row."""
        return [self.names[at] for at in self.probabilities.argmax(axis=1).tolist()]

    def lines(self, form: AnswerForm) -> Iterator[str]:
        """Yield the answer to each row, for people or as JSON."""
        order = np.argsort(-self.probabilities, axis=1, kind="stable")
        for row, each, p in zip(self.table.rows.tolist(), order, self.probabilities, strict=True):
            ranking = [(self.names[at], float(p[at])) for at in each]
            digit, probability = ranking[0]
            if form.as_json:
                facts = {
                    "file": str(self.path),
                    "row": row,
                    "digit": digit,
                    "probability": probability,
                    "sure": probability >= form.threshold,
                    "probabilities": dict(ranking[: form.top]),
                }
                yield json.dumps(facts, allow_nan=False)
                continue
            text = ", ".join(f"{name} ({percent(q)})" for name, q in ranking[: form.top or 1])
            sure = "" if probability >= form.threshold else "unsure, perhaps "
            yield f"{file_name(str(self.path))}, row {row}: {sure}{text}"

    def as_csv(self, threshold: float) -> str:
        """Return a table with the answer to each row."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        columns = [f"probability_{name}" for name in self.names]
        writer.writerow(["row", "digit", "probability", "sure", *columns])
        rows = zip(self.table.rows.tolist(), self.digits, self.probabilities.tolist(), strict=True)
        for row, digit, p in rows:
            writer.writerow([row, digit, max(p), str(max(p) >= threshold).lower(), *p])
        return text.getvalue()

    def submission(self) -> str:
        """Return the table that Kaggle's Digit Recognizer asks for."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["ImageId", "Label"])
        writer.writerows(enumerate(self.digits, 1))
        return text.getvalue()

    def score(self) -> str:
        """Return how many answers are right, if the table has labels; otherwise nothing."""
        labels = self.table.labels
        if labels is None:
            return ""
        right = sum(a == b for a, b in zip(self.digits, labels, strict=True))
        share = percent(right / len(labels))
        return f"Accuracy: {share} ({right:,} of {len(labels):,} right)"


def answer_table(committee: Committee, path: Path) -> RowAnswers:
    """Let networks answer each row of a table of pixels, with a column of labels or without.

    Raises:
        DataError: the table cannot be read, or its images have another size.
    """
    height, width = committee.image_shape
    table, _ = read_table(path, n_pixels=height * width)
    found = table.pixels.shape[1]
    if found != height * width:
        raise DataError(
            f"{path}: has {count(found, 'pixel')} in each row, but the network reads images of "
            f"{height}×{width}, which have {height * width:,}."
        )
    some = range(0, len(table.pixels), AT_ONCE)
    probabilities = [committee.predict_proba(table.pixels[at : at + AT_ONCE]) for at in some]
    return RowAnswers(path, table, np.concatenate(probabilities), committee.class_names)


def show(answers: RowAnswers, form: AnswerForm, submission: Path | None) -> None:
    """Write the answers to a table where that is asked for, and print them.

    A submission takes the place of what is printed for people.
    """
    if form.csv_file is not None:
        write_text(form.csv_file, answers.as_csv(form.threshold))
    if submission is not None:
        write_text(submission, answers.submission())
        written = f"{submission}: {count(len(answers.digits), 'answer')} written"
        click.echo(written, err=form.as_json)
    if submission is None or form.as_json:
        for line in answers.lines(form):
            click.echo(line)
    if score := answers.score():
        click.echo(score, err=form.as_json)
