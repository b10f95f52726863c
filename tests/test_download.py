"""Downloads from real servers on loopback that misbehave in each way that mirrors do."""

import gzip
import os
import shutil
import subprocess
import threading
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
HURRIED = replace(QUICK, total=0.4)


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


def test_a_good_mirror(mirror: Mirror, target: Path) -> None:
    received: list[int] = []
    download(FILE, [mirror.answer("/file.gz", GOOD)], target, progress=received.append)
    assert target.read_bytes() == CONTENT
    assert os.listdir(target.parent) == ["file.gz"]  # noqa: PTH208
    assert received[0] == 0
    assert received[-1] == len(CONTENT)
    assert received == sorted(received)


def test_a_mirror_that_sends_chunks(mirror: Mirror, target: Path) -> None:
    broken = mirrors.in_chunks(CONTENT[:20000], ends=False)
    url = mirror.answer("/f", broken, mirrors.in_chunks(CONTENT))
    download(FILE, [url], target, patience=QUICK)
    assert target.read_bytes() == CONTENT
    assert len(mirror.requests) == 2


def test_a_mirror_that_is_too_slow_is_left_long_before_the_deadline(
    mirror: Mirror, target: Path
) -> None:
    slow, good = mirror.answer("/slow", mirrors.drips(CONTENT)), mirror.answer("/f", GOOD)
    reports: list[str] = []
    patience = replace(QUICK, piece=0.3, total=3600)
    download(FILE, [slow, good], target, report=reports.append, patience=patience)
    assert target.read_bytes() == CONTENT
    assert "too slow: less than 16,384 bytes in 0.3 s" in reports[0]


def test_a_mirror_that_is_a_folder(tmp_path: Path, target: Path) -> None:
    (tmp_path / "file.gz").write_bytes(CONTENT)
    download(FILE, [str(tmp_path / "file.gz")], target)
    assert target.read_bytes() == CONTENT


def test_a_folder_is_not_believed_either(tmp_path: Path, target: Path) -> None:
    (tmp_path / "file.gz").write_bytes(CONTENT[:-1])
    assert_refused("wrong content", target, str(tmp_path / "file.gz"))
    assert_refused("no such file", target, str(tmp_path / "absent.gz"))


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_a_refusal_is_not_repeated(mirror: Mirror, target: Path, code: int) -> None:
    assert_refused(f"HTTP {code}", target, mirror.answer("/f", mirrors.status(code), GOOD))
    assert len(mirror.requests) == 1


@pytest.mark.parametrize(
    "fault",
    [
        mirrors.status(429),
        mirrors.status(500),
        mirrors.status(503),
        mirrors.hangs_up(),
        mirrors.silent(),
        mirrors.stalls_after(CONTENT[:100], announced=len(CONTENT)),
        mirrors.cut_short(CONTENT[:20000], announced=len(CONTENT)),
        mirrors.cut_short(CONTENT[:20000], announced=None),
    ],
    ids=["429", "500", "503", "hangs up", "silent", "stalls", "cut short", "cut short, no length"],
)
def test_a_passing_fault_is_overcome(mirror: Mirror, target: Path, fault) -> None:
    download(FILE, [mirror.answer("/f", fault, fault, GOOD)], target, patience=QUICK)
    assert target.read_bytes() == CONTENT
    assert len(mirror.requests) == 3


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (mirrors.status(503), "HTTP 503"),
        (mirrors.hangs_up(), "the transfer failed"),
        (mirrors.silent(), r"silent for 0\.3 s"),
        (mirrors.stalls_after(CONTENT[:100], announced=len(CONTENT)), r"silent for 0\.3 s"),
        (mirrors.cut_short(CONTENT[:9], announced=len(CONTENT)), "the transfer failed"),
        (mirrors.cut_short(CONTENT[:9], announced=None), "cut short after 9 of 51,200 bytes"),
    ],
)
def test_a_lasting_fault_ends_the_tries(mirror: Mirror, target: Path, fault, reason) -> None:
    assert_refused(reason, target, mirror.answer("/f", fault))
    assert len(mirror.requests) == QUICK.tries


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (mirrors.web_page(), "44 bytes, where 51,200 were expected"),
        (mirrors.web_page(length_announced=False), "44 bytes, where 51,200 were expected"),
        (mirrors.whole(CONTENT[::-1]), "SHA-256 [0-9a-f]{12}…, where"),
        (mirrors.whole(CONTENT[:-1]), "51,199 bytes"),
        (mirrors.whole(CONTENT + b"!"), "more than 51,200 bytes"),
        (mirrors.whole(gzip.compress(CONTENT), Content_Encoding="gzip"), "bytes, where"),
        (mirrors.endless(), "more than 51,200 bytes"),
    ],
    ids=[
        "web page",
        "web page, no length",
        "right size",
        "byte missing",
        "byte too many",
        "packed once more",
        "endless",
    ],
)
def test_wrong_content_is_not_fetched_twice(mirror: Mirror, target: Path, answer, reason) -> None:
    assert_refused(reason, target, mirror.answer("/f", answer))
    assert len(mirror.requests) == 1


