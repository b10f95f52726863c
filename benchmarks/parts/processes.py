"""Running contestants, each in a process of its own."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mlpcli.data.published.cache import DATA_VARIABLE, data_directory

PEERS = Path(__file__).parent.parent / "peers"
MLPCLI = [sys.executable, "-m", "mlpcli"]
BUSY_PROCESSES = 2
REST = 50
"""Times as long as a look at the memory took, before the next: it must hardly slow a training."""
SHORTEST_REST = 0.02
"""Seconds."""


def peer(script: str, *arguments: object) -> list[str]:
    """The command that runs a script of `peers`."""
    return [sys.executable, str(PEERS / script), *map(str, arguments)]


def timed(command: Sequence[str], folder: Path, limit: float | None = None) -> tuple[float, str]:
    """Run a command in a folder: its seconds from start to exit, and what it wrote to stdout.

    Raises:
        subprocess.TimeoutExpired: it was ended after `limit` seconds.
    """
    started = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env=_environment(folder),
        capture_output=True,
        text=True,
        check=False,
        timeout=limit,
    )
    seconds = time.perf_counter() - started
    _check(command, done.returncode, done.stderr)
    return seconds, done.stdout


def contest(script: str, *options: str, **task: object) -> dict:
    """Run a contestant of an epoch: its seconds an epoch and its accuracy."""
    for name, value in task.items():
        options += (f"--{name.replace('_', '-')}", str(value))
    return json.loads(timed(peer(script, *options), Path(str(task["folder"])))[1])


def peak_memory(command: Sequence[str], folder: Path) -> int | None:
    """Run a command and watch its memory: the most bytes it had, or None where no one tells.

    Linux tells: the proportional set sizes (PSS) of the process and all that descend from it, in
    which a page that several share is counted once, are added up again and again. Between two
    looks a peak of the first process alone is caught by its high-water mark (VmHWM).
    """
    if not Path("/proc/self/smaps_rollup").is_file():
        return None
    peak = 0
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(folder),
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        while process.poll() is None:
            started = time.perf_counter()
            total = sum(_kilobytes(pid, "smaps_rollup", "Pss:") for pid in _family(process.pid))
            peak = max(peak, total, _kilobytes(process.pid, "status", "VmHWM:"))
            time.sleep(max(SHORTEST_REST, REST * (time.perf_counter() - started)))
        errors.seek(0)
        _check(command, process.returncode, errors.read())
    return peak * 1024


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


def _environment(folder: Path) -> dict[str, str]:
    """What PyTorch compiles is kept in the folder from repeat to repeat, and no longer."""
    return {
        **os.environ,
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "torchinductor"),
        DATA_VARIABLE: str(data_directory().absolute()),
    }


def _check(command: Sequence[str], code: int, errors: str) -> None:
    if code:
        raise SystemExit(f"{' '.join(command)} ended with {code}:\n{errors}")


def _family(pid: int) -> list[int]:
    """The process and its descendants."""
    try:
        listed = [file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:  # it has just ended
        listed = []
    children = [int(child) for text in listed for child in text.split()]
    return [pid, *(descendant for child in children for descendant in _family(child))]


def _kilobytes(pid: int, file: str, field: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except OSError:  # it has just ended
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(field)), 0)
