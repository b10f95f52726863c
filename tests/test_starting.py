"""Going on from a trained network: what is taken over, what is new, and what is refused."""

import hashlib
import shutil

import numpy as np
import pytest
from helpers.runs import Told, timeless

import mlpcli
from mlpcli.errors import CheckpointError, ConfigError, DataError
from mlpcli.inference.evaluate_checkpoints import evaluate_checkpoints
from mlpcli.reporting import Reporter
from mlpcli.runs import starting
from mlpcli.runs.starting import read_start
from mlpcli.storage.checkpoint import load_checkpoint
from mlpcli.storage.run_folder import RunFolder
from mlpcli.training.setup import prepare

FEW = {"epochs": 2, "batch_size": 16, "pictures": False}


@pytest.fixture
def trained(bars):
    """A run on the bars, from which others start."""
    settings = {
        "network": {"hidden": [8, 6], "activation": ["tanh", "relu"], "batch_norm": True},
        "data": {"deslant": True, "interpolation": "bicubic"},
        "training": {"averaging": {"decay": 0.5}, "epochs": 2},
    }
    return mlpcli.train(mlpcli.load_config(bars, settings)).folder


def from_it(bars, trained, *overrides, **settings):
    """A config of its own, on the same data as the bars, that leaves the layers open."""
    data = mlpcli.load_config(bars).data.model_dump(mode="json", exclude_unset=True)
    training = {**FEW, "start_from": str(trained)}
    return mlpcli.load_config(
        {"name": "on", "data": data, "training": training}, settings, overrides=overrides
    )


def test_weights_normalization_shaping_and_layers_are_taken_over(bars, trained):
    config = from_it(bars, trained, "optimizer.learning_rate=1e-9")
    run = mlpcli.train(config)
    best = RunFolder(trained).best
    before, after = load_checkpoint(best), load_checkpoint(RunFolder(run.folder).best)
    assert run.config.network.hidden == (8, 6)
    assert run.config.network.activation == ("tanh", "relu")
    assert run.config.network.batch_norm
    assert (run.config.data.deslant, run.config.data.interpolation) == (True, "bicubic")
    assert after.normalization == before.normalization
    assert np.allclose(after.network.theta, before.average, atol=1e-5)
    sha256 = hashlib.sha256(best.read_bytes()).hexdigest()
    assert run.config.training.start_from_sha256 == sha256
    assert sha256 in (run.folder / "config.yaml").read_text()


def test_a_run_begins_with_the_averages_that_are_in_use(bars, trained):
    config = from_it(bars, trained, "training.averaging={}")
    setup = prepare(config, None, Reporter(), start=read_start(config))
    start = load_checkpoint(RunFolder(trained).best)
    for found in (setup.network.theta, setup.average):
        assert np.array_equal(found, start.average)
    for found in (setup.network.running, setup.running_average):
        assert np.array_equal(found, start.running_average)


@pytest.mark.parametrize("name", ["schedule_free_sgd", "schedule_free_adamw"])
def test_a_schedule_free_optimizer_begins_and_ends_with_its_average(bars, trained, name):
    optimizer = f"optimizer={{name: {name}, learning_rate: 0.01}}"
    config = from_it(bars, trained, optimizer, "schedule={name: constant}")
    setup = prepare(config, None, Reporter(), start=read_start(config))
    for found in (setup.network.theta, setup.vectors["base"], setup.vectors["average"]):
        assert np.array_equal(found, load_checkpoint(RunFolder(trained).best).average)
    run = mlpcli.train(config)
    again = from_it(bars, run.folder)
    setup = prepare(again, None, Reporter(), start=read_start(again))
    last = load_checkpoint(RunFolder(run.folder).best)
    assert np.array_equal(setup.network.theta, last.optimizer["average"])
    assert not np.array_equal(setup.network.theta, last.network.theta)


def test_the_normalization_is_not_that_of_the_data(bars, trained):
    config = from_it(bars, trained, "data.train_size=40", "data.validation=0")
    run = mlpcli.train(config)
    model, start = mlpcli.load_model(run.folder), mlpcli.load_model(trained)
    assert model.normalization == start.normalization
    alone = mlpcli.train(mlpcli.load_config(config.model_dump(mode="json"), NO_START))
    assert mlpcli.load_model(alone.folder).normalization != start.normalization


NO_START = {"training": {"start_from": None, "start_from_sha256": None}}


