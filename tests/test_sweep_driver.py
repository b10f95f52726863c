"""A sweep from its beginning to its end, its tasks run in this process and out of order."""

import csv
import errno
import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import optuna
import pytest
from helpers.digits import write_bars
from helpers.sweeps import InlineCluster, drive, timeless_sweep

import mlpcli
from mlpcli.cli import sweep_progress
from mlpcli.config.sweep_loading import load_sweep
from mlpcli.errors import ClusterError, DataError, Interrupted, WriteError
from mlpcli.files import as_argument
from mlpcli.reporting import Reporter
from mlpcli.runs.interruption import Interruption
from mlpcli.storage.records import read_record, run_folders
from mlpcli.sweeps import api, driver
from mlpcli.sweeps import task as tasks
from mlpcli.sweeps.best import best_runs
from mlpcli.sweeps.driver import Driver
from mlpcli.sweeps.results import results_csv
from mlpcli.sweeps.sweep_folder import SweepFolder, read_run, write_run
from mlpcli.sweeps.trials import Trial


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    """A sweep of 12 trials by TPE in rounds of 4, with halving."""
    base = write_bars(tmp_path_factory.mktemp("data") / "bars")
    return {
        "base": str(base),
        "parameters": {
            "optimizer.learning_rate": {"low": 0.0001, "high": 1.0, "log": True},
            "network.hidden": [[4], [8, 8]],
        },
        "sampler": {"name": "tpe", "round": 4, "random_trials": 4},
        "trials": 12,
        "halving": {"first": 1, "factor": 3},
    }


@pytest.fixture(scope="module")
def finished(described, tmp_path_factory):
    """The result of that sweep, for tests that only read it."""
    return drive(described, tmp_path_factory.mktemp("sweeps") / "bars")


class SlowSweep:
    """A sweep of so many trials that to rank them takes 3 s of its clock."""

    sweep = load_sweep(overrides=["training.epochs=1,2"])
    cluster = InlineCluster()
    trials: tuple[Trial, ...] = ()
    epochs_planned = epochs_done = 0
    now = spent = 0.0

    @property
    def ranking(self):
        self.now += 3
        self.spent += 3
        return []


def test_drawing_takes_a_small_share_of_the_time_however_many_trials_there_are(monkeypatch):
    sweep = SlowSweep()
    monkeypatch.setattr(sweep_progress, "bar", lambda *_, **__: MagicMock(n=0))
    monkeypatch.setattr(sweep_progress, "time", SimpleNamespace(monotonic=lambda: sweep.now))
    live = sweep_progress.LiveTable(sweep)  # type: ignore[arg-type]
    while sweep.now < 1000:
        live.draw(sweep)  # type: ignore[arg-type]
        sweep.now += 0.1
    assert 0.03 * sweep.now < sweep.spent < 0.06 * sweep.now


