"""Downloads that are killed, interrupted, or have no network."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from helpers import mirrors
from helpers.mirrors import Mirror
from helpers.processes import begin, environment, mlpcli, ready_to_fetch

from mlpcli.data.published import cache
from mlpcli.data.published.sources import TRAIN_IMAGES

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system"),
]


def test_killed_downloads_leave_nothing_for_long(
    mirror: Mirror, fabricate, tmp_path: Path, count
) -> None:
    dataset = fabricate(mirrors=(mirror.url,))
    for name, content in dataset.contents.items():
        mirror.answer(f"/{name}", mirrors.slowly(content))
    data_dir, folder = tmp_path / "data", tmp_path / "data" / "mnist"
    left: set[Path] = set()
    for _ in range(5):
        process = ready_to_fetch(mirror.url, data_dir)
        begin(process)
        while not (folder.exists() and set(folder.iterdir()) - left):
            time.sleep(0.01)
        time.sleep(0.1)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        process.communicate()
        left = set(folder.iterdir())
        count("downloads killed")
    assert {path.suffix for path in left} == {".tmp"}
    cache.fetch("mnist", data_dir)
    assert left < set(folder.iterdir())  # they might have writers still
    long_ago = time.time() - 25 * 3600
    for path in left:
        os.utime(path, (long_ago, long_ago))
    live = folder / f".{TRAIN_IMAGES}.0123abcd.tmp"
    live.write_bytes(b"the beginning")
    foreign = folder / f".{TRAIN_IMAGES}.of-another-program.tmp"
    foreign.write_bytes(b"")
    os.utime(foreign, (long_ago, long_ago))
    cache.fetch("mnist", data_dir)
    assert set(folder.iterdir()) == {folder / name for name in dataset.contents} | {live, foreign}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("arguments", [["data", "fetch"], ["train"]], ids=" ".join)
def test_an_interrupted_download(mirror: Mirror, command, tmp_path: Path, number, arguments, count):
    beginning = mirrors.stalls_after(b"\x1f\x8b" + bytes(50_000), 9_912_422)
    mirror.answer(f"/{TRAIN_IMAGES}", beginning)
    process = subprocess.Popen(
        [command, *arguments, "--data-dir", "data"],
        cwd=tmp_path,
        env=environment(MLPCLI_MIRROR=mirror.url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    folder = tmp_path / "data" / "mnist"
    while not (folder.exists() and list(folder.iterdir())):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    started = time.monotonic()
    process.send_signal(number)
    out, error = process.communicate(timeout=20)
    assert process.returncode == (130 if number == signal.SIGINT else 143), error
    assert time.monotonic() - started < 10  # and not the mirror's half minute
    assert out == ""
    assert error.splitlines()[-1] in ("mlpcli: Interrupted.", "mlpcli: Terminated.")
    assert list(folder.iterdir()) == []
    assert not (tmp_path / "runs").exists()
    count("downloads interrupted")


@pytest.mark.parametrize("arguments", [["data", "fetch"], ["train", "-q"], ["train", "--dry-run"]])
def test_offline_the_bad_file_is_named_and_it_is_exit_3(tmp_path: Path, arguments) -> None:
    closed = Mirror()
    closed.close()
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    for name in (TRAIN_IMAGES, "train-labels-idx1-ubyte.gz"):
        (folder / name).write_bytes(b"\x1f\x8b damaged")
    done = mlpcli(*arguments, cwd=tmp_path, HTTPS_PROXY=closed.url, HTTP_PROXY=closed.url)
    assert done.returncode == 3
    assert f"data/mnist/{TRAIN_IMAGES}" in done.stderr
    assert "damaged (10 bytes, where 9,912,422 were expected)" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()
