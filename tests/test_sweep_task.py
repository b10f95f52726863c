"""The task of a worker: a function of its arguments, that trains as `mlpcli train` does."""

import json
from datetime import UTC, datetime, timedelta

import pytest

import mlpcli
from mlpcli.config.loading import load_config
from mlpcli.errors import DataError
from mlpcli.runs.starting import read_start
from mlpcli.storage.run_folder import RunFolder
from mlpcli.sweeps import task as tasks
from mlpcli.sweeps.task import Files, RawData, Task, evaluate_on_test, train

KINDS = {
    "plain": [],
    "with state": [
        "optimizer={name: nadam, momentum: null, clip_norm: 1}",
        "schedule={name: plateau, monitor: train_loss, patience: 2, min_delta: 0.01}",
        "network.dropout.hidden=0.2",
        "network.batch_norm=true",
        "training.averaging={}",
    ],
    "stopping early": ["training.early_stopping={patience: 1, min_delta: 0.5}"],
}


def described(bars, *overrides):
    return load_config(bars, overrides=["training.workers=1", *overrides])


def trained(config, until, run=None, data=None):
    return train(Task("0007", config.model_dump(mode="json"), until, run or {}, None), data)


def steady(files):
    """The files that no clock has a part in."""
    summary = json.loads(files["summary.json"])
    for part in (summary, summary["best"], summary["last"]):
        del part["seconds"]
    rows = [line.split(b",") for line in files["metrics.csv"].splitlines()]
    rest = {
        name: content
        for name, content in files.items()
        if name not in ("summary.json", "metrics.csv", "environment.json")
    }
    return rest, summary, [row[:1] + row[2:] for row in rows]


@pytest.mark.parametrize("kind", KINDS)
def test_it_trains_as_the_command_does(bars, tmp_path, kind):
    config = described(bars, "training.epochs=6", *KINDS[kind])
    run = mlpcli.train(config, runs_dir=tmp_path / "runs")
    folder = RunFolder(run.folder)
    files = trained(config, 6)
    assert files["weights/best.safetensors"] == folder.best.read_bytes()
    assert files["weights/last.safetensors"] == folder.last.read_bytes()
    assert files["gradients.csv"] == folder.gradients.read_bytes()
    assert files["config.yaml"] == folder.config.read_bytes()
    found, expected = json.loads(files["summary.json"]), folder.read_summary()
    assert found["stopped"] == expected["stopped"]
    assert found["best_epoch"] == expected["best_epoch"]
    assert found["test_accuracy"] is None


@pytest.mark.parametrize("kind", KINDS)
def test_in_parts_it_ends_with_the_same_bytes(bars, kind, monkeypatch):
    config = described(bars, "training.epochs=6", *KINDS[kind])
    whole = trained(config, 6)
    part = trained(config, 2)
    assert json.loads(part["summary.json"])["stopped"] in ("paused", "early_stopping")
    assert steady(trained(config, 6, trained(config, 3, part))) == steady(whole)
    monkeypatch.setattr(tasks, "LONG_ENOUGH", 0.0)  # then each task trains one epoch
    one_by_one: Files = {}
    for _ in range(6):
        one_by_one = trained(config, 6, one_by_one)
    assert steady(one_by_one) == steady(whole)


@pytest.mark.parametrize("example", ["worked_3_2_3", "house_price"])
def test_a_network_of_numbers_trains_as_by_the_command(example, tmp_path):
    config = load_config(f"examples/{example}", overrides=["training.workers=1"])
    run = mlpcli.train(config, runs_dir=tmp_path / "runs")
    folder = RunFolder(run.folder)
    files = trained(config, config.training.epochs)
    assert files["weights/best.safetensors"] == folder.best.read_bytes()
    assert files["weights/last.safetensors"] == folder.last.read_bytes()
    assert trained(config, config.training.epochs, trained(config, 100)).keys() == files.keys()


@pytest.mark.parametrize("parts", [[4], [1, 4]])
def test_a_network_that_goes_on_from_another_trains_as_by_the_command(bars, tmp_path, parts):
    given = mlpcli.train(described(bars, "training.epochs=2"), runs_dir=tmp_path / "given")
    config = described(bars, f"training.start_from={given.folder}", "training.epochs=4")
    run = mlpcli.train(config, runs_dir=tmp_path / "runs")
    start = read_start(config)
    values = start.completed(config).model_dump(mode="json")
    content = RunFolder(given.folder).best.read_bytes()
    files: Files = {}
    for until in parts:
        files = train(Task("0007", values, until, files, None, content))
    assert files["weights/last.safetensors"] == RunFolder(run.folder).last.read_bytes()
    assert evaluate_on_test(Task("0007", values, 0, files, None, content))["test_accuracy"] == (
        run.test.accuracy
    )


