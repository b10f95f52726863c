"""What a sweep costs beside its trainings, and how much faster two workers are than one.

    python benchmarks/sweeps.py [--trials 24] [--repeats 3] [CONFIG] [KEY=VALUE]...

The sweeps run in turn, as whole commands, of so many trials and of three times as many: what the
further trials take is free of the start and the end. CONFIG is `smoke` by default, of real MNIST.
Each figure is the least of its repetitions.
"""

import argparse
import csv
import itertools
import subprocess
import tempfile
import time
from pathlib import Path

Seconds = tuple[float, float]
"""of the whole command, and of its trainings together"""


def measure(arguments: argparse.Namespace, workers: int, trials: int, folder: Path) -> Seconds:
    """Run a sweep of so many learning rates, and return what it took."""
    rates = "optimizer.learning_rate={low: 0.01, high: 0.1}"
    started = time.perf_counter()
    subprocess.run(
        [
            *("mlpcli", "sweep", "--config", arguments.config, rates, "sampler=random"),
            *(f"trials={trials}", "training.pictures=false", f"--workers={workers}"),
            *(f"--sweeps-dir={folder}", "name=sweep", "--quiet", *arguments.overrides),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    whole = time.perf_counter() - started
    newest = max(folder.iterdir(), key=lambda path: path.stat().st_mtime)
    with (newest / "results.csv").open() as file:
        return whole, sum(float(row["seconds"]) for row in csv.DictReader(file))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", nargs="?", default="smoke")
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    few, many = arguments.trials, 3 * arguments.trials
    found: dict[tuple[int, int], list[Seconds]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(arguments.repeats):
            for workers, trials in itertools.product((1, 2), (few, many)):
                took = measure(arguments, workers, trials, Path(folder))
                found.setdefault((workers, trials), []).append(took)
    whole = {key: min(seconds for seconds, _ in each) for key, each in found.items()}
    beside = {key: min(seconds - trained for seconds, trained in found[key]) for key in found}
    further = {workers: (whole[workers, many] - whole[workers, few]) for workers in (1, 2)}
    print(f"| workers | {few} trials | {many} trials | each further trial |")
    print("| --- | --- | --- | --- |")
    for workers in (1, 2):
        times = f"{whole[workers, few]:.2f} s | {whole[workers, many]:.2f} s"
        print(f"| {workers} | {times} | {further[workers] / (many - few):.3f} s |")
    for trials in (few, many):
        faster = whole[1, trials] / whole[2, trials]
        print(f"two workers against one, {trials} trials: {faster:.2f}")
    print(f"two workers against one, further trials: {further[1] / further[2]:.2f}")
    for trials in (few, many):
        each = beside[1, trials] / trials
        print(f"beside its trainings, one worker, {trials} trials: {each:.3f} s a trial")


if __name__ == "__main__":
    main()
