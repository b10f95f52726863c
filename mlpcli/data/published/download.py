"""One file from the first of its mirrors that gives the right bytes.

A mirror may be dead, slow, cut off, or answer with something else. So every wait has an end,
nothing is believed before its size and SHA-256 are right, and the next mirror is never far.
"""

import contextlib
import hashlib
import queue
import re
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError, NewConnectionError

from mlpcli.data.published.sources import SourceFile
from mlpcli.errors import DataError, printable
from mlpcli.files import replacing

PIECE = 16 * 1024
"""bytes asked for at once: small, so that the progress of a slow mirror is seen"""
MAX_REDIRECTS = 5
POLL = 0.1
"""seconds between two looks at the clock and, on Windows, at Ctrl-C"""


@dataclass(frozen=True)
class Patience:
    """How long and how often a mirror is tried; times in seconds."""

    connect: float = 10.0
    read: float = 30.0
    """longest silence, before the answer or within it"""
    piece: float = 60.0
    """longest wait for the next PIECE bytes; a mirror slower than 270 B/s is left for the next"""
    total: float = 600.0
    """all tries at one mirror for one file together: 26 MB at 44 kB/s"""
    tries: int = 3
    pause: float = 1.0
    """before the second try; doubled before each further one"""


DEFAULT_PATIENCE = Patience()


class _MirrorError(Exception):
    """Why a mirror did not give the file.

    Not an OSError, so that `replacing` does not take it for a failure to write.
    """

    def __init__(self, reason: str, *, transient: bool = False) -> None:
        # It may quote what the mirror said, and the address.
        super().__init__(printable(_without_password(reason)))
        self.transient = transient


def _ignore(_: object) -> None:
    pass


def download(
    file: SourceFile,
    locations: Sequence[str],
    target: Path,
    *,
    progress: Callable[[int], object] = _ignore,
    report: Callable[[str], object] = _ignore,
    patience: Patience = DEFAULT_PATIENCE,
) -> None:
    """Write `file` to `target` from the first location that gives the right bytes.

    Args:
        file: what must arrive.
        locations: URLs or paths of local files, in the order in which they are tried.
        target: replaced as a whole once the bytes are verified, and otherwise left alone.
        progress: told the number of bytes received so far; a new try starts from 0 again.
        report: told in a sentence when a location failed and the next one is tried.
        patience: how long and how often each location is tried.

    Raises:
        DataError: no location gave the file; the message lists each with its reason.
        WriteError: `target` could not be written.
    """
    failures: list[str] = []
    for location in locations:
        if failures:
            report(f"{failures[-1]}; trying {_without_password(location)}.")
        try:
            _try_patiently(file, location, target, progress, patience)
        except _MirrorError as error:
            failures.append(f"{_without_password(location)}: {error}")
        else:
            return
    raise DataError("\n  ".join([f"{file.name} could not be fetched:", *failures]))


def _try_patiently(
    file: SourceFile,
    location: str,
    target: Path,
    progress: Callable[[int], object],
    patience: Patience,
) -> None:
    """Fetch from one location, again after a fault that may pass."""
    deadline = time.monotonic() + patience.total
    pauses = [patience.pause * 2**n for n in range(patience.tries - 1)]
    for pause in pauses:
        try:
            _try_once(file, location, target, progress, patience, deadline)
        except _MirrorError as error:
            if not error.transient or time.monotonic() + pause >= deadline:
                raise
            time.sleep(pause)
        else:
            return
    _try_once(file, location, target, progress, patience, deadline)


def _try_once(
    file: SourceFile,
    location: str,
    target: Path,
    progress: Callable[[int], object],
    patience: Patience,
    deadline: float,
) -> None:
    digest = hashlib.sha256()
    received = 0
    progress(received)
    if "://" in location:
        pieces = _pieces_of_url(location, file, patience, deadline)
    else:
        pieces = _pieces_of_local_file(Path(location))
    with replacing(target) as temporary, contextlib.closing(pieces):
        for piece in pieces:
            received += len(piece)
            if received > file.limit:
                raise _MirrorError(f"wrong content: more than {file.limit:,} bytes")
            temporary.write(piece)
            digest.update(piece)
            progress(received)
        if problem := file.mismatch(received, digest.hexdigest()):
            raise _MirrorError(f"wrong content: {problem}")


def _pieces_of_local_file(path: Path) -> Generator[bytes]:
    try:
        if not path.is_file():  # opening a pipe would wait for ever
            raise _MirrorError("no such file")
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                yield piece
    except OSError as error:
        raise _MirrorError(f"cannot be read: {error.strerror or error}") from error


