"""The pictures that can be drawn of runs.

`mlpcli plot --help` reads this list, so nothing heavy is imported here.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlpcli.pictures.subject import Subject

LANDSCAPE = "landscape"


class Entry(NamedTuple):
    """A line of the list."""

    shows: str
    of_several: bool = False
    """several runs can be drawn over each other, or side by side"""


PICTURES = {
    "curves": Entry("loss, accuracy and learning rate by epoch; the best epoch", True),
    "calibration": Entry("whether it is right as often as it is confident", True),
    "confusion_matrix": Entry("which class is taken for which"),
    "mistakes": Entry("the wrong answers it was surest of"),
    "weights": Entry("what each unit of the first layer looks for"),
    "activations": Entry("how often each hidden unit fires; dead units"),
    "gradients": Entry("the norms of each layer's gradient and update", True),
    "fit": Entry("a regression of one input: its points and the curve", True),
    "decision": Entry("two inputs: the answer at each point of their plane", True),
    LANDSCAPE: Entry("the loss around the path of the training"),
}


def any_run(_run: "Subject") -> None:
    """Return no reason against a run."""


def without_classes(run: "Subject") -> str | None:
    """Return the reason against a regression."""
    if run.is_regression:
        return "this run learned a regression, and the picture is of classes"
    return None


def without_images(run: "Subject") -> str | None:
    """Return the reason against a run on a table."""
    if run.has_images:
        return None
    return "this run learned from a table of numbers, and the picture is of images"


def any_two(_one: "Subject", _other: "Subject") -> bool:
    """Return that two runs can share a picture."""
    return True


@dataclass(frozen=True)
class RunPicture:
    """A picture of runs; `PICTURE` in the module that draws it."""

    draw: "Callable[[Sequence[Subject], Sequence[str]], Figure]"
    """draws runs, each under its label"""
    why_not: "Callable[[Subject], str | None]" = any_run
    """why a run has nothing for it; None if it has"""
    fit_together: "Callable[[Subject, Subject], bool]" = any_two
    """whether two runs can share one"""

    def why_not_of(self, runs: "Sequence[Subject]") -> str | None:
        """Return why these runs cannot be drawn, or None if they can."""
        for run in runs:
            if why_not := self.why_not(run):
                return f"{run.folder}: {why_not}."
            if run is not runs[0] and not self.fit_together(runs[0], run):
                return f"{run.folder}: this run learned from other data than {runs[0].folder}."
        return None


def load(name: str) -> RunPicture:
    """Import the picture of this name."""
    module = "landscape_of_run" if name == LANDSCAPE else name
    picture: RunPicture = importlib.import_module(f"mlpcli.pictures.{module}").PICTURE
    return picture
