"""What the documents say is what the commands print, what the code has, and what runs."""

import re
import shlex
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import mlpcli
from mlpcli.cli.main import command
from mlpcli.data import synthetic

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "backpropagation.md").read_text(encoding="utf-8")
CONSOLE = re.findall(r"```console\n\$ mlpcli (.*)\n((?:.*\n)*?)```", TEXT)
PYTHON = r"```python\n((?:.*\n)*?)```"
CODE = re.findall(PYTHON, TEXT)
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


EXPORT = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
EXPORTS = re.findall(r"```\nmlpcli (export .*)\n```", EXPORT)
NO_IMAGES = "np.zeros((2, 28, 28), np.uint8)"


@pytest.mark.parametrize(
    ("arguments", "lines"), [*zip(EXPORTS, re.findall(PYTHON, EXPORT), strict=True)], ids=EXPORTS
)
def test_the_lines_of_python_compute_an_exported_network(
    arguments, lines, tmp_path, monkeypatch, capsys
):
    if "import onnxruntime" in lines:
        pytest.importorskip("onnx", reason="the package onnx is not installed")
        pytest.importorskip("onnxruntime", reason="the package onnxruntime is not installed")
    monkeypatch.chdir(tmp_path)
    output(arguments)
    images = synthetic.draw(1, range(40))[0].reshape(-1, 28, 28)
    assert NO_IMAGES in lines
    names = {"images_to_read": images}
    exec(lines.replace(NO_IMAGES, "images_to_read"), names)
    model = mlpcli.load_model("boxed")
    np.testing.assert_allclose(
        names["probabilities"], model.output_probabilities(images), atol=1e-5
    )
    printed = re.findall(r"\d", capsys.readouterr().out)
    assert printed == [model.class_names[i] for i in model.predict(images)]
