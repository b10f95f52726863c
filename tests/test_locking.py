import errno
import os

import pytest

from mlpcli import locking
from mlpcli.locking import held


@pytest.fixture
def path(tmp_path):
    return tmp_path / ".lock"


def test_one_process_at_a_time(path, holding):
    with holding(path), held(path) as is_ours:
        assert not is_ours
    with held(path) as is_ours:
        assert is_ours
    assert path.read_bytes() == b""


def test_a_killed_holder_holds_no_longer(path, holding):
    with holding(path) as process:
        process.kill()
        process.wait()
        with held(path) as is_ours:
            assert is_ours


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_does_not_hold_it(path):
    reader, writer = os.pipe()
    holder = os.fork()
    if holder == 0:
        os.close(writer)
        with held(path):
            if os.fork() == 0:
                os.read(reader, 1)  # lives on when its parent is dead, until the test closes writer
            os._exit(0)
    os.waitpid(holder, 0)
    with held(path) as is_ours:
        assert is_ours
    os.close(reader)
    os.close(writer)


def test_where_there_are_no_locks_nobody_is_kept_out(path, monkeypatch):
    def unsupported(_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locking, "_lock", unsupported)
    with held(path) as is_ours:
        assert is_ours


def test_where_nothing_can_be_made_nobody_is_kept_out(tmp_path):
    with held(tmp_path / "missing" / ".lock") as is_ours:
        assert is_ours


@pytest.mark.skipif(os.name != "posix", reason="needs pipes of POSIX")
def test_a_pipe_is_not_waited_for(path):
    os.mkfifo(path)
    with held(path) as is_ours:
        assert is_ours