def test_a_file_of_unknown_size_is_bounded(
    mirror: Mirror, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "UNKNOWN_SIZE_LIMIT", 100_000)
    unsized = replace(FILE, size=None)
    download(unsized, [mirror.answer("/good", GOOD)], target)
    assert target.read_bytes() == CONTENT
    target.unlink()
    assert_refused(
        "more than 100,000", target, mirror.answer("/f", mirrors.endless()), file=unsized
    )


def test_a_file_declared_as_gzip_encoded_is_taken_as_it_is(mirror: Mirror, target: Path) -> None:
    packed = gzip.compress(CONTENT)
    url = mirror.answer("/f", mirrors.whole(packed, Content_Encoding="gzip"))
    download(mirrors.published("file.gz", packed), [url], target)
    assert target.read_bytes() == packed


@pytest.mark.parametrize("answer", [mirrors.drips(CONTENT), mirrors.drips_headers()])
def test_a_dripping_mirror_is_left_at_the_deadline(mirror: Mirror, target: Path, answer) -> None:
    url = mirror.answer("/f", answer)
    done = threading.Event()
    waiting = threading.Thread(
        target=lambda: (
            assert_refused(r"within 0\.4 s", target, url, patience=HURRIED),
            done.set(),
        )
    )
    waiting.start()
    waiting.join(5)  # the whole drip would take 43 minutes
    assert done.is_set()
    assert len(mirror.requests) == 1


def test_the_deadline_holds_for_all_tries_together(mirror: Mirror, target: Path) -> None:
    often = Patience(connect=5, read=5, total=0.5, tries=1000, pause=0.2)
    assert_refused("HTTP 503", target, mirror.answer("/f", mirrors.status(503)), patience=often)
    assert len(mirror.requests) <= 2  # after 0.0 and 0.2 s; the next pause would end at 0.6 s


def test_mirrors_are_asked_not_to_pack_the_file_again(mirror: Mirror, target: Path) -> None:
    asked: list[str] = []

    def answer(handler) -> None:
        asked.append(handler.headers["Accept-Encoding"])
        GOOD(handler)

    download(FILE, [mirror.answer("/f", answer)], target)
    assert asked == ["identity"]


def test_a_redirect_is_followed(mirror: Mirror, target: Path) -> None:
    mirror.answer("/there", GOOD)
    download(FILE, [mirror.answer("/here", mirrors.redirects_to("/there"))], target)
    assert target.read_bytes() == CONTENT


def test_redirects_are_bounded(mirror: Mirror, target: Path) -> None:
    url = mirror.answer("/f", mirrors.redirects_to("/f"))
    assert_refused("more than 5 redirects", target, url)
    assert len(mirror.requests) == 6


def test_a_redirect_to_nowhere_sensible(mirror: Mirror, target: Path) -> None:
    assert_refused(
        "Invalid IPv6 URL", target, mirror.answer("/f", mirrors.redirects_to("http://[x"))
    )


def test_a_mirror_whose_name_no_file_can_have(mirror: Mirror, target: Path) -> None:
    good = mirror.answer("/f", GOOD)
    download(FILE, ["a" * 5000, good], target, patience=QUICK)
    assert target.read_bytes() == CONTENT


def test_the_body_of_a_redirect_is_not_read(mirror: Mirror, target: Path) -> None:
    mirror.answer("/there", GOOD)
    url = mirror.answer("/here", mirrors.redirects_to("/there", endless_body=True))
    download(FILE, [url], target, patience=QUICK)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/f", "http://", "http://[", "http://127.0.0.1:0/"])
def test_an_unusable_url(target: Path, url: str) -> None:
    assert_refused(r"could not be fetched", target, url)


