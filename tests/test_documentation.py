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
LONG = ("backpropagation.md", "lessons.md")
DOCUMENTS = {
    name: (ROOT / "docs" / name).read_text(encoding="utf-8") for name in (*LONG, "notation.md")
}
CONSOLE = {
    name: re.findall(r"```console\n\$ mlpcli (.*)\n((?:.*\n)*?)```", text)
    for name, text in DOCUMENTS.items()
}
PYTHON = r"```python\n((?:.*\n)*?)```"
CODE = [quoted for text in DOCUMENTS.values() for quoted in re.findall(PYTHON, text)]
NUMBER = r"\d+\.\d{4,}"
SOURCES = "\n".join(
    path.read_text(encoding="utf-8") for path in sorted((ROOT / "mlpcli" / "nn").rglob("*.py"))
)


@pytest.fixture(scope="module", autouse=True)
def _where_readers_type(tmp_path_factory):
    """Let the commands leave their runs elsewhere, beside a link to the docs."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "docs").mkdir()
    (folder / "docs" / "seven.png").write_bytes((ROOT / "docs" / "seven.png").read_bytes())
    with pytest.MonkeyPatch.context() as patches:
        patches.chdir(folder)
        yield


@lru_cache
def output(arguments):
    words = shlex.split(arguments)
    if words[0] == "train":
        words.append("training.pictures=false")  # they are tested by themselves
    trained = re.match(r"\w+ runs/(\w+) ", arguments)
    if trained and not Path("runs", trained[1]).exists():
        output(f"train --config examples/{trained[1]}")
    done = CliRunner().invoke(command, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize(
    ("arguments", "shown"), [pair for pairs in CONSOLE.values() for pair in pairs]
)
def test_each_command_prints_the_lines_that_are_shown_in_their_order(arguments, shown):
    printed = iter(output(arguments).splitlines())
    for line in shown.splitlines():
        assert any(found.startswith(line) for found in printed), line


@pytest.mark.parametrize("quoted", CODE)
def test_each_line_of_code_stands_in_the_code(quoted):
    lines = list(map(str.strip, SOURCES.splitlines()))
    for line in quoted.splitlines():
        assert line.strip() in [*lines, "..."]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_number_in_the_text_is_one_that_a_command_prints(name):
    outside = re.sub(r"```(?:.*\n)*?```", "", DOCUMENTS[name])
    outside = re.sub(
        r"^\|.*", "", outside, flags=re.MULTILINE
    )  # tests/test_examples.py reads those
    printed = set(re.findall(NUMBER, "".join(output(arguments) for arguments, _ in CONSOLE[name])))
    assert set(re.findall(NUMBER, outside)) <= printed
    assert name not in LONG or len(re.findall(NUMBER, outside)) > 5


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_file_and_every_example_that_is_named_exists(name):
    text = DOCUMENTS[name]
    assert all((ROOT / path).is_file() for path in re.findall(r"`(mlpcli/\S+\.py)`", text))
    for example in re.findall(r"examples/\w+", text):
        assert (ROOT / "configs" / f"{example}.yaml").is_file()
    assert len(CONSOLE[name]) >= (8 if name in LONG else 2)
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


SWEEPS = (ROOT / "docs" / "sweeps.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "arguments",
    [
        line.partition(" --scheduler")[0]
        for text in (SWEEPS, (ROOT / "README.md").read_text(encoding="utf-8"))
        for line in re.findall(r"(?m)^mlpcli sweep ([^#\n]*[^#\s])", text)
        if "--resume" not in line
    ],
)
def test_each_sweep_that_is_shown_can_be_made(arguments):
    assert "parameters:" in output(f"sweep {arguments} --print-sweep")


def test_the_sweep_file_that_is_shown_is_valid(tmp_path):
    (shown,) = re.findall(r"```yaml\n((?:.*\n)*?)```", SWEEPS)
    (tmp_path / "shown.yaml").write_text(shown)
    assert "trials: 60" in output(f"sweep {tmp_path / 'shown.yaml'} --print-sweep")


def test_every_example_has_a_line_in_the_readme_and_each_lesson_a_paragraph():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    told = "".join(DOCUMENTS.values())
    for path in (ROOT / "configs" / "examples").glob("*.yaml"):
        assert f"| `examples/{path.stem}` | " in readme
        assert f"examples/{path.stem}" in told or path.stem in ("square", "sine")
