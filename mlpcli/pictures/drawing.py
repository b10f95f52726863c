"""Which pictures there are, and how they get into a folder."""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mlpcli.config.loading import load_config
from mlpcli.config.schema.config import Config
from mlpcli.data.cache import data_directory
from mlpcli.data.dataset import Dataset
from mlpcli.data.loading import DataLoader
from mlpcli.errors import CheckpointError, ConfigError, DataError
from mlpcli.files import make_folder
from mlpcli.reporting import Reporter
from mlpcli.training.checkpoint import load_checkpoint
from mlpcli.training.evaluation import Evaluation
from mlpcli.training.model import Model, load_model
from mlpcli.training.records import RunRecord, read_record
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
        self, folder: Path, data_dir: Path | None, reporter: Reporter, test: Evaluation | None
    ) -> None:
        self.record: RunRecord = read_record(folder)
        self.reporter = reporter
        self._data_dir = data_dir
        self._evaluation = test

    @property
    def folder(self) -> Path:
        """The run's."""
        return self.record.directory.path

    @property
    def learned_from_a_table(self) -> bool:
        """Whether there are no images."""
        return bool(self.record.setting("data", "dataset") == "table")

    @cached_property
    def recorded(self) -> RunRecord:
        """The record of a run that has finished an epoch.

        Raises:
            CheckpointError: it has not.
        """
        if not self.record.history:
            raise CheckpointError(
                f"{self.folder}: this run has not finished an epoch, so there is nothing to draw; "
                "train it again."
            )
        return self.record

    @cached_property
    def model(self) -> Model:
        """The network of the best epoch."""
        return load_model(self.folder)

    @cached_property
    def config(self) -> Config:
        """The config, checked."""
        try:
            return load_config(self.model.config)
        except ConfigError as error:
            raise CheckpointError(
                f"{self.model.path}: the config in it is not valid: {error}"
            ) from error

    @cached_property
    def _loader(self) -> DataLoader:
        cache = data_directory(self._data_dir)
        return DataLoader(self.config.data, self.config.seed, cache, self.reporter)

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

    return curves.draw([subject.recorded for subject in subjects], labels)


def _calibration(subjects: Sequence[Subject], labels: Sequence[str]) -> "Figure":
    from mlpcli.pictures import calibration

    return calibration.draw([subject.evaluation for subject in subjects], labels)


def _confusion_matrix(subject: Subject) -> "Figure":
    from mlpcli.pictures import confusion_matrix

    return confusion_matrix.draw(subject.evaluation)


def _mistakes(subject: Subject) -> "Figure":
    from mlpcli.pictures import mistakes

    return mistakes.draw(subject.evaluation, subject.test)


def _weights(subject: Subject) -> "Figure":
    from mlpcli.pictures import weights

    return weights.draw(subject.model)


def _activations(subject: Subject) -> "Figure":
    from mlpcli.pictures import activations

    if len(subject.model.network.dense) == 1:
        raise DataError(f"{subject.folder}: activations: this network has no hidden layer to draw.")
    return activations.draw(activations.firing(subject.model, subject.test))


def _gradients(subject: Subject) -> "Figure":
    from mlpcli.pictures import gradients

    return gradients.draw(gradients.read_gradients(subject.record.directory.gradients))


def _landscape(subject: Subject) -> "Figure":
    from mlpcli.pictures import landscape

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
            "bit (another machine, NumPy or number of threads); the path drawn is the repetition's."
        )
    return landscape.draw(
        landscape.survey(
            setup,
            path,
            lambda done, total: reporter.work_done("measuring the loss", done, total),
        )
    )


LAID_OVER: dict[str, Callable[[Sequence[Subject], Sequence[str]], "Figure"]] = {
    "curves": _curves,
    "calibration": _calibration,
}
"""Pictures of one run, or of several laid over each other."""
OF_ONE_RUN: dict[str, Callable[[Subject], "Figure"]] = {
    "confusion_matrix": _confusion_matrix,
    "mistakes": _mistakes,
    "weights": _weights,
    "activations": _activations,
    "gradients": _gradients,
    LANDSCAPE: _landscape,
}


OF_IMAGES = {"calibration", "confusion_matrix", "mistakes", "weights", "activations"}
"""Pictures that a run on a table of numbers has nothing for."""


def draw_pictures(
    *folders: Path,
    only: Sequence[str] = (),
    with_landscape: bool = False,
    output: Path | None = None,
    file_format: "Format" = "png",
    data_dir: Path | None = None,
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
        reporter: told of the progress.
        test: what the run's best weights make of its test set, where that is known already.

    Raises:
        ConfigError: such pictures, or so many runs, cannot be laid over each other.
        CheckpointError: there is no such run, or it has not finished an epoch.
        DataError: a file that a picture needs is missing or damaged.
        WriteError: a picture cannot be written.
    """
    from mlpcli.pictures import style

    asked_for = [*only, LANDSCAPE] if with_landscape else only
    _check_request(folders, asked_for)
    subjects = [Subject(folder, data_dir, reporter or Reporter(), test) for folder in folders]
    names = asked_for if only else _all_names(subjects, with_landscape)
    target = output or subjects[0].record.directory.pictures
    labels = _labels(subjects)
    suffix = "" if len(subjects) == 1 else "_compared"
    for subject in subjects:
        for name in OF_IMAGES.intersection(names):
            if subject.learned_from_a_table:
                raise DataError(
                    f"{subject.folder}: {name}: this run learned from a table of numbers, and the "
                    "picture is of images."
                )
    written = []
    make_folder(target)
    with style.house_style():
        for name in dict.fromkeys(names):
            if name in LAID_OVER:
                picture = LAID_OVER[name](subjects, labels)
            else:
                picture = OF_ONE_RUN[name](subjects[0])
            path = target / f"{name}{suffix}.{file_format}"
            style.save(picture, path, file_format)
            written.append(path)
    return written


def _check_request(folders: Sequence[Path], only: Sequence[str]) -> None:
    if not 1 <= len(folders) <= MOST_RUNS:
        raise ConfigError(f"Give from 1 to {MOST_RUNS} runs, found {len(folders)}.")
    for name in only:
        if name not in LAID_OVER and name not in OF_ONE_RUN:
            known = ", ".join([*LAID_OVER, *OF_ONE_RUN])
            raise ConfigError(f"There is no picture named {name!r}; there are {known}.")
        if name not in LAID_OVER and len(folders) > 1:
            raise ConfigError(
                f"{name} is drawn of one run at a time; of several, {' and '.join(LAID_OVER)} are "
                "laid over each other."
            )


def _all_names(subjects: Sequence[Subject], with_landscape: bool) -> list[str]:
    """The pictures for which these runs have something."""
    if len(subjects) > 1:
        return list(LAID_OVER)
    subject = subjects[0]
    subject.recorded  # noqa: B018 (says that there is nothing to draw)
    absent = set() if with_landscape else {LANDSCAPE}
    if not subject.record.directory.gradients.exists():
        absent.add("gradients")
    if len(subject.model.network.dense) == 1:
        absent.add("activations")
    if subject.learned_from_a_table:
        absent |= OF_IMAGES
    return [name for name in (*LAID_OVER, *OF_ONE_RUN) if name not in absent]


def _labels(subjects: Sequence[Subject]) -> list[str]:
    """The runs' names; their paths where two are alike."""
    names = [subject.record.name for subject in subjects]
    if len(set(names)) == len(names):
        return names
    return [str(subject.folder) for subject in subjects]
