"""Downloads from servers on loopback that fail in each way that mirrors do."""

import gzip
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import mirrors
from helpers.mirrors import Mirror

from mlpcli.data.published import sources
from mlpcli.data.published.download import Patience, download
from mlpcli.errors import DataError, WriteError

CONTENT = bytes(range(256)) * 200
FILE = mirrors.published("file.gz", CONTENT)
GOOD = mirrors.whole(CONTENT)
QUICK = Patience(connect=5, read=0.3, total=20, tries=3, pause=0.01)

TRANSIENT = {
    "429": (mirrors.status(429), "HTTP 429"),
    "503": (mirrors.status(503), "HTTP 503"),
    "hangs up": (mirrors.hangs_up(), "broke off: .*closed connection"),
    "silent": (mirrors.silent(), r"silent for 0\.3 s"),
    "stalls": (mirrors.stalls_after(CONTENT[:100], len(CONTENT)), r"silent for 0\.3 s"),
    "cut short": (
        mirrors.cut_short(CONTENT[:20000], len(CONTENT)),
        "20000 bytes read",
    ),
    "cut within chunks": (mirrors.in_chunks(CONTENT[:20000], ends=False), "broke off"),
}
LASTING = {
    "401": (mirrors.status(401), "HTTP 401"),
    "404": (mirrors.status(404), "HTTP 404"),
    "web page": (mirrors.web_page(), "44 bytes, where 51,200 were expected"),
    "web page, no length": (mirrors.web_page(length_announced=False), "44 bytes, where 51,200"),
    "cut short, no length": (mirrors.cut_short(CONTENT[:9], None), "9 bytes, where 51,200"),
    "right size": (mirrors.whole(CONTENT[::-1]), "SHA-256 [0-9a-f]{12}…, where"),
    "byte missing": (mirrors.whole(CONTENT[:-1]), "51,199 bytes"),
    "byte too many": (mirrors.whole(CONTENT + b"!"), "more than 51,200 bytes"),
    "packed once more": (
        mirrors.whole(gzip.compress(CONTENT), Content_Encoding="gzip"),
        "bytes, where",
    ),
    "endless": (mirrors.endless(), "more than 51,200 bytes"),
    "redirected to a file": (mirrors.redirects_to("file:///etc/passwd"), "No connection adapters"),
    "redirected to nowhere": (mirrors.redirects_to("http://[x"), "Invalid IPv6 URL"),
}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    folder.mkdir()
    return folder / "file.gz"


def assert_refused(
    reason: str, target: Path, *locations: str, patience: Patience = QUICK, file=FILE
) -> None:
    with pytest.raises(DataError, match=reason):
        download(file, locations, target, patience=patience)
    assert list(target.parent.iterdir()) == []


def test_a_good_mirror(mirror, target):
    received: list[int] = []
    asked: list[str] = []

    def answer(handler) -> None:
        asked.append(handler.headers["Accept-Encoding"])
        GOOD(handler)

    download(FILE, [mirror.answer("/file.gz", answer)], target, progress=received.append)
    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]
    assert received[0] == 0
    assert received[-1] == len(CONTENT)
    assert received == sorted(received)
    assert asked == ["identity"]  # not to be packed again


def test_a_mirror_that_sends_chunks(mirror, target):
    download(FILE, [mirror.answer("/f", mirrors.in_chunks(CONTENT))], target)
    assert target.read_bytes() == CONTENT


