"""Imports go down the floors only, and the floors know only the packages they should."""

import ast
from pathlib import Path

import pytest

import mlpcli

PACKAGE = Path(mlpcli.__file__).parent
FROM_THE_GROUND_UP = [
    {"errors", "language"},
    {"extras", "files", "locking", "randomness", "reporting", "text", "half_blocks"},
    {"notebook"},
    {"nn", "config", "parallel", "reading"},
    {"data"},
    {"training"},
    {"storage"},
    {"inference"},
    {"runs"},
    {"explaining", "page", "sweeps"},
    {"pictures"},
    {"__init__"},
    {"cli"},
    {"__main__"},
]
FLOORS = {room: floor for floor, rooms in enumerate(FROM_THE_GROUND_UP) for room in rooms}
NUMPY_ONLY = {"nn"}
PURE = {"copy", "math", "itertools", "functools", "collections", "dataclasses", "typing"}
ONLY_IN = {
    "click": {"cli"},
    "tqdm": {"cli"},
    "matplotlib": {"pictures"},
    "optuna": {"sweeps"},
    "dask": {"sweeps"},
    "distributed": {"sweeps"},
    "onnx": {"inference"},
    "onnxruntime": set(),
    "pydantic": {"config"},
    "yaml": {"config"},
    "requests": {"data"},
    "PIL": {"data", "reading"},
    "safetensors": set(),
    "threadpoolctl": {"parallel"},
    "packaging": {"cli"},
}


def room(module):
    return module.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(module):
    """Every imported name with its dots, but those for the type checker alone."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    for_types = {
        node
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and ast.unparse(branch.test) == "TYPE_CHECKING"
        for node in ast.walk(branch)
    }
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.relative_to(PACKAGE).as_posix())
def test_imports_go_down(module):
    here = room(module)
    for name in imports(module):
        top, _, rest = name.partition(".")
        if top == "mlpcli" and rest:
            there = rest.split(".")[0]
            if there == here or there not in FLOORS:
                continue
            assert FLOORS[there] < FLOORS[here], f"{name} is not below"
        elif top in ONLY_IN:
            assert here in ONLY_IN[top], f"{top} is not for {here}/"
        if here in NUMPY_ONLY and top != "mlpcli":
            assert top == "numpy" or top in PURE


def test_every_room_has_its_floor():
    assert {room(module) for module in MODULES} == FLOORS.keys()
