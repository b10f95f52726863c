"""The activations as a document: formula, where each saturates, and whether it is centred on 0."""

import math
from collections.abc import Sequence
from typing import Any

from mlpcli.explaining.documents.document import Document, Section, Subsection
from mlpcli.explaining.saturation import character
from mlpcli.nn.activations import Activation
from mlpcli.training.saturated_start import FLAT

HEADER = ("activation", "saturates below", "above", "lowest", "highest", "mean output", "centred")


def activation_document(activations: Sequence[Activation]) -> Document:
    """Return a table of the activations, and the formula of each."""
    rows: list[Sequence[str]] = [HEADER]
    for activation in activations:
        found = character(activation)
        rows.append(
            [
                activation.name,
                _bound(found.saturates_below),
                _bound(found.saturates_above),
                _bound(found.lowest),
                _bound(found.highest),
                _rounded(found.mean_output),
                "yes" if found.is_centred else "no",
            ]
        )
    sections = [
        Section(
            "Where they saturate, and what they put out",
            words=f"An activation is saturated where its slope stays below {FLAT:g}: less than a "
            "hundredth of the error that comes back passes. Its mean output is that for z from the "
            "standard normal distribution; it is centred on zero where that is 0.",
            rows=rows,
        ),
        Section("Their formulae"),
        *(Subsection(activation.name, formula=activation.formula) for activation in activations),
    ]
    return Document("Activations and their derivatives", sections)


def activation_facts(activations: Sequence[Activation]) -> dict[str, Any]:
    """Return the same for JSON, with null for no bound."""
    facts = {}
    for activation in activations:
        found = character(activation)
        facts[activation.name] = {
            "formula": activation.formula,
            "saturates_below": found.saturates_below,
            "saturates_above": found.saturates_above,
            "lowest": _finite(found.lowest),
            "highest": _finite(found.highest),
            "mean_output": found.mean_output,
            "centred": found.is_centred,
        }
    return {"saturated_slope": FLAT, "activations": facts}


def _bound(value: float | None) -> str:
    if value is None:
        return "nowhere"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return _rounded(value)


def _rounded(value: float) -> str:
    return f"{round(value, 4) + 0.0:.4f}"  # + 0.0: no minus before 0


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
