"""The notebooks in docs/ run from top to bottom, offline, and their outputs are not stored."""

import json
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "docs" / "notebooks").glob("*.ipynb"))
ids = [path.stem for path in NOTEBOOKS]
pytestmark = [  # of the packages of Jupyter, by version and system
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
]
NO_NETWORK = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids)
def test_no_output_is_stored(path):
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs"), cell["source"]
        assert cell.get("execution_count") is None


@pytest.fixture
def executed(tmp_path, monkeypatch):
    """Run a notebook in a folder of its own; return the outputs of each cell of code."""
    nbformat = pytest.importorskip("nbformat", reason="the package nbformat is not installed")
    nbclient = pytest.importorskip("nbclient", reason="the package nbclient is not installed")
    pytest.importorskip("ipykernel", reason="the package ipykernel is not installed")
    variables = {
        **NO_NETWORK,
        "JUPYTER_PLATFORM_DIRS": "1",
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }

    def run(path):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        client = nbclient.NotebookClient(
            notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}
        )
        client.execute()
        return [cell["outputs"] for cell in notebook.cells if cell.cell_type == "code"]

    return run


def told(outputs):
    """What the cells printed, and the text and HTML of what they show."""
    parts = []
    for output in (each for cell in outputs for each in cell):
        parts.append(output.get("text", ""))
        parts += [str(value) for value in output.get("data", {}).values()]
    return "\n".join(parts)


def test_the_first_network(executed):
    text = told(executed(NOTEBOOKS[ids.index("first_network")]))
    assert "L = 1.42844" in text
    assert "Every number is the same." in text
    assert "278 epochs, the last loss 0.009" in text
    assert "<svg" in text


def test_comparing_runs(executed):
    outputs = executed(NOTEBOOKS[ids.index("comparing_runs")])
    text = told(outputs)
    assert "relu is chosen" in text
    assert text.count("<svg") == 4  # two runs are shown, each with two curves
    assert outputs[-1][0]["text"].startswith("7: ")
