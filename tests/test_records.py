"""What is read back of runs, whole, unfinished and damaged."""

import dataclasses
import json

import pytest

import mlpcli
from mlpcli.errors import CheckpointError, DataError
from mlpcli.storage import records
from mlpcli.storage.records import differences, read_metrics, read_record, run_folders
from mlpcli.storage.run_folder import RunFolder


def test_a_record_says_what_the_run_said(run):
    record = read_record(run.folder)
    assert record.history == run.history
    assert record.best == run.best
    assert record.folder.name == "bars"
    assert 0 < record.seconds <= run.seconds
    assert record.summary["test_accuracy"] == run.test.accuracy
    assert record.setting("optimizer", "learning_rate") == 0.05
    assert record.setting("optimizer", "nonsense", "deeper") is None


def test_an_unfinished_run_has_its_best_epoch_all_the_same(run):
    assert read_record(run.folder).has_ended
    (run.folder / "summary.json").unlink()
    record = read_record(run.folder)
    assert not record.has_ended
    assert record.summary == {}
    assert record.best == run.best
    assert record.seconds == sum(row.seconds for row in run.history)


@pytest.mark.parametrize("monitor", ["val_loss", "train_accuracy"])
def test_the_best_epoch_is_that_of_the_runs_own_monitor(bars, tmp_path, monitor):
    config = mlpcli.load_config(bars, overrides=[f"training.monitor={monitor}"])
    run = mlpcli.train(config, runs_dir=tmp_path / "runs")
    assert read_record(run.folder).best == run.best


@pytest.mark.parametrize("monitor", ["seconds", "epoch", "[val_loss]", "5"])
def test_a_monitor_that_no_run_has_chooses_nothing(run, monitor):
    """The seconds of a row that was restored from a checkpoint are empty."""
    files = RunFolder(run.folder)
    text = files.config.read_text()
    files.config.write_text(text.replace("  monitor: null", f"  monitor: {monitor}", 1))
    assert read_record(run.folder).setting("training", "monitor") is not None
    rows = files.metrics.read_text().splitlines()
    rows[2] = ",".join(["2", "", *rows[2].split(",")[2:]])
    files.metrics.write_text("\n".join(rows) + "\n")
    assert read_record(run.folder).best.epoch == run.best_epoch


def test_without_validation_the_last_epoch_is_the_best(bars, tmp_path):
    config = mlpcli.load_config(bars, overrides=["data.validation=0"])
    run = mlpcli.train(config, runs_dir=tmp_path / "runs")
    record = read_record(run.folder)
    assert record.history == run.history
    assert record.best.epoch == 4


def test_a_run_that_never_got_to_its_first_epoch(run):
    for name in ("metrics.csv", "summary.json", "environment.json"):
        (run.folder / name).unlink()
    record = read_record(run.folder)
    assert (record.history, record.best, record.environment) == ([], None, {})


def test_columns_of_a_newer_version_are_left_out(run):
    path = run.folder / "metrics.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(["new," + lines[0], *(f"7,{line}" for line in lines[1:])]) + "\n")
    assert read_metrics(path) == run.history


def test_no_run(tmp_path):
    with pytest.raises(CheckpointError, match="no run there"):
        read_record(tmp_path)
    with pytest.raises(CheckpointError, match="no folder of runs"):
        run_folders(tmp_path / "missing")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("summary.json", "{", "damaged"),
        ("summary.json", "[]", "no object"),
        ("environment.json", '{"a": ' * 100_000, "damaged"),
        ("metrics.csv", "epoch,seconds\n1,2\n", "expected a column learning_rate"),
        ("metrics.csv", "", "expected a column epoch"),
        ("config.yaml", "a: [", "cannot be read"),
    ],
)
def test_a_damaged_file_is_named(run, name, content, message):
    (run.folder / name).write_text(content)
    with pytest.raises(DataError, match=message) as error:
        read_record(run.folder)
    assert name in str(error.value)


def test_a_wrong_number_is_told_with_its_line(run):
    path = run.folder / "metrics.csv"
    rows = path.read_text().splitlines()
    lines = [*rows[:3], rows[3].replace(rows[3].split(",")[3], "much", 1)]
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match=r"metrics\.csv:4: train_loss: expected a finite number"):
        read_metrics(path)


