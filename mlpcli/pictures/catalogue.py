"""Which pictures there are, and what runs each is of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlpcli.errors import DataError
from mlpcli.pictures.subject import Subject
from mlpcli.storage.checkpoint import load_checkpoint
from mlpcli.storage.records import read_gradients

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LANDSCAPE = "landscape"


def _curves(subjects: Sequence[Subject], labels: Sequence[str]) -> "Figure":
    from mlpcli.pictures import curves

    return curves.draw([subject.recorded for subject in subjects], labels, _noun(subjects))


def _calibration(subjects: Sequence[Subject], labels: Sequence[str]) -> "Figure":
    from mlpcli.pictures import calibration

    evaluations = [subject.evaluation for subject in subjects]
    return calibration.draw(evaluations, labels, _noun(subjects))


def _gradients(subjects: Sequence[Subject], labels: Sequence[str]) -> "Figure":
    from mlpcli.pictures import gradients

    layers = []
    for subject in subjects:
        path = subject.record.folder.gradients
        rows = read_gradients(path)
        if not rows:
            raise DataError(f"{path}: no row in it yet; draw it once an epoch is done.")
        layers.append(gradients.by_layer(rows))
    return gradients.draw(layers, labels, _noun(subjects))


def _fit(subjects: Sequence[Subject], labels: Sequence[str]) -> "Figure":
    from mlpcli.pictures import fit

    training = subjects[0].training
    curves = [
        fit.curve(subject.model, training, subject.evaluation.loss, label)
        for subject, label in zip(subjects, labels, strict=True)
    ]
    return fit.draw(training, curves)


def _decision(subjects: Sequence[Subject], labels: Sequence[str]) -> "Figure":
    from mlpcli.pictures import decision

    planes = [
        decision.plane(subject.model, subject.training, label)
        for subject, label in zip(subjects, labels, strict=True)
    ]
    return decision.draw(planes)


def _confusion_matrix(subjects: Sequence[Subject], _labels: Sequence[str]) -> "Figure":
    from mlpcli.pictures import confusion_matrix

    return confusion_matrix.draw(subjects[0].evaluation, _noun(subjects))


def _mistakes(subjects: Sequence[Subject], _labels: Sequence[str]) -> "Figure":
    from mlpcli.pictures import mistakes

    return mistakes.draw(subjects[0].evaluation, subjects[0].test)


def _weights(subjects: Sequence[Subject], _labels: Sequence[str]) -> "Figure":
    from mlpcli.pictures import weights

    return weights.draw(subjects[0].model)


def _activations(subjects: Sequence[Subject], _labels: Sequence[str]) -> "Figure":
    from mlpcli.pictures import activations

    firing = activations.firing(subjects[0].model, subjects[0].test)
    return activations.draw(firing, _noun(subjects))


def _landscape(subjects: Sequence[Subject], _labels: Sequence[str]) -> "Figure":
    from mlpcli.pictures import landscape

    (subject,) = subjects
    reporter = subject.reporter
    setup = subject.set_up()
    path = landscape.follow(
        setup,
        len(subject.recorded.history),
        lambda done, total: reporter.work_done("training once more", done, total),
    )
    last = load_checkpoint(subject.record.folder.last).network.theta
    if not np.array_equal(path.thetas[-1], last):
        reporter.remark(
            f"{subject.folder}: training it once more did not end at the same weights to the last "
            "bit (another machine, NumPy or number of threads, or it went on for more epochs than "
            "it began with); the path drawn is the repetition's."
        )
    return landscape.draw(
        landscape.survey(
            setup,
            path,
            lambda done, total: reporter.work_done("measuring the loss", done, total),
        ),
        _noun(subjects),
    )


def _noun(subjects: Sequence[Subject]) -> str:
    """What the runs learned from, in a word."""
    return "images" if all(subject.has_images for subject in subjects) else "examples"


def _always(_subject: Subject) -> str:
    return ""


def _whichever(_one: Subject, _other: Subject) -> bool:
    return True


def _have_the_same_points(one: Subject, other: Subject) -> bool:
    a, b = one.training, other.training
    return np.array_equal(a.images, b.images) and np.array_equal(
        np.asarray(a.targets), np.asarray(b.targets)
    )


def _have_the_same_answers(one: Subject, other: Subject) -> bool:
    return (one.is_regression, one.model.class_names) == (
        other.is_regression,
        other.model.class_names,
    )


def _unless_regression(subject: Subject) -> str:
    return "this run learned a regression, and the picture is of classes" * subject.is_regression


def _unless_table(subject: Subject) -> str:
    if subject.has_images:
        return ""
    return "this run learned from a table of numbers, and the picture is of images"


def _if_hidden(subject: Subject) -> str:
    return "this network has no hidden layer to draw" * (len(subject.model.network.dense) == 1)


def _if_of_one_number(subject: Subject) -> str:
    sizes = subject.model.network.sizes
    if subject.is_regression and (sizes[0], sizes[-1]) == (1, 1):
        return ""
    return "the picture is of a regression of one input and one output"


def _if_of_two_numbers(subject: Subject) -> str:
    sizes = subject.model.network.sizes
    if sizes[0] == 2 and not subject.has_images and (sizes[-1] == 1 or not subject.is_regression):
        return ""
    return "the picture is of a table with two inputs, and classes or one output"


@dataclass(frozen=True)
class Picture:
    """One that can be drawn of runs."""

    draw: Callable[[Sequence[Subject], Sequence[str]], "Figure"]
    """of the runs, by their labels"""
    why_not: Callable[[Subject], str] = _always
    """why a run has nothing for it; empty if it has"""
    of_several: bool = False
    """runs can be laid over each other, or side by side"""
    fit_together: Callable[[Subject, Subject], bool] = _whichever
    """whether two runs can"""

    def why_not_of(self, subjects: Sequence[Subject]) -> str:
        """Why it cannot be drawn of these runs; empty if it can."""
        first = subjects[0]
        for subject in subjects:
            if why_not := self.why_not(subject):
                return f"{subject.folder}: {why_not}."
        for subject in subjects[1:]:
            if not self.fit_together(first, subject):
                return f"{subject.folder}: this run learned from other data than {first.folder}."
        return ""


PICTURES: dict[str, Picture] = {
    "curves": Picture(_curves, of_several=True),
    "calibration": Picture(_calibration, _unless_regression, of_several=True),
    "confusion_matrix": Picture(_confusion_matrix, _unless_regression),
    "mistakes": Picture(_mistakes, _unless_table),
    "weights": Picture(_weights, _unless_table),
    "activations": Picture(_activations, _if_hidden),
    "gradients": Picture(_gradients, of_several=True),
    "fit": Picture(_fit, _if_of_one_number, True, _have_the_same_points),
    "decision": Picture(_decision, _if_of_two_numbers, True, _have_the_same_answers),
    LANDSCAPE: Picture(_landscape),
}
