"""Measures an epoch of training against other libraries: `python benchmarks/run.py`.

Every contestant runs in a process of its own, in turn, several times over; the table gives
medians, and the others' time as a multiple of mlpcli's. A contestant whose accuracy is off by more
than a point has not done the same work, and its row says so.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from mlpcli.config.loading import load_config
from mlpcli.data.cache import data_directory
from mlpcli.data.loading import DataLoader
from mlpcli.reporting import Reporter
from mlpcli.training.environment import environment

PEERS = Path(__file__).parent / "peers"
NETWORKS = {"784-30-10": 10, "784-128-10": 64, "784-512-512-10": 128, "784-800-800-10": 256}
OURS, FLOOR = "mlpcli", "matrix products alone"
CONTESTANTS = {
    OURS: ["ours.py"],
    FLOOR: ["products.py"],
    "PyTorch": ["torch_peer.py"],
    "scikit-learn": ["scikit_learn.py"],
    "JAX, epoch compiled": ["jax_peer.py", "--scan"],
}
BUSY_PROCESSES = 2
ACCURACY_TOLERANCE = 0.01


def write_data(dataset: str, folder: Path) -> None:
    """Lay the images where every contestant finds them: 60,000 to train on, 10,000 to test."""
    sizes = {"train_size": 60_000, "test_size": 10_000}
    config = load_config({"data": {"dataset": dataset, "validation": 0, **sizes}})
    loader = DataLoader(config.data, config.seed, data_directory(), Reporter())
    training, _ = loader.training_and_validation()
    for part, data in (("train", training), ("test", loader.test(training.class_names))):
        np.save(folder / f"{part}_images.npy", data.images)
        np.save(folder / f"{part}_labels.npy", data.labels.astype(np.int64))


def run(contestant: str, network: str, epochs: int, folder: Path) -> dict:
    """One process: its seconds an epoch, accuracy and peak memory."""
    script, *options = CONTESTANTS[contestant]
    command = [sys.executable, str(PEERS / script), *options, "--sizes", network]
    command += ["--batch-size", str(NETWORKS[network]), "--epochs", str(epochs)]
    command += ["--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{contestant} failed:\n{done.stderr}")
    return json.loads(done.stdout)


@contextmanager
def busy_machine() -> Iterator[None]:
    """Processes that want the whole processor, as long as the block lasts."""
    spin = "while True: pass"
    others = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(BUSY_PROCESSES)]
    try:
        yield
    finally:
        for process in others:
            process.kill()
            process.wait()


def measure(networks: list[str], repeats: int, epochs: int, folder: Path) -> tuple[dict, dict]:
    """Seconds and accuracies by (network, contestant), the contestants in turn."""
    seconds, accuracies = defaultdict(list), {}
    for _ in range(repeats):
        for network in networks:
            for contestant in CONTESTANTS:
                result = run(contestant, network, epochs, folder)
                seconds[network, contestant] += result["seconds"]
                accuracies[network, contestant] = result["accuracy"]
                print(network, contestant, result, file=sys.stderr, flush=True)
            with busy_machine():
                seconds[network, "busy"] += run(OURS, network, 2, folder)["seconds"]
    return seconds, accuracies


def table(networks: list[str], seconds: dict, accuracies: dict) -> str:
    """The results in Markdown."""
    others = [name for name in CONTESTANTS if name != OURS]
    lines = [
        f"| network, batch | {OURS}, s | {' | '.join(others)} | {OURS}, busy machine |",
        "| --- |" + " --- |" * (len(others) + 2),
    ]
    for network in networks:
        ours = statistics.median(seconds[network, OURS])
        cells = [f"{network}, {NETWORKS[network]}", f"{ours:.3f}"]
        for name in others:
            ratio = statistics.median(seconds[network, name]) / ours
            off = abs(accuracies[network, name] - accuracies[network, OURS])
            void = name != FLOOR and off > ACCURACY_TOLERANCE
            cells.append(f"{ratio:.2f}" + (" (void: accuracy)" if void else ""))
        cells.append(f"{statistics.median(seconds[network, 'busy']) / ours:.2f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="mnist", choices=["mnist", "synthetic"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3, help="timed in each process")
    parser.add_argument("--network", action="append", choices=NETWORKS, help="default: all")
    options = parser.parse_args()
    networks = options.network or list(NETWORKS)
    with tempfile.TemporaryDirectory() as name:
        write_data(options.dataset, Path(name))
        results = measure(networks, options.repeats, options.epochs, Path(name))
    machine = environment(seed=0, threads=0)
    print(
        f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}, NumPy "
        f"{machine['numpy']}; {options.dataset}\n"
    )
    print(table(networks, *results))


if __name__ == "__main__":
    main()
