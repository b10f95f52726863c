"""The answers of `mlpcli predict --inputs`, as text, JSON and CSV."""

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlpcli.cli.predict_answers import UNSURE
from mlpcli.data.dataset import FloatArray
from mlpcli.data.table_files import parse_row, read_rows
from mlpcli.errors import DataError
from mlpcli.inference.committee import Committee
from mlpcli.nn.arrays import Array
from mlpcli.text import number, percent


@dataclass(frozen=True)
class TableAnswers:
    """The answers of a network that learned from a table to rows of numbers."""

    input_names: tuple[str, ...]
    names: tuple[str, ...]
    """of the classes, or of the outputs of a regression"""
    inputs: FloatArray
    """(N, n_in)"""
    outputs: Array | None
    """(N, n_out) of a regression"""
    probabilities: Array | None
    """(N, n_classes)"""
    threshold: float
    has_names: bool
    """whether the columns of inputs have names of their own"""

    def lines(self, top: int) -> list[str]:
        """Return a line for each row, for people."""
        return [f"{self._given(x)}: {self._answer(i, top)}" for i, x in enumerate(self.inputs)]

    def _given(self, x: FloatArray) -> str:
        names = [f"{name} " if self.has_names else "" for name in self.input_names]
        return ", ".join(f"{name}{value:.6g}" for name, value in zip(names, x, strict=True))

    def _answer(self, i: int, top: int) -> str:
        if self.outputs is not None:
            has_names = self.names[0] != "1"
            names = [f"{name} " if has_names else "" for name in self.names]
            pairs = zip(names, self.outputs[i], strict=True)
            return ", ".join(f"{name}{number(float(value))}" for name, value in pairs)
        ranking = self._ranking(i)
        text = ", ".join(f"{name} ({percent(p)})" for name, p in ranking[:top])
        return text if ranking[0][1] >= self.threshold else f"{UNSURE}, perhaps {text}"

    def _ranking(self, i: int) -> list[tuple[str, float]]:
        p = np.asarray(self.probabilities)[i]
        return [(self.names[k], float(p[k])) for k in np.argsort(-p, kind="stable")]

    def facts(self, top: int | None) -> list[dict[str, Any]]:
        """Return the answer to each row, for programs."""
        found = []
        for i, x in enumerate(self.inputs):
            facts: dict[str, Any] = {"inputs": dict(zip(self.input_names, x.tolist(), strict=True))}
            if self.outputs is not None:
                facts["outputs"] = dict(zip(self.names, self.outputs[i].tolist(), strict=True))
            else:
                ranking = self._ranking(i)
                name, p = ranking[0]
                facts |= {"class": name, "probability": p, "sure": p >= self.threshold}
                facts["probabilities"] = dict(ranking[:top])
            found.append(facts)
        return found

    def as_csv(self) -> str:
        """Return a table: each row with its answer."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if self.outputs is not None:
            names = ["output"] if self.names == ("1",) else self.names
            writer.writerow([*self.input_names, *names])
            for x, z in zip(self.inputs.tolist(), self.outputs.tolist(), strict=True):
                writer.writerow([*x, *z])
            return text.getvalue()
        by_class = [f"probability_{name}" for name in self.names]
        writer.writerow([*self.input_names, "class", "probability", "sure", *by_class])
        for i, x in enumerate(self.inputs.tolist()):
            name, p = self._ranking(i)[0]
            sure = str(p >= self.threshold).lower()
            writer.writerow([*x, name, p, sure, *map(float, np.asarray(self.probabilities)[i])])
        return text.getvalue()


def answer_rows(committee: Committee, given: Sequence[str], threshold: float) -> TableAnswers:
    """Answer rows that are written out, such as 120,3, or stand in CSV files.

    Raises:
        DataError: the network learned from images, a row does not fit it, or a file cannot be read.
    """
    first = committee.models[0]
    if not first.learned_from_a_table:
        raise DataError(
            f"{first.path}: this network was trained on images; give it one, without --inputs."
        )
    names = committee.input_names
    x = np.concatenate([_rows(each, names) for each in given])
    is_regression = first.is_regression
    return TableAnswers(
        names,
        committee.class_names,
        x,
        committee.predict(x) if is_regression else None,
        None if is_regression else committee.predict_proba(x),
        threshold,
        has_names=bool(first.given_input_names),
    )


def _rows(given: str, names: Sequence[str]) -> FloatArray:
    """Return the rows (n, n_in) of a file, or the one row that is written out."""
    # Path's is_file raises where a row is too long for a name.
    if os.path.isfile(given) or Path(given).suffix.lower() == ".csv":  # noqa: PTH113
        return read_rows(Path(given), names)
    return np.array([parse_row(given, names)])
