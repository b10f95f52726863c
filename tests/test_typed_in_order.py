"""A reader who types the lines of a page, one after the other, from its first to its last."""

import csv
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from helpers.documents import BLOCK, PAGES, ROOT, lines_to_type
from helpers.own import write_digits
from helpers.processes import COMMAND, environment

from mlpcli.data import synthetic

SHARED_MNIST = ROOT.parent / "shared" / "mnist"
MNIST = "mlpcli train --config mnist training.epochs=1 training.pictures=false"
TYPED_BEFORE = {
    "docs/how_to/explain.md": [MNIST],
    "docs/how_to/page.md": [MNIST, "mlpcli train --config examples/xor"],
    "docs/how_to/resume.md": [MNIST],
    "docs/reference/pictures.md": [MNIST, MNIST, "mlpcli sweep sweeps/learning_rate trials=4"],
    "docs/reference/python.md": ["mlpcli train --config house.yaml training.pictures=false"],
}
"""what a reader of a page has done already"""
WITHOUT_MNIST = (
    "docs/lessons.md",
    "docs/how_to/photos.md",
    "docs/how_to/tables.md",
    "docs/tutorials/first_network.md",
    "docs/tutorials/kaggle.md",
)
PYTHON = "docs/reference/python.md", "docs/how_to/tables.md"
"""pages whose blocks of Python are whole programs"""
NOT_TYPED = {
    "docs/how_to/clusters.md": "needs a cluster",
    "docs/how_to/export.md": "tests/test_documentation.py runs it",
    "docs/how_to/sweeps.md": "trains for an hour; tests/test_documentation.py reads each sweep",
}
TYPED = [
    name
    for name, text in PAGES.items()
    if (lines_to_type(text) or name in TYPED_BEFORE) and name not in NOT_TYPED
]


def lines_of(name):
    """The commands in blocks without a language, the code in blocks of Python, and the files whose
    names end the lines before them, in order.
    """
    text = PAGES[name]
    for found in BLOCK.finditer(text):
        _, language, block = found.groups()
        file = re.search(r"(\w+\.yaml):\n\n$", text[: found.start()])
        if file:
            yield ["write", file[1], block]
        elif language == "python" and name in PYTHON:
            yield ["python", block]
        elif language == "":
            yield from (shlex.split(line, comments=True) for line in lines_to_type(found[0]))


def write_tables_of_pixels(folder):
    """Write train.csv and test.csv, as Kaggle has them."""
    images, labels = synthetic.draw(1, range(700))
    header = [f"pixel{i}" for i in range(images[0].size)]
    rows = [[label, *image.ravel()] for image, label in zip(images, labels, strict=True)]
    tables = {
        "train.csv": [["label", *header], *rows[:600]],
        "test.csv": [header, *(row[1:] for row in rows[600:])],
    }
    for name, lines in tables.items():
        with (folder / name).open("w", newline="") as file:
            csv.writer(file).writerows(lines)


def write_scans(folder):
    """Write a folder of digits and their labels, of which one is wrong, so that it is misread."""
    write_digits(folder / "scans")
    rows = [
        f"{path.relative_to(folder).as_posix()},{path.parent.name}\n"
        for path in sorted((folder / "scans").rglob("*.png"))
    ]
    path, label = rows[0].strip().split(",")
    rows[0] = f"{path},{(int(label) + 1) % 10}\n"
    (folder / "labels.csv").write_text("file,label\n" + "".join(rows), encoding="utf-8")


@pytest.fixture
def reader(tmp_path):
    """A folder with all that the pages take for granted."""
    for name in ("docs", "configs"):
        shutil.copytree(ROOT / name, tmp_path / name)
    write_tables_of_pixels(tmp_path)
    write_scans(tmp_path)
    write_digits(tmp_path / "my_digits", n=200)
    (house,) = [block for _, file, block in filter(is_file, lines_of("docs/how_to/tables.md"))]
    (tmp_path / "house.yaml").write_text(house, encoding="utf-8")
    return tmp_path


def is_file(words):
    return words[0] == "write"


def type_in(folder, words):
    script = Path(COMMAND)
    arguments = [str(script), *words[1:]]
    if words[0] == "python":
        arguments = [str(script.with_name("python")), "-c", words[1]]
    done = subprocess.run(
        arguments,
        cwd=folder,
        env=environment(MLPCLI_MIRROR=str(SHARED_MNIST)),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}{done.stderr}"


@pytest.mark.typed
@pytest.mark.parametrize("name", TYPED)
def test_every_line_works_in_its_order(name, reader):
    if name not in WITHOUT_MNIST and not SHARED_MNIST.is_dir():
        pytest.skip("../shared/mnist is absent")
    for line in TYPED_BEFORE.get(name, ()):
        type_in(reader, shlex.split(line))
    typed = list(lines_of(name))
    assert typed
    for words in typed:
        if is_file(words):
            (reader / words[1]).write_text(words[2], encoding="utf-8")
        else:
            type_in(reader, words)


def test_every_page_with_lines_is_typed_or_has_its_reason():
    assert NOT_TYPED.keys() <= PAGES.keys()
    assert TYPED_BEFORE.keys() <= set(TYPED)
    assert len(TYPED) > 12
