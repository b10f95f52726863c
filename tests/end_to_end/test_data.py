import os
import signal
import time

import pytest
from helpers.mirrors import stalls_after, status
from helpers.processes import started

from mlpcli.data.published.sources import TRAIN_IMAGES


def test_nothing_cached(run):
    assert run("data", "list").stdout == ""
    assert run("data", "verify").returncode == 3


def test_no_mirror_gives_what_is_wanted(run, mirror, tmp_path):
    """The real facts, a mirror that has nothing, and a proxy that lets nothing else through."""
    done = run(
        "data",
        "fetch",
        "mnist",
        MLPCLI_MIRROR=mirror.url,
        https_proxy=mirror.url,
        no_proxy="127.0.0.1",
    )
    assert done.returncode == 3
    for wanted in (mirror.url, "HTTP 404", "storage.googleapis.com", "--config quickstart"):
        assert wanted in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_bytes_are_not_believed(run, mirror, tmp_path):
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "train-images-idx3-ubyte.gz").write_bytes(b"not MNIST")
    done = run(
        "data",
        "fetch",
        MLPCLI_MIRROR=str(tmp_path / "mirror"),
        https_proxy=mirror.answer("", status(403)),
    )
    assert done.returncode == 3
    assert "9 bytes, where 9,912,422 were expected" in done.stderr
    assert not list(tmp_path.glob("data/mnist/*"))


def test_a_damaged_file_is_named(run, tmp_path):
    folder = tmp_path / "cache" / "mnist"
    folder.mkdir(parents=True)
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(b"damaged")
    done = run("data", "verify", "mnist", "--data-dir", "cache")
    assert done.returncode == 3
    assert "t10k-labels-idx1-ubyte.gz: damaged" in done.stdout
    assert "`mlpcli data fetch mnist --data-dir cache`" in done.stderr
    listed = run("data", "list", MLPCLI_DATA="cache").stdout
    assert "1 of 4" in listed


def test_an_unknown_dataset(run):
    done = run("data", "fetch", "cifar")
    assert done.returncode == 2
    assert "mnist" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_an_interrupted_download(mirror, command, tmp_path):
    mirror.answer(f"/{TRAIN_IMAGES}", stalls_after(b"\x1f\x8b" + bytes(50_000), 9_912_422))
    process = started(command, "data", "fetch", cwd=tmp_path, MLPCLI_MIRROR=mirror.url)
    folder = tmp_path / "data" / "mnist"
    while not (folder.exists() and list(folder.iterdir())):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=20)  # and not the mirror's half minute
    assert process.returncode == 130, error
    assert (out, error.splitlines()[-1]) == ("", "mlpcli: Interrupted.")
    assert list(folder.iterdir()) == []
