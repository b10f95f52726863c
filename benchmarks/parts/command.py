"""A whole training as a user starts it: from the process's start to the saved and tested model."""

import re
import statistics
from pathlib import Path

import yaml

from parts.data import data_section
from parts.processes import MLPCLI, peak_memory, peer, timed
from parts.settings import Settings, progress
from parts.tables import markdown

OURS = "mlpcli"
SCRIPTS = {"PyTorch": "torch", "scikit-learn": "scikit_learn", "JAX, epoch compiled": "jax"}
EPOCHS = 5
BATCH_SIZE = 64
RUNS = "runs"


def measure(settings: Settings) -> list[dict]:
    """A record for each contestant: seconds, accuracy, peak memory (in a run of its own)."""
    commands = training_commands(settings)
    records = {name: {"contestant": name, "seconds": []} for name in commands}
    for repeat in range(settings.repeats):
        for name, command in commands.items():
            seconds, answer = timed(command, settings.folder)
            records[name]["seconds"].append(seconds)
            records[name]["accuracy"] = accuracy_of(name, answer)
            progress(f"command, repeat {repeat + 1}: {name}: {seconds:.2f} s")
    for name, command in commands.items():
        records[name]["memory"] = peak_memory(command, settings.folder)
        off = abs(records[name]["accuracy"] - records[OURS]["accuracy"])
        records[name]["void"] = off > settings.accuracy_tolerance
        progress(f"command: {name}: {records[name]['memory']} bytes at most")
    return list(records.values())


def training_commands(settings: Settings) -> dict[str, list[str]]:
    """The command of each contestant; each leaves its model in the settings' folder."""
    config = settings.folder / "whole.yaml"
    config.write_text(yaml.safe_dump(_config(settings)))
    commands = {OURS: [*MLPCLI, "train", "--config", str(config)]}
    task = ["--sizes", "784-128-10", "--batch-size", BATCH_SIZE, "--epochs", EPOCHS]
    task += ["--samples", settings.train_size, "--folder", settings.folder]
    for name, script in SCRIPTS.items():
        commands[name] = peer(f"{script}_whole.py", *task)
    return commands


def newest_run(folder: Path) -> Path:
    """The run folder that mlpcli's command left last."""
    return max((folder / RUNS).iterdir(), key=lambda run: run.stat().st_mtime_ns)


def _config(settings: Settings) -> dict:
    return {
        "name": "whole",
        "data": data_section(settings),
        "network": {"hidden": [128]},
        "optimizer": {"name": "momentum", "learning_rate": 0.01, "momentum": 0.9},
        "training": {"epochs": EPOCHS, "batch_size": BATCH_SIZE, "pictures": False},
    }


def accuracy_of(name: str, answer: str) -> float:
    """The share of test images that was right: from mlpcli's sentence, from others' last line."""
    if name != OURS:
        return float(answer.split()[-1])
    found = re.search(r"([\d.]+) % right", answer)
    if found is None:
        raise SystemExit(f"mlpcli's answer has no accuracy:\n{answer}")
    return float(found[1]) / 100


def table(records: list[dict]) -> str:
    """Seconds, also as a multiple of mlpcli's, and memory."""
    ours = statistics.median(records[0]["seconds"])
    rows = []
    for record in records:
        seconds = statistics.median(record["seconds"])
        void = " (void: accuracy)" if record["void"] else ""
        rows.append(
            [
                record["contestant"] + void,
                f"{seconds:.2f}",
                f"{seconds / ours:.2f}",
                megabytes(record["memory"]),
                f"{100 * record['accuracy']:.2f} %",
            ]
        )
    head = ["", "seconds", f"times {OURS}", "most memory, MB", "right on the test images"]
    return markdown(head, rows)


def megabytes(size: int | None) -> str:
    """In millions of bytes."""
    return "not measured" if size is None else f"{size / 1e6:,.0f}"
