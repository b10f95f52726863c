import gzip
import struct
from pathlib import PurePosixPath, PureWindowsPath
from unittest.mock import Mock

import numpy as np
import pytest
from helpers.digits import bars_dataset
from helpers.mirrors import idx, published

from mlpcli.config.loading import load_config
from mlpcli.config.schema.data import DataConfig
from mlpcli.config.schema.section import MOST_IMAGES
from mlpcli.data import sources, synthetic
from mlpcli.data.loading import DataLoader, load_dataset, options_for
from mlpcli.data.published.sources import SOURCES, PublishedDataset
from mlpcli.data.sources import leads_to_another_computer, lies_at_home
from mlpcli.errors import ConfigError, DataError
from mlpcli.reporting import Reporter


def loader(config, data_dir, *, may_fetch=True):
    return DataLoader(config.data, config.seed, data_dir, Reporter(), may_fetch)


def test_ones_own_files(bars, tmp_path):
    loaded = loader(load_config(bars), tmp_path)
    training, validation = loaded.training_and_validation()

    assert (len(training), len(validation)) == (120, 30)
    assert training.image_shape == (6, 5)
    assert training.class_names == ("0", "1", "2")
    test = loaded.test(training.class_names)
    images, labels = bars_dataset(60, 1)
    assert np.array_equal(test.images, images.reshape(60, 30))
    assert np.array_equal(test.labels, labels)


def test_class_names_come_from_the_config(bars, tmp_path):
    config = load_config(bars, overrides=["data.class_names=[top, middle, bottom]"])
    training, _ = loader(config, tmp_path).training_and_validation()
    assert training.class_names == ("top", "middle", "bottom")


def test_sizes_and_no_validation(bars, tmp_path):
    config = load_config(
        bars, overrides=["data.train_size=60", "data.test_size=9", "data.validation=0"]
    )
    loaded = loader(config, tmp_path)
    training, validation = loaded.training_and_validation()
    assert (len(training), validation) == (60, None)
    assert np.bincount(training.labels).tolist() == [20, 20, 20]
    assert len(loaded.test(training.class_names)) == 9


def test_only_the_training_part_is_of_some_classes(bars, tmp_path):
    every, same = loader(load_config(bars), tmp_path).training_and_validation()
    config = load_config(bars, overrides=["data.train_classes=[2, 0]"])
    training, validation = loader(config, tmp_path).training_and_validation()
    chosen = every.take(np.flatnonzero(every.labels != 1))
    assert np.array_equal(training.images, chosen.images)
    assert np.array_equal(training.labels, chosen.labels)
    assert training.class_names == ("0", "1", "2")
    assert np.array_equal(validation.images, same.images)
    assert len(loader(config, tmp_path).test(training.class_names)) == 60


def test_images_and_labels_must_belong_together(bars, tmp_path):
    (bars.parent / "train-labels").write_bytes(idx(np.zeros(149, np.uint8)))
    with pytest.raises(DataError, match=r"150 images, but their labels file has 149 labels"):
        loader(load_config(bars), tmp_path).training_and_validation()


def test_a_test_label_that_training_does_not_know(bars, tmp_path):
    (bars.parent / "test-labels").write_bytes(idx(np.full(60, 3, np.uint8)))
    with pytest.raises(DataError, match=r"test-labels.*label 0 is 3"):
        loader(load_config(bars), tmp_path).test(("0", "1", "2"))


def test_a_published_dataset_is_fetched_once(fabricate, mirror, tmp_path, monkeypatch):
    dataset = fabricate("mnist")
    mirror.serve_folder(dataset.write_to(tmp_path / "mirror"))
    monkeypatch.setenv("MLPCLI_MIRROR", mirror.url)
    loaded = loader(
        load_config({"data": {"dataset": "mnist", "validation": 0}}), tmp_path / "cache"
    )

    training, _ = loaded.training_and_validation()
    again, _ = loaded.training_and_validation()

    assert np.array_equal(training.images, again.images)
    assert len(mirror.requests) == 2


def test_drawn_digits_are_added_to_what_is_trained_on(fabricate, mirror, tmp_path, monkeypatch):
    mirror.serve_folder(fabricate("mnist").write_to(tmp_path / "mirror"))
    monkeypatch.setenv("MLPCLI_MIRROR", mirror.url)

    def parts(added):
        data = {"dataset": "mnist", "validation": 3, "added_digits": added}
        loaded = loader(load_config({"seed": 7, "data": data}), tmp_path / "cache")
        return loaded.training_and_validation()

    training, validation = parts(0)
    more, same = parts(20)
    images, labels = synthetic.draw(7, range(20), worldwide=True)
    assert np.array_equal(more.images, np.vstack([training.images, images]))
    assert np.array_equal(more.labels, np.concatenate([training.labels, labels]))
    assert np.array_equal(same.images, validation.images)


