"""A run to be drawn."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from mlpcli.config.loading import config_of_checkpoint
from mlpcli.config.schema.config import Config
from mlpcli.data.dataset import Dataset
from mlpcli.data.loading import DataLoader
from mlpcli.data.published.cache import data_directory, option_for
from mlpcli.errors import CheckpointError
from mlpcli.files import as_argument
from mlpcli.inference.model import Model, load_model
from mlpcli.reporting import Reporter
from mlpcli.runs.starting import read_start
from mlpcli.storage.checkpoint import Checkpoint, load_checkpoint
from mlpcli.storage.records import RunRecord, read_record
from mlpcli.training.evaluation import Evaluation
from mlpcli.training.setup import Setup, prepare


class Subject:
    """A run to be drawn; each thing is read when a picture first needs it."""

    def __init__(
        self,
        folder: Path,
        data_dir: Path | None,
        reporter: Reporter,
        test: Evaluation | None,
        trust_paths: bool,
    ) -> None:
        self.record: RunRecord = read_record(folder)
        self.folder = self.record.folder.path
        self.reporter = reporter
        self._data_dir, self._trust_paths = data_dir, trust_paths
        self._evaluation = test

    @cached_property
    def recorded(self) -> RunRecord:
        """The record of a run that has finished an epoch.

        Raises:
            CheckpointError: it has not.
        """
        if not self.record.history and self.record.setting("training", "epochs") == 0:
            raise CheckpointError(
                f"{self.folder}: this run has no epochs (training.epochs=0), so there is no course "
                "of training to draw; give it some: "
                f"mlpcli train --resume {as_argument(self.folder)} training.epochs=10"
            )
        if not self.record.history:
            options = " --trust-paths" if self._trust_paths else ""
            options += option_for(self._data_dir)
            raise CheckpointError(
                f"{self.folder}: this run has not finished an epoch, or has lost its metrics.csv, "
                "so there is nothing to draw; resume it: "
                f"mlpcli train --resume {as_argument(self.folder)}{options}"
            )
        return self.record

    @cached_property
    def last(self) -> Checkpoint:
        """The state at the end of the training."""
        return load_checkpoint(self.record.folder.last)

    @property
    def epochs_to_its_end(self) -> int:
        """Number of epochs up to its last weights: not one whose only step was taken back."""
        return max(1, len(self.recorded.history) - self.last.progress.took_back)

    @cached_property
    def model(self) -> Model:
        """The network of the best epoch."""
        return load_model(self.folder)

    @property
    def input_names(self) -> tuple[str, ...]:
        """The names of the columns of a table."""
        return self.model.input_names

    @property
    def output_name(self) -> str:
        """The name of the first column of targets of a regression, or `output`."""
        targets = self.record.setting("data", "table", "names", "targets")
        return str(targets[0]) if targets else "output"

    @cached_property
    def _config(self) -> Config:
        return config_of_checkpoint(self.model.config, self.model.path)

    @property
    def has_images(self) -> bool:
        """True if the run learned from images, not from a table of numbers."""
        return bool(self.record.setting("data", "dataset") != "table")

    @property
    def is_regression(self) -> bool:
        """True if the run learned targets, not classes."""
        return not self.has_images and self.record.setting("data", "table", "labels") is None

    @cached_property
    def _loader(self) -> DataLoader:
        config, cache = self._config, data_directory(self._data_dir)
        return DataLoader(
            config.data, config.seed, cache, self.reporter, trust_paths=self._trust_paths
        )

    @cached_property
    def training(self) -> Dataset:
        """The training set, without the validation split."""
        return self._loader.training_and_validation()[0]

    @cached_property
    def test(self) -> Dataset:
        """The test set."""
        return self._loader.test(self.model.output_names)

    @cached_property
    def evaluation(self) -> Evaluation:
        """The evaluation of the best weights on the test set."""
        return self._evaluation or self.model.evaluate(self.test)

    def training_setup(self) -> Setup:
        """Return the setup for training the run once more."""
        start = read_start(self._config, self._data_dir, trust_paths=self._trust_paths)
        return prepare(
            self._config,
            self._data_dir,
            self.reporter,
            trust_paths=self._trust_paths,
            start=start,
        )


def noun(subjects: Sequence[Subject]) -> str:
    """Return the word for the examples of these runs."""
    return "images" if all(subject.has_images for subject in subjects) else "examples"
