"""The digit in one picture file, from the process's start to its end."""

import re
import statistics

from parts.command import OURS, SCRIPTS, newest_run, training_commands
from parts.data import write_picture
from parts.processes import MLPCLI, peer, timed
from parts.settings import Settings, progress
from parts.tables import markdown

DIGIT = 3
TIMES_MORE = 5
"""A prediction is short, so that it is repeated more often than a training."""


def measure(settings: Settings) -> list[dict]:
    """A record for each contestant: seconds, and whether it read the digit right."""
    for name, command in training_commands(settings).items():
        timed(command, settings.folder)
        progress(f"predict: {name} has trained")
    picture = write_picture(settings.folder, DIGIT)
    run = newest_run(settings.folder)
    commands = {OURS: [*MLPCLI, "predict", "--checkpoint", str(run), str(picture)]}
    for name, script in SCRIPTS.items():
        commands[name] = peer(f"{script}_predict.py", settings.folder, picture)
    records = {name: {"contestant": name, "seconds": [], "right": True} for name in commands}
    for _ in range(settings.repeats * TIMES_MORE):
        for name, command in commands.items():
            seconds, answer = timed(command, settings.folder)
            records[name]["seconds"].append(seconds)
            records[name]["right"] &= re.search(rf": {DIGIT} \(", answer) is not None
    for name, record in records.items():
        progress(f"predict: {name}: {statistics.median(record['seconds']):.3f} s")
    return list(records.values())


def table(records: list[dict]) -> str:
    """Seconds, also as a multiple of mlpcli's."""
    ours = statistics.median(records[0]["seconds"])
    rows = []
    for record in records:
        seconds = statistics.median(record["seconds"])
        void = "" if record["right"] else " (void: misread)"
        rows.append([record["contestant"] + void, f"{seconds:.3f}", f"{seconds / ours:.1f}"])
    return markdown(["", "seconds", f"times {OURS}"], rows)