@pytest.mark.parametrize("setting", ["added_digits", "no_digits"])
def test_no_more_is_added_than_can_be_drawn(fabricate, mirror, tmp_path, monkeypatch, setting):
    mirror.serve_folder(fabricate("mnist").write_to(tmp_path / "mirror"))
    monkeypatch.setenv("MLPCLI_MIRROR", mirror.url)
    for name in ("draw", "draw_signs"):
        monkeypatch.setattr(synthetic, name, lambda *_, **__: pytest.fail("they were drawn"))
    config = load_config({"data": {"dataset": "mnist", "validation": 3, setting: 2_800_000}})
    with pytest.raises(DataError, match=rf"2,800,000 drawn .* data\.{setting} smaller"):
        loader(config, tmp_path / "cache").training_and_validation()


def test_a_dry_run_does_not_fetch(fabricate, mirror, tmp_path, monkeypatch):
    dataset = fabricate("mnist")
    mirror.serve_folder(dataset.write_to(tmp_path / "mirror"))
    monkeypatch.setenv("MLPCLI_MIRROR", mirror.url)
    loaded = loader(
        load_config({"data": {"dataset": "mnist"}}), tmp_path / "cache", may_fetch=False
    )

    with pytest.raises(DataError, match="mlpcli data fetch mnist"):
        loaded.training_and_validation()
    assert mirror.requests == []
    assert not (tmp_path / "cache").exists()


def test_synthetic_training_and_test_digits_differ(tmp_path, monkeypatch):
    config = load_config({"data": {"train_size": 40, "test_size": 40, "validation": 0}})
    draw = Mock(wraps=synthetic.draw)
    monkeypatch.setattr(synthetic, "draw", draw)
    loaded = loader(config, tmp_path)
    training, _ = loaded.training_and_validation()
    test = loaded.test(training.class_names)
    assert training.image_shape == test.image_shape == (28, 28)
    assert not (training.images[:, np.newaxis] == test.images).all(axis=2).any()
    indices = [call.args[1] for call in draw.call_args_list]
    assert indices[0] == range(40)
    assert indices[1].start > MOST_IMAGES


def test_a_test_subset_follows_from_the_seed(bars, tmp_path):
    def chosen(seed):
        config = load_config(bars, overrides=["data.test_size=20", f"seed={seed}"])
        return loader(config, tmp_path).test(("0", "1", "2")).images.tolist()

    assert chosen(1) == chosen(1)
    assert chosen(1) != chosen(2)


@pytest.mark.parametrize("part", ["train", "test"])
def test_more_digits_than_memory_are_not_drawn(tmp_path, part):
    config = load_config({"data": {"dataset": "synthetic", f"{part}_size": 2_800_000}})
    loader = DataLoader(config.data, 1, tmp_path, Reporter())
    with pytest.raises(DataError, match="2,800,000 drawn digits are asked for, but at most"):
        loader.training_and_validation() if part == "train" else loader.test(())


@pytest.mark.parametrize(
    ("path", "here", "answer"),
    [
        (r"\\evil.example\share\images", "C:\\home", True),
        ("//evil.example/share/images", "C:\\home", True),
        (r"\\?\UNC\evil.example\share\images", "C:\\home", True),
        (r"\\.\pipe\images", "C:\\home", True),
        (r"\\NAS\share\images", r"\\nas\share\me", False),
        (r"C:\images", r"D:\home", False),
        ("images", "C:\\home", False),
    ],
)
def test_what_leads_to_another_computer(path, here, answer):
    assert leads_to_another_computer(PureWindowsPath(path), PureWindowsPath(here)) == answer
    assert not leads_to_another_computer(PurePosixPath(path), PurePosixPath("/home"))


def test_a_file_on_another_computer_is_not_looked_at(bars, tmp_path, monkeypatch):
    config = load_config(bars)
    monkeypatch.setattr(sources, "leads_to_another_computer", lambda path, _: "test" in path.name)
    monkeypatch.setattr("mlpcli.data.idx.read_images", lambda *_: pytest.fail("it was looked at"))
    with pytest.raises(DataError, match="test-images: lies on another computer"):
        DataLoader(config.data, 1, tmp_path, Reporter()).test(())


def test_files_that_a_checkpoint_names_are_read_at_home_alone(bars, tmp_path, monkeypatch):
    config = load_config(bars)
    doubtful = DataLoader(config.data, 1, tmp_path / "cache", Reporter(), trust_paths=False)
    assert len(doubtful.training_and_validation()[0]) == 120  # bars lies in the working directory

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setattr("mlpcli.data.idx.read_images", lambda *_: pytest.fail("it was read"))
    for part in (doubtful.training_and_validation, lambda: doubtful.test(("0", "1", "2"))):
        with pytest.raises(DataError, match=r"images: a checkpoint says .* add --trust-paths"):
            part()


