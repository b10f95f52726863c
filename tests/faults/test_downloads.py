"""Mirrors that fail in every way, processes that share a cache, and files that decay in it."""

import gzip
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import mirrors
from helpers.mirrors import Mirror
from helpers.processes import environment, mlpcli, peak_megabytes

from mlpcli.data.published import cache
from mlpcli.data.published.download import Patience, download
from mlpcli.data.published.sources import TEST_LABELS, TRAIN_IMAGES
from mlpcli.errors import DataError

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system"),
]
CONTENT = os.urandom(100_000)
FILE = mirrors.published("file.gz", CONTENT)
QUICK = Patience(connect=2, read=0.4, piece=0.8, total=2, tries=2, pause=0.01)
SELF_SIGNED = (
    "-x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1"
    " -addext subjectAltName=IP:127.0.0.1 -keyout key -out certificate"
)
FAULTS = {
    "403": (mirrors.status(403), "HTTP 403"),
    "404": (mirrors.status(404), "HTTP 404"),
    "503": (mirrors.status(503), "HTTP 503"),
    "a web page": (mirrors.web_page(), "44 bytes, where"),
    "wrong bytes of the right size": (mirrors.whole(CONTENT[::-1]), "wrong content: SHA-256"),
    "cut short": (mirrors.cut_short(CONTENT[:50_000], len(CONTENT)), "the transfer failed"),
    "cut short, no length": (mirrors.cut_short(CONTENT[:50_000], None), "cut short after 50,000"),
    "packed once more": (
        mirrors.whole(gzip.compress(CONTENT), Content_Encoding="gzip"),
        "wrong content: more than",
    ),
    "hangs up": (mirrors.hangs_up(), "the transfer failed"),
    "never answers": (mirrors.silent(), "silent for 0.4 s"),
    "stalls": (mirrors.stalls_after(CONTENT[:30_000], len(CONTENT)), "silent for 0.4 s"),
    "drips": (mirrors.drips(CONTENT), "too slow: less than 16,384 bytes in 0.8 s"),
    "drips headers": (mirrors.drips_headers(), "too slow"),
    "redirects in a loop": (mirrors.redirects_to("/redirects in a loop"), "more than 5 redirects"),
    "redirects to a file": (mirrors.redirects_to("file:///etc/passwd"), "No connection adapters"),
    "an endless redirect": (mirrors.redirects_to("/404", endless_body=True), "HTTP 404"),
    "endless": (mirrors.endless(), "wrong content: more than 100,000 bytes"),
    "an endless header": (mirrors.endless_line("HTTP/1.1 200 OK", "X: 1"), "transfer failed"),
    "an endless chunk's length": (
        mirrors.endless_line("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", ""),
        "transfer failed",
    ),
    "announces for ever": (mirrors.endless_continue(), "too slow"),
}


@pytest.fixture(scope="module")
def self_signed(tmp_path_factory: pytest.TempPathFactory):
    """The URL of a server whose certificate nobody knows, or None."""
    openssl = shutil.which("openssl")
    if openssl is None:
        yield None
        return
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(
        [openssl, "req", *SELF_SIGNED.split()],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    both = folder / "both"
    both.write_bytes((folder / "key").read_bytes() + (folder / "certificate").read_bytes())
    server = Mirror(both)
    yield server.answer("/file.gz", mirrors.whole(CONTENT))
    assert server.requests == []
    server.close()


def test_every_mirror_fails_but_the_last(
    mirror: Mirror, self_signed: str | None, tmp_path: Path, count
) -> None:
    urls, reasons = [], []
    for path, (answer, reason) in FAULTS.items():
        urls.append(mirror.answer(f"/{path}".replace(" ", "%20"), answer))
        reasons.append(reason)
    urls[list(FAULTS).index("redirects in a loop")] = mirror.answer(
        "/loop", mirrors.redirects_to("/loop")
    )
    if self_signed:
        urls += [self_signed, mirror.answer("/to-http", mirrors.whole(CONTENT[1:]))]
        reasons += ["REQUESTS_CA_BUNDLE", "99,999 bytes"]
    closed = Mirror()
    closed.close()
    urls += [closed.url + "/file.gz", "ftp://127.0.0.1/file.gz", str(tmp_path / "absent")]
    reasons += ["no connection: Connection refused", "No connection adapters", "no such file"]
    urls.append(mirror.answer("/good", mirrors.whole(CONTENT)))
    reports: list[str] = []
    target = tmp_path / "cache" / "file.gz"
    target.parent.mkdir()
    before = peak_megabytes()
    started = time.monotonic()
    download(FILE, urls, target, report=reports.append, patience=QUICK)
    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]
    assert len(reports) == len(reasons)
    for report, url, reason in zip(reports, urls, reasons, strict=False):
        assert report.startswith(f"{url}: ")
        assert reason in report
    assert time.monotonic() - started < 3 * len(urls)  # the drip alone would take 80 minutes
    assert peak_megabytes() - before < 64
    count("kinds of failing mirrors overcome", len(reasons))


