"""Reading a cached dataset ahead, in threads, while Python imports what will train on it."""

import contextlib
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

from mlpcli.data.published.cache import read_verified
from mlpcli.data.published.sources import SOURCES, SourceFile

GZIP = 31
"""What zlib calls its largest window within a gzip header and trailer (RFC 1952)."""

_readings: dict[Path, "_Reading"] = {}


@contextlib.contextmanager
def reading_ahead(dataset: str, data_dir: Path) -> Iterator[None]:
    """Begin to verify and unpack the files of a published dataset, for `take` within the block.

    Nothing is fetched: a file that is not there, or damaged, is left to whoever needs it.
    """
    for file in SOURCES[dataset].files if dataset in SOURCES else ():
        reading = _Reading(file, data_dir / dataset / file.name)
        _readings[reading.path] = reading
        reading.start()
    try:
        yield
    finally:
        for path in list(_readings):
            take(path)


def take(path: Path) -> bytes | None:
    """What a file holds, unpacked, once; None where nobody began to read it, or that failed."""
    reading = _readings.pop(path, None)
    if reading is None:
        return None
    reading.join()
    return reading.content


class _Reading(threading.Thread):
    def __init__(self, file: SourceFile, path: Path) -> None:
        super().__init__(daemon=True)
        self.file, self.path = file, path
        self.content: bytes | None = None

    def run(self) -> None:
        # Whatever is wrong is found again, and told, by whoever needs the file.
        with contextlib.suppress(Exception):
            packed = read_verified(self.file, self.path)
            size = int.from_bytes(packed[-4:], "little")  # so it is unpacked in one go
            self.content = zlib.decompress(packed, GZIP, size)
