"""Draws several pictures at once, by as many processes as there are cores."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mlpcli.errors import WorkerError
from mlpcli.parallel.processors import available_cores
from mlpcli.parallel.shared_memory import shared_zeros
from mlpcli.parallel.workers import Workers, can_fork
from mlpcli.pictures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_PROCESSES = 4
"""each draws two pictures or more of a run; starting one costs a tenth of a picture"""


def draw_and_save(
    pictures: Sequence[tuple[Callable[[], "Figure"], Path]], file_format: style.Format
) -> None:
    """Draw pictures in the style of the house and write them.

    Other processes draw where they can be forked, because matplotlib holds on to the interpreter's
    lock. What one of them could not draw is drawn here once more, so that its error is raised here.

    Args:
        pictures: what draws each, and its file.
        file_format: of the files.

    Raises:
        WriteError: a picture cannot be written.
    """
    is_done = shared_zeros(len(pictures), np.bool_)

    def work(rank: int) -> None:
        while ticket := os.read(tickets, 1):
            i = ticket[0]
            draw, path = pictures[i]
            try:
                style.save(draw(), path, file_format)
            except Exception:
                if rank == 0:
                    raise
            else:
                is_done[i] = True

    size = min(available_cores(), MOST_PROCESSES, len(pictures)) if can_fork() else 1
    with style.house_style():
        tickets, desk = os.pipe()  # one each, for whoever is free: some take twice as long
        os.write(desk, bytes(range(len(pictures))))
        os.close(desk)
        try:
            with Workers(size, work, processes=True) as workers:
                workers.run()
        except WorkerError:  # no process to be had, or one was ended
            pass
        finally:
            os.close(tickets)
        for i in np.flatnonzero(~is_done).tolist():
            draw, path = pictures[i]
            style.save(draw(), path, file_format)
