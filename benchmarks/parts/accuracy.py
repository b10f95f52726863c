"""Time to the answer: a whole command, until so many in a hundred of the test images are right.

Each contestant trains by settings that were chosen for the goal on validation images; the test set
only judges. No run is left out: a median is one of all runs, and at least four of five must be
right often enough.
"""

import math
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from mlpcli.config.shipped import config_names
from parts.command import OURS, accuracy_of
from parts.data import overrides
from parts.processes import MLPCLI, peer, timed
from parts.settings import Settings, progress
from parts.tables import markdown

CONFIGS = {"98": "fast_98", "99": "fast_99", "99.5": "fast_99_5"}
"""by goal, in percent"""
PEERS = {
    "PyTorch": ["torch_accuracy.py"],
    "PyTorch, compiled": ["torch_accuracy.py", "--compile"],
    "JAX": ["jax_accuracy.py"],
    "scikit-learn": ["scikit_learn_accuracy.py"],
    "Keras, on JAX": ["keras_accuracy.py"],
}
REACHING = 0.8
"""Of the runs so many must reach the goal."""
LONGEST = 2
"""times mlpcli's slowest run, a peer may take"""
SHORTEST_LIMIT = 120
"""Seconds that every peer may take: the first run of a compiled program includes its compiler."""


def measure(settings: Settings) -> list[dict]:
    """A record for each goal and contestant: the seconds and the accuracy of each seed."""
    return [record for goal in settings.goals for record in _measure_goal(goal, settings)]


def _measure_goal(goal: str, settings: Settings) -> list[dict]:
    """The contestants in turn, seed by seed.

    Peers with fewer seeds than mlpcli run beside different ones, so that a slow hour of the machine
    does not meet all of them. A peer that has taken too long is ended, and not started again.
    """
    if CONFIGS[goal] not in config_names():
        progress(f"accuracy: there is no config {CONFIGS[goal]}, so {goal} % is left out")
        return []
    records = {name: new_record(goal, name) for name in (OURS, *PEERS)}
    for seed in range(settings.seeds):
        for place, (name, record) in enumerate(records.items()):
            has_turn = name == OURS or (seed - place) % settings.seeds < settings.peer_seeds
            if record["limit"] is not None or not has_turn:
                continue
            limit = None if name == OURS else _limit(records[OURS])
            command = _command(name, goal, seed, settings)
            try:
                seconds, answer = timed(command, settings.folder, limit)
            except subprocess.TimeoutExpired:
                record["limit"] = limit
                progress(f"accuracy, {goal} %, seed {seed}: {name}: ended after {limit:.0f} s")
                continue
            right = accuracy_of(name, answer)
            record["seconds"].append(seconds)
            record["accuracies"].append(right)
            progress(f"accuracy, {goal} %, seed {seed}: {name}: {seconds:.2f} s, {right:.2%}")
    return list(records.values())


def new_record(goal: str, name: str) -> dict:
    """A contestant that has not run yet."""
    record = {"goal": goal, "contestant": name, "seconds": [], "accuracies": [], "limit": None}
    if name.startswith("Keras"):
        record["version"] = version("keras")
    return record


def _limit(ours: Mapping) -> float:
    return max(SHORTEST_LIMIT, LONGEST * max(ours["seconds"]))


def _command(name: str, goal: str, seed: int, settings: Settings) -> list[str]:
    if name == OURS:
        changed = [f"seed={seed}", *overrides(settings)]
        return [*MLPCLI, "train", "--config", CONFIGS[goal], *changed]
    script, *options = PEERS[name]
    return peer(script, *options, "--goal", goal, "--seed", seed, "--folder", settings.folder)


def joined(earlier: Sequence[Mapping], measured: Sequence[Mapping]) -> list[Mapping]:
    """What was measured, with the goals of an earlier time that were not measured anew."""
    new = {record["goal"] for record in measured}
    records = [*measured, *(record for record in earlier if record["goal"] not in new)]
    return sorted(records, key=lambda record: list(CONFIGS).index(record["goal"]))


def reaching(record: Mapping) -> int:
    """How many runs reached the goal."""
    return sum(round(100 * right, 2) >= float(record["goal"]) for right in record["accuracies"])


def runs(record: Mapping) -> int:
    """How many runs there were, one that was ended among them."""
    return len(record["accuracies"]) + (record["limit"] is not None)


def reached(record: Mapping) -> bool:
    """Whether enough of the runs reached the goal, and none was ended."""
    return record["limit"] is None and reaching(record) >= math.ceil(REACHING * runs(record))


def table(records: Sequence[Mapping]) -> str:
    """For each goal and contestant the median, also as a multiple of mlpcli's, and the extremes."""
    ours = {r["goal"]: statistics.median(r["seconds"]) for r in records if r["contestant"] == OURS}
    rows = [_row(record, ours[record["goal"]]) for record in records]
    head = [
        "to",
        "",
        "seconds",
        "of all runs",
        f"times {OURS}",
        "right on the test images",
        "reached",
    ]
    notes = [f"{goal} %: not measured." for goal in CONFIGS if goal not in ours]
    notes += sorted(
        {f"{r['contestant']}: Keras {r['version']}." for r in records if "version" in r}
    )
    return "\n\n".join([markdown(head, rows), *([" ".join(notes)] if notes else [])])


def _row(record: Mapping, ours: float) -> list[str]:
    seconds, right = record["seconds"], [100 * right for right in record["accuracies"]]
    if record["limit"] is None:
        median = statistics.median(seconds)
        middle, times = f"{median:.2f}", f"{median / ours:.2f}"
    else:
        middle, times = f"ended after {record['limit']:,.0f}", f"over {record['limit'] / ours:.1f}"
    return [
        f"{record['goal']} %",
        record["contestant"] + ("" if reached(record) else " (void: goal missed)"),
        middle,
        _span(seconds),
        times,
        f"{_span(right)} %" if right else "–",
        f"{reaching(record)} of {runs(record)}",
    ]


def _span(figures: Sequence[float]) -> str:
    """The least and the largest; one alone stands for itself."""
    if not figures:
        return "–"
    if len(figures) == 1:
        return f"{figures[0]:.2f}"
    return f"{min(figures):.2f} to {max(figures):.2f}"