def test_a_proxy_that_is_dead(mirror: Mirror, tmp_path: Path, monkeypatch) -> None:
    closed = Mirror()
    closed.close()
    monkeypatch.setenv("HTTP_PROXY", closed.url)
    with pytest.raises(DataError, match=r"the proxy failed: .*refused"):
        download(FILE, ["http://mirror.invalid/f"], tmp_path / "f", patience=QUICK)
    assert list(tmp_path.iterdir()) == []


FETCH = """
import sys
from pathlib import Path
sys.path.append(sys.argv[1])
from helpers.mirrors import small_dataset
from mlpcli.data.published import cache
from mlpcli.data.published import sources
sources.SOURCES["mnist"] = small_dataset("mnist", (sys.argv[2],)).source
print("ready", flush=True)
input()
cache.fetch("mnist", Path(sys.argv[3]))
"""


def fetching(mirror: Mirror, data_dir: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", FETCH, str(Path(mirrors.__file__).parent), mirror.url, data_dir],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(OPENBLAS_NUM_THREADS="1"),
    )
    assert process.stdout.readline() == "ready\n"
    return process


def start(process: subprocess.Popen[str]) -> None:
    process.stdin.write("go\n")
    process.stdin.flush()


def slowly(content: bytes) -> mirrors.Answer:
    """Half of it, a rest, and the other half."""

    def answer(handler) -> None:
        handler.head(Content_Length=len(content))
        handler.wfile.write(content[: len(content) // 2])
        handler.wait(1.5)
        handler.wfile.write(content[len(content) // 2 :])

    return answer


def test_eight_processes_fill_one_cache_and_no_lock_is_needed(
    mirror: Mirror, fabricate, tmp_path: Path, count
) -> None:
    """None takes a lock, so none can fail: each writes a file of its own and renames it."""
    dataset = fabricate()
    for name, content in dataset.contents.items():
        mirror.answer(f"/{name}", slowly(content))
    data_dir = tmp_path / "data"
    processes = [fetching(mirror, data_dir) for _ in range(8)]
    for process in processes:
        start(process)
    assert [process.communicate(timeout=60) for process in processes] == [("", "")] * 8
    assert [process.returncode for process in processes] == [0] * 8
    found = {path.name: path.read_bytes() for path in (data_dir / "mnist").iterdir()}
    assert found == dataset.contents
    assert mirror.requests.count(f"/{TRAIN_IMAGES}") == 8  # all at once, none waited
    count("processes that filled one cache at once", 8)


def test_killed_downloads_leave_nothing_for_long(
    mirror: Mirror, fabricate, tmp_path: Path, count
) -> None:
    dataset = fabricate(mirrors=(mirror.url,))
    for name, content in dataset.contents.items():
        mirror.answer(f"/{name}", slowly(content))
    data_dir, folder = tmp_path / "data", tmp_path / "data" / "mnist"
    left: set[Path] = set()
    for _ in range(5):
        process = fetching(mirror, data_dir)
        start(process)
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


def damages(content: bytes) -> dict[str, bytes]:
    middle = len(content) // 2
    return {
        "flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "cut": content[:middle],
        "zeroed": bytes(len(content)),
        "emptied": b"",
        "lengthened": content + b"\0",
    }


@pytest.mark.parametrize("name", [TRAIN_IMAGES, TEST_LABELS])
@pytest.mark.parametrize("size_is_known", [True, False])
def test_a_file_that_decays_in_the_cache(
    mirror: Mirror, fabricate, tmp_path: Path, name: str, size_is_known: bool, count
) -> None:
    dataset = fabricate(mirrors=(mirror.url,))
    if not size_is_known:
        for file in dataset.source.files:
            object.__setattr__(file, "size", None)
    mirror.serve_folder(dataset.write_to(tmp_path / "mnist"))
    path = tmp_path / "mnist" / name
    for damaged in damages(dataset.contents[name]).values():
        path.write_bytes(damaged)
        reports: list[str] = []
        cache.fetch("mnist", tmp_path, report=reports.append)
        assert len(reports) == 1
        assert reports[0].startswith(f"{path} is damaged (")
        assert path.read_bytes() == dataset.contents[name]
        count("decayed files noticed and fetched again")
    mirror.answer(f"/{name}", mirrors.status(404))
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"is damaged \(.*\)\.\n"):
        cache.fetch("mnist", tmp_path, patience=replace(QUICK, tries=1))
    assert path.read_bytes() == b""  # kept: to say what is wrong is not to destroy


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


def test_a_pipe_in_the_cache_is_not_waited_for(fabricate, tmp_path: Path) -> None:
    dataset = fabricate()
    folder = dataset.write_to(tmp_path / "mnist")
    (folder / TRAIN_IMAGES).unlink()
    os.mkfifo(folder / TRAIN_IMAGES)
    with pytest.raises(DataError, match=r"is damaged .*not an ordinary file"):
        cache.fetch("mnist", tmp_path)
