"""The pictures that can be drawn of runs and of sweeps.

`mlpcli plot --help` reads this list, so nothing heavy is imported here.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlpcli.pictures.subject import Subject
    from mlpcli.pictures.sweep_subject import SweepSubject

LANDSCAPE = "landscape"


class Entry(NamedTuple):
    """A line of the list."""

    shows: str
    of_several: bool = False
    """several runs can be drawn over each other, or side by side"""
    on_request: bool = False
    """drawn only where it is asked for by its name"""


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
    "pace": Entry("the loss by epoch, by step and by second", True, on_request=True),
    "spread": Entry(
        "how far activations and gradients spread in each layer at the start", True, on_request=True
    ),
    "deaths": Entry(
        "on how much of the training set each hidden unit fires, step by step",
        True,
        on_request=True,
    ),
    LANDSCAPE: Entry("the loss around the paths of trainings", True, on_request=True),
}
SWEEP_PICTURES = {
    "parallel_coordinates": Entry("an axis for each parameter, a line for each trial"),
    "parameters": Entry("each parameter against the monitored metric"),
    "importance": Entry("how much each parameter matters"),
    "heat_map": Entry("two parameters whose values make a grid"),
    "seeds": Entry("without parameters: how much is chance"),
}


def without_classes(run: "Subject") -> str | None:
    """Return the reason against a regression."""
    if run.is_regression:
        return "this run learned a regression, and the picture is of classes"
    return None


def without_parameters(sweep: "SweepSubject") -> str | None:
    """Return the reason against a sweep of seeds alone."""
    return None if sweep.keys else "it has no parameters, only seeds"


def without_images(run: "Subject") -> str | None:
    """Return the reason against a run on a table."""
    if run.has_images:
        return None
    return "this run learned from a table of numbers, and the picture is of images"


def without_hidden_layer(run: "Subject") -> str | None:
    """Return the reason against a network of one layer."""
    if len(run.model.network.dense) > 1:
        return None
    return "this network has no hidden layer to draw"


@dataclass(frozen=True)
class RunPicture:
    """A picture of runs: the constant `PICTURE` of the module that draws it."""

    draw: "Callable[[Sequence[Subject], Sequence[str]], Figure]"
    """draws runs, each under its label"""
    why_not: "Callable[[Subject], str | None] | None" = None
    """returns why a run cannot be drawn, or None; without it every run can"""
    share_data: "Callable[[Subject, Subject], bool] | None" = None
    """returns whether two runs fit into one picture; without it any two do"""

    def why_not_of(self, runs: "Sequence[Subject]") -> str | None:
        """Return why these runs cannot be drawn, or None if they can."""
        for run in runs:
            reason = self.why_not(run) if self.why_not else None
            if reason:
                return f"{run.folder}: {reason}."
            if run is runs[0] or self.share_data is None:
                continue
            if not self.share_data(runs[0], run):
                return f"{run.folder}: this run learned from other data than {runs[0].folder}."
        return None


@dataclass(frozen=True)
class SweepPicture:
    """A picture of sweeps: the constant `PICTURE` of the module that draws it."""

    draw: "Callable[[SweepSubject], Figure]"
    """draws a sweep of which at least one trial has a value"""
    why_not: "Callable[[SweepSubject], str | None]"
    """returns why a sweep cannot be drawn, or None"""


def load_of_sweeps(name: str) -> SweepPicture:
    """Import the picture of sweeps of this name."""
    picture: SweepPicture = importlib.import_module(f"mlpcli.pictures.sweep_{name}").PICTURE
    return picture


def load(name: str) -> RunPicture:
    """Import the picture of runs of this name."""
    picture: RunPicture = importlib.import_module(f"mlpcli.pictures.{name}").PICTURE
    return picture
