"""The safetensors file of a checkpoint: named tensors and text, checked while they are read.

https://github.com/huggingface/safetensors: the length of the header in eight bytes, the header as
JSON padded with spaces to a multiple of eight, then the bytes of the tensors without gaps.

The header is checked against the size of the file before any tensor is allocated, so a file cannot
make this program take more memory than the file has bytes. Each tensor is then read once, into the
array that is returned, and these are the bytes that the SHA-256 in the header is compared with.
Whatever is wrong with a file is raised as CheckpointError.
"""

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mlpcli.errors import CheckpointError, WriteError
from mlpcli.nn.arrays import Array
from mlpcli.nn.optimizers import OPTIMIZERS

FORMAT_VERSION = 1
DTYPES: Mapping[str, np.dtype[Any]] = {
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
}
MAX_HEADER = 16 * 2**20
"""size of the largest header, in bytes: a config of 1 MB, its class names twice and escaped, and a
history of about 100 bytes an epoch"""
LARGEST = 2**48
"""largest number in a shape; no memory holds as many"""

# What JSON of an unexpected form raises.
UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True)
class Entry:
    """The description of one tensor in a header."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    """position of its first byte in the file"""
    stop: int
    """position after its last byte"""

    @property
    def size(self) -> int:
        """The number of its bytes."""
        return self.dtype.itemsize * math.prod(self.shape)


@dataclass(frozen=True)
class Header:
    """A header that fits the size of its file."""

    metadata: dict[str, str]
    tensors: dict[str, Entry]


def to_bytes(tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> bytes:
    """Return the content of a file with these tensors, this metadata and a SHA-256 over both.

    Raises:
        WriteError: the metadata is too long.
    """
    metadata = {"format": "mlpcli", "format_version": str(FORMAT_VERSION), **metadata}
    digest = _hash_of_metadata(metadata)
    codes = {dtype: code for code, dtype in DTYPES.items()}
    header: dict[str, Any] = {}
    data = []
    start = 0
    for name in sorted(tensors):
        tensor = np.ascontiguousarray(tensors[name], tensors[name].dtype.newbyteorder("<"))
        header[name] = {
            "dtype": codes[tensor.dtype],
            "shape": tensor.shape,
            "data_offsets": (start, start + tensor.nbytes),
        }
        start += tensor.nbytes
        data.append(tensor.data)
        digest.update(_line_of(name, tensor.dtype, tensor.shape))
        digest.update(tensor.data)
    header["__metadata__"] = {**metadata, "sha256": digest.hexdigest()}
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > MAX_HEADER:
        raise WriteError(
            f"A history of {len(text):,} bytes is more than a checkpoint holds; train fewer epochs."
        )
    return b"".join([len(text).to_bytes(8, "little"), text, *data])


def read_header(file: BinaryIO, path: Path) -> Header:
    """Read the header and check it against the size of the file."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
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
        entries = json.loads(text, object_pairs_hook=_without_duplicates)
        metadata = entries.pop("__metadata__", {})
        if not all(isinstance(value, str) for value in metadata.values()):
            raise TypeError("metadata that is not text")
        _check_format(metadata, path)
        tensors = {name: _entry(name, entry, 8 + length, path) for name, entry in entries.items()}
    except UNREADABLE as error:
        raise _altered(path, f"its header cannot be read: {error}") from error
    whole = 8 + length + sum(entry.size for entry in tensors.values())
    if size < whole:
        raise _cut_short(path, size, whole)
    if size > whole:
        raise _altered(path, f"{size:,} bytes, but its header describes {whole:,}")
    end = 8 + length
    for entry in sorted(tensors.values(), key=lambda entry: (entry.start, entry.stop)):
        if entry.start != end or entry.stop != end + entry.size:
            raise _altered(path, "its tensors do not follow each other")
        end = entry.stop
    return Header(metadata, tensors)


def _check_format(metadata: Mapping[str, str], path: Path) -> None:
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
    begin, end = map(whole_number, entry["data_offsets"])
    return Entry(DTYPES[dtype], shape, start + begin, start + end)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("it has a name twice")
    return found


def whole_number(number: object) -> int:
    """Return a number of a shape, or raise ValueError if it cannot be one."""
    if type(number) is not int or number < 0:
        raise ValueError(f"{number!r} in a shape")
    if number > LARGEST:
        raise ValueError("a number in a shape that is larger than any memory")
    return number


def read_tensors(file: BinaryIO, header: Header, path: Path) -> dict[str, Array]:
    """Read each tensor once; check its bytes, and that its numbers are finite and in range."""
    digest = _hash_of_metadata(header.metadata)
    tensors: dict[str, Array] = {}
    for name in sorted(header.tensors):
        entry = header.tensors[name]
        tensor: Array = np.empty(entry.shape, entry.dtype)
        file.seek(entry.start)
        if file.readinto(tensor) < entry.size:  # type: ignore[attr-defined]
            raise _altered(path, "it became shorter while it was read")
        digest.update(_line_of(name, entry.dtype, entry.shape))
        digest.update(tensor.data)
        tensors[name] = tensor
    if header.metadata.get("sha256") != digest.hexdigest():
        raise _altered(path, "its SHA-256 does not match")
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise CheckpointError(
                f"{path}: {name} has numbers that are not finite; use another checkpoint."
            )
        if _has_its_root_taken(name) and (tensor < 0).any():
            raise CheckpointError(f"{path}: {name} has negative numbers; use another checkpoint.")
    return tensors


def _has_its_root_taken(name: str) -> bool:
    vectors = {each for optimizer in OPTIMIZERS.values() for each in optimizer.never_negative}
    return name.rpartition(".")[2] in {"running_var", *vectors}


def _cut_short(path: Path, size: int, whole: int) -> CheckpointError:
    return CheckpointError(
        f"{path}: cut short ({size:,} of {whole:,} bytes); use another checkpoint, or train again."
    )


def _altered(path: Path, reason: str) -> CheckpointError:
    return CheckpointError(
        f"{path}: altered since it was written ({reason}); use another checkpoint, or train again."
    )


def _hash_of_metadata(metadata: Mapping[str, str]) -> "hashlib._Hash":
    """Return a SHA-256 of the metadata without its own entry, to be updated."""
    digest = hashlib.sha256()
    for key in sorted(metadata.keys() - {"sha256"}):
        digest.update(f"{key}={metadata[key]}\n".encode(errors="surrogatepass"))
    return digest


def _line_of(name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """Return the line that is hashed before the bytes of a tensor."""
    return f"{name}:{dtype.str}:{shape}\n".encode()
