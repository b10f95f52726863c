"""How `mlpcli predict` gives its answers, whatever it answers."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class AnswerForm:
    """The options that images, tables of pixels and rows of numbers share."""

    top: int | None
    """number of classes to name, the likeliest first; None: one for people, all for programs"""
    threshold: float
    """probability from which on an answer is sure"""
    as_json: bool
    csv_file: Path | None
    """where a table is written too"""
