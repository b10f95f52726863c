"""Progress reports: an object with a method for each event.

The library prints nothing. The command line passes a reporter that draws progress bars; a notebook
may do the same.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlpcli.sweeps.driver import Driver
    from mlpcli.sweeps.trials import Trial
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

    def sweep_begins(self, sweep: "Driver") -> None:
        """Report that a sweep begins, or resumes."""

    def sweep_changed(self, sweep: "Driver") -> None:
        """Report that some of its trainings have begun or ended, or that time has passed."""

    def trial_settled(self, sweep: "Driver", trial: "Trial") -> None:
        """Report that a trial has come to its end, or to the end of a rung of halving."""

    def sweep_ends(self, sweep: "Driver") -> None:
        """Report that the sweep is over, for whatever reason."""