def test_what_is_read_depends_on_nothing_that_changes_it_later(bars):
    def key(*overrides):
        config = described(bars, *overrides)
        return tasks._loader(config, None).raw_key

    assert key() == key("data.train_size=20", "data.validation=0.2", "data.deslant=true", "seed=7")
    assert key() != key("data.class_names=[a, b, c]")
    mnist = ("data.dataset=mnist", "data.files=null")
    assert key(*mnist) == key(*mnist, "data.no_digits=9", "data.added_digits=9")
    own = ("data.dataset=npz", "data.files=null", "data.path=a.npz")
    assert key(*own) != key(*own, "seed=7")  # its test images are held out by the seed


def test_a_training_that_is_over_stays_as_it_is(bars):
    config = described(bars)
    whole = trained(config, 4)
    assert steady(trained(config, 4, whole)) == steady(whole)


def test_the_time_is_that_of_the_training_and_not_of_its_process(bars, monkeypatch):
    long_ago = tasks.environment_here() | {"started": "2001-01-01T00:00:00+00:00"}
    monkeypatch.setattr(tasks, "environment_here", lambda: long_ago)
    earliest = datetime.now(UTC) - timedelta(seconds=2)  # it is told in whole seconds
    part = trained(described(bars), 1)
    environment = json.loads(part["environment.json"])
    assert earliest <= datetime.fromisoformat(environment["started"]) <= datetime.now(UTC)
    assert environment.keys() == long_ago.keys()
    monkeypatch.setattr(tasks, "_when", lambda _: "later")
    assert trained(described(bars), 2, part)["environment.json"] == part["environment.json"]


def test_seconds_add_up(bars):
    config = described(bars)
    part = trained(config, 2)
    whole = trained(config, 4, part)
    before, after = (json.loads(each["summary.json"])["seconds"] for each in (part, whole))
    assert 0 < before < after
    assert whole["metrics.csv"].splitlines()[:3] == part["metrics.csv"].splitlines()


def test_divergence_is_a_result(bars):
    config = described(bars, "optimizer.learning_rate=1e30", "training.epochs=3")
    files = trained(config, 3)
    summary = json.loads(files["summary.json"])
    assert summary["stopped"] == "diverged"
    assert summary["reason"].startswith("Training diverged: ")
    assert files["weights/last.safetensors"]


def test_too_few_images_are_a_result(bars):
    files = trained(described(bars, "data.train_size=100000"), 3)
    summary = json.loads(files["summary.json"])
    assert summary["stopped"] == "impossible"
    assert "data.train_size" in summary["reason"]
    assert set(files) == {"config.yaml", "summary.json"}


def test_missing_data_are_an_error(bars):
    config = described(bars)
    (bars.parent / "train-images").unlink()
    tasks._kept.clear()
    with pytest.raises(DataError, match="train-images"):
        trained(config, 1)


def test_data_that_were_sent_take_the_place_of_files(bars):
    config = described(bars)
    expected = trained(config, 4)
    loader = tasks._loader(config, None)
    training = loader.raw_training()
    data = RawData(training, loader.raw_test(training.class_names))
    task = Task("0007", config.model_dump(mode="json"), 0, expected, None)
    figures = evaluate_on_test(task, None)
    for file in bars.parent.glob("*-*"):
        file.unlink()
    tasks._kept.clear()
    assert steady(trained(config, 4, data=data)) == steady(expected)
    assert evaluate_on_test(task, data) == figures


def test_the_test_is_that_of_the_command(bars, tmp_path):
    config = described(bars)
    run = mlpcli.train(config, runs_dir=tmp_path / "runs")
    figures = evaluate_on_test(
        Task("0007", config.model_dump(mode="json"), 0, trained(config, 4), None), None
    )
    summary = json.loads((run.folder / "summary.json").read_text())
    assert figures == {key: summary[key] for key in ("test_loss", "test_accuracy", "test_images")}
