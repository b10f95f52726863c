"""A reader who types the lines of a document, one after the other, from its first to its last."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from helpers.processes import COMMAND, environment
from PIL import Image

from mlpcli.data import synthetic

ROOT = Path(__file__).parents[2]
TOO_THIN = {1268, 1836, 1944, 5083, 5295}
"""drawn digits of seed 1 in which `mlpcli predict` sees no stroke"""
SHARED_MNIST = ROOT.parent / "shared" / "mnist"


def lines_of(document):
    """The commands in blocks without a language, the code in blocks of Python, and the files whose
    names end the lines before them, in order.
    """
    text = (ROOT / document).read_text(encoding="utf-8")
    blocks = re.findall(
        r"(?:(\w+\.yaml):\n\n)?^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL
    )
    for file, language, block in blocks:
        if file:
            yield ["write", file, block]
        elif language == "python" and "import mlpcli" in block:
            yield ["python", block]
        elif language == "":
            for line in block.splitlines():
                command = line.removeprefix("pip install . && ")
                if command.startswith("mlpcli "):
                    yield shlex.split(command, comments=True)


def bring_own_digits(folder):
    """Put there what readers of the README have: a folder for each class, two tables, and scans."""
    drawn = [*range(6000), *range(2000)]  # `--config mnist` holds 5,000 of them out
    images, labels = synthetic.draw(1, drawn)
    for i, (image, label) in enumerate(zip(images.reshape(-1, 28, 28), labels, strict=True)):
        if drawn[i] in TOO_THIN:
            continue
        home = folder / "my_digits" / str(label)
        home.mkdir(parents=True, exist_ok=True)
        Image.fromarray(255 - image).save(home / f"{i}.png")
    columns = [f"pixel{i}" for i in range(784)]
    for name, first, rows in (("train", ["label"], slice(0, 900)), ("test", [], slice(900, 930))):
        table = images[rows]
        if first:
            table = np.column_stack([labels[rows], table])
        header = ",".join([*first, *columns])
        np.savetxt(folder / f"{name}.csv", table, "%d", ",", header=header, comments="")
    (folder / "scans").mkdir()
    lines = ["file,label"]
    for i in range(1000, 1100):
        Image.fromarray(255 - images[i].reshape(28, 28)).save(folder / "scans" / f"{i}.png")
        lines.append(f"{i}.png,{labels[i]}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.faults
@pytest.mark.parametrize("document", ["README.md", "docs/lessons.md"])
def test_every_line_works_in_its_order(document, tmp_path):
    if document == "README.md" and not SHARED_MNIST.is_dir():
        pytest.skip("../shared/mnist is absent")
    for name in ("docs", "configs"):
        shutil.copytree(ROOT / name, tmp_path / name)
    if document == "README.md":
        bring_own_digits(tmp_path)
    typed = list(lines_of(document))
    assert len(typed) > 20
    for words in typed:
        if words[0] == "write":
            (tmp_path / words[1]).write_text(words[2], encoding="utf-8")
            continue
        script = Path(COMMAND)
        arguments = [str(script), *words[1:]]
        if words[0] == "python":
            arguments = [str(script.with_name("python")), "-c", words[1]]
        done = subprocess.run(
            arguments,
            cwd=tmp_path,
            env=environment(MLPCLI_MIRROR=str(SHARED_MNIST)),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}{done.stderr}"
