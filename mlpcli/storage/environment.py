"""What a run ran on: with it, a different result on another machine can be explained."""

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

import mlpcli
from mlpcli.files import read_json, write_json
from mlpcli.parallel.processors import available_cores


def environment(seed: int, threads: int) -> dict[str, Any]:
    """Versions, machine, threads, seed, and the working directory's git commit if it has one."""
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "mlpcli": mlpcli.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": [
            {key: library.get(key) for key in ("internal_api", "version", "architecture")}
            for library in threadpool_info()
            if library.get("user_api") == "blas"
        ],
        "threads": threads,
        "cores": available_cores(),
        "platform": platform.platform(),
        "cpu": _cpu(),
        "seed": seed,
        "git_commit": _git_commit(),
    }


DECISIVE = {
    "mlpcli": "mlpcli",
    "numpy": "NumPy",
    "blas": "BLAS",
    "threads": "threads",
    "cpu": "processor",
}
"""What the last bit of a result may depend on, as the user knows it."""
_MOST_BYTES = 10 * 2**20


def sessions(path: Path) -> list[dict[str, Any]]:
    """The environments in which a run was trained: that of its beginning and each that went on.

    Empty if the file is missing or cannot be understood.
    """
    try:
        first = read_json(path, _MOST_BYTES)
        later = first.pop("resumed", [])
        return [first, *map(dict, later)]
    except (OSError, ValueError, TypeError, AttributeError):
        return []


def add_session(path: Path, now: Mapping[str, Any]) -> str:
    """Add the environment in which a run goes on to its file.

    Returns:
        A warning of what makes the last bits different from now on; empty if nothing does.

    Raises:
        WriteError: it could not be written.
    """
    first, *later = sessions(path) or [{}]
    write_json(path, {**first, "resumed": [*later, now]})
    if not first:
        return (
            f"Warning: {path} cannot be read, so it is not known whether this is still the same "
            "machine and NumPy."
        )
    different = "; ".join(differences((later or [first])[-1], now))
    return different and (
        f"Warning: the last bits may differ from those of a run that never stopped: {different}."
    )


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What is different and may change the last bits of a result, in words."""
    return [
        f"{word} {_words(before.get(key))} before, {_words(now.get(key))} now"
        for key, word in DECISIVE.items()
        if before.get(key) != now.get(key)
    ]


def _words(value: object) -> str:
    if isinstance(value, list):
        return " and ".join(map(_words, value)) or "none"
    if isinstance(value, dict):
        return " ".join(str(part) for part in value.values() if part is not None)
    return str(value)


def _cpu() -> str:
    """The processor's name; Linux tells it only in a file."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    # platform.processor() would start another program on some systems.
    return os.environ.get("PROCESSOR_IDENTIFIER") or platform.machine()


def _git_commit() -> str | None:
    git = shutil.which("git")
    if git is None or Path(git).absolute().parent == Path.cwd():  # Windows looks here first
        return None
    try:
        answer = subprocess.run(  # noqa: S603 (no word of it comes from outside)
            [git, "rev-parse", "HEAD"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=5,
            check=False,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
