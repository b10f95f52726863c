"""What docs/own_data.md says of settings, configs and commands is so."""

import re
import shlex
from pathlib import Path

import click
import pytest

from mlpcli.cli.main import command
from mlpcli.config.loading import load_config
from mlpcli.config.schema.config import Config

OWN_DATA = (Path(__file__).parents[1] / "docs" / "own_data.md").read_text(encoding="utf-8")


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