def test_a_half_written_row_is_told(run):
    path = run.folder / "metrics.csv"
    whole = path.read_text()
    path.write_text(whole + "5,0.1\n")
    with pytest.raises(DataError, match=r"metrics\.csv:6: learning_rate"):
        read_metrics(path)
    path.write_text(whole[:-2])  # still a number
    with pytest.raises(DataError, match=r"metrics\.csv: cut short"):
        read_metrics(path)


def test_a_lost_row_is_told(run):
    path = run.folder / "metrics.csv"
    rows = path.read_text().splitlines(keepends=True)
    path.write_text("".join(rows[:2] + rows[3:]))
    with pytest.raises(DataError, match=r"metrics\.csv:3: epoch: expected 2, found 3"):
        read_metrics(path)


@pytest.mark.parametrize(
    ("column", "text", "least"),
    [(0, "0", 1), (0, "1" + 400 * "0", 1), (2, "nan", 0), (3, "inf", 0), (3, "-1", 0)],
)
def test_a_number_that_cannot_be_is_told(run, column, text, least):
    path = run.folder / "metrics.csv"
    rows = path.read_text().splitlines()
    values = rows[2].split(",")
    values[column] = text
    rows[2] = ",".join(values)
    path.write_text("\n".join(rows) + "\n")
    expected = f"a finite number of at least {least}, found '{text[:9]}"
    with pytest.raises(DataError, match=rf":3: \w+: expected {expected}"):
        read_metrics(path)


def test_bytes_that_are_no_text(run):
    (run.folder / "metrics.csv").write_bytes(b"epoch\xff\n")
    with pytest.raises(DataError, match="not a table of text"):
        read_record(run.folder)


def test_the_settings_in_which_two_runs_differ():
    a = {"name": "a", "seed": 1, "network": {"hidden": [8], "activation": "relu"}, "stop": None}
    b = {"name": "b", "seed": 1, "network": {"hidden": [9], "activation": "relu"}, "stop": {"n": 5}}
    changes = {"name": ("a", "b"), "network.hidden": ([8], [9]), "stop.n": (None, 5)}
    assert differences(a, b) == changes
    assert differences(a, a) == {}


def test_only_runs_are_listed(run, tmp_path):
    (tmp_path / "runs" / "notes").mkdir()
    (tmp_path / "runs" / "file").write_text("")
    assert run_folders(tmp_path / "runs") == [run.folder]


def test_a_row_is_read_as_it_was_written(run):
    written = [dataclasses.asdict(row) for row in run.history]
    read = [dataclasses.asdict(row) for row in read_metrics(run.folder / "metrics.csv")]
    assert json.dumps(read) == json.dumps(written)


@pytest.mark.parametrize("name", ["metrics.csv", "summary.json", "environment.json"])
def test_a_file_that_is_far_too_large_is_not_read(run, monkeypatch, name):
    monkeypatch.setattr(records, "MOST_BYTES", 2000)
    (run.folder / name).write_bytes(bytes(2001))
    with pytest.raises(DataError, match=rf"{name}: cannot be read: larger than 2,000 bytes"):
        read_record(run.folder)


def test_a_folder_that_is_no_run_yet_is_not_listed(run):
    run.folder.rename(run.folder.with_name(".bars.0123abcd.tmp"))
    assert run_folders(run.folder.parent) == []


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "1" + 400 * "0"])
@pytest.mark.parametrize("name", ["summary.json", "environment.json"])
def test_a_number_of_json_that_is_not_finite_is_told(run, name, number):
    (run.folder / name).write_text(f'{{"seconds": {number}}}')
    with pytest.raises(DataError, match=f"{name}: damaged"):
        read_record(run.folder)


def test_a_column_with_a_gap_is_told(run):
    path = run.folder / "metrics.csv"
    rows = path.read_text().splitlines()
    values = rows[2].split(",")
    values[5] = ""
    path.write_text("\n".join([*rows[:2], ",".join(values), *rows[3:]]) + "\n")
    with pytest.raises(DataError, match=r"metrics\.csv: val_loss: empty in some rows"):
        read_metrics(path)
