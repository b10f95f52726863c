"""What docs/how_to/own_data.md says of settings and configs is so."""

import re
from pathlib import Path

import pytest

from mlpcli.config.loading import load_config
from mlpcli.config.schema.config import Config

OWN_DATA = (Path(__file__).parents[1] / "docs" / "how_to" / "own_data.md").read_text(
    encoding="utf-8"
)


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
