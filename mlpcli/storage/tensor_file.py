"""The file of a checkpoint: named tensors and text, of which nothing is believed.

A safetensors file is the header's length in eight bytes, the header in JSON padded to a multiple of
eight, and the tensors' bytes one after the other. Everything that can be wrong with it is found
while a piece of it at a time is in memory: the names and shapes in the header against the file's
size, a SHA-256 over all, and that every number is finite. Only then is there a tensor.
"""

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from mlpcli.errors import CheckpointError, WriteError
from mlpcli.nn.arrays import Array

FORMAT_VERSION = 1
DTYPES: Mapping[str, np.dtype[Any]] = {
    "F16": np.dtype(np.float16),
    "F32": np.dtype(np.float32),
    "F64": np.dtype(np.float64),
}
MAX_HEADER = 16 * 2**20
"""bytes; the config in it is of 1 MB at most, and its class names stand in it twice, escaped; the
rest is for the history, about 100 bytes an epoch"""
NEVER_NEGATIVE = (".running_var", ".square_mean", ".square_sum")
"""how the tensors end of which a root is taken"""
LARGEST = 2**48
"""a number in a shape: no memory holds as many"""
PIECE = 2**20
"""bytes in memory while a file is checked"""

# What comes of reading JSON that says anything but what is expected.
UNREADABLE = (
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    OverflowError,
    RecursionError,
)


@dataclass(frozen=True)
class Entry:
    """What a header says of one tensor."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    """where in the file its bytes begin"""

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return self.dtype.itemsize * math.prod(self.shape)


@dataclass(frozen=True)
class Header:
    """What stands at the beginning of a file, checked against the file's size."""

    metadata: dict[str, str]
    tensors: dict[str, Entry]
    file_size: int
    """bytes"""