def test_all_bad_mirrors_then_the_good_one(mirror: Mirror, target: Path) -> None:
    bad = {
        "/403": mirrors.status(403),
        "/503": mirrors.status(503),
        "/page": mirrors.web_page(),
        "/wrong": mirrors.whole(CONTENT[::-1]),
        "/short": mirrors.cut_short(CONTENT[:10], announced=len(CONTENT)),
        "/silent": mirrors.silent(),
        "/loop": mirrors.redirects_to("/loop"),
        "/endless": mirrors.endless(),
    }
    urls = [mirror.answer(path, answer) for path, answer in bad.items()]
    reports: list[str] = []
    good = mirror.answer("/good", GOOD)
    download(FILE, [*urls, good], target, report=reports.append, patience=QUICK)
    assert target.read_bytes() == CONTENT
    assert len(reports) == len(bad)
    assert reports[0] == f"{urls[0]}: HTTP 403 Forbidden; trying {urls[1]}."


def test_if_all_fail_each_url_has_its_reason(mirror: Mirror, target: Path) -> None:
    gone = mirror.answer("/gone", mirrors.status(404))
    wrong = mirror.answer("/wrong", mirrors.whole(CONTENT[::-1]))
    with pytest.raises(DataError) as caught:
        download(FILE, [gone, wrong, "absent/file.gz"], target)
    lines = str(caught.value).splitlines()
    assert lines[0] == "file.gz could not be fetched:"
    assert lines[1] == f"  {gone}: HTTP 404 Not Found"
    assert lines[2].startswith(f"  {wrong}: wrong content: SHA-256 ")
    assert lines[3] == "  absent/file.gz: no such file"


def test_a_closed_port_is_not_tried_again(target: Path) -> None:
    closed = Mirror()
    closed.close()
    slow = replace(QUICK, pause=3600)
    assert_refused("no connection: .*refused", target, closed.url + "/f", patience=slow)


def test_a_password_is_not_printed(mirror: Mirror, target: Path) -> None:
    url = mirror.answer("/f", mirrors.status(404)).replace("//", "//user:secret@")
    with pytest.raises(DataError) as caught:
        download(FILE, [url, url], target, report=lambda text: print(text))  # noqa: T201
    assert "secret" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "http://user:secret@127.0.0.1:99999/f",
        "http://user:sec/ret@127.0.0.1:99999/f",
        "ftp://user:secret@127.0.0.1/f",
    ],
)
def test_no_reason_quotes_a_password(mirror: Mirror, target: Path, address: str) -> None:
    for location in (address, mirror.answer("/f", mirrors.redirects_to(address))):
        with pytest.raises(DataError) as caught:
            download(FILE, [location], target, patience=QUICK)
        assert "user" not in str(caught.value)


def test_a_proxy_from_the_environment_is_used(
    mirror: Mirror, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", mirror.url)
    mirror.answer("http://mirror.invalid/f", GOOD)
    download(FILE, ["http://mirror.invalid/f"], target)
    assert target.read_bytes() == CONTENT


def test_a_target_that_cannot_be_written_is_no_fault_of_the_mirror(
    mirror: Mirror, tmp_path: Path
) -> None:
    url = mirror.answer("/f", GOOD)
    with pytest.raises(WriteError, match="absent"):
        download(FILE, [url, url], tmp_path / "absent" / "file.gz")


def test_a_failed_download_leaves_the_previous_file(mirror: Mirror, target: Path) -> None:
    target.write_bytes(b"previous")
    with pytest.raises(DataError):
        download(FILE, [mirror.answer("/f", mirrors.web_page())], target)
    assert target.read_bytes() == b"previous"


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


def test_an_unknown_certificate_names_the_variable(secure_mirror: Mirror, target: Path) -> None:
    assert_refused("REQUESTS_CA_BUNDLE", target, secure_mirror.answer("/f", GOOD))
    assert secure_mirror.requests == []


def test_the_variable_makes_the_certificate_known(
    secure_mirror: Mirror, certificate: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    download(FILE, [secure_mirror.answer("/f", GOOD)], target)
    assert target.read_bytes() == CONTENT


def test_a_redirect_from_https_to_http_is_refused(
    secure_mirror: Mirror,
    mirror: Mirror,
    certificate: Path,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    url = secure_mirror.answer("/f", mirrors.redirects_to(mirror.answer("/f", GOOD)))
    assert_refused("redirected from https to http", target, url)
    assert mirror.requests == []


def test_an_absent_ca_bundle_is_explained(
    secure_mirror: Mirror, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "absent.pem")
    assert_refused(r"absent\.pem", target, secure_mirror.answer("/f", GOOD))
