"""Which pictures there are, and how they get into a folder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mlpcli.config.loading import config_of_checkpoint
from mlpcli.config.schema.config import Config
from mlpcli.data.cache import data_directory
from mlpcli.data.dataset import Dataset
from mlpcli.data.loading import DataLoader
from mlpcli.errors import CheckpointError, ConfigError, DataError
from mlpcli.files import as_argument, make_folder
from mlpcli.reporting import Reporter
from mlpcli.training.checkpoint import load_checkpoint
from mlpcli.training.evaluation import Evaluation
from mlpcli.training.model import Model, load_model
from mlpcli.training.records import RunRecord, read_gradients, read_record
from mlpcli.training.setup import Setup, set_up

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlpcli.pictures.style import Format

LANDSCAPE = "landscape"
MOST_RUNS = 8
"""laid over each other; more lines could not be told apart"""


class Subject:
    """A run to be drawn: each part is read when a picture first asks for it."""

    def __init__(
        self,
        folder: Path,
        data_dir: Path | None,
        reporter: Reporter,
        test: Evaluation | None,
        trust_paths: bool,
    ) -> None:
        self.record: RunRecord = read_record(folder)
        self.reporter = reporter
        self._data_dir, self._trust_paths = data_dir, trust_paths
        self._evaluation = test

    @property
    def folder(self) -> Path:
        """The run's."""
        return self.record.directory.path

    @cached_property
    def recorded(self) -> RunRecord:
        """The record of a run that has finished an epoch.

        Raises:
            CheckpointError: it has not.
        """
        if not self.record.history:
            raise CheckpointError(
                f"{self.folder}: this run has not finished an epoch, or has lost its metrics.csv, "
                f"so there is nothing to draw; go on: mlpcli train --resume "
                f"{as_argument(self.folder)}"
            )
        return self.record

    @cached_property
    def model(self) -> Model:
        """The network of the best epoch."""
        return load_model(self.folder)

    @cached_property
    def config(self) -> Config:
        """The config, checked."""
        return config_of_checkpoint(self.model.config, self.model.path)

    @property
    def has_images(self) -> bool:
        """Whether it learned from images, not from a table of numbers."""
        return bool(self.record.setting("data", "dataset") != "table")

    @property
    def is_regression(self) -> bool:
        """Whether its outputs have targets of their own, and there are no classes."""
        return not self.has_images and self.record.setting("data", "table", "labels") is None

    @cached_property
    def _loader(self) -> DataLoader:
        cache = data_directory(self._data_dir)
        return DataLoader(
            self.config.data, self.config.seed, cache, self.reporter, trust_paths=self._trust_paths
        )

    @cached_property
    def training(self) -> Dataset:
        """The training set, the validation part taken out."""
        return self._loader.training_and_validation()[0]

    @cached_property
    def test(self) -> Dataset:
        """The test set."""
        return self._loader.test(self.model.class_names)

    @cached_property
    def evaluation(self) -> Evaluation:
        """What the best weights make of it: handed in by who has it already, or computed."""
        if self._evaluation is not None:
            return self._evaluation
        evaluation = self.model.evaluate(self.test)
        self.model.refuse_unless_finite(evaluation.loss)
        return evaluation

    def set_up(self) -> Setup:
        """Everything for training it once more."""
        return set_up(self.config, self._loader)


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
        path = subject.record.directory.gradients
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
    last = load_checkpoint(subject.record.directory.last).network.theta
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


def draw_pictures(
    *folders: Path,
    only: Sequence[str] = (),
    with_landscape: bool = False,
    output: Path | None = None,
    file_format: "Format" = "png",
    data_dir: Path | None = None,
    trust_paths: bool = False,
    reporter: Reporter | None = None,
    test: Evaluation | None = None,
) -> list[Path]:
    """Draw one run, or several laid over each other; returns the files written.

    Args:
        folders: those of the runs.
        only: which pictures; by default all that the runs have something for, but the landscape.
        with_landscape: the landscape too, for which the run is trained once more.
        output: where to; by default `pictures/` in the run's folder, the first one's of several.
        file_format: png or svg.
        data_dir: the cache of datasets; None for MLPCLI_DATA, or else `data`.
        trust_paths: data files that a checkpoint names are read wherever they lie; otherwise only
            in the working directory and the cache.
        reporter: told of the progress.
        test: what the run's best weights make of its test set, where that is known already.

    Raises:
        ConfigError: such pictures, or so many runs, cannot be laid over each other.
        CheckpointError: there is no such run, it has not finished an epoch, or its pictures would
            be written elsewhere through a link.
        DataError: a file that a picture needs is missing or damaged.
        WriteError: a picture cannot be written.
    """
    from mlpcli.pictures import style

    asked_for = [*only, LANDSCAPE] if with_landscape else only
    _check_request(folders, asked_for)
    subjects = [
        Subject(folder, data_dir, reporter or Reporter(), test, trust_paths) for folder in folders
    ]
    names = asked_for if only else _all_names(subjects, with_landscape)
    for name in only:
        if why_not := PICTURES[name].why_not_of(subjects):
            raise DataError(f"No picture {name}: {why_not}")
    directory = subjects[0].record.directory
    if output is None:
        directory.refuse_links_outside()
    target = output or directory.pictures
    labels = _labels(subjects)
    suffix = "" if len(subjects) == 1 else "_compared"
    written = []
    make_folder(target)
    with style.house_style():
        for name in dict.fromkeys(names):
            picture = PICTURES[name].draw(subjects, labels)
            path = target / f"{name}{suffix}.{file_format}"
            style.save(picture, path, file_format)
            written.append(path)
    return written


def _check_request(folders: Sequence[Path], only: Sequence[str]) -> None:
    if not 1 <= len(folders) <= MOST_RUNS:
        raise ConfigError(f"Give from 1 to {MOST_RUNS} runs, found {len(folders)}.")
    for name in only:
        if name not in PICTURES:
            raise ConfigError(
                f"There is no picture named {name!r}; there are {', '.join(PICTURES)}."
            )
        if len(folders) > 1 and not PICTURES[name].of_several:
            several = ", ".join(name for name, picture in PICTURES.items() if picture.of_several)
            raise ConfigError(
                f"{name} is drawn of one run at a time; of several there are {several}."
            )


def _all_names(subjects: Sequence[Subject], with_landscape: bool) -> list[str]:
    """The pictures for which all of these runs have something."""
    for subject in subjects:
        subject.recorded  # noqa: B018 (says that there is nothing to draw)
    names = []
    for name, picture in PICTURES.items():
        if name == LANDSCAPE and not with_landscape:
            continue
        if len(subjects) > 1 and not picture.of_several:
            continue
        if not picture.why_not_of(subjects):
            names.append(name)
    for subject in subjects:
        path = subject.record.directory.gradients
        if "gradients" in names and not path.exists():
            names.remove("gradients")
            subject.reporter.remark(f"{path}: there is no such file, so gradients is left out.")
    return names


def _labels(subjects: Sequence[Subject]) -> list[str]:
    """The runs' names; where two are alike, with as much of their paths as tells them apart."""
    paths = [subject.folder.resolve() for subject in subjects]
    labels = [path.name for path in paths]
    for length in range(2, max(len(path.parts) for path in paths) + 1):
        if len(set(labels)) == len(set(paths)):
            break
        labels = ["/".join(path.parts[-length:]) for path in paths]
    return labels
