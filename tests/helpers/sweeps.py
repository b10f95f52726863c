"""Sweeps without Dask: the tasks run here, in an order that a seed decides, and some are lost."""

import csv
import hashlib
import random
from pathlib import Path

from mlpcli.config.sweep_loading import load_sweep
from mlpcli.reporting import Reporter
from mlpcli.runs.interruption import Interruption
from mlpcli.sweeps.driver import Driver
from mlpcli.sweeps.sweep_folder import SweepFolder


class InlineCluster:
    """Runs tasks in this process, out of order; every so often the result of one is lost."""

    is_local = True

    def __init__(self, size=2, seed=0, lost=0.0, stop_after=None, stop=None):
        self.size, self.lost = size, lost
        self.tasks = []
        self.shared_data = {}
        self.done = 0
        self.stop_after, self.stop = stop_after, stop
        self._dice = random.Random(seed)

    @property
    def has_room(self):
        return len(self.tasks) < 2 * self.size

    @property
    def outstanding(self):
        return len(self.tasks)

    @property
    def is_idle(self):
        return not self.tasks

    def shared(self, name, make):
        if name not in self.shared_data:
            self.shared_data[name] = make()
        return self.shared_data[name]

    def submit(self, label, function, *arguments):
        self.tasks.append((label, function, arguments))

    def next_result(self, _seconds):
        if self.stop_after is not None and self.done >= self.stop_after:
            self.stop()
        label, function, arguments = self.tasks.pop(self._dice.randrange(len(self.tasks)))
        result = function(*arguments)
        if self._dice.random() < self.lost:
            self.tasks.append((label, function, arguments))
            return None
        self.done += 1
        return label, result

    def cancel(self):
        self.tasks.clear()


def drive(sweep, folder, cluster=None, reporter=None, interruption=None):
    """Run a sweep, a dictionary or one that was loaded, in a folder that may have one already."""
    sweep = load_sweep(sweep) if isinstance(sweep, dict) else sweep
    folder = Path(folder)
    if not (folder / "sweep.yaml").exists():
        (folder / "trials").mkdir(parents=True)
        (folder / "sweep.yaml").write_text(sweep.as_yaml())
    driver = Driver(
        sweep,
        SweepFolder(folder),
        cluster or InlineCluster(),  # type: ignore[arg-type]
        folder,
        reporter or Reporter(),
        interruption or Interruption(),
    )
    return driver.run()


def timeless_sweep(folder):
    """The rows of results.csv without the seconds, and the hash of every checkpoint."""
    folder = Path(folder)
    rows = list(csv.DictReader((folder / "results.csv").read_text().splitlines()))
    for row in rows:
        del row["seconds"]
    weights = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*.safetensors")
    }
    return rows, weights