def test_a_cache_is_home_and_a_link_out_of_it_is_not(bars, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    (cache / "mine").mkdir(parents=True)
    monkeypatch.chdir(cache / "mine")
    inside = cache / "file"
    inside.touch()
    assert lies_at_home(inside, cache)
    assert lies_at_home(cache / "mine" / ".." / "file", tmp_path / "none") is False
    link = cache / "mine" / "link"
    try:
        link.symlink_to(bars)
    except OSError:
        pytest.skip("this system lets nobody make links")
    assert not lies_at_home(link, cache)


def test_tables_are_loaded_as_other_datasets_are():
    points = {"formula": "x**2", "low": 0, "high": 2, "points": 3}
    found = [load_dataset("table", table=points, split=split) for split in ("train", "test")]
    assert [dataset.targets.ravel().tolist() for dataset in found] == [[0, 1, 4], [0.25, 2.25]]
    labelled = load_dataset("table", table={"inputs": [[1], [2]], "labels": [1, 0]})
    assert (labelled.labels.tolist(), labelled.targets) == ([1, 0], None)


def test_a_split_that_there_is_not():
    with pytest.raises(ConfigError, match="expected train, validation or test, found 'valid'"):
        load_dataset("synthetic", train_size=20, split="valid")  # type: ignore[arg-type]


def test_a_label_of_an_archive_that_no_training_image_has(tmp_path):
    x, y = np.zeros((4, 2, 2), np.uint8), np.array([0, 1, 0, 1])
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x, y_test=y + 1)
    with pytest.raises(DataError) as caught:
        load_dataset("npz", path=str(tmp_path / "a.npz"), split="test")
    assert "image 1: its class '2' is none of 0, 1" in str(caught.value)
    assert "on_error" not in str(caught.value)  # which archives do not have


def test_links_in_a_circle_lie_nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    circle = tmp_path / "circle"
    try:
        circle.symlink_to(circle)
    except OSError:
        pytest.skip("this system lets nobody make links")
    for dataset in ("folder", "csv", "npz"):
        config = load_config({"data": {"dataset": dataset, "path": str(circle)}})
        for trust_paths in (True, False):
            loader = DataLoader(config.data, 1, tmp_path, Reporter(), trust_paths=trust_paths)
            with pytest.raises(DataError, match="circle"):
                loader.training_and_validation()


def test_a_published_dataset_whose_labels_are_rows(tmp_path, monkeypatch):
    images = np.zeros((4, 28, 28), np.uint8)
    labels = np.array([[3, 9], [1, 9], [0, 9], [2, 9]], ">i4")
    table = struct.pack(">3I", 0x0C02, 4, 2) + labels.tobytes()
    contents = [gzip.compress(content) for content in (idx(images), table)] * 2
    names = [file.name for file in SOURCES["qmnist"].files]
    folder = tmp_path / "qmnist"
    folder.mkdir()
    for name, content in zip(names, contents, strict=True):
        (folder / name).write_bytes(content)
    facts = map(published, names, contents)
    source = PublishedDataset("qmnist", (), tuple("0123456789"), *facts, has_many_labels=True)
    monkeypatch.setitem(SOURCES, "qmnist", source)
    config = load_config({"data": {"dataset": "qmnist", "validation": 0}})
    loaded = loader(config, tmp_path, may_fetch=False)
    assert loaded.training_and_validation()[0].labels.tolist() == [3, 1, 0, 2]
    assert loaded.test(()).labels.tolist() == [3, 1, 0, 2]


def test_files_of_a_checkpoint_that_lie_elsewhere(tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    for name, content in (("t.csv", "1,2\n"), ("labels.csv", "file,label\n")):
        (tmp_path / name).write_text(content)
    settings = [("csv", "t.csv"), ("npz", "a.npz"), ("folder", "."), ("folder", "labels.csv")]
    for dataset, name in settings:
        config = load_config({"data": {"dataset": dataset, "path": str(tmp_path / name)}})
        untrusting = DataLoader(config.data, 1, tmp_path / "data", Reporter(), trust_paths=False)
        with pytest.raises(DataError, match="add --trust-paths"):
            untrusting.training_and_validation()
        assert " --trust-paths" in options_for(config.data, tmp_path / "data")


def test_every_dataset_of_a_config_has_a_source():
    wanted = DataConfig.model_json_schema()["properties"]["dataset"]["enum"]
    assert sources.DATASETS.keys() == set(wanted)