def test_resuming_needs_the_network_no_more(bars, trained):
    fewer = "data.train_size=90"  # whose own normalization would be another
    long = mlpcli.train(from_it(bars, trained, fewer, "training.epochs=4"))
    short = mlpcli.train(from_it(bars, trained, fewer, "training.epochs=2", "name=short"))
    shutil.rmtree(trained)
    resumed = mlpcli.resume(short.folder, ["training.epochs=4"])
    one, other = (
        load_checkpoint(RunFolder(long.folder).last),
        load_checkpoint(RunFolder(resumed.folder).last),
    )
    assert np.array_equal(one.network.theta, other.network.theta)
    assert one.normalization == other.normalization


def test_its_config_repeats_the_run(bars, trained):
    run = mlpcli.train(from_it(bars, trained))
    again = mlpcli.train(mlpcli.load_config(run.folder / "config.yaml"), runs_dir="other")
    assert timeless(run.folder) == timeless(again.folder)


def test_another_network_of_that_name_is_refused(bars, trained):
    config = from_it(bars, trained, f"training.start_from_sha256='{'0' * 64}'")
    with pytest.raises(ConfigError, match="another SHA-256"):
        mlpcli.train(config)
    with pytest.raises(ConfigError, match=r"no training\.start_from"):
        mlpcli.load_config({"training": {"start_from_sha256": "0" * 64}})


def test_a_training_on_a_table_starts_from_no_other_network():
    """Whatever that one learned from."""
    with pytest.raises(ConfigError, match="only a training on images can start from another"):
        mlpcli.load_config("examples/xor", overrides=["training.start_from=runs/xor"])


def test_other_layers_and_shaping_are_all_told(bars, trained):
    config = from_it(
        bars, trained, "network.hidden=[8]", "network.activation=relu", "data.deslant=false"
    )
    with pytest.raises(ConfigError) as caught:
        mlpcli.train(config)
    lines = str(caught.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "network.hidden",
        "network.activation",
        "data.deslant",
    ]
    assert "expected [8, 6], as " in lines[0]
    assert "found [8]" in lines[0]


def test_what_agrees_may_be_written(bars, trained):
    config = from_it(bars, trained, "network.hidden=[8, 6]", "network.activation=[tanh, relu]")
    assert mlpcli.train(config).config.network.hidden == (8, 6)


def images(names, shape=(6, 5), n=30):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (n, shape[0] * shape[1]), dtype=np.uint8)
    return mlpcli.Dataset(x, np.arange(n) % len(names), shape, names)


def train_on(dataset, trained):
    told = Told()
    config = mlpcli.load_config({"training": {**FEW, "start_from": str(trained)}})
    run = mlpcli.train(config, training=dataset, reporter=told)
    return run, told.remarks


def test_fewer_classes_leave_the_last_layer(bars, trained):
    run, remarks = train_on(images(("2", "0")), trained)
    assert mlpcli.load_model(run.folder).class_names == ("0", "1", "2")
    assert run.config.data.class_names == ("0", "1", "2")
    assert not remarks


def test_other_classes_make_the_last_layer_new(bars, trained):
    dataset = images(("a", "b", "c", "d"))
    config = mlpcli.load_config(
        {"training": {**FEW, "start_from": str(trained)}, "optimizer": {"learning_rate": 1e-9}}
    )
    told = Told()
    run = mlpcli.train(config, training=dataset, reporter=told)
    assert "the last layer of the network is new" in told.remarks[0]
    before = load_checkpoint(RunFolder(trained).best)
    network = before.network.with_parameters(before.average)
    after = load_checkpoint(RunFolder(run.folder).last).network
    assert np.allclose(after.dense[1].W, network.dense[1].W, atol=1e-5)
    assert after.dense[2].W.shape == (6, 4)


def test_images_of_another_size_are_refused(bars, trained):
    with pytest.raises(ConfigError, match="reads images of 6×5 pixels, and the data have 5×6"):
        train_on(images(("0", "1"), (5, 6)), trained)


def test_boxed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "c.yaml"
    path.write_text("data: {train_size: 60, test_size: 20}\ntraining: {start_from: boxed}")
    run = mlpcli.train(mlpcli.load_config(path))
    assert run.config.network.hidden == (276, 256)
    assert str(run.config.training.start_from) == "boxed"
    assert run.test.accuracy > 0.8


def test_a_path_starts_at_the_config(bars, trained):
    path = bars.parent / "on.yaml"
    path.write_text("training: {start_from: ../runs/bars}")
    assert mlpcli.load_config(path).training.start_from == bars.parent / "../runs/bars"


