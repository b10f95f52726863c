"""A reader who types the lines of a document, one after the other, from its first to its last."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from helpers.processes import COMMAND, environment

ROOT = Path(__file__).parents[2]
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


@pytest.mark.faults
@pytest.mark.parametrize("document", ["README.md", "docs/lessons.md"])
def test_every_line_works_in_its_order(document, tmp_path):
    if document == "README.md" and not SHARED_MNIST.is_dir():
        pytest.skip("../shared/mnist is absent")
    for name in ("docs", "configs"):
        shutil.copytree(ROOT / name, tmp_path / name)
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
