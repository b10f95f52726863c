"""Whole runs from Python, on data small enough to train in a moment."""

import csv
import inspect
import itertools
import json
import math
import os
from unittest.mock import Mock, patch

import numpy as np
import pytest
from helpers.runs import Told

import mlpcli
from mlpcli.data.loading import DataLoader
from mlpcli.data.normalization import Normalization
from mlpcli.errors import ConfigError, DataError, DivergedError, WriteError
from mlpcli.inference.evaluate_checkpoints import evaluate_checkpoints
from mlpcli.reporting import Reporter
from mlpcli.runs import recorder
from mlpcli.runs.dry_run import dry_run
from mlpcli.storage import environment
from mlpcli.storage.checkpoint import load_checkpoint
from mlpcli.storage.run_folder import RunFolder
from mlpcli.training.blocks import Filler
from mlpcli.training.evaluation import evaluate


@pytest.fixture
def train(bars, tmp_path):
    return lambda *overrides, config=bars: mlpcli.train(
        mlpcli.load_config(config, overrides=overrides), runs_dir=tmp_path / "runs"
    )


def test_it_learns(train):
    run = train()
    assert run.test.accuracy > 0.95
    assert run.history[-1].train_loss < run.history[0].train_loss / 2
    assert run.best_epoch == max(run.history, key=lambda row: row.val_accuracy).epoch


def test_what_lies_in_the_folder(train, tmp_path):
    run = train()
    files = {path.relative_to(run.folder).as_posix() for path in run.folder.rglob("*.*")}
    assert run.folder == tmp_path / "runs" / "bars"
    assert files == {
        ".lock",
        "config.yaml",
        "environment.json",
        "gradients.csv",
        "metrics.csv",
        "summary.json",
        "weights/best.safetensors",
        "weights/last.safetensors",
    }
    recorded = json.loads((run.folder / "environment.json").read_text())
    assert recorded["numpy"] == np.__version__
    assert recorded["seed"] == 1
    summary = json.loads((run.folder / "summary.json").read_text())
    assert summary["test_accuracy"] == run.test.accuracy
    assert summary["best_epoch"] == run.best_epoch
    assert summary["stopped"] == "all_epochs_done"


