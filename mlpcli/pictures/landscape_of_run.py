"""The landscape of a run, for which it is trained once more."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from mlpcli.pictures import landscape
from mlpcli.pictures.catalogue import RunPicture
from mlpcli.pictures.subject import Subject, noun
from mlpcli.storage.checkpoint import load_checkpoint


class OfRuns(RunPicture):
    """Of one run."""

    def draw(self, subjects: Sequence[Subject], _labels: Sequence[str]) -> Figure:
        """Train once more, remark if that ends elsewhere, and draw the loss around the path."""
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
                f"{subject.folder}: training it once more did not end at the same weights to the "
                "last bit (another machine, NumPy or number of threads, or it went on for more "
                "epochs than it began with); the path drawn is the repetition's."
            )
        surveyed = landscape.survey(
            setup,
            path,
            lambda done, total: reporter.work_done("measuring the loss", done, total),
        )
        return landscape.draw(surveyed, noun(subjects))
