"""Progress reports: an object with a method for each event.

The library prints nothing. The command line passes a reporter that draws progress bars; a notebook
may do the same.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlpcli.training.metrics import EpochMetrics


class Reporter:
    """Receives the events; this one ignores them."""

    def remark(self, text: str) -> None:
        """Report a sentence for the user."""

    def download(self, name: str, received: int, size: int | None) -> None:
        """Report how many bytes of the file `name` have arrived, of `size` if that is known."""

    def work_done(self, what: str, done: int, total: int) -> None:
        """Report how many of the `total` units of a longer task are done."""

    def training_begins(self, folder: Path, epochs: int, steps: int, done: int = 0) -> None:
        """Report that training begins in `folder`.

        At most `epochs` epochs, each of `steps` batches; `done` of them were trained before.
        """

    def batches_done(self, steps: int, loss: float, accuracy: float | None) -> None:
        """Report how many batches of this epoch are done, and the epoch's figures so far.

        A regression has no accuracy.
        """

    def epoch_done(self, row: "EpochMetrics", *, is_best: bool) -> None:
        """Report that an epoch is done; it is saved now, or within a second."""

    def training_ends(self) -> None:
        """Report that no more epochs follow, for whatever reason."""
