"""What a sweep costs beside its trainings, and how much faster two workers are than one.

    python benchmarks/sweeps.py [--trials 24] [--repeats 3] [CONFIG] [KEY=VALUE]...

The sweeps run in turn, as whole commands. CONFIG is `smoke` by default, of real MNIST.
"""

import argparse
import csv
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

Seconds = tuple[float, float, float]
"""of the whole command, from the start of its workers, and of its trainings together"""


def measure(arguments: argparse.Namespace, workers: int, folder: Path) -> Seconds:
    """Run a sweep of so many learning rates, and return what it took."""
    rates = "optimizer.learning_rate={low: 0.01, high: 0.1}"
    started = time.perf_counter()
    subprocess.run(
        [
            *("mlpcli", "sweep", "--config", arguments.config, rates, "sampler=random"),
            *(f"trials={arguments.trials}", "training.pictures=false", f"--workers={workers}"),
            *(f"--sweeps-dir={folder}", "name=sweep", "--quiet", *arguments.overrides),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    whole = time.perf_counter() - started
    newest = max(folder.iterdir(), key=lambda path: path.stat().st_mtime)
    driven = json.loads((newest / "summary.json").read_text())["seconds"]
    with (newest / "results.csv").open() as file:
        trained = sum(float(row["seconds"]) for row in csv.DictReader(file))
    return whole, driven, trained


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", nargs="?", default="smoke")
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    found: dict[int, list[Seconds]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(arguments.repeats):
            for workers, rows in found.items():
                rows.append(measure(arguments, workers, Path(folder)))
    print("| workers | whole command | from the start of the workers | sum of the trainings |")
    print("| --- | --- | --- | --- |")
    for workers, rows in found.items():
        columns = [statistics.median(column) for column in zip(*rows, strict=True)]
        print(f"| {workers} | " + " | ".join(f"{seconds:.2f} s" for seconds in columns) + " |")
    for i, what in enumerate(("whole command", "from the start of the workers")):
        ratios = [one[i] / two[i] for one, two in zip(found[1], found[2], strict=True)]
        print(f"two workers against one, {what}: {statistics.median(ratios):.2f}")
    for workers, rows in found.items():
        beside = [workers * whole - trained for whole, _, trained in rows]
        each = statistics.median(beside) / arguments.trials
        share = statistics.median(
            b / trained for b, (_, _, trained) in zip(beside, rows, strict=True)
        )
        print(f"beside its trainings, {workers} workers: {each:.3f} s a trial, {100 * share:.1f} %")


if __name__ == "__main__":
    main()
