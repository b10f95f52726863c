"""How work in progress speaks: one object with a method for each thing worth telling.

The library is silent. The command line hands in an object of its own that draws progress bars;
a notebook may do the same.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlpcli.training.metrics import EpochMetrics


class Reporter:
    """Told of what happens; this one keeps it to itself."""

    def remark(self, text: str) -> None:
        """A sentence for the user."""

    def download(self, name: str, received: int, size: int | None) -> None:
        """So many bytes of the file `name` have arrived, of `size` if that is known."""

    def work_done(self, what: str, done: int, total: int) -> None:
        """So many of the `total` pieces of a longer work are done."""

    def training_begins(self, folder: Path, epochs: int, steps: int, done: int = 0) -> None:
        """A run of at most `epochs` epochs, each of `steps` batches, begins in `folder`.

        `done` epochs have been trained before.
        """

    def batches_done(self, steps: int, loss: float, accuracy: float | None) -> None:
        """So many batches of this epoch are done; loss and accuracy are the epoch's so far.

        A regression has no accuracy.
        """

    def epoch_done(self, row: "EpochMetrics", *, is_best: bool) -> None:
        """An epoch is done, recorded and saved."""

    def training_ends(self) -> None:
        """No more epochs follow, for whichever reason."""
