import errno
import importlib.util
import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlpcli import files
from mlpcli.errors import WriteError
from mlpcli.files import (
    STALE_SECONDS,
    duplicate,
    make_filled_folder,
    make_folder,
    make_numbered_folder,
    open_ordinary,
    read_json,
    replacing,
    write_bytes,
    write_text,
)


def names(folder):
    return [path.name for path in folder.iterdir()]


def test_a_file_is_replaced_as_a_whole(tmp_path):
    target = tmp_path / "file"
    write_text(target, "old")
    with replacing(target) as file:
        file.write(b"new")
        file.flush()
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert names(tmp_path) == ["file"]


def test_a_failure_on_the_way_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "file"
    write_text(target, "old")
    with pytest.raises(ZeroDivisionError), replacing(target) as file:
        file.write(b"%d" % (1 // 0))
    assert target.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(WriteError, match="missing"):
        write_bytes(tmp_path / "missing" / "file", b"")


def test_a_target_that_is_a_folder(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(WriteError, match="folder"):
        write_bytes(tmp_path / "folder", b"")
    assert names(tmp_path) == ["folder"]


def test_a_folder_where_a_file_is(tmp_path):
    write_text(tmp_path / "file", "")
    with pytest.raises(WriteError, match="file"):
        make_folder(tmp_path / "file" / "inside")


@pytest.mark.skipif(os.name != "posix", reason="needs links and pipes of POSIX")
def test_a_link_stays_a_link(tmp_path):
    write_text(tmp_path / "file", "old")
    (tmp_path / "link").symlink_to("file")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "new"


@pytest.mark.skipif(os.name != "posix", reason="needs links and pipes of POSIX")
def test_a_pipe_is_written_to(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_text(tmp_path / "pipe", "through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()


def test_what_a_killed_writer_left_is_removed_once_it_is_stale(tmp_path):
    stale, live = ".file.0123abcd.tmp", ".file.89ef0123.tmp"
    not_ours = [
        ".file.0123abc.tmp",
        ".file.0123abcd.tmp2",
        "file.0123abcd.tmp",
        ".fil.0123abcd.tmp",
    ]
    for name in (stale, live, *not_ours):
        (tmp_path / name).write_bytes(b"the beginning")
        age = STALE_SECONDS + (-60 if name == live else 60)
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    write_text(tmp_path / "file", "whole")
    assert set(names(tmp_path)) == {"file", live, *not_ours}


def numbered(folder):
    return (folder / f"run-{i}" for i in itertools.count(1))


def test_a_folder_appears_whole_under_the_first_free_name(tmp_path):
    (tmp_path / "run-1").mkdir()
    (tmp_path / "run-2").write_text("in the way")
    seen = []

    def fill(folder):
        seen.extend(names(tmp_path))
        write_text(folder / "file", "content")

    path = make_filled_folder(numbered(tmp_path), fill)
    assert path == tmp_path / "run-3"
    assert "run-3" not in seen
    assert (path / "file").read_text() == "content"
    assert sorted(names(tmp_path)) == ["run-1", "run-2", "run-3"]


def test_a_race_for_the_name_of_a_folder_is_lost_to_the_quicker_one(tmp_path):
    def fill(folder):
        write_text(folder / "file", "slower")
        if not (tmp_path / "run-1").exists():
            make_filled_folder(numbered(tmp_path), lambda path: write_text(path / "file", "quick"))

    assert make_filled_folder(numbered(tmp_path), fill) == tmp_path / "run-2"
    assert (tmp_path / "run-1" / "file").read_text() == "quick"


def test_a_folder_that_cannot_be_filled_is_not_there(tmp_path):
    with pytest.raises(WriteError, match=r"run-1.missing.file: cannot be written"):
        make_filled_folder(numbered(tmp_path), lambda path: write_text(path / "missing/file", ""))
    with pytest.raises(KeyboardInterrupt):
        make_filled_folder(numbered(tmp_path), lambda _: signal.raise_signal(signal.SIGINT))
    with pytest.raises(WriteError, match="run-1: cannot be made"):
        make_filled_folder(numbered(tmp_path / "missing"), lambda _: None)
    assert names(tmp_path) == []


def test_a_folder_that_a_killed_process_left_is_removed_once_it_is_stale(tmp_path):
    for name, age in ((".run.0123abcd.tmp", 60), (".run.89ef0123.tmp", -60)):
        (tmp_path / name / "weights").mkdir(parents=True)
        os.utime(tmp_path / name, (time.time() - STALE_SECONDS - age,) * 2)
    make_filled_folder(iter([tmp_path / "run"]), lambda _: None)
    assert sorted(names(tmp_path)) == [".run.89ef0123.tmp", "run"]


def test_only_ordinary_files_are_opened(tmp_path):
    with pytest.raises(OSError, match="not an ordinary file"):
        open_ordinary(type(tmp_path)(os.devnull))
    (tmp_path / "file").write_bytes(b"content")
    with open_ordinary(tmp_path / "file") as file:
        assert file.read() == b"content"


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")
def test_a_folder_that_cannot_be_flushed_is_written_to_nevertheless(tmp_path, monkeypatch):
    import errno
    import stat

    flush = os.fsync

    def refuse(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    write_text(tmp_path / "file", "whole")
    assert (tmp_path / "file").read_text() == "whole"


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")
@pytest.mark.parametrize("is_network_drive", [False, True])
def test_macos_flushes_the_cache_of_the_disk_too(tmp_path, monkeypatch, is_network_drive):
    import fcntl

    flushed = []

    def control(descriptor, command):
        flushed.append(command)
        if is_network_drive:
            raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", control)
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append("fsync"))
    spec = importlib.util.spec_from_file_location("files_on_macos", files.__file__)
    on_macos = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(on_macos)
    on_macos.write_text(tmp_path / "file", "whole")
    assert flushed == ([51, "fsync"] * 2 if is_network_drive else [51] * 2)  # file and folder


def test_a_duplicate_stays_when_its_source_is_replaced(tmp_path):
    source, path = tmp_path / "source", tmp_path / "path"
    write_bytes(source, b"first")
    write_bytes(path, b"before")
    duplicate(source, path)
    write_bytes(source, b"second")
    assert path.read_bytes() == b"first"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["path", "source"]


def test_a_file_that_is_a_duplicate_already_leaves_nothing_beside_it(tmp_path):
    write_bytes(tmp_path / "source", b"content")
    for _ in range(2):
        duplicate(tmp_path / "source", tmp_path / "path")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["path", "source"]
    assert (tmp_path / "path").read_bytes() == b"content"


@pytest.mark.parametrize("error", ["EPERM", "EACCES", "ENOTSUP", "EINVAL"])
def test_a_file_system_without_links_gets_a_copy(tmp_path, monkeypatch, error):
    def no_links(self, target):
        raise OSError(getattr(errno, error), "there are no links here")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    write_bytes(tmp_path / "source", b"content")
    duplicate(tmp_path / "source", tmp_path / "path")
    assert (tmp_path / "path").read_bytes() == b"content"
    assert not (tmp_path / "path").samefile(tmp_path / "source")


def test_a_duplicate_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    def broken(self, target):
        raise OSError(errno.EIO, "Input/output error")

    write_bytes(tmp_path / "source", b"content")
    write_bytes(tmp_path / "path", b"before")
    monkeypatch.setattr(Path, "hardlink_to", broken)
    with pytest.raises(WriteError, match="path: cannot be written: Input/output error"):
        duplicate(tmp_path / "source", tmp_path / "path")
    assert (tmp_path / "path").read_bytes() == b"before"
    assert len(list(tmp_path.iterdir())) == 2


def being_read(monkeypatch, times):
    """Let renaming fail so many times, as on Windows while another program reads the files."""
    left = iter(range(times))

    def refusing(rename):
        def refused(self, target):
            if next(left, None) is not None:
                raise PermissionError(errno.EACCES, "The process cannot access the file")
            return rename(self, target)

        return refused

    monkeypatch.setattr(Path, "replace", refusing(Path.replace))
    monkeypatch.setattr(Path, "rename", refusing(Path.rename))
    monkeypatch.setattr(time, "sleep", lambda seconds: None)


def test_what_is_being_read_is_renamed_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "READERS_BLOCK", True)
    write_bytes(tmp_path / "file", b"first")
    being_read(monkeypatch, times=3)
    write_bytes(tmp_path / "file", b"second")
    assert (tmp_path / "file").read_bytes() == b"second"
    being_read(monkeypatch, times=3)
    make_numbered_folder(tmp_path / "run", lambda folder: (folder / "config").touch())
    assert (tmp_path / "run" / "config").exists()
    assert sorted(names(tmp_path)) == ["file", "run"]


@pytest.mark.parametrize("readers_block", [True, False])
def test_what_may_not_be_replaced_stays(tmp_path, monkeypatch, readers_block):
    monkeypatch.setattr(files, "READERS_BLOCK", readers_block)
    monkeypatch.setattr(files, "_PATIENCE", 0.0)
    write_bytes(tmp_path / "file", b"first")
    being_read(monkeypatch, times=10**9)
    with pytest.raises(WriteError, match="file: cannot be written: The process cannot"):
        write_bytes(tmp_path / "file", b"second")
    assert (tmp_path / "file").read_bytes() == b"first"
    assert names(tmp_path) == ["file"]


@pytest.mark.skipif(os.name != "posix", reason="only POSIX has /dev/stdout")
@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/stderr", "log"])
def test_what_a_standard_stream_goes_to_is_added_to(tmp_path, path):
    (tmp_path / "log").write_text("before\n")
    code = (
        "import sys, pathlib, mlpcli.files; print('said');"
        "mlpcli.files.write_text(pathlib.Path(sys.argv[1]), 'written\\n'); print('after')"
    )
    with (tmp_path / "log").open("a") as log:
        subprocess.run(
            [sys.executable, "-c", code, path], stdout=log, stderr=log, cwd=tmp_path, check=True
        )
    assert (tmp_path / "log").read_text() == "before\nsaid\nwritten\nafter\n"


def test_the_name_of_a_file_keeps_its_bytes(tmp_path):
    write_text(tmp_path / "file", os.fsdecode(b"K\xf6ln.png\n"))
    assert (tmp_path / "file").read_bytes() == b"K\xf6ln.png\n"


def test_what_leads_to_no_file_is_not_written_to(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    source = tmp_path / "source"
    source.write_bytes(b"x")
    for path in (loop, Path(tmp_path.anchor)):
        for write in (lambda path: write_bytes(path, b""), lambda path: duplicate(source, path)):
            with pytest.raises(WriteError, match="cannot be written"):
                write(path)


@pytest.mark.parametrize("text", ["{", "NaN", "1e999", "[" * 100_000, "9" * 5000])
def test_what_is_no_json(tmp_path, text):
    path = tmp_path / "file"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"\S"):
        read_json(path, 10**6)


def test_json_of_the_largest_size(tmp_path):
    path = tmp_path / "file"
    path.write_text('{"a": [1, 2.5]}')
    assert read_json(path, 15) == {"a": [1, 2.5]}
    with pytest.raises(OSError, match="larger than 14 bytes"):
        read_json(path, 14)
