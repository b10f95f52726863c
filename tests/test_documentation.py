"""What the documents say is what the commands print, what the code has, and what runs."""

import re
import shlex
import shutil
from functools import lru_cache
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from helpers.documents import PAGES, ROOT, blocks, lines_to_type, prose

import mlpcli
from mlpcli.cli.main import command
from mlpcli.config.loading import load_config
from mlpcli.config.shipped import config_names
from mlpcli.data import synthetic

TEXTBOOK = "docs/backpropagation.md", "docs/lessons.md", "docs/notation.md"
LONG = TEXTBOOK[:2]
DOCUMENTS = {name: PAGES[name] for name in TEXTBOOK}
CONSOLE = {
    name: re.findall(r"```console\n\$ mlpcli (.*)\n((?:.*\n)*?)```", text)
    for name, text in PAGES.items()
}
TRAINED = {
    "quickstart": "train --config quickstart",
    "no_hidden_layer": "train --config quickstart name=no_hidden_layer network.hidden=[]",
}
"""the runs of the tutorials, by name; a run of another name is that of an example"""
CODE = [quoted for text in DOCUMENTS.values() for quoted in blocks(text, "python")]
NUMBER = r"\d+\.\d{4,}"
SOURCES = "\n".join(
    path.read_text(encoding="utf-8") for path in sorted((ROOT / "mlpcli" / "nn").rglob("*.py"))
)


@pytest.fixture(scope="module", autouse=True)
def _where_readers_type(tmp_path_factory):
    """Let the commands leave their runs elsewhere, beside the images of the docs."""
    folder = tmp_path_factory.mktemp("reader")
    for path in ("seven.png", "number.jpg", "digits"):
        (folder / "docs").mkdir(exist_ok=True)
        copy = shutil.copytree if (ROOT / "docs" / path).is_dir() else shutil.copy
        copy(ROOT / "docs" / path, folder / "docs" / path)
    with pytest.MonkeyPatch.context() as patches:
        patches.chdir(folder)
        yield


