import os

import pytest

from mlpcli.errors import WriteError
from mlpcli.files import make_folder, replacing, write_bytes, write_text


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
