"""Reading ahead gives the same as reading, and leaves what is wrong to whoever reads."""

import gzip
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.mirrors import SmallDataset

from mlpcli.config.loading import load_config
from mlpcli.data import ahead
from mlpcli.data.loading import DataLoader
from mlpcli.data.published import cache
from mlpcli.errors import DataError
from mlpcli.reporting import Reporter

Fabricate = Callable[..., SmallDataset]


def train_images(data_dir: Path) -> bytes:
    config = load_config({"data": {"dataset": "mnist", "validation": 0}})
    loader = DataLoader(config.data, 1, data_dir, Reporter(), may_fetch=False)
    return loader.training_and_validation()[0].images.tobytes()


def test_each_file_is_there_once_and_unpacked(fabricate: Fabricate, tmp_path: Path) -> None:
    dataset = fabricate()
    folder = dataset.write_to(tmp_path / "mnist")
    with ahead.reading_ahead("mnist", tmp_path):
        for name, content in dataset.contents.items():
            assert ahead.take(folder / name) == gzip.decompress(content)
            assert ahead.take(folder / name) is None


def test_training_takes_what_was_read_ahead(
    fabricate: Fabricate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fabricate().write_to(tmp_path / "mnist")
    alone = train_images(tmp_path)

    def refuse(file: object, path: Path) -> None:
        pytest.fail(f"{path} is read again")

    with ahead.reading_ahead("mnist", tmp_path):
        monkeypatch.setattr(cache, "read_verified", refuse)
        assert train_images(tmp_path) == alone


def test_nothing_is_left_after_the_block(fabricate: Fabricate, tmp_path: Path) -> None:
    dataset = fabricate()
    folder = dataset.write_to(tmp_path / "mnist")
    before = threading.active_count()
    with ahead.reading_ahead("mnist", tmp_path):
        pass
    assert threading.active_count() == before
    assert all(ahead.take(folder / name) is None for name in dataset.contents)


def test_a_damaged_file_is_told_by_whoever_needs_it(fabricate: Fabricate, tmp_path: Path) -> None:
    dataset = fabricate()
    folder = dataset.write_to(tmp_path / "mnist")
    damaged = folder / dataset.source.train_images.name
    damaged.write_bytes(b"x" + damaged.read_bytes()[1:])
    with ahead.reading_ahead("mnist", tmp_path):
        assert ahead.take(damaged) is None
        with pytest.raises(DataError, match="damaged"):
            train_images(tmp_path)


def test_what_is_not_there_or_not_published_is_left_alone(tmp_path: Path) -> None:
    for dataset in ("mnist", "synthetic", "idx", "table"):
        with ahead.reading_ahead(dataset, tmp_path):
            assert ahead.take(tmp_path / dataset / "train-images-idx3-ubyte.gz") is None
    assert list(tmp_path.iterdir()) == []
