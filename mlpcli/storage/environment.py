"""The environment of a run: it may explain a different result on another machine."""

import contextlib
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import mlpcli
from mlpcli.files import read_json, write_json
from mlpcli.parallel.processors import available_cores, blas_libraries

DECISIVE = {
    "mlpcli": "mlpcli",
    "numpy": "NumPy",
    "blas": "BLAS",
    "threads": "workers",
    "cpu": "processor",
}
"""entries that the last bits of a result may depend on, and their names in messages"""
_MOST_BYTES = 10 * 2**20


def environment(seed: int, workers: int) -> dict[str, Any]:
    """Return versions, machine, workers, seed, and the git commit of the working directory."""
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        **machine(),
        "threads": workers,
        "seed": seed,
        "git_commit": _git_commit(),
    }


def machine() -> dict[str, Any]:
    """Return the versions of mlpcli, Python, NumPy and BLAS, and what they run on."""
    return {
        "mlpcli": mlpcli.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": [
            {key: library.get(key) for key in ("internal_api", "version", "architecture")}
            for library in blas_libraries()
        ],
        "cores": available_cores(),
        "platform": platform.platform(),
        "cpu": _cpu(),
    }


def workers_before(path: Path, most: int) -> int | None:
    """Return how many workers, of `most`, the latest session of a run had, by its environment.json.

    None where that cannot be read; `add_session` says so.
    """
    try:
        first = read_json(path, _MOST_BYTES)
        workers = [first, *first.get("resumed", [])][-1].get("threads")
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    is_number = isinstance(workers, int) and 1 <= workers <= most
    return workers if is_number and workers is not True else None


def add_session(path: Path, now: Mapping[str, Any]) -> str:
    """Add the environment in which a run resumes to its environment.json.

    Returns:
        A warning if the last bits may differ from here on; otherwise an empty text.

    Raises:
        WriteError: the file could not be written.
    """
    try:
        first = read_json(path, _MOST_BYTES)
        later = first.pop("resumed", [])
        before = [first, *later][-1]
        changes = [
            f"{word} {_in_words(before.get(key))} before, {_in_words(now.get(key))} now"
            for key, word in DECISIVE.items()
            if before.get(key) != now.get(key)
        ]
    except (OSError, ValueError, TypeError, AttributeError):
        write_json(path, {"resumed": [now]})
        return (
            f"Warning: {path} cannot be read, so it is unknown whether this is still the same "
            "machine and NumPy."
        )
    write_json(path, {**first, "resumed": [*later, now]})
    if not changes:
        return ""
    return (
        "Warning: the last bits may differ from those of an uninterrupted run: "
        f"{'; '.join(changes)}."
    )


def _in_words(value: object) -> str:
    if isinstance(value, list):
        return " and ".join(map(_in_words, value)) or "none"
    if isinstance(value, dict):
        return " ".join(str(each) for each in value.values() if each is not None)
    return str(value)


def _cpu() -> str:
    """Return the name of the processor; Linux has it only in a file."""
    with contextlib.suppress(OSError):  # only Linux has it
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    # platform.processor() would start another program on some systems.
    return os.environ.get("PROCESSOR_IDENTIFIER") or platform.machine()


def _git_commit() -> str | None:
    git = shutil.which("git")
    try:
        if git is None or Path(git).absolute().parent == Path.cwd():  # Windows looks here first
            return None
        answer = subprocess.run(  # noqa: S603 (nothing in it comes from outside)
            [git, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):  # the working directory may be gone
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
