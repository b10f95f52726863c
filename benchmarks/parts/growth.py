"""What more images and larger networks cost: time a sample, memory, and the products' share."""

import csv
import statistics
from pathlib import Path

from parts.command import megabytes, newest_run
from parts.processes import MLPCLI, contest, peak_memory
from parts.settings import Settings, progress
from parts.tables import markdown

IMAGES = [10_000, 30_000, 60_000, 100_000, 300_000, 1_000_000]
COMPARED = 60_000
NETWORKS = {
    "784-30-10": 10,
    "784-128-10": 64,
    "784-512-512-10": 128,
    "784-800-800-10": 256,
    "784-2500-2000-1500-1000-500-10": 128,
}
"""each with its batch size; the last is the one of Cireşan et al. (2010)"""
SAMPLES = 6_000
"""Of an epoch of these networks: the largest takes minutes for all of MNIST."""


def measure(settings: Settings) -> dict:
    """Records by the number of images and by network, and the memory of a run on MNIST."""
    return {
        "images": _measure_images(settings),
        "networks": _measure_networks(settings),
        "mnist_memory": _measure_mnist(settings),
    }


def _measure_images(settings: Settings) -> list[dict]:
    sizes = [1_000, 6_000] if settings.quick else IMAGES
    compared = sizes[-1] if settings.quick else COMPARED
    records = {n: {"images": n, "seconds": [], "memory": [], "compared": []} for n in sizes}
    for repeat in range(settings.repeats):
        for n in sizes:
            memory, seconds = _train(settings, n)
            records[n]["seconds"] += seconds
            records[n]["memory"].append(memory)
            # A machine may be fast one minute and slow the next, so each is beside its own.
            beside = seconds if n == compared else _train(settings, compared)[1]
            records[n]["compared"] += [each / compared for each in beside]
            progress(
                f"growth, repeat {repeat + 1}: {n:,} images: "
                f"{statistics.median(seconds) / n * 1e6:.2f} µs a sample, {memory} bytes at most"
            )
    return list(records.values())


def _train(settings: Settings, n: int) -> tuple[int | None, list[float]]:
    """The most memory of a run on n images, and the seconds of each epoch but the first."""
    memory = peak_memory(_synthetic_training(settings, n), settings.folder)
    return memory, _epochs_after_the_first(newest_run(settings.folder))


def _synthetic_training(settings: Settings, n: int) -> list[str]:
    epochs = max(4, min(11, 600_000 // n + 1))
    chosen = {
        "name": f"synthetic-{n}",
        "data.dataset": "synthetic",
        "data.train_size": n,
        "data.test_size": 2_000,
        "data.validation": 0,
        "network.hidden": "[128]",
        "optimizer.name": "momentum",
        "optimizer.learning_rate": 0.01,
        "training.batch_size": 64,
        "training.epochs": epochs,
    }
    config = settings.folder / "empty.yaml"
    config.write_text("{}\n")
    overrides = [f"{key}={value}" for key, value in chosen.items()]
    return [*MLPCLI, "train", "--config", str(config), *overrides]


def _epochs_after_the_first(run: Path) -> list[float]:
    with (run / "metrics.csv").open(newline="") as file:
        return [float(row["seconds"]) for row in csv.DictReader(file)][1:]


def _measure_networks(settings: Settings) -> list[dict]:
    samples = SAMPLES // 10 if settings.quick else SAMPLES
    records = {
        network: {"network": network, "batch": batch, "samples": samples, "ours": [], "limit": []}
        for network, batch in NETWORKS.items()
    }
    for repeat in range(settings.repeats):
        for network, record in records.items():
            task = {
                "sizes": network,
                "batch_size": record["batch"],
                "epochs": settings.epochs,
                "samples": samples,
                "folder": settings.folder,
            }
            for who, script in (("ours", "ours.py"), ("limit", "products.py")):
                seconds = contest(script, **task)["seconds"]
                record[who] += seconds
                progress(
                    f"growth, repeat {repeat + 1}: {network}, {who}: "
                    f"{statistics.median(seconds):.3f} s for {samples:,} samples"
                )
    return list(records.values())


def _measure_mnist(settings: Settings) -> int | None:
    """The most memory of `mlpcli train` with its default config."""
    smaller = ["training.epochs=1"] if settings.quick else []
    if settings.dataset != "mnist":
        return None
    memory = peak_memory([*MLPCLI, "train", *smaller], settings.folder)
    progress(f"growth: MNIST by the default config: {memory} bytes at most")
    return memory


def microseconds_a_sample(record: dict) -> float:
    """The median over epochs."""
    return statistics.median(record["seconds"]) / record["images"] * 1e6


def times_compared(record: dict) -> float:
    """The time a sample, over that of the run on COMPARED images that was made beside it."""
    return microseconds_a_sample(record) / (statistics.median(record["compared"]) * 1e6)


def most_memory(record: dict) -> int | None:
    """Of all repeats."""
    return max((size for size in record["memory"] if size is not None), default=None)


def seconds_of_a_thousand(record: dict, who: str) -> float:
    """The median over epochs."""
    return statistics.median(record[who]) / record["samples"] * 1_000


def table(results: dict) -> str:
    """Two tables and a sentence."""
    images = results["images"]
    compared = COMPARED if len(images) == len(IMAGES) else images[-1]["images"]
    image_rows = [
        [
            f"{record['images']:,}",
            f"{microseconds_a_sample(record):.2f}",
            f"{times_compared(record):.2f}",
            megabytes(most_memory(record)),
        ]
        for record in images
    ]
    network_rows = []
    for record in results["networks"]:
        ours, limit = (seconds_of_a_thousand(record, who) for who in ("ours", "limit"))
        name = f"{record['network']}, {record['batch']}"
        network_rows.append([name, f"{ours:.4f}", f"{100 * limit / ours:.0f} %"])
    image_head = [
        "synthetic images",
        "µs a sample",
        f"times that of {compared:,}, beside it",
        "most memory, MB",
    ]
    network_head = ["network, batch", "seconds for 1,000 samples", "matrix products alone"]
    memory = megabytes(results["mnist_memory"])
    return "\n\n".join(
        [
            markdown(image_head, image_rows),
            markdown(network_head, network_rows),
            f"Most memory of `mlpcli train` (MNIST, the default config), MB: {memory}.",
        ]
    )
