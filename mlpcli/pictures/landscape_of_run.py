"""The landscape of a run, for which it is trained once more."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from mlpcli.pictures import landscape
from mlpcli.pictures.catalogue import RunPicture
from mlpcli.pictures.subject import Subject, noun
from mlpcli.storage.checkpoint import load_checkpoint


def _draw(runs: Sequence[Subject], _labels: Sequence[str]) -> Figure:
    (run,) = runs
    reporter = run.reporter
    setup = run.set_up()
    path = landscape.follow(
        setup,
        len(run.recorded.history),
        lambda done, total: reporter.work_done("training once more", done, total),
    )
    last = load_checkpoint(run.record.folder.last).network.theta
    if not np.array_equal(path.thetas[-1], last):
        reporter.remark(
            f"{run.folder}: training it once more did not end at the same weights to the last "
            "bit (another machine, NumPy or number of threads, or it went on for more epochs than "
            "it began with); the path drawn is the repetition's."
        )
    surveyed = landscape.survey(
        setup, path, lambda done, total: reporter.work_done("measuring the loss", done, total)
    )
    return landscape.draw(surveyed, noun(runs))


PICTURE = RunPicture(_draw)
