"""The pictures that can be drawn of runs.

`mlpcli plot --help` reads this list, so nothing heavy is imported here.
"""

import importlib
from collections.abc import Sequence
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


class RunPicture:
    """A picture of runs. The module of each has a subclass named `OfRuns`."""

    needs_classes = False
    needs_images = False

    def why_not(self, subject: "Subject") -> str | None:
        """Return why the run has nothing for this picture, or None if it has."""
        if self.needs_classes and subject.is_regression:
            return "this run learned a regression, and the picture is of classes"
        if self.needs_images and not subject.has_images:
            return "this run learned from a table of numbers, and the picture is of images"
        return None

    def fit_together(self, _one: "Subject", _other: "Subject") -> bool:
        """Return whether two runs can share one picture."""
        return True

    def draw(self, subjects: "Sequence[Subject]", labels: Sequence[str]) -> "Figure":
        """Draw the runs, each under its label."""
        raise NotImplementedError

    def why_not_of(self, subjects: "Sequence[Subject]") -> str | None:
        """Return why these runs cannot be drawn, or None if they can."""
        for subject in subjects:
            if why_not := self.why_not(subject):
                return f"{subject.folder}: {why_not}."
        first = subjects[0]
        for subject in subjects[1:]:
            if not self.fit_together(first, subject):
                return f"{subject.folder}: this run learned from other data than {first.folder}."
        return None


def load(name: str) -> RunPicture:
    """Import the module that draws the picture of this name."""
    module = "landscape_of_run" if name == LANDSCAPE else name
    picture: RunPicture = importlib.import_module(f"mlpcli.pictures.{module}").OfRuns()
    return picture
