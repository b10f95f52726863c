import pytest

from mlpcli.cli import main
from mlpcli.errors import ConfigError, DataError, MlpcliError, printable


def test_control_characters_are_written_out():
    assert printable("\x1b[2J\ttab\n\x9b") == "\\x1b[2J\\ttab\n\\x9b"
    assert printable("a × b … 上") == "a × b … 上"
    assert str(DataError("HTTP 500 \x1b]0;title\x07")) == "HTTP 500 \\x1b]0;title\\x07"


def test_each_kind_of_error_has_an_exit_code_of_its_own():
    codes = [kind.exit_code for kind in MlpcliError.__subclasses__()]
    assert sorted(codes) == [2, 3, 4, 5, 6, 7, 8, 9, 10]


@pytest.mark.parametrize(("what", "told"), [("5 bytes", " (5 bytes);"), ("", ";")])
def test_too_little_memory_is_no_fault_of_ours(monkeypatch, capsys, what, told):
    def full(*_, **__):
        raise MemoryError(what)

    monkeypatch.setattr(main.command, "main", full)
    assert main.run(["train"]) == ConfigError.exit_code
    message = capsys.readouterr().err
    assert message.startswith(f"mlpcli: Not enough memory{told}")
    assert "training.batch_size smaller" in message
    assert main.run(["predict", "photo.png"]) == ConfigError.exit_code
    assert capsys.readouterr().err.endswith("; free some, or use a machine with more.\n")
