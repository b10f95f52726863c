"""The script that keeps the Chinese of the documents up to date, as a module."""

import importlib.util
from types import ModuleType

import pytest

from helpers.documents import DOCS


def _script() -> ModuleType:
    pytest.importorskip("babel", reason="the package babel is not installed")
    path = DOCS / "make_translations.py"
    spec = importlib.util.spec_from_file_location("make_translations", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


translations = _script()
