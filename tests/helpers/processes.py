"""The installed command as a process."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

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


def mlpcli(*arguments: object, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    assert COMMAND, "mlpcli is not installed beside this Python"
    return subprocess.run(
        [COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


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
