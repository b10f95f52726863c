"""What the documents say is what the commands print and what the code has."""

import re
import shlex
from functools import lru_cache
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from mlpcli.cli.main import command
from mlpcli.config.loading import load_config
from mlpcli.config.schema.config import Config

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "backpropagation.md").read_text(encoding="utf-8")
CONSOLE = re.findall(r"```console\n\$ mlpcli (.*)\n((?:.*\n)*?)```", TEXT)
CODE = re.findall(r"```python\n((?:.*\n)*?)```", TEXT)
NUMBER = r"\d+\.\d{4,}"
SOURCES = "\n".join(
    path.read_text(encoding="utf-8") for path in sorted((ROOT / "mlpcli" / "nn").glob("*.py"))
)


@lru_cache
def output(arguments):
    done = CliRunner().invoke(command, shlex.split(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize(("arguments", "shown"), CONSOLE)
def test_each_command_prints_the_lines_that_are_shown_in_their_order(arguments, shown):
    printed = iter(output(arguments).splitlines())
    for line in shown.splitlines():
        assert any(found.startswith(line) for found in printed), line


@pytest.mark.parametrize("quoted", CODE)
def test_each_line_of_code_stands_in_the_code(quoted):
    lines = list(map(str.strip, SOURCES.splitlines()))
    for line in quoted.splitlines():
        assert line.strip() in [*lines, "..."]


def test_every_number_in_the_text_is_one_that_a_command_prints():
    outside = re.sub(r"```(?:.*\n)*?```", "", TEXT)
    printed = set(re.findall(NUMBER, "".join(output(arguments) for arguments, _ in CONSOLE)))
    assert set(re.findall(NUMBER, outside)) <= printed
    assert len(re.findall(NUMBER, outside)) > 5


def test_every_file_and_every_example_that_is_named_exists():
    assert all((ROOT / path).is_file() for path in re.findall(r"`(mlpcli/\S+\.py)`", TEXT))
    for name in re.findall(r"`(examples/\w+)`", TEXT):
        assert (ROOT / "configs" / f"{name}.yaml").is_file()
    assert len(CONSOLE) >= 8
    assert len(CODE) >= 8


OWN_DATA = (ROOT / "docs" / "own_data.md").read_text(encoding="utf-8")


def test_every_setting_of_own_data_is_one():
    named = set(re.findall(r"`((?:data|training)\.\w+)", OWN_DATA))
    assert len(named) > 10
    for key in named:
        section, name = key.split(".")
        assert name in Config.model_fields[section].annotation.model_fields, key


@pytest.mark.parametrize("block", re.findall(r"```yaml\n((?:.*\n)*?)```", OWN_DATA))
def test_the_configs_of_own_data_are_valid(block, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(block, encoding="utf-8")
    assert load_config(path).data.path == tmp_path / "my_digits"


@pytest.mark.parametrize("command_line", re.findall(r"^mlpcli (.*)$", OWN_DATA, re.MULTILINE))
def test_the_commands_of_own_data_have_these_options(command_line):
    name, *arguments = shlex.split(command_line, comments=True)
    context = click.Context(command)
    command.get_command(context, name).make_context(name, arguments, parent=context)
