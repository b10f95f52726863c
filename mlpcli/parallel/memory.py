"""The memory of this machine, or as much of it as this process may have."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
"""where Linux says what a container may have, in the second and in the first version of cgroups"""


@dataclass(frozen=True)
class Memory:
    """Sizes in bytes; None where the system does not tell."""

    total: int | None
    """of the machine, or of the container if that has less"""
    available: int | None
    """free, or used only for what can be read again"""


def memory() -> Memory:
    """Return the memory of Linux, macOS or Windows."""
    if sys.platform == "win32":
        return _of_windows()
    found = _of_linux() if _MEMINFO.is_file() else {}
    total = found.get("MemTotal") or _of_posix()
    limit = min(filter(None, map(_limit, _LIMITS)), default=None)
    if limit is not None and (total is None or limit < total):
        available = found.get("MemAvailable")
        return Memory(limit, None if available is None else min(available, limit))
    return Memory(total, found.get("MemAvailable"))


def _of_linux() -> dict[str, int]:
    """Return the numbers of /proc/meminfo, which counts in KiB."""
    sizes = {}
    for line in _MEMINFO.read_text(errors="replace").splitlines():
        name, _, size = line.partition(":")
        if size.split()[:1] and size.split()[0].isdecimal():
            sizes[name] = 1024 * int(size.split()[0])
    return sizes


def _of_posix() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # a name that the system does not know
        return None


def _limit(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None  # "max" is none


def _of_windows() -> Memory:
    import ctypes

    class Status(ctypes.Structure):
        """MEMORYSTATUSEX of the Windows API."""

        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            *((name, ctypes.c_ulonglong) for name in ("total", "available", *"abcde")),
        )

    status = Status(ctypes.sizeof(Status))
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 (it is only on Windows)
    if not kernel.GlobalMemoryStatusEx(ctypes.byref(status)):
        return Memory(None, None)
    return Memory(status.total, status.available)
