"""One reader under atheris, which looks for input that takes it where none has taken it yet.

`python fuzz_reader.py READER FOLDER [options of libFuzzer]`: FOLDER has what it begins with.
Whatever is no error of ours, and whatever takes too long or too much memory, ends it with a code
that is not 0.
"""

import io
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["mlpcli", "yaml"]):
    from mlpcli.config.loading import load_config
    from mlpcli.data.idx import read_images, read_labels
    from mlpcli.errors import MlpcliError
    from mlpcli.reading.decoding import read_grey
    from mlpcli.storage.checkpoint import load_checkpoint

warnings.simplefilter("error")
FILE = Path(sys.argv[2]).with_suffix(".file")


def of_a_file(read: Callable[[Path], object]) -> Callable[[bytes], object]:
    def read_bytes(content: bytes) -> object:
        FILE.write_bytes(content)
        return read(FILE)

    return read_bytes


READERS: dict[str, Callable[[bytes], object]] = {
    "yaml": of_a_file(load_config),
    "idx images": read_images,
    "idx labels": read_labels,
    "checkpoint": of_a_file(load_checkpoint),
    "picture": lambda content: read_grey(io.BytesIO(content)),
}
read = READERS[sys.argv[1]]


def try_to_read(content: bytes) -> None:
    try:
        read(content)
    except MlpcliError as error:
        assert str(error)  # noqa: PT017


atheris.Setup([sys.argv[0], *sys.argv[3:], sys.argv[2]], try_to_read)
atheris.Fuzz()
