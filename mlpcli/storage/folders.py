"""What tells the folder of a run or of a sweep from others; quick to import."""

from pathlib import Path

CONFIG, SWEEP = "config.yaml", "sweep.yaml"
"""the file that every folder of a run has, and that of a sweep"""
BEST, LAST = "weights/best.safetensors", "weights/last.safetensors"
"""the checkpoints in the folder of a run"""


def is_run(folder: Path) -> bool:
    """Return whether there is a run in this folder."""
    return _has(folder, CONFIG)


def is_sweep(folder: Path) -> bool:
    """Return whether there is a sweep in this folder."""
    return _has(folder, SWEEP)


def _has(folder: Path, name: str) -> bool:
    try:
        return (folder / name).is_file()
    except OSError:  # a folder that may not be entered
        return False
