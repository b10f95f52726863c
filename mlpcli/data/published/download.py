"""Download a published file from the first mirror that sends the right bytes.

A mirror may be down, be slow, break off, or send something else. So every wait ends, the size and
SHA-256 are verified, and any failure leads to the next mirror.
"""

import hashlib
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import requests
from urllib3.exceptions import HTTPError

from mlpcli.data.published.sources import PublishedFile
from mlpcli.errors import DataError, printable
from mlpcli.files import open_ordinary, replacing
from mlpcli.text import without_password

CHUNK_SIZE = 4096
"""bytes read between two checks of the time"""


@dataclass(frozen=True)
class Patience:
    """Limits on the attempts at a mirror; times in seconds."""

    connect: float = 10.0
    read: float = 30.0
    """longest silence, before the answer or within it"""
    chunk: float = 15.0
    """longest wait for CHUNK_SIZE bytes; a mirror slower than 270 B/s is left for the next"""
    total: float = 600.0
    """longest download: 26 MB at 44 kB/s"""
    tries: int = 3
    pause: float = 1.0
    """before the second try; doubled before each further one"""


DEFAULT_PATIENCE = Patience()


class _MirrorError(Exception):
    """A mirror did not send the file.

    Not an OSError, which `replacing` would take for a failure to write.
    """

    def __init__(self, reason: str, *, transient: bool = False) -> None:
        # The reason may quote the mirror or the address.
        super().__init__(printable(without_password(reason)))
        self.transient = transient


def download(
    file: PublishedFile,
    locations: Sequence[str],
    target: Path,
    *,
    progress: Callable[[int], object] = lambda _received: None,
    report: Callable[[str], object] = lambda _message: None,
    patience: Patience = DEFAULT_PATIENCE,
) -> None:
    """Write `file` to `target` from the first location that sends the right bytes.

    Args:
        file: the published file.
        locations: URLs or paths of local files, in the order in which they are tried.
        target: replaced as a whole once the bytes are verified, and otherwise left alone.
        progress: called with the number of bytes received; a new try starts at 0.
        report: called with a sentence when a location failed and the next one is tried.
        patience: how long and how often each location is tried.

    Raises:
        DataError: no location sent the file; the message lists each with its reason.
        WriteError: `target` could not be written.
    """
    failures: list[str] = []
    for location in locations:
        address = without_password(location)
        if failures:
            report(f"{failures[-1]}; trying {address}.")
        for attempt in range(patience.tries):
            try:
                _download_once(file, location, target, progress, patience)
                return
            except _MirrorError as error:
                failure = f"{address}: {error}"
                if not error.transient or attempt == patience.tries - 1:
                    break
            time.sleep(patience.pause * 2**attempt)
        failures.append(failure)
    raise DataError("\n  ".join([f"{file.name} could not be fetched:", *failures]))


def obstacle(location: str, patience: Patience) -> str:
    """Return why nothing comes from a location, or "" if its first bytes arrive."""
    try:
        with closing(_chunks(location, patience)) as chunks:
            return "" if next(chunks, b"") else "it is empty"
    except _MirrorError as error:
        return str(error)


def _download_once(
    file: PublishedFile,
    location: str,
    target: Path,
    progress: Callable[[int], object],
    patience: Patience,
) -> None:
    digest = hashlib.sha256()
    received = 0
    progress(received)
    with replacing(target) as temporary, closing(_chunks(location, patience)) as chunks:
        for chunk in chunks:
            received += len(chunk)
            if received > file.limit:
                raise _MirrorError(f"wrong content: more than {file.limit:,} bytes")
            temporary.write(chunk)
            digest.update(chunk)
            progress(received)
        if problem := file.mismatch(received, digest.hexdigest()):
            raise _MirrorError(f"wrong content: {problem}")


def _chunks(location: str, patience: Patience) -> Generator[bytes]:
    """Yield the content of a URL or a local file as it arrives."""
    try:
        if "://" in location:
            yield from _chunks_of_url(location, patience)
        else:
            with open_ordinary(Path(location)) as file:
                while chunk := file.read(CHUNK_SIZE):
                    yield chunk
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        raise _explained(error, patience) from error


def _chunks_of_url(url: str, patience: Patience) -> Generator[bytes]:
    now = time.monotonic()
    deadline = now + patience.total
    with requests.get(
        url,
        stream=True,
        timeout=(patience.connect, patience.read),
        headers={"Accept-Encoding": "identity"},
        hooks={"response": _refuse_insecure_redirect},
    ) as response:
        status = response.status_code
        if status != requests.codes.ok:
            transient = status >= 500 or status in (408, 429)
            raise _MirrorError(f"HTTP {status} {response.reason}".strip(), transient=transient)
        # Undecoded: the file is a .gz itself, and some servers declare that as an encoding.
        while chunk := response.raw.read(CHUNK_SIZE, decode_content=False):
            yield chunk
            before, now = now, time.monotonic()
            if now > deadline:
                raise _MirrorError(f"not complete within {patience.total:g} s")
            if now - before > patience.chunk:
                raise _MirrorError(f"too slow: {CHUNK_SIZE:,} bytes took {now - before:.1f} s")


def _refuse_insecure_redirect(response: requests.Response, **_options: object) -> None:
    target = urljoin(response.url, response.headers.get("Location", ""))
    left_https = response.url.startswith("https:") and not target.startswith("https:")
    if response.is_redirect and left_https:
        raise _MirrorError(f"redirected from https to {target}, refused")


def _explained(error: Exception, patience: Patience) -> _MirrorError:
    """Return the reason of a failed transfer.

    A broken connection is tried again. One that could not be made is not, so that a user without
    a network sees the error soon.
    """
    root: BaseException = error
    while cause := root.__cause__ or root.__context__:
        root = cause
    detail = getattr(root, "strerror", None) or str(root) or type(root).__name__
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return _MirrorError(f"no connection within {patience.connect:g} s")
    if isinstance(error, requests.exceptions.InvalidURL):
        return _MirrorError("this is not a valid address")  # the error may quote a password
    if isinstance(error, requests.exceptions.ProxyError):
        return _MirrorError(f"the proxy failed: {detail}")
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return _MirrorError(
            "its certificate is not trusted; if your network's proxy signs certificates itself, "
            "set REQUESTS_CA_BUNDLE to the file with its root certificate"
        )
    if isinstance(root, TimeoutError):
        return _MirrorError(f"silent for {patience.read:g} s", transient=True)
    if isinstance(error, HTTPError) or isinstance(root, ConnectionResetError):
        return _MirrorError(f"the transfer broke off: {detail}", transient=True)
    return _MirrorError(detail)