@pytest.mark.skipif(os.name != "posix", reason="others keep a folder in which a program works")
def test_a_working_directory_that_is_gone_has_no_commit(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    monkeypatch.setattr(environment, "_git_commit", inspect.unwrap(environment._git_commit))
    assert environment.environment(seed=1, workers=1)["git_commit"] is None


def test_metrics_csv_has_one_header_and_a_row_an_epoch(train):
    run = train()
    text = (run.folder / "metrics.csv").read_text()
    assert text.splitlines()[0] == (
        "epoch,seconds,learning_rate,train_loss,train_accuracy,val_loss,val_accuracy"
    )
    rows = list(csv.DictReader(text.splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert [float(row["val_loss"]) for row in rows] == [row.val_loss for row in run.history]


def test_a_run_is_never_overwritten(train):
    folders = [train("training.epochs=1").folder.name for _ in range(3)]
    assert folders == ["bars", "bars-2", "bars-3"]


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(train):
    first, second, other = (train(f"seed={seed}") for seed in (3, 3, 4))

    def weights(run):
        return load_checkpoint(run.folder / "weights" / "last.safetensors").network.theta.tobytes()

    assert (first.folder / "weights" / "last.safetensors").read_bytes() == (
        second.folder / "weights" / "last.safetensors"
    ).read_bytes()
    assert weights(first) != weights(other)


def test_two_threads_give_the_same_bytes_each_time_and_nearly_those_of_one(train):
    first, second, one = (
        train(f"training.workers={threads}", "dtype=float64") for threads in (2, 2, 1)
    )
    weights = [run.load_model().network.theta for run in (first, second, one)]
    assert weights[0].tobytes() == weights[1].tobytes()
    np.testing.assert_allclose(weights[0], weights[2], rtol=1e-6)


def test_without_validation_the_last_epoch_is_the_best(train):
    run = train("data.validation=0")
    assert run.best_epoch == 4
    assert run.history[0].val_loss is None
    assert (run.folder / "metrics.csv").read_text().splitlines()[1].endswith(",,")
    assert load_checkpoint(run.folder / "weights" / "best.safetensors").epoch == 4


def test_without_validation_a_training_metric_can_choose(train):
    run = train(
        "data.validation=0", "training.monitor=train_accuracy", "optimizer.learning_rate=0.8"
    )
    accuracies = [row.train_accuracy for row in run.history]
    assert run.best_epoch == 1 + accuracies.index(max(accuracies))


def test_the_last_checkpoint_is_that_of_the_last_epoch(train):
    run = train("training.monitor=val_loss", "optimizer.learning_rate=0.8")
    last = load_checkpoint(run.folder / "weights" / "last.safetensors")
    assert last.epoch == 4
    assert evaluate_checkpoints(
        run.folder / "weights" / "last.safetensors", split="validation"
    ).loss == (pytest.approx(run.history[-1].val_loss))


def test_best_weights_are_those_of_the_best_epoch(train):
    run = train("training.monitor=val_loss", "optimizer.learning_rate=0.8")
    losses = [row.val_loss for row in run.history]
    assert run.best_epoch == 1 + losses.index(min(losses))
    best = load_checkpoint(run.folder / "weights" / "best.safetensors")
    assert best.epoch == run.best_epoch


def test_early_stopping(train):
    run = train(
        "training.epochs=50", "training.early_stopping={monitor: val_accuracy, patience: 2}"
    )
    assert run.stopped_early
    assert len(run.history) < 50
    accuracies = [row.val_accuracy for row in run.history]
    assert max(accuracies[-2:]) <= max(accuracies[:-2])
    assert json.loads((run.folder / "summary.json").read_text())["stopped"] == "early_stopping"


def test_early_stopping_watches_its_own_metric_with_its_own_min_delta(train):
    run = train(
        "training.monitor=val_accuracy",
        "training.early_stopping={monitor: train_loss, patience: 1, min_delta: 0.2}",
        "training.epochs=50",
    )
    losses = [row.train_loss for row in run.history]
    assert losses[-2] - losses[-1] <= 0.2
    assert all(before - after > 0.2 for before, after in itertools.pairwise(losses[:-1]))


def test_a_warmup_and_a_final_fraction_reach_the_loop(train):
    run = train(
        "schedule={name: cosine, warmup_epochs: 2, final_fraction: 0.5}",
        "training.batch_size=1000",
        "training.epochs=4",
    )
    # one step an epoch, in the middle of it: 1/4 and 3/4 of the warm-up, then the wave at 1/4, 3/4
    wave = [(1 + math.cos(math.pi * t)) / 2 for t in (0.25, 0.75)]
    expected = [0.25, 0.75, *(0.5 + 0.5 * share for share in wave)]
    assert [row.learning_rate / 0.05 for row in run.history] == pytest.approx(expected)


def test_the_normalization_is_that_of_the_training_part(train, bars, tmp_path):
    run = train("training.epochs=1")
    config = mlpcli.load_config(bars)
    loader = DataLoader(config.data, config.seed, tmp_path, Reporter())
    training, _ = loader.training_and_validation()
    assert run.load_model().normalization == Normalization.standardize(training.images)


def test_a_plateau_lowers_the_learning_rate_with_its_warmup(train):
    run = train(
        "schedule={name: plateau, patience: 1, factor: 0.5, min_delta: 1000, warmup_epochs: 2}",
        "training.batch_size=1000",
    )
    # One step an epoch, in the middle of it; the first epoch is always the best so far.
    expected = [0.25, 0.75, 0.5, 0.25]
    assert [row.learning_rate / 0.05 for row in run.history] == pytest.approx(expected)


EVERYTHING = (
    "network.batch_norm=true",
    "network.dropout={input: 0.1, hidden: 0.1}",
    "optimizer={name: adamw, learning_rate: 0.02, clip_norm: 1, max_norm: 3, l1: 1e-4}",
    "training.averaging.decay=0.9",
    "training.epochs=8",
)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch_size", [16, 17])  # 17 leaves one of the 120 over
def test_everything_at_once_learns_and_predicts_as_it_was_judged(train, batch_size, threads):
    size = (f"training.batch_size={batch_size}", f"training.workers={threads}")
    run = train(*EVERYTHING, *size)
    assert run.test.accuracy > 0.9
    found = evaluate_checkpoints(run.folder, split="validation")
    assert found.loss == run.best.val_loss
    assert found.accuracy == run.best.val_accuracy


def test_a_training_set_of_one_image(train):
    one = ("data.train_size=1", "data.validation=0", *EVERYTHING)
    run = train(*one)
    assert run.history[-1].train_loss < run.history[0].train_loss


@pytest.mark.parametrize(
    "overrides",
    [
        ("network.batch_norm=true", "network.initializer={name: normal, std: 1e+19}"),
        ("optimizer={name: adagrad, l1: 1e+20}",),
    ],
)
def test_what_is_kept_for_a_parameter_may_diverge_before_it(train, overrides):
    """Divided by an infinite square, a number is 0, and the loss is finite."""
    with pytest.raises(DivergedError, match="is not finite after epoch 1"):
        train(*overrides)


@pytest.mark.parametrize("threads", [1, 2])
def test_divergence_is_an_error_that_says_what_to_try(train, threads):
    with pytest.raises(
        DivergedError,
        match=r"in epoch 1, step 2, at learning rate 1e\+31\..*optimizer.learning_rate=1e\+30",
    ):
        train("optimizer.learning_rate=1e31", f"training.workers={threads}")


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_divergence_in_the_last_step_is_noticed(train, tmp_path, epochs):
    """Nothing measures the last step's weights but the test, where nothing is held out."""
    with pytest.raises(DivergedError):
        train(
            "data.validation=0",
            "training.batch_size=1000",
            f"training.epochs={epochs}",
            "optimizer.learning_rate=1e38",
        )
    for json_file in tmp_path.rglob("*.json"):
        assert "NaN" not in json_file.read_text()


def test_a_dry_run_notices_divergence(bars):
    with pytest.raises(DivergedError, match="after one step"):
        dry_run(mlpcli.load_config(bars, overrides=["optimizer.learning_rate=1e30"]))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["network.initializer={name: normal, std: 1e+200}", "network.batch_norm=true"],
            r"a parameter is not finite at the start\. Try smaller weights and [^,]*, [^ ]*$",
        ),
        (
            ["network.initializer={name: normal, std: 1e+37}", "data.normalization=none"],
            r"the loss is not finite at the start\. Try .* or smaller inputs \(data\.normalization",
        ),
    ],
)
def test_no_learning_rate_helps_a_start_that_is_not_finite(train, bars, overrides, message):
    with pytest.raises(DivergedError, match=message):
        dry_run(mlpcli.load_config(bars, overrides=overrides))
    with pytest.raises(DivergedError, match=message.removesuffix("$")):
        train(*overrides)