def to_bytes(tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> bytes:
    """The content of a file with these tensors, and with a SHA-256 over them and the metadata.

    Raises:
        WriteError: the metadata are too long.
    """
    said = {"format": "mlpcli", "format_version": str(FORMAT_VERSION), **metadata}
    digest = _hash_of_metadata(said)
    for name in sorted(tensors):
        tensor = np.ascontiguousarray(tensors[name])
        digest.update(_line_of(name, tensor.dtype, tensor.shape))
        digest.update(tensor.data)
    return _with_sorted_header(save(dict(tensors), {**said, "sha256": digest.hexdigest()}))


def read_header(file: BinaryIO, path: Path) -> Header:
    """Read the header alone: nothing is taken into memory because a file claims to hold it.

    Raises:
        CheckpointError: it is none of a checkpoint, or does not fit the size of the file.
    """
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    text = file.read(length) if length <= MAX_HEADER else b""
    if not text.startswith(b"{"):
        what = "not a checkpoint, or cut short" if size <= 8 else "not a checkpoint"
        raise CheckpointError(
            f"{path}: {what} ({size:,} bytes); give a file that `mlpcli train` wrote."
        )
    if len(text) < length:
        raise _cut_short(path, size, 8 + length)
    try:
        entries = json.loads(text, object_pairs_hook=_each_name_once)
        metadata = dict(entries.pop("__metadata__", {}))
        if not all(isinstance(value, str) for value in metadata.values()):
            raise TypeError("metadata that is not text")
        _refuse_other_files(metadata, path)
        tensors = {name: _entry(name, entry, 8 + length, path) for name, entry in entries.items()}
    except UNREADABLE as error:
        raise altered(path, f"its header cannot be read: {error}") from error
    whole = 8 + length + sum(entry.size for entry in tensors.values())
    if size < whole:
        raise _cut_short(path, size, whole)
    if size > whole:
        raise altered(path, f"{size:,} bytes, where {whole:,} belong to it")
    end = 8 + length
    for entry in sorted(tensors.values(), key=lambda entry: (entry.start, entry.size)):
        if entry.start != end:
            raise altered(path, "its tensors do not follow each other")
        end += entry.size
    return Header(metadata, tensors, size)


def _refuse_other_files(metadata: Mapping[str, str], path: Path) -> None:
    if metadata.get("format") != "mlpcli":
        raise CheckpointError(
            f"{path}: a safetensors file, but not a checkpoint of mlpcli; give a file that "
            "`mlpcli train` wrote."
        )
    version = metadata.get("format_version", "")
    if version != str(FORMAT_VERSION):
        raise CheckpointError(
            f"{path}: written in format {version!r}, and this version of mlpcli reads "
            f"{FORMAT_VERSION}; use the version of mlpcli that wrote it, or a newer one."
        )


def _entry(name: str, entry: Mapping[str, Any], start: int, path: Path) -> Entry:
    dtype, shape = str(entry["dtype"]), tuple(map(whole_number, entry["shape"]))
    if len(shape) > 2:
        raise ValueError(f"{len(shape)} dimensions")
    if dtype not in DTYPES:
        raise CheckpointError(f"{path}: {name} is neither float16, float32 nor float64.")
    begin, _ = map(whole_number, entry["data_offsets"])
    return Entry(DTYPES[dtype], shape, start + begin)


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands in it twice")
    return found


def whole_number(number: object) -> int:
    """A number of a shape, as it was read.

    Raises:
        ValueError: it is none.
    """
    if type(number) is not int or number < 0:
        raise ValueError(f"{number!r} in a shape")
    if number > LARGEST:
        raise ValueError("a number in a shape that is larger than any memory")
    return number


def read_tensors(file: BinaryIO, header: Header, path: Path) -> dict[str, Array]:
    """Check the whole file, a piece at a time, and then take its tensors into memory.

    Raises:
        CheckpointError: it was altered, or a number in it is not finite, or is negative where none
            can be.
    """
    digest = _hash_of_metadata(header.metadata)
    reason = ""
    for name in sorted(header.tensors):
        entry = header.tensors[name]
        digest.update(_line_of(name, entry.dtype, entry.shape))
        for piece in _pieces(file, entry, path):
            digest.update(piece)
            reason = reason or _what_is_wrong(name, np.frombuffer(piece, entry.dtype))
    if header.metadata.get("sha256") != digest.hexdigest():
        raise altered(path, "its SHA-256 does not match")
    if reason:
        raise CheckpointError(f"{path}: {reason}; use another checkpoint.")
    file.seek(0)
    try:
        return load(file.read(header.file_size))
    except SafetensorError as error:
        raise altered(path, str(error)) from error


def _pieces(file: BinaryIO, entry: Entry, path: Path) -> Iterator[bytes]:
    file.seek(entry.start)
    for done in range(0, entry.size, PIECE):
        piece = file.read(min(PIECE, entry.size - done))
        if len(piece) < min(PIECE, entry.size - done):
            raise altered(path, "it became shorter while it was read")
        yield piece


def _what_is_wrong(name: str, numbers: Array) -> str:
    if not np.isfinite(numbers).all():
        return f"{name} has numbers that are not finite"
    if name.endswith(NEVER_NEGATIVE) and (numbers < 0).any():
        return f"{name} has negative numbers"
    return ""


def _cut_short(path: Path, size: int, whole: int) -> CheckpointError:
    return CheckpointError(
        f"{path}: cut short ({size:,} of {whole:,} bytes); use another checkpoint, or train again."
    )


def altered(path: Path, reason: str) -> CheckpointError:
    """The error for a file that is not as it was written."""
    return CheckpointError(
        f"{path}: altered since it was written ({reason}); use another checkpoint, or train again."
    )


def _with_sorted_header(content: bytes) -> bytes:
    """The same file with its header in order: the library writes the metadata in a random one."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > MAX_HEADER:
        raise WriteError(
            f"A history of {len(text):,} bytes is more than a checkpoint holds; train fewer epochs."
        )
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def _hash_of_metadata(metadata: Mapping[str, str]) -> "hashlib._Hash":
    """Begin a SHA-256 with the metadata but itself."""
    digest = hashlib.sha256()
    for key in sorted(metadata.keys() - {"sha256"}):
        digest.update(f"{key}={metadata[key]}\n".encode())
    return digest


def _line_of(name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """What is hashed before a tensor's own bytes."""
    return f"{name}:{dtype.str}:{shape}\n".encode()
