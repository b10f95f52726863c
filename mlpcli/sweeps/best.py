"""The best trainings of a sweep, for a committee."""

from pathlib import Path

from mlpcli.errors import CheckpointError, DataError
from mlpcli.files import read_json
from mlpcli.storage.records import run_folders
from mlpcli.storage.run_folder import MOST_BYTES, RunFolder
from mlpcli.sweeps.reading import recorded_sweep
from mlpcli.sweeps.sweep_folder import SweepFolder
from mlpcli.sweeps.task import DIVERGED, IMPOSSIBLE
from mlpcli.text import count


def best_runs(path: Path, wanted: int) -> list[Path]:
    """Return the run folders of the trainings that validate best, the best first.

    Each seed of a trial is a training of its own, and the test set has no part in the choice.

    Raises:
        CheckpointError: there is no sweep, or it has fewer trainings with a result.
        DataError: a file of the sweep is damaged.
    """
    sweep = recorded_sweep(SweepFolder.find(path))
    monitor, sign = sweep.monitor, 1 if sweep.minimize else -1
    found = []
    for folder in run_folders(path):
        file = RunFolder(folder).summary
        try:
            summary = read_json(file, MOST_BYTES)
            if summary["stopped"] not in (DIVERGED, IMPOSSIBLE) and summary["best"] is not None:
                found.append((sign * float(summary["best"][monitor]), folder))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{file}: cannot be read: {error}.") from error
    if len(found) < wanted:
        raise CheckpointError(
            f"{path}: has {count(len(found), 'training')} with a result, fewer than {wanted}; ask "
            "for fewer, or let it train more trials."
        )
    return [folder for _, folder in sorted(found)[:wanted]]