def test_a_mirror_that_is_a_folder(tmp_path, target):
    (tmp_path / "file.gz").write_bytes(CONTENT)
    download(FILE, ["a" * 5000, str(tmp_path / "file.gz")], target)
    assert target.read_bytes() == CONTENT
    target.unlink()
    (tmp_path / "file.gz").write_bytes(CONTENT[:-1])
    assert_refused("wrong content", target, str(tmp_path / "file.gz"))
    assert_refused("No such file", target, str(tmp_path / "absent.gz"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(tmp_path, target):
    os.mkfifo(tmp_path / "file.gz")
    assert_refused("not an ordinary file", target, str(tmp_path / "file.gz"))


@pytest.mark.parametrize(("fault", "reason"), TRANSIENT.values(), ids=TRANSIENT)
def test_a_transient_failure_is_tried_again(mirror, target, fault, reason):
    download(FILE, [mirror.answer("/f", fault, fault, GOOD)], target, patience=QUICK)
    assert target.read_bytes() == CONTENT
    assert len(mirror.requests) == 3
    target.unlink()
    assert_refused(reason, target, mirror.answer("/f", fault))
    assert len(mirror.requests) == 3 + QUICK.tries


@pytest.mark.parametrize(("fault", "reason"), LASTING.values(), ids=LASTING)
def test_a_lasting_failure_is_not_tried_again(mirror, target, fault, reason):
    assert_refused(reason, target, mirror.answer("/f", fault, GOOD))
    assert len(mirror.requests) == 1


@pytest.mark.parametrize(
    ("patience", "reason"),
    [
        (replace(QUICK, chunk=0.1), r"too slow: 4,096 bytes took 0\.\d s"),
        (replace(QUICK, total=0.3), r"not complete within 0\.3 s"),
    ],
    ids=["slow", "deadline"],
)
def test_a_slow_mirror_is_left(mirror, target, patience, reason):
    assert_refused(reason, target, mirror.answer("/f", mirrors.drips(CONTENT)), patience=patience)
    assert len(mirror.requests) == 1


def test_a_file_of_unknown_size_is_bounded(mirror, target, monkeypatch):
    monkeypatch.setattr(sources, "UNKNOWN_SIZE_LIMIT", 100_000)
    unsized = replace(FILE, size=None)
    download(unsized, [mirror.answer("/good", GOOD)], target)
    assert target.read_bytes() == CONTENT
    target.unlink()
    assert_refused(
        "more than 100,000", target, mirror.answer("/f", mirrors.endless()), file=unsized
    )


def test_a_file_declared_as_gzip_encoded_is_taken_as_it_is(mirror, target):
    packed = gzip.compress(CONTENT)
    url = mirror.answer("/f", mirrors.whole(packed, Content_Encoding="gzip"))
    download(mirrors.published("file.gz", packed), [url], target)
    assert target.read_bytes() == packed


def test_a_redirect_is_followed_but_not_for_ever(mirror, target):
    mirror.answer("/there", GOOD)
    url = mirror.answer("/here", mirrors.redirects_to("/there"), mirrors.redirects_to("/here"))
    download(FILE, [url], target)
    assert target.read_bytes() == CONTENT
    target.unlink()
    assert_refused("Exceeded 30 redirects", target, url)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/f", "http://", "http://[", "http://127.0.0.1:0/"])
def test_an_unusable_url(target, url):
    assert_refused("could not be fetched", target, url)


def test_if_all_fail_each_url_has_its_reason(mirror, target):
    target.write_bytes(b"previous")
    gone = mirror.answer("/gone", mirrors.status(404))
    wrong = mirror.answer("/wrong", mirrors.whole(CONTENT[::-1]))
    with pytest.raises(DataError) as caught:
        download(FILE, [gone, wrong, "absent/file.gz"], target)
    lines = str(caught.value).splitlines()
    assert lines[0] == "file.gz could not be fetched:"
    assert lines[1] == f"  {gone}: HTTP 404 Not Found"
    assert lines[2].startswith(f"  {wrong}: wrong content: SHA-256 ")
    assert lines[3] == "  absent/file.gz: No such file or directory"
    assert target.read_bytes() == b"previous"


def test_a_closed_port_is_not_tried_again(target, monkeypatch):
    closed = Mirror()
    closed.close()
    slow = replace(QUICK, pause=3600)
    assert_refused("refused", target, closed.url + "/f", patience=slow)
    monkeypatch.setenv("HTTP_PROXY", closed.url)
    assert_refused("the proxy failed: .*refused", target, "http://mirror.invalid/f", patience=slow)


@pytest.mark.parametrize(
    "address",
    [
        "http://user:secret@127.0.0.1:99999/f",
        "http://user:sec/ret@127.0.0.1:99999/f",
        "ftp://user:secret@127.0.0.1/f",
    ],
)
def test_no_message_quotes_a_password(mirror, target, address):
    said: list[str] = []
    for location in (address, mirror.answer("/f", mirrors.redirects_to(address))):
        with pytest.raises(DataError) as caught:
            download(FILE, [location] * 2, target, report=said.append, patience=QUICK)
        said.append(str(caught.value))
    assert "127.0.0.1" in said[-1]
    assert not any("user" in text or "ret@" in text for text in said)


def test_a_proxy_from_the_environment_is_used(mirror, target, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", mirror.url)
    mirror.answer("http://mirror.invalid/f", GOOD)
    download(FILE, ["http://mirror.invalid/f"], target)
    assert target.read_bytes() == CONTENT


def test_a_target_that_cannot_be_written_is_no_fault_of_the_mirror(mirror, tmp_path):
    url = mirror.answer("/f", GOOD)
    with pytest.raises(WriteError, match="absent"):
        download(FILE, [url, url], tmp_path / "absent" / "file.gz")
    assert len(mirror.requests) <= 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk(mirror, target):
    target.symlink_to("/dev/full")
    with pytest.raises(WriteError, match="No space left"):
        download(FILE, [mirror.answer("/f", GOOD)], target)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 and its key, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the self-signed certificate, is not installed")
    folder = tmp_path_factory.mktemp("certificate")
    key, cert, both = folder / "key.pem", folder / "cert.pem", folder / "both.pem"
    options = "-x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    address = ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        [openssl, "req", *options.split(), *address, "-keyout", str(key), "-out", str(cert)],
        check=True,
        capture_output=True,
    )
    both.write_bytes(key.read_bytes() + cert.read_bytes())
    return both


@pytest.fixture
def secure_mirror(certificate: Path):
    server = Mirror(certificate)
    yield server
    server.close()


def test_an_unknown_certificate_names_the_variable(secure_mirror, target):
    assert_refused("REQUESTS_CA_BUNDLE", target, secure_mirror.answer("/f", GOOD))
    assert secure_mirror.requests == []


def test_the_variable_makes_the_certificate_known(secure_mirror, certificate, target, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    download(FILE, [secure_mirror.answer("/f", GOOD)], target)
    assert target.read_bytes() == CONTENT


def test_a_redirect_from_https_to_http_is_refused(
    secure_mirror, mirror, certificate, target, monkeypatch
):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    url = secure_mirror.answer("/f", mirrors.redirects_to(mirror.answer("/f", GOOD)))
    assert_refused("redirected from https to http", target, url)
    assert mirror.requests == []


def test_all_bad_mirrors_then_the_good_one(mirror: Mirror, target: Path) -> None:
    faults = [*TRANSIENT.values(), *LASTING.values()]
    urls = [mirror.answer(f"/{i}", fault) for i, (fault, _) in enumerate(faults)]
    reports: list[str] = []
    good = mirror.answer("/good", GOOD)
    download(FILE, [*urls, good], target, report=reports.append, patience=QUICK)
    assert target.read_bytes() == CONTENT
    assert len(reports) == len(faults)
    assert reports[0] == f"{urls[0]}: HTTP 429 Too Many Requests; trying {urls[1]}."


def test_an_absent_ca_bundle_is_explained(
    secure_mirror: Mirror, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "absent.pem")
    assert_refused(r"absent\.pem", target, secure_mirror.answer("/f", GOOD))
