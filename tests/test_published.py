"""The configs in `configs/published/`: every one loads, and is what it says."""

from pathlib import Path

import pytest

from mlpcli.config.loading import load_config
from mlpcli.training.building import build_network

FOLDER = Path(__file__).parent.parent / "configs" / "published"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_it_loads_and_is_named_as_its_file(name):
    config = load_config(f"published/{name}")
    assert config.name == name
    assert config.data.dataset == "mnist"
    assert (config.data.train_size, config.data.test_size) == (None, None)


@pytest.mark.parametrize("name", NAMES)
def test_the_table_has_it(name):
    table = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"mlpcli train --config published/{name}" in table


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("three_blue_one_brown", 13_002),
        ("nielsen_chapter_1", 784 * 30 + 30 + 30 * 10 + 10),
        ("logistic_regression", 7_850),
    ],
)
def test_the_number_of_parameters(name, parameters):
    network = build_network(load_config(f"published/{name}"), 784, 10)
    assert len(network.theta) == parameters