def test_a_checkpoint_on_another_computer_is_not_looked_at(monkeypatch):
    monkeypatch.setattr(starting, "leads_to_another_computer", lambda path, _: "evil" in str(path))
    for name in ("lies_at_home", "checkpoint_path"):
        monkeypatch.setattr(starting, name, lambda *_: pytest.fail("it was looked at"))
    config = mlpcli.load_config({"training": {"start_from": "//evil.example/share/run"}})
    for trust_paths in (True, False):
        with pytest.raises(CheckpointError, match="lies on another computer"):
            read_start(config, trust_paths=trust_paths)


def test_what_cannot_be_started_from(bars, trained, tmp_path, monkeypatch):
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        read_start(mlpcli.load_config({"training": {"start_from": "nothing"}}))
    config = mlpcli.load_config({"training": {"start_from": str(trained)}})
    assert read_start(config, trust_paths=False) is not None
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match="--trust-paths"):
        read_start(config, trust_paths=False)
    table = {"data": {"dataset": "table", "table": {"inputs": [[0], [1]], "labels": [0, 1]}}}
    numbers = mlpcli.train(mlpcli.load_config(table, {"training": {"epochs": 1}}))
    with pytest.raises(ConfigError, match="table of numbers"):
        read_start(mlpcli.load_config({"training": {"start_from": str(numbers.folder)}}))


def test_arrays_train_as_files_do(bars):
    from_files = mlpcli.train(mlpcli.load_config(bars), runs_dir="files")
    files = mlpcli.load_config(bars).data.files
    training, test = (
        mlpcli.load_dataset("idx", files=dict(files), split=split) for split in ("train", "test")
    )
    run = mlpcli.train(mlpcli.load_config(bars), training=training, test=test, runs_dir="arrays")
    one, other = (load_checkpoint(RunFolder(each.folder).last) for each in (from_files, run))
    assert np.array_equal(one.network.theta, other.network.theta)
    assert run.test.accuracy == from_files.test.accuracy
    resumed = mlpcli.resume(run.folder, ["training.epochs=5"], training=training, test=test)
    assert len(resumed.history) == 5
    with pytest.raises(DataError, match="only Python can hand over"):
        mlpcli.resume(run.folder, ["training.epochs=6"])
    with pytest.raises(DataError, match=r"load_model\(path\)\.evaluate\(dataset\) tests"):
        evaluate_checkpoints(run.folder)


def test_arrays_that_would_not_be_used_are_refused(bars):
    arrays = images(("0", "1"))
    with pytest.raises(ConfigError, match="these arrays would not be used"):
        mlpcli.train(mlpcli.load_config(bars), test=arrays)
    run = mlpcli.train(mlpcli.load_config(bars, {"training": FEW}))
    with pytest.raises(ConfigError, match="was trained on the dataset idx, not on arrays"):
        mlpcli.resume(run.folder, ["training.epochs=3"], training=arrays)
    with pytest.raises(ConfigError, match="these arrays would not be used"):
        mlpcli.resume(run.folder, ["training.epochs=3"], test=arrays)
    assert len(mlpcli.resume(run.folder, ["training.epochs=3"]).history) == 3


def test_arrays_without_a_test_set(bars):
    run = mlpcli.train(
        mlpcli.load_config({"data": {"test_share": 0.2, "dataset": "arrays"}, "training": FEW}),
        training=images(("0", "1")),
    )
    assert len(run.test.labels) == 6


def test_a_dataset_of_arrays():
    x = np.zeros((4, 3, 2), np.uint8)
    found = mlpcli.Dataset.from_arrays(x, [0, 2, 1, 0])
    assert (found.images.shape, found.image_shape) == ((4, 6), (3, 2))
    assert found.class_names == ("0", "1", "2")
    named = mlpcli.Dataset.from_arrays(x, ["b", "a", "b", "b"], class_names=["b", "a"])
    assert named.labels.tolist() == [0, 1, 0, 0]
    odd = mlpcli.Dataset.from_arrays(x, [0, 2, 1, 0], class_names=range(1, 7, 2))
    assert (odd.class_names, odd.labels.tolist()) == (("1", "3", "5"), [0, 2, 1, 0])
    for wrong in (
        (x / 2, [0, 1, 2, 3]),
        (x, [0, 1]),
        (x.reshape(4, 6), [0, 1, 2, 3]),
        (x, [0.5, 1, 2, 3]),
        (x, [-1, 1, 2, 3]),
        (x.astype(int) - 1, [0, 1, 2, 3]),
        (x, [0, 1, 2, 1000]),
        (x, [0, 1, 0, 1], ["a", "a"]),
        (x, [0, 1, 0, 1], ["a", "b\n"]),
        (x, [0, 1, 0, 1], list(map(str, range(1001)))),
        (x, ["", "a", "b", "c"]),
    ):
        with pytest.raises(DataError):
            mlpcli.Dataset.from_arrays(*wrong)
