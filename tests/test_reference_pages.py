"""The reference pages have every setting, exit code and name that there is."""

import importlib.util
import inspect
import re
from typing import Any, get_args, get_origin

import pytest
from helpers.documents import DOCS, PAGES
from pydantic import BaseModel

import mlpcli
from mlpcli import errors
from mlpcli.cli.main import COMMANDS, command
from mlpcli.config.schema.config import Config
from mlpcli.config.schema.sweep import SweepConfig
from mlpcli.config.shipped import config_names

SETTINGS = PAGES["docs/reference/settings.md"]
GENERAL, OF_SWEEPS = SETTINGS.split("## In a sweep file")


def models_in(annotation: Any) -> set[type[BaseModel]]:
    """The sections that a setting may be."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return {annotation}
    return {model for part in get_args(annotation) for model in models_in(part)}


def settings_of(model: type[BaseModel], key: str = "") -> set[tuple[str, str]]:
    """Each setting's dotted name and what is said of it."""
    found = set()
    for name, field in model.model_fields.items():
        dotted = f"{key}.{name}".lstrip(".")
        inner = models_in(field.annotation)
        is_by_name = get_origin(field.annotation) is dict
        for each in inner:
            found |= settings_of(each, f"{dotted}.SETTING" if is_by_name else dotted)
        if not inner and (key == "" or name != "name"):
            found.add((dotted, field.description or ""))
    return found


@pytest.mark.parametrize(("model", "page"), [(Config, GENERAL), (SweepConfig, OF_SWEEPS)])
def test_every_setting_is_there_with_its_reason(model, page):
    plain = page.replace("\\", "")
    named = settings_of(model)
    assert len(named) > (100 if model is Config else 10)
    for dotted, description in named:
        rows = re.findall(rf"(?m)^\| `{re.escape(dotted)}` \|.*\|$", plain)
        assert any(row.endswith(f"| {description} |") for row in rows), dotted


def test_the_page_of_settings_is_the_one_that_the_script_makes():
    path = DOCS / "make_settings.py"
    spec = importlib.util.spec_from_file_location("make_settings", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.settings_page() == SETTINGS, "run `python docs/make_settings.py`"


@pytest.mark.parametrize(
    ("dotted", "row"),
    [
        ("seed", "| a whole number from 0 on | `1` |"),
        ("dtype", "| `float32`, `float64` | `float32` |"),
        ("data.mix.share", "| a number from 0.1 to 0.99 | `0.9` |"),
        ("network.hidden", "| a list of whole numbers from 1 to 65,536 | `[128]` |"),
        ("optimizer.momentum", "| momentum, nesterov | a number from 0, below 1 | `0.9` |"),
        ("schedule.factor", "| step | a number above 0, below 1 | none: it must be given |"),
        ("training.workers", "| `auto`, or a whole number from 1 to 64 | `auto` |"),
    ],
)
def test_ranges_and_defaults_in_words(dotted, row):
    assert f"| `{dotted}` {row}" in GENERAL


def test_every_exit_code_is_there():
    page = PAGES["docs/reference/exit_codes.md"]
    listed = re.findall(r"(?m)^\| (\d+) \|", page)
    assert listed == re.findall(r"(?:codes: |, )(\d+) ", command.epilog)
    raised = {
        error.exit_code
        for _, error in inspect.getmembers(errors, inspect.isclass)
        if hasattr(error, "exit_code")
    }
    assert raised <= set(map(int, listed))


def test_every_name_of_python_is_there():
    page = PAGES["docs/reference/python.md"]
    listed = re.findall(r"(?m)^\.\. auto(?:class|function):: mlpcli\.(\w+)$", page)
    assert sorted(["__version__", *listed]) == sorted(mlpcli.__all__)


def test_every_shipped_config_is_in_the_table():
    table = PAGES["docs/how_to/configs.md"]
    for name in config_names():
        group = f"{name.partition('/')[0]}/..." if "/" in name else name
        assert f"`{group}`" in table, name


def test_every_command_is_in_the_readme():
    named = set(re.findall(r"`(\w+)(?: [^`]*)?`", PAGES["README.md"]))
    assert COMMANDS.keys() <= named | {"data", "config"}
