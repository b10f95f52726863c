"""The command line: the installed command as a process, or in this one, which is faster."""

import contextlib
import io
import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import IO, NamedTuple
from unittest import mock

from mlpcli.cli.main import run

COMMAND = shutil.which("mlpcli", path=str(Path(sys.executable).parent))


def peak_megabytes() -> float:
    """The most memory that this process has had; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:
        return 0
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def environment(**variables: str) -> dict[str, str]:
    """This process's environment with the developer's own settings taken out."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MLPCLI_")}
    return {**ours, "COLUMNS": "100", **variables}


def mlpcli(
    *arguments: object,
    cwd: Path,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[str] = subprocess.PIPE,
    stderr: int | IO[str] = subprocess.PIPE,
    **variables: str,
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    assert COMMAND, "mlpcli is not installed beside this Python"
    return subprocess.run(
        [COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=environment(**variables),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


class Cost(NamedTuple):
    """What a process took."""

    returncode: int
    stderr: str
    seconds: float
    """of processor time"""
    megabytes: float


# A process of its own, because a child's peak counts what its parent had when it was started.
MEASURE = """
import json, os, subprocess, sys
with subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
    said = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
megabytes = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
print(json.dumps([process.returncode, said, usage.ru_utime + usage.ru_stime, megabytes]))
"""


def cost_of(*arguments: object, cwd: Path) -> Cost:
    """Run the command to its end on one core; return what it took. For POSIX only."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=environment(OPENBLAS_NUM_THREADS="1"),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Cost(*json.loads(done.stdout))


def started(*command: object, cwd: Path, **variables: str) -> subprocess.Popen[str]:
    """Start a command whose output can be read while it runs."""
    return subprocess.Popen(
        [str(word) for word in command],
        cwd=cwd,
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def in_terminal(*arguments: object, cwd: Path) -> str:
    """Run the command in a terminal of 100 columns; return what it wrote there."""
    import fcntl
    import pty
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    command = [str(word) for word in (COMMAND, *arguments)]
    variables = environment(TERM="xterm")
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, cwd=cwd, env=variables) as process:
        os.close(theirs)
        written = b""
        with contextlib.suppress(OSError):  # how Linux says that the other end is closed
            while piece := os.read(ours, 65536):
                written += piece
    os.close(ours)
    assert process.returncode == 0
    return written.decode()


def in_process(*arguments: object, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in this process, as `mlpcli` does, but for signals."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    words = [str(argument) for argument in arguments]
    with (
        contextlib.chdir(cwd),
        mock.patch.dict(os.environ, {"COLUMNS": "100", **variables}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO())),
    ):
        code = run(words)
        err.flush()
    told, said = (stream.buffer.getvalue().decode() for stream in (out, err))
    return subprocess.CompletedProcess(words, code, told, said)


FETCH = """
import sys
from pathlib import Path
sys.path.append(sys.argv[1])
from helpers.mirrors import small_dataset
from mlpcli.data.published import cache, sources
sources.SOURCES["mnist"] = small_dataset("mnist", (sys.argv[2],)).source
print("ready", flush=True)
input()
cache.fetch("mnist", Path(sys.argv[3]))
"""


def ready_to_fetch(mirror: str, data_dir: Path) -> subprocess.Popen[str]:
    """Return a process that has imported everything, and fetches at `begin`."""
    process = subprocess.Popen(
        [sys.executable, "-c", FETCH, str(Path(__file__).parents[1]), mirror, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(OPENBLAS_NUM_THREADS="1"),
    )
    assert process.stdout.readline() == "ready\n"
    return process


def begin(process: subprocess.Popen[str]) -> None:
    process.stdin.write("go\n")
    process.stdin.flush()
