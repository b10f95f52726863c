"""Kills, failing system calls and full disks while a run saves: what was whole stays whole."""

import contextlib
import csv
import errno
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from helpers.processes import environment

import mlpcli
from mlpcli.errors import CheckpointError
from mlpcli.storage.checkpoint import load_checkpoint
from mlpcli.training.metrics import EpochMetrics

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system"),
]
SAVING_EACH_EPOCH = """#!{python}
from mlpcli.__main__ import main
from mlpcli.runs import recorder
recorder.SAVE_EVERY = 0
main()
"""
KILLS = 200
AT_ONCE = 4


@pytest.fixture
def command(tmp_path: Path) -> str:
    """The command line, saving each epoch however short, so that these runs save all the time."""
    path = tmp_path / "saving_each_epoch"
    path.write_text(SAVING_EACH_EPOCH.format(python=sys.executable))
    path.chmod(0o755)
    return str(path)


def epochs_saved(run: Path) -> dict[str, int]:
    """The epochs of the checkpoints there are; each must be whole."""
    files = sorted((run / "weights").glob("*.safetensors")) if run.exists() else []
    return {path.stem: load_checkpoint(path).epoch for path in files}


def rows(run: Path) -> list[int]:
    """The epochs in metrics.csv; each row must be whole."""
    path = run / "metrics.csv"
    if not path.exists() or not path.read_bytes():
        return []
    text = path.read_text()
    assert text.endswith("\n")
    header, *table = csv.reader(text.splitlines())
    assert header == list(EpochMetrics.__dataclass_fields__)
    assert all(len(row) == len(header) for row in table)
    return [int(row[0]) for row in table]


def temporaries(folder: Path) -> list[Path]:
    return [path for path in folder.rglob(".*") if path.suffix == ".tmp"]


def go_on_from_each(run: Path, saved: dict[str, int], history: list[int]) -> None:
    """Train one epoch more, from `best` and from `last`."""
    copy = shutil.copytree(run, run.with_name("copy"))
    if "best" in saved:
        more = f"training.epochs={saved['best'] + 1}"
        done = mlpcli.resume(copy / "weights" / "best.safetensors", [more], trust_paths=True)
        assert rows(copy) == [row.epoch for row in done.history] == history[: saved["best"] + 1]
    more = f"training.epochs={saved['last'] + 1}"
    assert mlpcli.resume(run, [more], trust_paths=True).test.accuracy is not None
    assert rows(run) == history[: saved["last"] + 1]
    assert epochs_saved(run)["last"] == saved["last"] + 1