def _pieces_of_url(
    url: str, file: SourceFile, patience: Patience, deadline: float
) -> Generator[bytes]:
    """Yield the body of `url` as it arrives, and give up at the deadline, whatever happens.

    Looking up a name has no time limit, and a server that sends a header or a body byte by byte
    never lets a read time out. So a thread does the waiting, and is left to itself when it takes
    too long. What it may have received by then is bounded, hence the queue needs no bound.
    """
    arrivals: queue.SimpleQueue[bytes | Exception | None] = queue.SimpleQueue()
    abandoned = threading.Event()
    threading.Thread(
        target=_receive, args=(url, file, patience, arrivals, abandoned), daemon=True
    ).start()
    try:
        piece_due = time.monotonic() + patience.piece
        while (now := time.monotonic()) < deadline:
            try:
                arrival = arrivals.get(timeout=POLL)
            except queue.Empty:
                if now >= piece_due:
                    raise _MirrorError(
                        f"too slow: less than {PIECE:,} bytes in {patience.piece:g} s"
                    ) from None
                continue
            if arrival is None:
                return
            if isinstance(arrival, Exception):
                raise arrival
            yield arrival
            piece_due = time.monotonic() + patience.piece
        raise _MirrorError(f"not complete within {patience.total:g} s")
    finally:
        abandoned.set()


def _receive(
    url: str,
    file: SourceFile,
    patience: Patience,
    arrivals: "queue.SimpleQueue[bytes | Exception | None]",
    abandoned: threading.Event,
) -> None:
    """Put the body of `url` into the queue, then None, or the exception that ended it."""
    try:
        received = 0
        with _Session() as session, _open(session, url, patience) as response:
            # Undecoded: the file is a .gz itself, and some servers declare that as an encoding.
            # Not by stream(), which in older versions of urllib3 takes a line of any length.
            while piece := response.raw.read(PIECE, decode_content=False):
                if abandoned.is_set():
                    return
                arrivals.put(piece)
                received += len(piece)
                if received > file.limit:
                    return
            length_announced = not {"Content-Length", "Transfer-Encoding"}.isdisjoint(
                header.title() for header in response.headers
            )
            is_web_page = response.headers.get("Content-Type", "").startswith("text/html")
            may_be_cut_short = not length_announced and not is_web_page
            if file.size is not None and received < file.size and may_be_cut_short:
                raise _MirrorError(
                    f"cut short after {received:,} of {file.size:,} bytes", transient=True
                )
        arrivals.put(None)
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        arrivals.put(_explained(error, patience))
    except Exception as error:  # raised again where the arrivals are read
        arrivals.put(error)


class _Session(requests.Session):
    """A session that leaves redirects to `_open`.

    To follow one, requests would read its whole body, which may never end.
    """

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


def _open(session: requests.Session, url: str, patience: Patience) -> requests.Response:
    """Ask for `url`, follow redirects, and return the answer with its body still unread."""
    for _ in range(MAX_REDIRECTS + 1):
        response = session.get(
            url,
            stream=True,
            timeout=(patience.connect, patience.read),
            headers={"Accept-Encoding": "identity"},
        )
        if not response.is_redirect:
            break
        response.close()
        target = urljoin(url, response.headers["Location"])
        if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
            raise _MirrorError(f"redirected from https to {target}, refused")
        url = target
    else:
        raise _MirrorError(f"more than {MAX_REDIRECTS} redirects")
    status = response.status_code
    if status != requests.codes.ok:
        response.close()
        may_pass = status >= 500 or status in (408, 429)
        raise _MirrorError(f"HTTP {status} {response.reason}".strip(), transient=may_pass)
    return response


def _explained(error: Exception, patience: Patience) -> _MirrorError:
    """Turn a failed transfer into a short reason, and tell whether another try may help.

    A connection that broke may hold the next time. One that could not be made is not tried
    again: the system has already repeated itself until the timeout, and without a network the
    user should hear of it soon.
    """
    causes = [error]
    while cause := causes[-1].__cause__ or causes[-1].__context__:
        causes.append(cause)  # type: ignore[arg-type]
    root = causes[-1]
    detail = getattr(root, "strerror", None) or str(root) or type(root).__name__
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return _MirrorError(f"no connection within {patience.connect:g} s")
    if isinstance(error, requests.exceptions.InvalidURL):
        return _MirrorError("this is no valid address")
    if isinstance(error, requests.exceptions.ProxyError):
        return _MirrorError(f"the proxy failed: {detail}")
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return _MirrorError(
            "its certificate is not trusted; if your network's proxy signs certificates itself, "
            "set REQUESTS_CA_BUNDLE to the file with its root certificate"
        )
    if isinstance(error, requests.exceptions.SSLError):
        return _MirrorError(f"no secure connection: {detail}")
    if any(isinstance(cause, NewConnectionError) for cause in causes):
        return _MirrorError(f"no connection: {detail}")
    if isinstance(root, TimeoutError):
        return _MirrorError(f"silent for {patience.read:g} s", transient=True)
    broke = isinstance(error, requests.ConnectionError | HTTPError)
    return _MirrorError(f"the transfer failed: {detail}", transient=broke)


def _without_password(text: str) -> str:
    """Return an address, or what quotes some, fit to be printed."""
    return re.sub(r"://[^\s'\"]*@", "://", text)
