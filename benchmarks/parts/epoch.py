"""One epoch of training: mlpcli, other libraries, the textbook program, and the limit."""

import statistics

from parts.processes import busy_machine, contest
from parts.settings import Settings, progress
from parts.tables import markdown

NETWORKS = {"784-30-10": 10, "784-128-10": 64, "784-512-512-10": 128, "784-800-800-10": 256}
"""each with its batch size"""
OURS, BUSY, LIMIT = "mlpcli", "mlpcli, busy machine", "matrix products alone"
TEXTBOOK = "textbook, per example"
CONTESTANTS = {
    OURS: ["ours.py"],
    BUSY: ["ours.py"],
    LIMIT: ["products.py"],
    "PyTorch": ["torch_peer.py"],
    "PyTorch, compiled": ["torch_peer.py", "--compile"],
    "scikit-learn": ["scikit_learn.py"],
    "JAX, step compiled": ["jax_peer.py"],
    "JAX, epoch compiled": ["jax_peer.py", "--scan"],
    TEXTBOOK: ["textbook.py"],
}
TEXTBOOK_SHARES = {"784-30-10": 1, "784-128-10": 10}
"""The part of an epoch that is timed, because the whole takes too long; others not at all."""


def measure(settings: Settings) -> list[dict]:
    """A record for each network and contestant, the contestants in turn, several times over."""
    records: dict[tuple[str, str], dict] = {}
    for repeat in range(settings.repeats):
        for network in list(NETWORKS)[: 2 if settings.quick else None]:
            for name in CONTESTANTS:
                if name == TEXTBOOK and network not in TEXTBOOK_SHARES:
                    continue
                key = (network, name)
                if key not in records:
                    records[key] = _new_record(network, name, settings)
                answer = _run(name, records[key], settings, seed=repeat)
                records[key]["seconds"] += answer["seconds"]
                if answer["accuracy"] is not None:
                    records[key]["accuracies"].append(answer["accuracy"])
                progress(
                    f"epoch, repeat {repeat + 1}: {network}, {name}: "
                    f"{statistics.median(answer['seconds']):.3f} s"
                )
    for record in records.values():
        record["void"] = _is_void(record, records[record["network"], OURS], settings)
    return list(records.values())


def _new_record(network: str, name: str, settings: Settings) -> dict:
    share = TEXTBOOK_SHARES[network] if name == TEXTBOOK else 1
    samples = settings.train_size // share
    return {
        "network": network,
        "batch": NETWORKS[network],
        "contestant": name,
        "samples": samples,
        "share": share,
        "seconds": [],
        "accuracies": [],
    }


def _run(name: str, record: dict, settings: Settings, seed: int) -> dict:
    task = {
        "sizes": record["network"],
        "batch_size": record["batch"],
        "epochs": settings.epochs,
        "samples": record["samples"],
        "folder": settings.folder,
        "seed": seed,
    }
    if name == BUSY:
        with busy_machine():
            return contest(*CONTESTANTS[name], **task)
    return contest(*CONTESTANTS[name], **task)


def _is_void(record: dict, ours: dict, settings: Settings) -> bool:
    """Whether the accuracy is off from mlpcli's after as many steps: it has done other work.

    Medians are compared: with batches of ten, one accuracy is off by a point by chance.
    """
    if not record["accuracies"]:
        return False
    expected, tolerance = ours["accuracies"], settings.accuracy_tolerance
    if record["share"] > 1:
        runs = [_run(OURS, record, settings, seed) for seed in range(settings.repeats)]
        expected = [run["accuracy"] for run in runs]
        tolerance *= 2  # after so few steps the order of the images tells
    off = statistics.median(record["accuracies"]) - statistics.median(expected)
    return abs(off) > tolerance


def seconds_of_an_epoch(record: dict) -> float:
    """The median, a part of an epoch taken as often as it fits."""
    return statistics.median(record["seconds"]) * record["share"]


def table(records: list[dict]) -> str:
    """mlpcli's seconds, and the others' as a multiple of them."""
    by_key = {(record["network"], record["contestant"]): record for record in records}
    others = [name for name in CONTESTANTS if name != OURS]
    rows = []
    for network in dict.fromkeys(record["network"] for record in records):
        ours = by_key[network, OURS]
        seconds = seconds_of_an_epoch(ours)
        row = [f"{network}, {ours['batch']}", f"{seconds:.3f}"]
        for name in others:
            record = by_key.get((network, name))
            row.append("–" if record is None else _ratio(record, seconds))
        rows.append(row)
    note = ", ".join(
        f"{record['network']}: the first {record['samples']:,} images, times {record['share']}"
        for record in records
        if record["share"] > 1
    )
    head = ["network, batch", f"{OURS}, s", *others]
    return markdown(head, rows) + (f"\n\n*{TEXTBOOK}*: {note}." if note else "")


def _ratio(record: dict, seconds: float) -> str:
    if record["void"]:
        return "void: accuracy"
    return f"{seconds_of_an_epoch(record) / seconds:.2f}"
