import sys

import pytest

from mlpcli.cli import main
from mlpcli.errors import ConfigError, DataError, MlpcliError, printable


def test_control_characters_are_written_out():
    assert printable("\x1b[2J\ttab\n\x9b") == "\\x1b[2J\\ttab\n\\x9b"
    assert printable("a × b … 上") == "a × b … 上"
    assert str(DataError("HTTP 500 \x1b]0;title\x07")) == "HTTP 500 \\x1b]0;title\\x07"


def test_each_kind_of_error_has_an_exit_code_of_its_own():
    codes = [kind.exit_code for kind in MlpcliError.__subclasses__()]
    assert sorted(codes) == [2, 3, 4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(("what", "said"), [("5 bytes are wanted", "5 bytes"), ("", "no more")])
def test_too_little_memory_is_told_and_is_no_fault(monkeypatch, capsys, what, said):
    def full(*_, **__):
        raise MemoryError(what)

    monkeypatch.setattr(main.command, "main", full)
    monkeypatch.setattr(sys, "argv", ["mlpcli", "train"])
    assert main._run() == ConfigError.exit_code
    told = capsys.readouterr().err
    assert told.startswith(f"mlpcli: There is not memory enough for this ({said}")
    assert "training.batch_size smaller" in told