def test_writing_takes_a_small_share_of_the_time_too(described, tmp_path, monkeypatch):
    """Each of 5 trials takes 3 s of this clock, and to write them all takes as long."""
    clock = SimpleNamespace(now=0.0, writings=0)

    class Slow(InlineCluster):
        def next_result(self, seconds):
            clock.now += 3
            return super().next_result(seconds)

    def slowly(rows):
        clock.now += 3
        clock.writings += 1
        return results_csv(rows)

    monkeypatch.setattr(driver, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    monkeypatch.setattr(driver, "results_csv", slowly)
    widths = {"network.hidden": [[1], [2], [3], [4], [5]]}
    few = [described["base"], {"training": {"epochs": 1}}]
    drive({"base": few, "parameters": widths}, tmp_path / "bars", Slow(1))
    assert clock.writings == 2  # after the first trial, and at the end


@pytest.mark.parametrize("size", [1, 8])
def test_neither_workers_nor_lost_tasks_change_it(described, finished, tmp_path, size):
    drive(described, tmp_path / "bars", InlineCluster(size, seed=size, lost=0.4))
    assert timeless_sweep(tmp_path / "bars") == timeless_sweep(finished.folder)


def test_tasks_of_an_epoch_each_change_nothing(described, finished, tmp_path, monkeypatch):
    monkeypatch.setattr(tasks, "LONG_ENOUGH", 0.0)
    drive(described, tmp_path / "bars", InlineCluster(3))
    assert timeless_sweep(tmp_path / "bars") == timeless_sweep(finished.folder)


def stopped_after(described, folder, tasks_done, signal=2):
    """Run a sweep that is stopped by a signal after so many tasks."""
    interruption = Interruption()

    def stop():
        interruption.signal = signal

    cluster = InlineCluster(stop_after=tasks_done, stop=stop)
    with pytest.raises(Interrupted) as stopped:
        drive(described, folder, cluster, interruption=interruption)
    return stopped.value


def test_stopped_and_resumed_it_ends_as_if_it_had_not_been(described, finished, tmp_path):
    folder = tmp_path / "bars"
    for done in (3, 5, 6):
        stop = stopped_after(described, folder, done)
        assert (stop.signal, stop.folder) == (2, folder)
        assert json.loads((folder / "summary.json").read_text())["stopped"] == "interrupted"
    drive(load_sweep(folder / "sweep.yaml"), folder)
    assert timeless_sweep(folder) == timeless_sweep(finished.folder)


def test_it_stops_while_the_best_trial_is_tested(bars, tmp_path):
    folder = tmp_path / "s"
    stop = stopped_after({"base": str(bars), "seeds": [1, 2, 3]}, folder, 3)
    assert "1 of 1 trials are done" in str(stop)
    assert json.loads((folder / "summary.json").read_text())["stopped"] == "interrupted"
    assert sorted(drive(load_sweep(folder / "sweep.yaml"), folder).test) == [1, 2, 3]


def test_without_a_test_set_what_is_trained_is_kept(bars, tmp_path):
    images = bars.parent / "test-images"
    elsewhere = images.rename(tmp_path / "elsewhere")
    folder = tmp_path / "s"
    sweep = {"base": str(bars), "parameters": {"network.hidden": [[4], [8]]}}
    with pytest.raises(DataError, match="test-images"):
        drive(sweep, folder)
    assert json.loads((folder / "summary.json").read_text())["stopped"] == "data_failed"
    rows, weights = timeless_sweep(folder)
    assert [row["state"] for row in rows] == ["done", "done"]
    assert (folder / "best.yaml").is_file()
    elsewhere.rename(images)
    assert drive(sweep, folder).test
    assert timeless_sweep(folder) == (rows, weights)


def test_a_test_set_that_is_missing_is_told_before_anything_is_trained(bars, tmp_path):
    (bars.parent / "test-images").unlink()
    with pytest.raises(DataError, match="test-images"):
        mlpcli.sweep(bars, {"network.hidden": [[4], [8]]}, sweeps_dir=tmp_path / "sweeps")
    assert not (tmp_path / "sweeps").exists()


@pytest.mark.parametrize("kind", [ClusterError, DataError, WriteError])
def test_a_failure_names_the_command_that_resumes_on_the_same_cluster(
    bars, tmp_path, monkeypatch, kind
):
    def fail(_driver):
        raise kind("It failed.")

    monkeypatch.setattr(Driver, "run", fail)
    sweep = load_sweep({"base": str(bars)})
    folder = SweepFolder.create(tmp_path, "s", sweep.as_yaml())
    backend = api.Backend(scheduler="tcp://host:8786", data_dir="my data")
    cluster: Any = InlineCluster()
    with pytest.raises(kind) as failed:
        api._drive(sweep, folder, cluster, backend, Reporter())
    named = as_argument(folder.path)
    command = f"mlpcli sweep --resume {named} --scheduler tcp://host:8786 --data-dir "
    assert f"It failed. What is done is saved; to resume: {command}" in str(failed.value)


def test_where_a_run_cannot_be_written_the_earlier_one_stays(tmp_path, monkeypatch):
    folder = tmp_path / "0000"
    write_run(folder, {"summary.json": b"1", "weights/last.safetensors": b"2"})
    write_run(folder, {"summary.json": b"3"})
    assert read_run(folder) == {"summary.json": b"3"}

    def full(_path, _content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(WriteError, match="No space left"):
        write_run(folder, {"summary.json": b"4"})
    assert read_run(folder) == {"summary.json": b"3"}
    assert list(tmp_path.iterdir()) == [folder]


def test_what_is_damaged_is_trained_again(described, finished, tmp_path):
    folder = tmp_path / "bars"
    shutil.copytree(finished.folder, folder)
    runs = sorted((folder / "trials").iterdir())
    (runs[0] / "weights" / "last.safetensors").write_bytes(b"")
    (runs[1] / "metrics.csv").write_bytes(b"")
    (runs[2] / "summary.json").unlink()
    (runs[3] / "config.yaml").write_text("seed: 5\n")
    shutil.rmtree(runs[4])
    (folder / "journal.log").write_bytes(b"\0")
    cluster = InlineCluster()
    drive(load_sweep(folder / "sweep.yaml"), folder, cluster)
    assert cluster.done > 5
    assert timeless_sweep(folder) == timeless_sweep(finished.folder)


def test_a_sweep_that_is_done_trains_nothing(finished, tmp_path):
    folder = tmp_path / "bars"
    shutil.copytree(finished.folder, folder)
    cluster = InlineCluster()
    drive(load_sweep(folder / "sweep.yaml"), folder, cluster)
    assert cluster.done == 1  # the test of the best trial
    assert timeless_sweep(folder) == timeless_sweep(finished.folder)


def test_halving_trains_a_third_for_longer(finished):
    epochs = sorted(trial.epochs for trial in finished.trials)
    assert epochs == [1] * 8 + [3] * 3 + [4]
    states = [trial.state for trial in finished.trials]
    assert (states.count("done"), states.count("pruned")) == (1, 11)
    first = {trial.number: trial.value(False, 1) for trial in finished.trials}
    best = sorted(first, key=lambda number: (-first[number], number))[:4]
    assert sorted(best) == [trial.number for trial in finished.trials if trial.epochs > 1]


def test_each_training_is_a_run_like_any_other(finished, bars, tmp_path):
    best = finished.best.trainings[0]
    again = mlpcli.train(mlpcli.load_config(finished.folder / "best.yaml"), runs_dir=tmp_path / "r")
    for name in ("best", "last"):
        file = f"weights/{name}.safetensors"
        assert (again.folder / file).read_bytes() == (best.folder / file).read_bytes()
    assert len(run_folders(finished.folder)) == 12
    record = read_record(best.folder)
    assert record.summary["test_accuracy"] == again.test.accuracy
    assert finished.test[1]["test_accuracy"] == again.test.accuracy
    folders = [folder for folder in run_folders(finished.folder) if folder != best.folder]
    others = [read_record(folder) for folder in folders]
    assert all(other.summary["test_accuracy"] is None for other in others)
    paused = next(other for other in others if len(other.history) == 1)
    copy = shutil.copytree(paused.folder.path, tmp_path / "r" / "copy")
    resumed = mlpcli.resume(copy, trust_paths=True)
    assert len(resumed.history) == 4


def test_a_run_that_is_being_written_is_no_run_yet(finished, tmp_path):
    folder = shutil.copytree(finished.folder, tmp_path / "bars")
    runs = run_folders(folder)
    shutil.copytree(runs[0], folder / "trials" / ".0000.0123abcd.tmp")
    shutil.copytree(runs[0], folder / "trials" / "0000" / ".seed-1.0123abcd.tmp")
    assert run_folders(folder) == runs


def test_the_files_that_it_leaves(finished):
    summary = json.loads((finished.folder / "summary.json").read_text())
    assert summary["stopped"] == "all_trials_done"
    assert summary["states"] == {"done": 1, "pruned": 11}
    assert summary["best"]["trial"] == finished.best.number
    assert sum(summary["importance"].values()) == pytest.approx(1)
    rows, _ = timeless_sweep(finished.folder)
    assert [int(row["trial"]) for row in rows] == list(range(12))
    for row, trial in zip(rows, finished.trials, strict=True):
        assert float(row["optimizer.learning_rate"]) == trial.values["optimizer.learning_rate"]
        assert json.loads(row["network.hidden"]) == trial.values["network.hidden"]
        assert float(row["val_accuracy"]) == trial.value(minimize=False)


def test_optuna_reads_the_journal(finished):
    backend = optuna.storages.journal.JournalFileBackend(str(finished.folder / "journal.log"))
    study = optuna.load_study(study_name=None, storage=optuna.storages.JournalStorage(backend))
    assert study.best_trial.number == finished.best.number
    for trial, ours in zip(study.trials, finished.trials, strict=True):
        assert trial.number == ours.number
        assert trial.state.name == {"done": "COMPLETE", "pruned": "PRUNED"}[ours.state]
        assert trial.params["optimizer.learning_rate"] == ours.values["optimizer.learning_rate"]
        assert trial.intermediate_values[1] == ours.value(False, 1)


def test_failures_are_results(bars, tmp_path):
    result = drive(
        {
            "base": str(bars),
            "parameters": {
                "optimizer.learning_rate": [0.05, 1e30],
                "data.train_size": [None, 100_000],
                "optimizer.name": ["momentum", "adagrad"],
                "optimizer.momentum": [0.5],
            },
        },
        tmp_path / "s",
    )
    states = [trial.state for trial in result.trials]
    # adagrad has no momentum; 100,000 bars there are not
    assert states == ["done", *["impossible"] * 3, "diverged", *["impossible"] * 3]
    reasons = [trial.reason for trial in result.trials]
    assert reasons[0] == ""
    assert "unknown key for optimizer adagrad" in reasons[1]
    assert "data.train_size" in reasons[2]
    assert "Training diverged" in reasons[4]
    rows, _ = timeless_sweep(result.folder)
    assert [row["reason"] for row in rows] == reasons
    assert [row["val_accuracy"] != "" for row in rows] == [True] + [False] * 7


def test_where_all_fail_nothing_is_the_best(bars, tmp_path):
    described = {"base": str(bars), "parameters": {"optimizer.learning_rate": [1e30, 1e31]}}
    result = drive(described, tmp_path / "s")
    assert (result.best, result.test) == (None, {})
    assert not (result.folder / "best.yaml").exists()
    assert json.loads((result.folder / "summary.json").read_text())["best"] is None


def test_seeds_make_a_trial_of_several_runs(bars, tmp_path):
    described = {
        "base": str(bars),
        "parameters": {"optimizer.learning_rate": [0.001, 0.05]},
        "seeds": [3, 4, 5],
    }
    result = drive(described, tmp_path / "s")
    values = [
        read_record(tmp_path / "s" / "trials" / "0001" / f"seed-{seed}").best.val_accuracy
        for seed in (3, 4, 5)
    ]
    row = result.table[1]
    assert [row[f"val_accuracy_seed_{seed}"] for seed in (3, 4, 5)] == values
    assert row["val_accuracy"] == pytest.approx(sum(values) / 3)
    assert row["val_accuracy_low"] <= row["val_accuracy"] <= row["val_accuracy_high"]
    assert set(result.test) == {3, 4, 5}
    assert len(run_folders(result.folder)) == 6


def test_the_best_networks_are_chosen_on_validation_images(bars, tmp_path):
    described = {
        "base": str(bars),
        "parameters": {"optimizer.learning_rate": [1e-5, 0.05, 1e30]},
        "seeds": [3, 4],
    }
    result = drive(described, tmp_path / "s")
    folders = best_runs(result.folder, 2)
    assert {folder.parent.name for folder in folders} == {"0001"}
    validated = [read_record(folder).best.val_accuracy for folder in best_runs(result.folder, 4)]
    assert validated == sorted(validated, reverse=True)
    with pytest.raises(mlpcli.errors.CheckpointError, match="has 4 trainings with a result"):
        best_runs(result.folder, 5)


def test_more_trials_keep_the_first(bars, tmp_path):
    described = {
        "base": str(bars),
        "parameters": {"optimizer.learning_rate": {"low": 0.001, "high": 0.5, "log": True}},
        "sampler": {"name": "tpe", "round": 3, "random_trials": 3},
        "trials": 6,
    }
    folder = tmp_path / "s"
    drive(described, folder)
    drive({**described, "trials": 12}, folder)
    drive({**described, "trials": 12}, tmp_path / "whole")
    assert timeless_sweep(folder)[0] == timeless_sweep(tmp_path / "whole")[0]


@pytest.mark.parametrize("sampler", [{"name": "tpe", "round": 1}, "random"])
def test_when_the_minutes_are_over_the_best_so_far_is_tested(bars, tmp_path, sampler):
    described = {
        "base": str(bars),
        "parameters": {"optimizer.learning_rate": {"low": 0.001, "high": 0.5}},
        "sampler": sampler,
        "trials": 100_000,
        "minutes": 0.005,
    }
    result = drive(described, tmp_path / "s")
    assert result.stopped == "minutes"
    assert 0 < len(result.trials) < 1000
    assert result.best is not None
    assert result.test


def test_a_folder_is_that_of_one_sweep(tmp_path):
    first = SweepFolder.create(tmp_path, "s", "base: smoke\n")
    second = SweepFolder.create(tmp_path, "s", "base: smoke\n")
    assert (first.path.name, second.path.name) == ("s", "s-2")
    with pytest.raises(mlpcli.errors.CheckpointError, match="no sweep there"):
        SweepFolder.find(tmp_path)


def test_importance_belongs_to_the_parameter_that_matters(bars, tmp_path):
    described = {
        "base": str(bars),
        "parameters": {
            "optimizer.learning_rate": {"low": 1e-6, "high": 0.1, "log": True},
            "optimizer.weight_decay": {"low": 1e-9, "high": 1e-7, "log": True},
        },
        "sampler": "random",
        "trials": 24,
    }
    importance = drive(described, tmp_path / "s").importance
    assert importance["optimizer.learning_rate"] > 0.8


def test_trials_go_on_from_a_network_if_they_say_so(tmp_path):
    bars = write_bars(tmp_path / "bars")
    given = mlpcli.train(mlpcli.load_config(bars), runs_dir=tmp_path / "runs")
    bars.write_text(bars.read_text().replace("network: {hidden: [8]}", ""))
    described = {
        "base": str(bars),
        "parameters": {
            "training.start_from": [str(given.folder), None],
            "optimizer.learning_rate": [0.05, 1e30],
        },
    }
    result = drive(described, tmp_path / "sweep")
    assert [trial.state for trial in result.trials] == ["done", "diverged"] * 2
    assert result.trials[0].trainings[0].config.network.hidden == (8,)
    from_it, from_scratch = (
        next(csv.DictReader((trial.trainings[0].folder / "metrics.csv").read_text().splitlines()))
        for trial in (result.trials[0], result.trials[2])
    )
    assert float(from_it["train_loss"]) < 0.5 * float(from_scratch["train_loss"])
    again = load_sweep(load_sweep(described).settings.model_dump(mode="json"))
    config = again.config({"training.start_from": str(given.folder)}, seed=1)
    assert "hidden" not in config.network.model_fields_set


def test_a_network_to_start_from_that_is_gone_or_has_other_layers(tmp_path):
    bars = write_bars(tmp_path / "bars")
    given = mlpcli.train(mlpcli.load_config(bars), runs_dir=tmp_path / "runs")
    parameters = {"training.start_from": [str(given.folder), str(tmp_path)]}
    described = {"base": [str(bars), {"network": {"hidden": [4]}}], "parameters": parameters}
    other, gone = drive(described, tmp_path / "sweep").trials
    assert (other.state, gone.state) == ("impossible", "impossible")
    assert "network.hidden: expected [8]" in other.reason
    assert "a folder without weights" in gone.reason
