"""HTTP servers on loopback that behave as mirrors do, well and badly, and a tiny dataset.

A path of a `Mirror` has a list of answers, one per request; the last one stays.
"""

import dataclasses
import gzip
import hashlib
import http.server
import ssl
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mlpcli.data.published import sources

PAUSE_OF_A_DRIP = 0.05  # seconds; shorter than any read timeout the tests set


class Mirror:
    """A server in a thread of its own. `requests` lists the paths requested so far."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.requests: list[str] = []
        self.closing = threading.Event()
        self._answers: dict[str, list[Answer]] = {}
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.mirror = self
        scheme = "http"
        if certificate:
            scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def answer(self, path: str, *answers: "Answer") -> str:
        """Set what `path` answers, request by request, and return its URL."""
        self._answers[path] = list(answers)
        return self.url + path

    def serve_folder(self, folder: Path) -> None:
        """Serve every file below a folder."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.answer("/" + path.relative_to(folder).as_posix(), whole(path.read_bytes()))

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def next_answer(self, path: str) -> "Answer":
        self.requests.append(path)
        answers = self._answers.get(path, [status(404)])
        return answers.pop(0) if len(answers) > 1 else answers[0]


class _Server(http.server.ThreadingHTTPServer):
    mirror: Mirror
    block_on_close = True

    def handle_error(self, request, client_address) -> None:
        """Say nothing when a client hangs up: the tests make it do so."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server
    timeout = 10

    def do_GET(self) -> None:
        self.server.mirror.next_answer(self.path)(self)

    def head(self, code: int = 200, /, **headers: object) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.flush()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait, but not longer than the server lives; return whether it still lives."""
        return not self.server.mirror.closing.wait(seconds)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep the tests' stderr clean."""


Answer = Callable[[_Handler], None]


def whole(content: bytes, **headers: object) -> Answer:
    def answer(handler: _Handler) -> None:
        handler.head(Content_Length=len(content), **headers)
        handler.wfile.write(content)

    return answer


def status(code: int) -> Answer:
    return lambda handler: handler.head(code, Content_Length=0)


def web_page(*, length_announced: bool = True) -> Answer:
    content, kind = b"<!doctype html><title>Please sign in</title>", "text/html; charset=utf-8"
    if length_announced:
        return whole(content, Content_Type=kind)
    return cut_short(content, None, Content_Type=kind)


def cut_short(content: bytes, announced: int | None, **headers: object) -> Answer:
    """Send `content` and hang up, having announced a length or none."""

    def answer(handler: _Handler) -> None:
        length = {} if announced is None else {"Content_Length": announced}
        handler.head(**length, **headers)
        handler.wfile.write(content)
        handler.close_connection = True

    return answer


def in_chunks(content: bytes, *, ends: bool = True) -> Answer:
    """Send `content` in chunks of 3,000 bytes, and the last, empty one if it `ends`."""

    def answer(handler: _Handler) -> None:
        handler.head(Transfer_Encoding="chunked")
        for start in range(0, len(content), 3000):
            chunk = content[start : start + 3000]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        handler.wfile.write(b"0\r\n\r\n" * ends)
        handler.close_connection = True

    return answer


def hangs_up() -> Answer:
    """Close the connection without an answer."""

    def answer(handler: _Handler) -> None:
        handler.close_connection = True

    return answer


def silent() -> Answer:
    """Take the request and never answer."""

    def answer(handler: _Handler) -> None:
        handler.wait()

    return answer


def stalls_after(content: bytes, announced: int) -> Answer:
    def answer(handler: _Handler) -> None:
        handler.head(Content_Length=announced)
        handler.wfile.write(content)
        handler.wait()

    return answer


def drips(content: bytes) -> Answer:
    """Send 1,000 bytes at a time, never so slowly that a read times out."""

    def answer(handler: _Handler) -> None:
        handler.head(Content_Length=len(content))
        for start in range(0, len(content), 1000):
            handler.wfile.write(content[start : start + 1000])
            if not handler.wait(PAUSE_OF_A_DRIP):
                return

    return answer


def slowly(content: bytes) -> Answer:
    """Send half of it, wait, and send the other half."""

    def answer(handler: _Handler) -> None:
        handler.head(Content_Length=len(content))
        handler.wfile.write(content[: len(content) // 2])
        handler.wait(1.5)
        handler.wfile.write(content[len(content) // 2 :])

    return answer


def endless() -> Answer:
    """Send zeros for ever, without announcing a length."""

    def answer(handler: _Handler) -> None:
        handler.head()
        handler.close_connection = True
        while handler.wait(0):
            handler.wfile.write(bytes(65536))

    return answer


def redirects_to(url: str) -> Answer:
    return lambda handler: handler.head(302, Location=url, Content_Length=0)


def idx(array: np.ndarray) -> bytes:
    """Pack an array of bytes as IDX."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def published(name: str, content: bytes) -> sources.PublishedFile:
    """Return the facts of a published file with this content."""
    return sources.PublishedFile(name, hashlib.sha256(content).hexdigest(), len(content))


@dataclasses.dataclass(frozen=True)
class SmallDataset:
    """A fabricated dataset in MNIST's format, with the content of its files by their names."""

    source: sources.PublishedDataset
    contents: dict[str, bytes]

    def write_to(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.contents.items():
            (folder / name).write_bytes(content)
        return folder


def small_dataset(
    name: str, mirrors: tuple[str, ...] = (), train: int = 30, test: int = 20
) -> SmallDataset:
    """Fabricate a dataset of 28 x 28 images of noise with labels from 0 to 9."""
    draw = np.random.default_rng(0)
    arrays = {
        sources.TRAIN_IMAGES: draw.integers(0, 256, (train, 28, 28)),
        sources.TRAIN_LABELS: np.arange(train) % 10,
        sources.TEST_IMAGES: draw.integers(0, 256, (test, 28, 28)),
        sources.TEST_LABELS: np.arange(test) % 10,
    }
    contents = {file: gzip.compress(idx(array), mtime=0) for file, array in arrays.items()}
    facts = [published(file, content) for file, content in contents.items()]
    source = sources.PublishedDataset(name, mirrors, tuple("0123456789"), *facts)
    return SmallDataset(source, contents)
