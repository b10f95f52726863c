"""The epochs of a run so far: which is the best, and whether another one follows."""

from collections.abc import Sequence

from mlpcli.training.improvement import BestSoFar
from mlpcli.training.metrics import EpochMetrics
from mlpcli.training.progress import Progress
from mlpcli.training.setup import Setup


class EpochLog:
    """The rows of metrics.csv, and what they decide.

    Args:
        setup: the run.
        history: the rows of the epochs that are done.

    Attributes:
        history: the rows so far.
        best: the best epoch by `training.monitor`.
        stopped_early: whether early stopping has ended the run.
        reached_loss: whether `training.stop_at_loss` has ended it.
        took_back: whether the last step was taken back, because the weights before it have the loss
            at which the run stopped.
    """

    def __init__(self, setup: Setup, history: Sequence[EpochMetrics] = ()) -> None:
        self.setup = setup
        self.history: list[EpochMetrics] = []
        self.best = BestSoFar(setup.monitor)
        self.stopped_early = False
        self.reached_loss = False
        self.took_back = False
        self._may_take_back = (
            setup.config.training.stop_at_loss is not None
            and len(setup.batches) == 1
            and setup.validation is None
            and setup.evaluated is setup.network.theta
        )
        self._before_the_step = [each.copy() for each in setup.arrays if self._may_take_back]
        stopping = setup.config.training.early_stopping
        self._patience = stopping.patience if stopping else 0
        self._stopping = BestSoFar(stopping.monitor, stopping.min_delta) if stopping else None
        for row in history:
            self.add(row)

    def add(self, row: EpochMetrics) -> bool:
        """Add an epoch; return whether it is the best so far."""
        self.history.append(row)
        if self._stopping:
            self._stopping.improves(row)
            self.stopped_early = self._stopping.epochs_without_improvement >= self._patience
        enough = self.setup.config.training.stop_at_loss
        self.reached_loss = enough is not None and row.train_loss < enough
        return self.best.improves(row)

    def add_trained(self, row: EpochMetrics) -> bool:
        """Add the epoch that the run just trained; return whether it is the best so far.

        Where the run stops on the loss, the weights that have it come back: an epoch of one batch
        has the loss of the weights before its only step.
        """
        is_best = self.add(row)
        if self._may_take_back:
            arrays = self.setup.arrays
            if self.reached_loss:
                for array, before in zip(arrays, self._before_the_step, strict=True):
                    array[...] = before
                self.took_back = True
            else:
                self._before_the_step = [array.copy() for array in arrays]
        return is_best

    @property
    def progress(self) -> Progress:
        """How far the run is, at the end of an epoch."""
        steps = len(self.history) * len(self.setup.batches) - self.took_back
        return Progress(tuple(self.history), steps)

    @property
    def is_done(self) -> bool:
        """Whether no epoch is left to train."""
        epochs = self.setup.config.training.epochs
        return self.stopped_early or self.reached_loss or len(self.history) >= epochs

    @property
    def ending(self) -> str:
        """The reason why a run that is done has stopped."""
        if self.reached_loss:
            return "stop_at_loss"
        return "early_stopping" if self.stopped_early else "all_epochs_done"
