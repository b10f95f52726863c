"""A network taken out of its checkpoint, to be written in one of the formats."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlpcli.config.class_names import NO_DIGIT
from mlpcli.data.shaping import Shaping
from mlpcli.errors import CheckpointError
from mlpcli.files import open_ordinary, os_errors_as
from mlpcli.nn.network import MLP
from mlpcli.storage.checkpoint import Checkpoint, export, load_checkpoint
from mlpcli.storage.run_folder import checkpoint_path


@dataclass(frozen=True)
class Exported:
    """A network without what only training needs, and the checkpoint that it comes from."""

    path: Path
    """of the checkpoint it comes from"""
    sha256: str
    """of that file, as `sha256sum` prints it"""
    checkpoint: Checkpoint
    """as `export` leaves it"""

    @property
    def network(self) -> MLP:
        """The network, with batch normalisation folded in."""
        return self.checkpoint.network

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes that it answers with, without "no digit"; the outputs of a regression."""
        return tuple(name for name in self.checkpoint.class_names if name != NO_DIGIT)

    @property
    def shaping(self) -> Shaping:
        """What is done to each image before the network sees it."""
        return Shaping.from_settings(self.checkpoint.config["data"])

    @property
    def reads_images(self) -> bool:
        """Whether it learned from images, not from a table of numbers."""
        return bool(self.checkpoint.config["data"].get("dataset") != "table")

    def refuse_float16(self) -> None:
        """Raise CheckpointError if rounding to float16 would make a parameter infinite."""
        if np.abs(self.network.theta).max() > np.finfo(np.float16).max:
            raise CheckpointError(
                f"{self.path}: has numbers too large for float16; export it without --float16."
            )


def load_exported(path: Path) -> Exported:
    """Load the network of a checkpoint or of a run folder.

    Raises:
        CheckpointError: the checkpoint is missing or damaged, or folding batch normalisation in
            would make a weight infinite.
    """
    file = checkpoint_path(path)
    checkpoint = export(load_checkpoint(file))
    if not np.isfinite(checkpoint.network.theta).all():
        raise CheckpointError(
            f"{file}: batch normalisation cannot be folded into weights so large; use another "
            "checkpoint."
        )
    with os_errors_as(CheckpointError, file, "cannot be read"), open_ordinary(file) as content:
        sha256 = hashlib.sha256(content.read()).hexdigest()
    return Exported(file, sha256, checkpoint)