def test_what_does_not_fit_into_memory_is_said(train, monkeypatch):
    def full(*_):
        raise MemoryError("Unable to allocate 64.0 GiB")

    monkeypatch.setattr("mlpcli.training.setup.building.build_network", full)
    with pytest.raises(ConfigError, match=r"network\.hidden smaller"):
        train()


def test_test_images_of_another_size_are_found_before_training(train, bars, tmp_path):
    from helpers.digits import bars_dataset
    from helpers.mirrors import idx

    (bars.parent / "test-images").write_bytes(idx(bars_dataset(60, 1)[0][:, :5]))
    with pytest.raises(DataError, match=r"6×5 pixels and .* 5×5; give files of one size"):
        train()
    assert not (tmp_path / "runs").exists()


def test_the_test_set_is_evaluated_once_and_last(train, monkeypatch):
    spy = Mock(wraps=evaluate)
    monkeypatch.setattr("mlpcli.training.loop.evaluate", spy)
    monkeypatch.setattr("mlpcli.inference.model.evaluate", spy)
    train()
    assert [len(call.args[2]) for call in spy.call_args_list] == [30, 30, 30, 30, 60]


def test_a_dry_run_writes_nothing(bars, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    dry = dry_run(mlpcli.load_config(bars))
    assert sorted(tmp_path.rglob("*")) == before
    assert dry.setup.network.sizes == (30, 8, 3)
    assert dry.loss_after < dry.loss_before


def test_a_failed_save_says_which_epoch_is_whole(train, tmp_path, monkeypatch):
    append = RunFolder.append_metrics

    def fail_in_epoch_3(directory, rows):
        append(directory, rows)
        if rows[-1].epoch == 3:
            raise WriteError("metrics.csv: cannot be written.")

    monkeypatch.setattr(recorder, "SAVE_EVERY", 0)
    monkeypatch.setattr(RunFolder, "append_metrics", fail_in_epoch_3)
    with pytest.raises(WriteError) as caught:
        train()
    last = tmp_path / "runs" / "bars" / "weights" / "last.safetensors"
    assert str(caught.value) == (
        f"metrics.csv: cannot be written. The last whole checkpoint is that of epoch 3: {last}."
    )


def test_a_dry_run_trains_on_the_batch_that_it_shows(bars, monkeypatch):
    config = mlpcli.load_config(bars)
    alone = dry_run(mlpcli.load_config(bars, overrides=["training.workers=1"]))
    monkeypatch.setattr("mlpcli.data.batches.BLOCK_IMAGES", 50)
    monkeypatch.setattr("mlpcli.training.worker_count.available_cores", lambda: 2)
    with patch.object(Filler, "fill", autospec=True, side_effect=Filler.fill) as fill:
        assert dry_run(config).loss_after == alone.loss_after
    fill.assert_called_once()


SINE = {
    "data": {"dataset": "table", "table": {"formula": "sin(x)", "low": -3, "high": 3}},
    "network": {"hidden": []},
    "loss": "mse",
}


@pytest.mark.parametrize(("rate", "rises"), [(1.5, True), (0.05, False)])
def test_a_loss_that_rises_is_told(tmp_path, rate, rises):
    config = mlpcli.load_config(
        SINE, {"optimizer": {"name": "sgd", "learning_rate": rate}, "training": {"epochs": 4}}
    )
    told = Told()
    mlpcli.train(config, runs_dir=tmp_path, reporter=told)
    assert any("training loss rose" in remark for remark in told.remarks) == rises


@pytest.mark.parametrize(("warmup", "never_ends"), [(2, True), (2.5, True), (1.5, False)])
def test_a_warmup_that_never_ends_is_told_before_training(tmp_path, warmup, never_ends):
    class Telling(Told):
        def training_begins(self, *_):
            self.remarks.append("training begins")

    config = mlpcli.load_config(
        SINE, {"schedule": {"warmup_epochs": warmup}, "training": {"epochs": 2}}
    )
    told = Telling()
    mlpcli.train(config, runs_dir=tmp_path, reporter=told)
    before = told.remarks[: told.remarks.index("training begins")]
    assert any("will only rise" in remark for remark in before) == never_ends


def test_a_large_batch_is_the_whole_training_set(train):
    assert len(train("training.batch_size=100000").history) == 4


def test_a_plateau_ends_the_learning(train):
    run = train(
        "schedule={name: plateau, patience: 1, factor: 1e-30, min_delta: 1000}", "optimizer=sgd"
    )
    first, second, *others = [row.val_loss for row in run.history]
    assert first != second
    assert others == [second] * 2


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "nesterov"])
@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
@pytest.mark.parametrize(
    "schedule", ["constant", "{name: step, every_epochs: 2, factor: 0.5}", "cosine"]
)
def test_every_combination_learns(train, optimizer, loss, schedule):
    run = train(
        f"optimizer={{name: {optimizer}, learning_rate: 0.1, momentum: null}}",
        f"loss={loss}",
        f"schedule={schedule}",
        "schedule.warmup_epochs=0.5",
        "training.epochs=6",
    )
    assert run.history[-1].train_loss < run.history[0].train_loss


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("initializer", ["he_uniform", "xavier_normal", "xavier_uniform", "normal"])
def test_every_initializer_in_both_precisions(train, initializer, dtype):
    run = train(f"network.initializer={initializer}", f"dtype={dtype}", "training.epochs=1")
    assert run.load_model().network.theta.dtype == dtype


def test_no_hidden_layer(train):
    assert train("network.hidden=[]").test.accuracy > 0.9


def test_the_learning_rate_of_the_schedule_is_recorded(train):
    run = train("schedule={name: step, every_epochs: 2, factor: 0.5}", "training.epochs=4")
    assert [row.learning_rate for row in run.history] == [0.05, 0.05, 0.025, 0.025]


def test_the_saved_config_repeats_the_run(train):
    first = train("optimizer.learning_rate=0.02")
    again = train(config=first.folder / "config.yaml")
    assert again.folder.name == "bars-2"
    assert [row.train_loss for row in again.history] == [row.train_loss for row in first.history]
