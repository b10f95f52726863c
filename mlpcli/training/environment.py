"""What a run ran on: with it, a different result on another machine can be explained."""

import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

import mlpcli
from mlpcli.training.threads import available_cores


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


def _cpu() -> str:
    """The processor's name; Linux tells it only in a file."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


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