def test_killed_at_any_moment(command, config, tmp_path, count) -> None:
    moments = random.Random(0)
    arguments = [command, "train", "-q", "-c", str(config), "training.epochs=100000"]
    for batch in range(KILLS // AT_ONCE):
        folders = [tmp_path / f"{batch}-{i}" for i in range(AT_ONCE)]
        processes = []
        for folder in folders:
            folder.mkdir()
            processes.append(
                subprocess.Popen(
                    arguments,
                    cwd=folder,
                    env=environment(OPENBLAS_NUM_THREADS="1"),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )
        if batch % 4:  # in every fourth batch, any moment from the start of the process
            while not all((folder / "runs" / "run").exists() for folder in folders):
                assert all(process.poll() is None for process in processes)
                time.sleep(0.005)
        for process in processes:
            time.sleep(moments.uniform(0, 0.1 if batch % 4 else 0.4))
            process.kill()
            assert process.wait() == -signal.SIGKILL
        for folder in folders:
            run = folder / "runs" / "run"
            count("kills survived")
            if run.exists():  # it appears with its first checkpoint in it
                saved, recorded = epochs_saved(run), rows(run)
                assert recorded == list(range(1, len(recorded) + 1))
                assert saved["last"] - len(recorded) in (0, 1)
                assert saved.get("best", 0) <= saved["last"]
                assert ("best" in saved) == bool(recorded) or saved["last"] == 1
                left = temporaries(run)
                assert len(left) <= 1
                count("  of them within the writing of a file", len(left))
                go_on_from_each(run, saved, list(range(1, saved["last"] + 2)))
                count("  checkpoints found whole after a kill, and gone on from", len(saved))
            shutil.rmtree(folder)


def can_inject() -> bool:
    """strace is there, and may trace."""
    strace = shutil.which("strace")
    if strace is None:
        return False
    tried = subprocess.run(
        [strace, "-qq", "-o", os.devnull, "-e", "inject=fsync:error=EIO:when=9", "true"],
        capture_output=True,
        check=False,
    )
    return tried.returncode == 0


CALLS = ("openat", "write", "fsync", "close", "mkdir", "rename", "renameat", "renameat2")
QUESTIONS = ("newfstatat", "getdents64", "lseek")
"""of which some may fail, and nothing is lost by it"""
ERRORS = {
    "openat": ("ENOSPC", "EIO"),
    "write": ("ENOSPC", "EIO", "EFBIG"),
    "fsync": ("ENOSPC", "EIO"),
}
TRACE = ("-e", f"trace={','.join(f'?{name}' for name in (*CALLS, *QUESTIONS))}")


TIMES = 5
"""tries of a call: on a busy machine Python may have made another one before it"""


def traced(command, config, folder, *options):
    """Train for two epochs under strace; the process, and strace's log."""
    folder.mkdir()
    log = folder / "log"
    done = subprocess.run(
        [
            *("strace", "-qq", "-y", "-s", "0", "-o", log, *TRACE, *options),
            *(sys.executable, command, "train", "-c", config, "training.epochs=2"),
        ],
        cwd=folder,
        env=environment(OPENBLAS_NUM_THREADS="1", PYTHONHASHSEED="0"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done, log.read_text()


def calls_on_the_run(log: str) -> list[tuple[str, int]]:
    """Each system call on the run's folder, as (name, how often the process made it by then).

    Left out are those between the making of the folder and the end of its first epoch, which the
    second repeats, and what is asked anywhere but in one save.
    """
    found: list[tuple[str, int]] = []
    made: Counter[str] = Counter()
    is_made, saves = False, 0
    for line in log.splitlines():
        name = line.partition("(")[0]
        made[name] += 1
        is_ours = "mlpcli/runs" in line  # the source of a run, not its folder
        if not is_ours and ("runs/.run" in line or "runs/run" in line):
            if (not is_made and name in CALLS) or saves == 2 or (saves > 2 and name in CALLS):
                found.append((name, made[name]))
            is_made |= '"runs/run")' in line
            saves += is_made and name.startswith("rename") and "safetensors" in line
    return found


def check_one_failure(done, log: str, folder: Path, name: str, error: str) -> None:
    run, what = folder / "runs" / "run", f"{done.stderr}\n{log[-3000:]}"
    (injected,) = (line for line in log.splitlines() if "INJECTED" in line)
    assert "Traceback" not in done.stderr, what
    saved, recorded = epochs_saved(run), rows(run)
    assert not temporaries(folder / "runs"), what
    if not run.exists():
        assert done.returncode == 7, what
        assert re.search(r"^mlpcli: runs/run\S*: cannot be (made|written): .*\.$", done.stderr)
        return
    told = [int(n) for n in re.findall(r"^epoch +(\d+)", done.stderr, re.MULTILINE)]
    assert recorded[: len(told)] == told, what
    assert max(told, default=0) <= saved["last"], what
    if done.returncode == 0:  # a folder could not be listed for stale files, or was closed
        assert "O_DIRECTORY" in injected or name in ("close", *QUESTIONS), what
        assert saved["last"] == len(recorded) == 2, what
        assert (run / "summary.json").read_text().endswith("}\n"), what
        return
    assert done.stdout == "", what
    if done.returncode == 4:  # the best weights could not be read for the test
        assert ".safetensors" in injected, what
        assert "cannot be read: " in done.stderr, what
        return
    assert done.returncode == 7, what
    assert re.search(rf"cannot be .*: {os.strerror(getattr(errno, error))}\.", done.stderr), what
    if recorded and "summary.json" not in done.stderr:
        named = re.search(r"whole checkpoint is that of epoch (\d+): (\S+)\.$", done.stderr.strip())
        epoch, path = named.groups()
        assert int(epoch) == load_checkpoint(folder / path).epoch == max(saved.values()), what


@pytest.mark.skipif(not can_inject(), reason="needs strace, allowed to trace")
def test_each_system_call_failing_in_turn(command, config, tmp_path, count) -> None:
    for first in ("warm-up", "counted"):  # Python may write its .pyc files at first
        done, log = traced(command, config, tmp_path / first)
        assert done.returncode == 0, done.stderr
    calls = calls_on_the_run(log)
    assert {"openat", "write", "fsync", "close"} < {name for name, _ in calls}
    faults = [(name, nth, error) for name, nth in calls for error in ERRORS.get(name, ("EIO",))]

    def check(fault: tuple[str, int, str]) -> None:
        name, nth, error = fault
        folder = tmp_path / f"{name}-{nth}-{error}"
        inject = ("-e", f"inject={name}:error={error}:when={nth}")
        for tries_left in reversed(range(TIMES)):
            done, log = traced(command, config, folder, *inject)
            if not tries_left or re.search(r'("runs"|runs/\.?run).*INJECTED', log):
                break
            shutil.rmtree(folder)
        check_one_failure(done, log, folder, name, error)
        shutil.rmtree(folder)
        count("system calls made to fail")
        count(f"  of them with {error}")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(check, faults))


FAIL_IN_TURN = """
import errno, itertools, os, sys
from pathlib import Path
import mlpcli
from mlpcli.errors import CheckpointError, WriteError
from mlpcli.storage.checkpoint import load_checkpoint

config = mlpcli.load_config(sys.argv[1], overrides=["training.epochs=2"])
runs, left = Path("runs"), 0

def count_down(path):
    global left
    if str(path).find(str(runs)) >= 0:
        left -= 1
        if left == 0:
            raise OSError(errno.ENOSPC, "it is made to fail")

def watch(event, arguments):
    if event in ("open", "os.mkdir", "os.rename", "os.scandir", "os.truncate"):
        count_down(arguments[0])

flush = os.fsync
os.fsync = lambda descriptor: (count_down(runs), flush(descriptor))
sys.addaudithook(watch)
for nth in itertools.count(1):
    runs, left = Path(str(nth)) / "runs", nth
    try:
        mlpcli.train(config, runs_dir=runs)
    except (WriteError, CheckpointError) as error:
        assert left <= 0 and ": it is made to fail." in str(error), (left, str(error))
        assert isinstance(error, WriteError) or "cannot be read: " in str(error)
    if left > 0:
        break
    left = 0
    assert not list(runs.rglob("*.tmp"))
    if (runs / "run").exists():
        for path in runs.glob("run/weights/*"):
            load_checkpoint(path)
        done = mlpcli.resume(runs / "run", trust_paths=True)
        assert [row.epoch for row in done.history] == [1, 2]
print(nth - 1)
"""


def test_each_operation_failing_in_turn_where_nothing_can_trace(config, tmp_path, count) -> None:
    """Python is told to fail before it asks the system: where strace is not to be had, too."""
    done = subprocess.run(
        [sys.executable, "-c", FAIL_IN_TURN, str(config)],
        cwd=tmp_path,
        env=environment(OPENBLAS_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 40
    count("operations on files made to fail", int(done.stdout))


def test_a_limit_on_the_size_of_files(command, config, tmp_path, count) -> None:
    """EFBIG from the system itself, where strace is not to be had."""
    import resource

    for limit in (0, 1, 200, 1500, 2500, 3000):
        folder = tmp_path / str(limit)
        folder.mkdir()
        done = subprocess.run(
            [command, "train", "-q", "-c", str(config)],
            cwd=folder,
            env=environment(PYTHONDONTWRITEBYTECODE="1"),
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, limit)),
        )
        assert done.returncode == 7, done.stderr
        assert "cannot be written: File too large" in done.stderr
        assert "Traceback" not in done.stderr
        run = folder / "runs" / "run"
        assert not epochs_saved(run)
        assert not temporaries(folder)
        count("runs on a full disk or a read-only folder")


APPEND_ROWS = """
import resource, sys
from pathlib import Path
from mlpcli.errors import WriteError
from mlpcli.training.metrics import EpochMetrics
from mlpcli.storage.run_folder import RunFolder

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
directory = RunFolder(Path())
for epoch in range(1, 9):
    try:
        directory.append_metrics([EpochMetrics(epoch, 0.5, 0.1, 0.2, 0.3, None, None)])
    except WriteError as error:
        sys.exit(str(error))
"""


@pytest.mark.parametrize("limit", [0, 50, 78, 90, 120, 150])
def test_no_half_row_in_the_metrics(tmp_path, limit, count) -> None:
    """The system writes what fits and fails then; what fitted is taken out again."""
    done = subprocess.run(
        [sys.executable, "-c", APPEND_ROWS, str(limit)],
        cwd=tmp_path,
        env=environment(PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == "metrics.csv: cannot be written: File too large.\n"
    assert len(rows(tmp_path)) == max(0, (limit - 78) // 20)
    count("runs on a full disk or a read-only folder")


def in_a_namespace(script: str, folder: Path, *arguments: object):
    """Run a shell script that may mount; skip where that is not permitted."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("needs unshare")
    done = subprocess.run(
        [
            unshare,
            "--mount",
            "sh",
            "-c",
            f"mount -t tmpfs -o size=1m none . && {script}",
            "sh",
            *map(str, arguments),
        ],
        cwd=folder,
        env=environment(OPENBLAS_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if re.search("not permitted|denied|must be superuser", done.stderr):
        pytest.skip(f"mounting is not permitted: {done.stderr.strip()}")
    return done


def test_a_full_disk(command, config, tmp_path, count) -> None:
    """A disk with room for so many pages and no more, from none to nearly enough."""
    disk, seen = tmp_path / "disk", tmp_path / "seen"
    disk.mkdir()
    whole = 0
    for free in range(0, 44, 4):
        shutil.rmtree(seen, ignore_errors=True)
        done = in_a_namespace(
            'cd "$1" && dd if=/dev/zero of=fill bs=4k 2>/dev/null; truncate -s -"$4" fill;'
            ' "$2" train -c "$3"; code=$?; rm fill; cp -r . "$5"; exit $code',
            *(disk, disk, command, config, 4096 * free, seen),
        )
        assert done.returncode in (0, 7), done.stderr
        assert "Traceback" not in done.stderr
        run = seen / "runs" / "run"
        saved, recorded = epochs_saved(run), rows(run)
        assert not temporaries(seen)
        if done.returncode == 7:
            assert "No space left on device" in done.stderr
            assert done.stdout == ""
            said = re.search(r"whole checkpoint is that of epoch (\d+)", done.stderr)
            assert bool(said) == bool(
                saved.get("last") and "summary.json: cannot" not in done.stderr
            )
            assert said is None or int(said.group(1)) == max(saved.values())
        assert saved.get("last", 0) - len(recorded) in (0, 1)
        whole += bool(saved)
        count("runs on a full disk or a read-only folder")
    assert whole > 0


def test_a_read_only_folder(command, config, tmp_path, count) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    script = 'cd "$1" && mount -o remount,ro "$1" && "$2" train -c "$3"'
    done = in_a_namespace(script, disk, disk, command, config)
    assert done.returncode == 7
    assert done.stderr == "mlpcli: runs: the folder cannot be made: Read-only file system.\n"
    (tmp_path / "runs").write_text("a file where the folder should be")
    done = subprocess.run(
        [command, "train", "-c", str(config)],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 7
    assert done.stderr == "mlpcli: runs: the folder cannot be made: File exists.\n"
    count("runs on a full disk or a read-only folder", 2)


def test_a_run_folder_deleted_while_training(command, config, tmp_path) -> None:
    process = subprocess.Popen(
        [command, "train", "-q", "-c", str(config), "training.epochs=100000"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    run = tmp_path / "runs" / "run"
    while len(rows(run)) < 3:
        assert process.poll() is None
        time.sleep(0.01)
    while run.exists():
        with contextlib.suppress(OSError):  # it is being written to
            shutil.rmtree(run)
    out, error = process.communicate(timeout=30)
    assert process.returncode == 7
    assert out == ""
    assert re.fullmatch(
        r"mlpcli: runs/run/.*: cannot be written: No such file or directory\. "
        r"(No epoch is saved|The last whole checkpoint is that of epoch \d+: ).*\n",
        error,  # of a checkpoint that was there still when it was told
    )


REASONS = re.compile(
    "cut short|altered since|not a checkpoint|written in format|do not describe a network"
    "|neither float16, float32 nor float64"
)


def test_every_byte_flipped_and_every_length(small, count) -> None:
    content = small.read_bytes()
    theta = load_checkpoint(small).network.theta.tobytes()
    damaged = [content[:length] for length in range(len(content))]
    for i, byte in enumerate(content):
        for wrong in {byte ^ 1, byte ^ 0x80, 0, 0xFF, ord('"'), ord("9")} - {byte}:
            damaged.append(content[:i] + bytes([wrong]) + content[i + 1 :])
    for bad in damaged:
        small.write_bytes(bad)
        try:
            found = load_checkpoint(small)
        except CheckpointError as error:
            assert REASONS.search(str(error)), str(error)  # noqa: PT017
        else:  # a space more or less in the header
            assert found.network.theta.tobytes() == theta
            count("  of them without any meaning, and the weights right")
    count("checkpoints with a byte flipped or an end cut off", len(damaged))


def test_a_damaged_checkpoint_is_exit_4(command, small, tmp_path) -> None:
    content = small.read_bytes()
    newer = content.replace(b'"format_version":"1"', b'"format_version":"9"')
    for bad, reason in (
        (content[:-1], "cut short"),
        (content[:-1] + bytes([content[-1] ^ 1]), "altered"),
        (b"PK\3\4" + bytes(100), "not a checkpoint"),
        (newer, "written in format '9'"),
    ):
        small.write_bytes(bad)
        done = subprocess.run(
            [command, "evaluate", str(small)],
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 4
        assert reason in done.stderr
        assert "Traceback" not in done.stderr