@lru_cache
def output(arguments):
    words = shlex.split(arguments)
    if words[0] == "train":
        words.append("training.pictures=false")  # they are tested by themselves
    named = (
        words[2:] if words[:2] == ["runs", "--compare"] else re.findall(r"runs/(\w+)", arguments)
    )
    for name in named:
        if not Path("runs", name).exists():
            output(TRAINED.get(name, f"train --config examples/{name}"))
    done = CliRunner().invoke(command, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize(
    ("name", "arguments", "shown"),
    [(name, *pair) for name, pairs in CONSOLE.items() for pair in pairs],
)
def test_each_command_prints_the_lines_that_are_shown_in_their_order(name, arguments, shown):
    printed = iter(output(arguments).splitlines())
    for line in filter(None, shown.splitlines()):
        if name in TEXTBOOK:
            assert any(found.startswith(line) for found in printed), line
        else:
            assert any(is_alike(found, line) for found in printed), line


FIGURE = r"\d[\d,]*(?:\.\d+)?"


def is_alike(printed, shown):
    """Whether a line begins as it is shown, but for figures that a processor rounds its way."""
    words = map(re.escape, re.split(FIGURE, shown))
    found = re.match(f"({FIGURE})".join(words), printed)
    if found is None:
        return False
    return all(map(is_near, found.groups(), re.findall(FIGURE, shown)))


def is_near(printed, shown):
    a, b = (float(figure.replace(",", "")) for figure in (printed, shown))
    return a == pytest.approx(b, rel=0.1, abs=0.05 if "." in shown else 3)


def options_of(line):
    """What a line's command makes of its options, without running it."""
    name, *arguments = shlex.split(line.removeprefix("mlpcli "), comments=True)
    found: click.Command = command
    context = click.Context(command)
    while isinstance(found, click.Group):
        found = found.get_command(context, name)
        assert found is not None, name
        context = found.make_context(name, list(arguments), parent=context)
        if isinstance(found, click.Group):
            name, *arguments = arguments
    return name, context.params


@pytest.mark.parametrize(
    "line", dict.fromkeys(line for text in PAGES.values() for line in lines_to_type(text))
)
def test_each_line_to_type_is_a_command_with_these_options_and_settings(line, monkeypatch):
    name, options = options_of(line)
    monkeypatch.chdir(ROOT)
    configs = options.get("configs") or ()
    is_here = all(each in config_names() or Path(each).exists() for each in configs)
    if configs and is_here and name != "sweep":  # those are read below
        load_config(*configs, overrides=options.get("overrides") or ())


def options_below(found):
    """The options of a command and of all commands in it."""
    names = {name for each in found.params for name in each.opts if isinstance(each, click.Option)}
    if isinstance(found, click.Group):
        for name in found.list_commands(click.Context(found)):
            names |= options_below(found.get_command(click.Context(found), name))
    return names


def test_every_option_and_setting_that_the_text_names_is_one():
    options = {"--help"} | options_below(command)
    settings = re.findall(r"(?m)^\| `([\w.]+)` \|", PAGES["docs/reference/settings.md"])
    sections = {setting.rpartition(".")[0] for setting in settings}
    first = "data|network|loss|optimizer|schedule|training"
    found = set()
    for name, text in PAGES.items():
        for code in re.findall(r"`([^`\n]+)`", prose(text)):
            named = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", code))
            assert named <= options, f"{name}: {named - options}"
            dotted = set(re.findall(rf"(?<![\w./])(?:{first})\.[a-z_][\w.]*(?![\w./(])", code))
            assert dotted <= {*settings, *sections}, f"{name}: {dotted - {*settings, *sections}}"
            found |= named | dotted
    assert len(found) > 60


@pytest.mark.parametrize(
    "block", [block for text in PAGES.values() for block in blocks(text, "yaml")]
)
def test_each_config_that_is_shown_is_valid(block, tmp_path):
    if "\njobs:\n" in block:
        lines = re.findall(r"run: (mlpcli .*)", block)
        assert lines
        assert all(options_of(line) for line in lines)
    elif not block.startswith("base:"):  # a sweep file, which is read below
        path = tmp_path / "shown.yaml"
        path.write_text(block, encoding="utf-8")
        load_config(path)


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


EXPORT = PAGES["docs/how_to/export.md"]
EXPORTS = re.findall(r"```\nmlpcli (export \S+ \S+\.(?:onnx|npz))\n```", EXPORT)
NO_IMAGES = "np.zeros((2, 28, 28), np.uint8)"


@pytest.mark.parametrize(
    ("arguments", "lines"), [*zip(EXPORTS, blocks(EXPORT, "python"), strict=True)], ids=EXPORTS
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
    probabilities_of = model.predict_proba if "onnx" in arguments else model.output_probabilities
    np.testing.assert_allclose(names["probabilities"], probabilities_of(images), atol=1e-5)
    printed = re.findall(r"\d", capsys.readouterr().out)
    assert printed == [model.class_names[i] for i in model.predict(images)]


@pytest.mark.parametrize(
    "arguments",
    dict.fromkeys(
        re.sub(
            r" --(scheduler|workers) \S+",
            "",
            re.split(" +#", line)[0].removeprefix("mlpcli sweep "),
        )
        for text in PAGES.values()
        for line in lines_to_type(text)
        if line.startswith("mlpcli sweep ") and "--resume" not in line
    ),
)
def test_each_sweep_that_is_shown_can_be_made(arguments):
    assert "parameters:" in output(f"sweep {arguments} --print-sweep")


@pytest.mark.parametrize("document", ["docs/how_to/sweeps.md", "docs/reference/pictures.md"])
def test_a_sweep_is_made_before_it_is_drawn_evaluated_or_resumed(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    made: dict[str, str] = {}
    for typed in re.findall(r"(?m)^mlpcli ([^#\n]*sweep[^#\n]*[^#\s])", text):
        line = typed.partition(" --scheduler")[0]
        if found := re.match(r"sweep (?:--config |sweeps/)(\w+)", line):
            again = sum(re.sub(r"-\d+$", "", name) == found[1] for name in made)
            made[f"{found[1]}-{again + 1}" if again else found[1]] = line
            continue
        for name in re.findall(r"sweeps/([\w-]+)", line):
            assert name in made, line
            for trials in re.findall(r"trials=\d+", line):
                assert trials.replace("=", ": ") in output(f"{made[name]} {trials} --print-sweep")


def test_the_sweep_file_that_is_shown_is_valid(tmp_path):
    (shown,) = blocks(PAGES["docs/how_to/sweeps.md"], "yaml")
    (tmp_path / "shown.yaml").write_text(shown)
    assert "trials: 60" in output(f"sweep {tmp_path / 'shown.yaml'} --print-sweep")


def test_every_example_has_a_line_in_the_table_and_each_lesson_a_paragraph():
    lessons = PAGES["docs/lessons.md"]
    told = re.sub(r"(?m)^\|.*", "", "".join(DOCUMENTS.values()))
    for path in (ROOT / "configs" / "examples").glob("*.yaml"):
        assert f"| `examples/{path.stem}` | " in lessons
        assert f"examples/{path.stem}" in told or path.stem in ("square", "sine")
