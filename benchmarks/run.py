"""Measures mlpcli beside other libraries: `python benchmarks/run.py`.

Writes results.json, results.md and results.png, and the tables of README.md.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from parts import accuracy, command, epoch, growth, picture, predict
from parts.data import write_data
from parts.settings import Settings, progress
from parts.tables import replace_section

from mlpcli.storage import environment

HERE = Path(__file__).parent
RESULTS = HERE.resolve() / "results"
PARTS = {
    "accuracy": accuracy,
    "epoch": epoch,
    "command": command,
    "predict": predict,
    "growth": growth,
}
TITLES = {
    "accuracy": "Time to the answer",
    "epoch": "One epoch",
    "command": "A whole training",
    "predict": "A whole prediction",
    "growth": "Growth",
}
CHOOSES_INSTRUCTIONS = (
    "ATEN_CPU_CAPABILITY",
    "MKL_ENABLE_INSTRUCTIONS",
    "NPY_DISABLE_CPU_FEATURES",
    "ONEDNN_MAX_CPU_ISA",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
)
"""Variables that keep a library from choosing what the processor does best."""
PEERS = {"PyTorch": "torch", "scikit-learn": "scikit-learn", "JAX": "jax"}


def main() -> None:
    """Measure what was asked for, and write it down."""
    if any(name in os.environ for name in CHOOSES_INSTRUCTIONS):
        left = {k: v for k, v in os.environ.items() if k not in CHOOSES_INSTRUCTIONS}
        os.execve(sys.executable, [sys.executable, *sys.argv], left)
    options = arguments()
    output = options.output or (None if options.quick else RESULTS)
    if options.results:
        results = json.loads(options.results.read_text())
        output = options.output or options.results.parent
    else:
        output = output or Path(tempfile.mkdtemp(prefix="mlpcli-benchmark-"))
        output.mkdir(parents=True, exist_ok=True)
        results = measure(options, output / "results.json")
    write(results, output)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=PARTS, help="default: every part")
    parser.add_argument("--quick", action="store_true", help="small data, once: does it work?")
    parser.add_argument("--dataset", default="mnist", choices=["mnist", "synthetic"])
    parser.add_argument(
        "--repeats", type=positive, help="default: 3, or with --only as in results.json; quick: 1"
    )
    parser.add_argument(
        "--epochs",
        type=positive,
        help="timed in each process; default: 2, or as --repeats; quick: 1",
    )
    parser.add_argument(
        "--goals",
        type=goals,
        default=("98", "99"),
        help="of accuracy, in percent: any of 98, 99 and 99.5; default: 98,99",
    )
    parser.add_argument("--seeds", type=positive, help="of accuracy; default: 5; quick: 1")
    parser.add_argument(
        "--peer-seeds", type=positive, help="of accuracy, of each peer; default: as many as --seeds"
    )
    parser.add_argument(
        "--output",
        type=Path,
        help="folder; default: benchmarks/results, with --quick a temporary one, with --from the "
        "file's",
    )
    parser.add_argument(
        "--from",
        dest="results",
        type=Path,
        metavar="RESULTS.JSON",
        help="measure nothing: make the tables and the picture again",
    )
    return parser.parse_args()


def positive(text: str) -> int:
    """A number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a number from 1 on")
    return int(text)


def goals(text: str) -> tuple[str, ...]:
    """Goals with commas between them."""
    chosen = tuple(text.split(","))
    if not set(chosen) <= set(accuracy.CONFIGS):
        raise argparse.ArgumentTypeError(f"{text}: choose from {','.join(accuracy.CONFIGS)}")
    return chosen


def measure(options: argparse.Namespace, file: Path) -> dict:
    """Measure the parts one after the other, each kept in the file as soon as it is done.

    What the file has of other parts stays, if it is from the same machine and settings.
    """
    usual = {"repeats": 3, "epochs": 2, "seeds": 5}
    if options.quick:
        usual = dict.fromkeys(usual, 1)
    elif options.only and file.is_file():
        usual |= json.loads(file.read_text())["settings"]  # or the parts could not stand together
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(
            dataset=options.dataset,
            repeats=options.repeats or usual["repeats"],
            epochs=options.epochs or usual["epochs"],
            quick=options.quick,
            folder=Path(name),
            goals=options.goals,
            seeds=options.seeds or usual["seeds"],
            peer_seeds=options.peer_seeds or options.seeds or usual["seeds"],
        )
        results = {
            "machine": machine(),
            "settings": {
                key: getattr(settings, key) for key in ("dataset", "repeats", "epochs", "quick")
            },
        }
        results["parts"] = earlier_parts(file, results)
        write_data(settings)
        progress("the data are written")
        for part in options.only or PARTS:
            measured = PARTS[part].measure(settings)
            if part == "accuracy" and part in results["parts"]:
                measured = accuracy.joined(results["parts"][part]["measured"], measured)
            results["parts"][part] = {
                "finished": datetime.now(UTC).isoformat(timespec="seconds"),
                "measured": measured,
            }
            file.write_text(json.dumps(results, indent=1) + "\n")
    return results


def machine() -> str:
    """What the figures were measured on and with."""
    found = environment.machine()
    blas = ", ".join(
        f"{library['internal_api']} {library['version']} for {library['architecture']}"
        for library in found["blas"]
    )
    peers = ", ".join(f"{name} {version(package)}" for name, package in PEERS.items())
    return (
        f"{found['cpu']}, {found['cores']} cores, {platform.system()}; Python {found['python']}, "
        f"NumPy {found['numpy']} ({blas}), {peers}"
    )


def earlier_parts(file: Path, results: dict) -> dict:
    """The parts in the file that may stand beside the new ones."""
    if not file.is_file():
        return {}
    earlier = json.loads(file.read_text())
    same = all(earlier[key] == results[key] for key in ("machine", "settings"))
    if not same:
        progress(f"{file}: of another machine or other settings; its parts are left out")
    return earlier["parts"] if same else {}


def write(results: dict, output: Path) -> None:
    """The table file and the picture; the README too, if its own results are measured anew."""
    order = [part for part in PARTS if part in results["parts"]]
    measured = {part: results["parts"][part]["measured"] for part in order}
    tables = {part: PARTS[part].table(measured[part]) for part in order}
    heading = description(results)
    document = "\n\n".join(
        ["# Results", heading, *(f"## {TITLES[part]}\n\n{tables[part]}" for part in order)]
    )
    (output / "results.md").write_text(document + "\n", encoding="utf-8")
    picture.draw(measured, output / "results.png")
    progress(f"results.md and results.png are in {output}")
    if results["settings"]["quick"]:
        print(document)
        return
    if output.resolve() != RESULTS:
        return
    readme = HERE / "README.md"
    text = readme.read_text(encoding="utf-8")
    for part, table in {"machine": heading, **tables}.items():
        text = replace_section(text, part, table)
    readme.write_text(text, encoding="utf-8")


def description(results: dict) -> str:
    """On which machine, and how often."""
    settings = results["settings"]
    return (
        f"{results['machine']}. Dataset {settings['dataset']}, {settings['repeats']} repeats, "
        f"{settings['epochs']} timed epochs in each process"
        + (", quick: the figures mean nothing." if settings["quick"] else ".")
    )


if __name__ == "__main__":
    main()
