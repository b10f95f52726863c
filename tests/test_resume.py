"""A run that stops and goes on ends with the bytes of one that never stopped."""

import itertools
import json
import os
import shutil
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.runs import timeless
from safetensors.numpy import load

import mlpcli
from mlpcli.config.loading import load_config
from mlpcli.config.schema.training import MOST_WORKERS
from mlpcli.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    DivergedError,
    Interrupted,
    WriteError,
)
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.reporting import Reporter
from mlpcli.runs import recorder, run
from mlpcli.storage.checkpoint import load_checkpoint, save_checkpoint
from mlpcli.storage.environment import workers_before
from mlpcli.storage.records import read_record
from mlpcli.storage.run_folder import RunFolder
from mlpcli.storage.tensor_file import to_bytes

SCHEDULES = [
    "constant",
    "{name: step, every_epochs: 2, factor: 0.5}",
    "{name: exponential, factor: 0.8}",
    "{name: inverse_time, decay: 0.5}",
    "{name: cosine, warmup_epochs: 1.5}",
    "one_cycle",
    "{name: plateau, monitor: train_loss, patience: 1, min_delta: 0.3, factor: 0.5}",
]
SCHEDULE_FREE = "{name: constant, warmup_epochs: 1.5}"
KINDS = {
    **{
        name: [
            f"optimizer={{name: {name}, momentum: null}}",
            f"schedule={SCHEDULE_FREE if 'schedule_free' in name else schedule}",
        ]
        for name, schedule in zip(OPTIMIZERS, itertools.cycle(SCHEDULES), strict=False)
    },
    "two workers, muon": ["training.workers=2", "optimizer={name: muon, momentum: null}"],
    "two workers, schedule-free": [
        "training.workers=2",
        "optimizer={name: schedule_free_adamw, momentum: null}",
        "network={batch_norm: true, hidden: [8, 6]}",
    ],
    "augmentation": [
        "data.augmentation={shift: 1, rotation: 20, noise: 0.1, elastic: {}}",
        "data.augmentation.undistorted_fraction=0.3",
        "data.interpolation=bicubic",
    ],
    "one worker": ["training.workers=1", "network.dropout={input: 0.1, hidden: 0.4}"],
    "two workers": [
        "training.workers=2",
        "training.averaging={}",
        "network={batch_norm: true, hidden: [8, 6], dropout: {hidden: 0.5}}",
    ],
    "clipping": ["optimizer.clip_norm=0.1", "optimizer.max_norm=1", "optimizer.l1=1e-3"],
    "float64": ["dtype=float64", "training.monitor=train_loss"],
    "no validation": ["data.validation=0"],
    "early stopping": [
        "training.epochs=30",
        "training.early_stopping={monitor: val_accuracy, patience: 2}",
    ],
}


EARLY = "training.early_stopping={monitor: train_loss, patience: 1, min_delta: 5}"
"""in epoch 2"""


class InterruptedAt(Reporter):
    """Ctrl-C at the nth block of a session."""

    def __init__(self, block=1, number=signal.SIGINT):
        self.left, self.number, self.remarks = block, number, []

    def batches_done(self, steps, loss, accuracy):
        self.left -= 1
        if not self.left:
            signal.raise_signal(self.number)

    def remark(self, text):
        self.remarks.append(text)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Three blocks an epoch, the last of them shorter."""
    monkeypatch.setattr("mlpcli.data.batches.BLOCK_IMAGES", 50)


@pytest.fixture
def config(bars):
    return lambda *overrides: load_config(bars, overrides=overrides)


@pytest.fixture
def train(config, tmp_path):
    return lambda *overrides, runs="runs", **arguments: mlpcli.train(
        config(*overrides), runs_dir=tmp_path / str(runs), **arguments
    )


def interrupted(start):
    with pytest.raises(Interrupted) as caught:
        start()
    return caught.value.folder


def resume_to_the_end(folder, session, most=100):
    for _ in range(most):
        try:
            return session(folder)
        except Interrupted:
            pass
    raise AssertionError("it does not end")


@pytest.mark.parametrize("kind", KINDS)
def test_interrupted_again_and_again(train, kind):
    """After every second of three blocks: so twice within an epoch, and at the end of one."""
    whole = train(*KINDS[kind], runs="whole")
    folder = interrupted(lambda: train(*KINDS[kind], reporter=InterruptedAt(2)))
    sessions = itertools.count(1)

    def session(folder):
        next(sessions)
        return mlpcli.resume(folder, reporter=InterruptedAt(2))

    done = resume_to_the_end(folder, session)
    assert timeless(folder) == timeless(whole.folder)
    assert next(sessions) > len(whole.history)
    assert done.test.loss == whole.test.loss
    assert done.stopped_early == whole.stopped_early
    assert [row.val_loss for row in done.history] == [row.val_loss for row in whole.history]


class Kill(BaseException):
    """Ends a run as a kill does: nothing is done after it."""


def killed_at(nth, start):
    """Start a training; the nth of what its epochs write is never written.

    That is of each epoch the gradients, the last checkpoint, the best one and the row of
    metrics.csv.
    """
    moments = itertools.count(1)

    def deadly(function):
        def die_or_do(*arguments, **settings):
            if next(moments) == nth:
                raise Kill
            return function(*arguments, **settings)

        return die_or_do

    with pytest.MonkeyPatch.context() as patches:
        for name in ("save_checkpoint", "duplicate"):
            patches.setattr(recorder, name, deadly(getattr(recorder, name)))
        for name in ("append_gradients", "append_metrics"):
            patches.setattr(RunFolder, name, deadly(getattr(RunFolder, name)))
        with pytest.raises(Kill):
            start()


def test_killed_between_any_two_files_of_an_epoch(train, tmp_path, monkeypatch):
    monkeypatch.setattr(recorder, "SAVE_EVERY", 0)
    settings = ["training.monitor=train_loss", "schedule=cosine", "training.epochs=3"]
    whole = timeless(train(*settings, runs="whole").folder)
    for nth in range(1, 13):
        killed_at(nth, lambda: train(*settings, runs=nth))  # noqa: B023 - called at once
        folder = tmp_path / str(nth) / "bars"
        mlpcli.resume(folder)
        assert timeless(folder) == whole, nth


def test_killed_between_any_two_files_of_several_epochs(train, tmp_path, monkeypatch):
    """Seven short epochs are saved in twos or threes; the best of them is often not the last."""
    settings = ["training.monitor=train_loss", "optimizer.weight_decay=0.1", "training.epochs=7"]
    whole = train(*settings, runs="whole")
    assert 1 < whole.best_epoch < 7
    for nth in range(1, 11):
        ticks = itertools.count(step=0.4)
        clock = SimpleNamespace(perf_counter=ticks.__next__)
        monkeypatch.setattr(recorder, "time", clock)
        killed_at(nth, lambda: train(*settings, runs=nth))  # noqa: B023 - called at once
        monkeypatch.setattr(recorder, "time", time)
        folder = tmp_path / str(nth) / "bars"
        mlpcli.resume(folder)
        assert timeless(folder) == timeless(whole.folder), nth


def test_short_epochs_are_saved_together(train, monkeypatch):
    saved = []

    def save(path, checkpoint):
        saved.append(checkpoint.epoch)
        return save_checkpoint(path, checkpoint)

    monkeypatch.setattr(recorder, "save_checkpoint", save)
    folder = train("training.epochs=5", "training.monitor=train_loss").folder
    assert saved == [5]
    assert len((folder / "metrics.csv").read_text().splitlines()) == 6


def test_a_run_that_diverges_keeps_the_epochs_before(train, tmp_path):
    with pytest.raises(DivergedError):
        train("loss=mse", "network.hidden=[]", "optimizer={name: sgd, learning_rate: 2}")
    folder = RunFolder(tmp_path / "runs" / "bars")
    rows = folder.metrics.read_text().splitlines()[1:] if folder.metrics.exists() else []
    assert load_checkpoint(folder.last).epoch == len(rows) > 0


WORKED = "examples/worked_3_2_3"


def test_a_run_that_stops_on_a_loss_keeps_the_weights_that_have_it(tmp_path):
    config = load_config(WORKED)
    done = mlpcli.train(config, runs_dir=tmp_path)
    assert (done.best_epoch, done.took_back) == (278, True)
    assert done.test.loss == done.history[-1].train_loss
    best, last = (
        load_checkpoint(done.folder / "weights" / f"{name}.safetensors")
        for name in ("best", "last")
    )
    assert best.network.theta.tobytes() == last.network.theta.tobytes()
    before = timeless(done.folder)
    again = mlpcli.resume(done.folder)
    assert (again.took_back, again.test.loss) == (True, done.test.loss)
    assert timeless(done.folder) == before
    (done.folder / "summary.json").unlink()
    mlpcli.resume(done.folder)
    assert timeless(done.folder) == before


@pytest.mark.parametrize("name", ["last", "best"])
def test_it_goes_on_from_there_as_if_it_had_not_stopped(tmp_path, name):
    whole = mlpcli.train(
        load_config(WORKED, overrides=["training.stop_at_loss=null", "training.epochs=300"]),
        runs_dir=tmp_path / "whole",
    )
    stopped = mlpcli.train(load_config(WORKED), runs_dir=tmp_path)
    changes = ["training.stop_at_loss=null", "training.epochs=300"]
    done = mlpcli.resume(stopped.folder / "weights" / f"{name}.safetensors", changes)
    assert timeless(done.folder) == timeless(whole.folder)
    assert not done.took_back


def test_a_run_of_no_epochs_is_the_network_as_it_begins(train):
    run = train("training.epochs=0")
    best, last = (
        load_checkpoint(run.folder / "weights" / f"{name}.safetensors") for name in ("best", "last")
    )
    assert best.epoch == last.epoch == 0
    assert best.network.theta.tobytes() == last.network.theta.tobytes()
    assert (run.best_epoch, run.best, best.temperature) == (0, None, 1)
    done = mlpcli.resume(run.folder, ["training.epochs=3"])
    assert timeless(done.folder) == timeless(train("training.epochs=3", runs="whole").folder)


def test_weights_that_are_gone_are_told(train):
    folder = train("training.epochs=1").folder
    shutil.rmtree(folder / "weights")
    with pytest.raises(CheckpointError, match=r"begin it again with `mlpcli train --config .*bars"):
        mlpcli.resume(folder)


def test_the_time_of_a_row_that_was_lost_is_left_empty(train):
    folder = train(runs="runs").folder
    directory = RunFolder(folder)
    lines = directory.metrics.read_text().splitlines(keepends=True)
    directory.metrics.write_text("".join(lines[:3]) + lines[3][:9])
    directory.summary.unlink()
    done = mlpcli.resume(folder)
    found = directory.metrics.read_text().splitlines(keepends=True)
    assert found[:3] == lines[:3]
    assert found[4].split(",")[1] == ""
    assert done.history[3].seconds is None


def test_more_epochs(train):
    whole = train("training.epochs=7", runs="whole")
    folder = train("training.epochs=3").folder
    done = mlpcli.resume(folder, ["training.epochs=7"])
    found, expected = timeless(folder), timeless(whole.folder)
    best, expected_best = (
        load_checkpoint(r.folder / "weights" / "best.safetensors") for r in (done, whole)
    )
    assert best.network.theta.tobytes() == expected_best.network.theta.tobytes()
    del found["best"], expected["best"]  # if the best epoch is an early one, it names 3 epochs
    assert found == expected
    assert len(done.history) == 7


def test_more_epochs_are_not_forgotten_by_a_kill(train):
    folder = train("training.epochs=1").folder
    killed_at(1, lambda: mlpcli.resume(folder, ["training.epochs=3"]))
    assert len(mlpcli.resume(folder).history) == 3


def test_from_a_file_without_averaged_running_means_the_live_ones_are_the_start(train):
    folder = train("training.averaging={}", "network.batch_norm=true", "training.epochs=1").folder
    path = folder / "weights" / "last.safetensors"
    content = path.read_bytes()
    metadata = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    tensors = load(content)
    live = [tensors["norms.0.running_mean"], tensors["norms.0.running_var"]]
    names = ("average.running_mean", "average.running_var")
    older = {name: tensor for name, tensor in tensors.items() if name not in names}
    results: list[bytes] = []
    for kept in (older, {**older, **dict(zip(names, live, strict=True))}, tensors):
        copy = folder.parent / str(len(results))
        shutil.copytree(folder, copy)
        (copy / "weights" / "last.safetensors").write_bytes(to_bytes(kept, metadata))
        mlpcli.resume(copy, ["training.epochs=2"])
        results.append((copy / "weights" / "last.safetensors").read_bytes())
    assert results[0] == results[1] != results[2]


def test_a_schedule_takes_the_new_number_of_epochs(train):
    folder = train("schedule=cosine", "training.epochs=2").folder
    done = mlpcli.resume(folder, ["training.epochs=4"])
    straight = train("schedule=cosine", "training.epochs=4", runs="whole")
    rates, expected = ([row.learning_rate for row in r.history] for r in (done, straight))
    assert rates[2:] == expected[2:]
    assert rates[:2] != expected[:2]


def test_from_the_best_epoch_the_later_ones_are_trained_again(train):
    whole = train("training.epochs=6", "optimizer.learning_rate=0.8", "training.monitor=val_loss")
    assert whole.best_epoch < 6
    before = timeless(whole.folder)
    folder = interrupted(
        lambda: mlpcli.resume(
            whole.folder / "weights" / "best.safetensors", reporter=InterruptedAt(2)
        )
    )
    assert folder == whole.folder
    last = load_checkpoint(folder / "weights" / "last.safetensors")
    assert last.epoch == whole.best_epoch
    assert len((folder / "metrics.csv").read_text().splitlines()) == 1 + whole.best_epoch
    mlpcli.resume(folder)
    assert timeless(folder) == before


def test_the_folder_has_the_config_of_the_checkpoint_that_is_gone_on_from(train):
    settings = ["optimizer.learning_rate=0.8", "training.monitor=val_loss"]
    folder = train("training.epochs=2", *settings).folder
    best = folder / "weights" / "best.safetensors"
    assert load_checkpoint(best).epoch == 1
    before = timeless(folder)
    mlpcli.resume(folder, ["training.epochs=4"])
    assert load_checkpoint(best).epoch == 1
    assert len(mlpcli.resume(best).history) == 2
    assert load_config(folder / "config.yaml").training.epochs == 2
    assert timeless(folder) == before


def test_early_stopping_can_be_taken_back(train):
    run = train(EARLY, "training.epochs=5")
    assert len(run.history) == 2
    done = mlpcli.resume(run.folder, ["training.early_stopping=null"])
    assert len(done.history) == 5


@pytest.mark.parametrize(
    "end",
    ["training.epochs=4", "training.stop_at_loss=100", "training.early_stopping={patience: 1}"],
)
def test_a_finished_run_has_nothing_to_do(train, end):
    run = train(end, "optimizer.learning_rate=0.8")
    before = {path: path.read_bytes() for path in run.folder.rglob("*.*")}
    reporter = InterruptedAt(-1)
    again = mlpcli.resume(run.folder, reporter=reporter)
    assert again.test.loss == run.test.loss
    assert again.history == run.history
    assert {path: path.read_bytes() for path in run.folder.rglob("*.*")} == before
    assert "nothing to do" in reporter.remarks[0]
    assert f"--resume {run.folder} training." in reporter.remarks[0]


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (["training.epochs=2"], ["training.epochs=4"]),
        (
            ["training.epochs=1", "training.stop_at_loss=100"],
            ["training.stop_at_loss=null", "training.epochs=2"],
        ),
        (["training.epochs=2", EARLY], ["training.early_stopping=null", "training.epochs=4"]),
        (["training.epochs=3", EARLY], ["training.early_stopping=null"]),
        (
            ["training.epochs=2", EARLY, "training.stop_at_loss=0.4"],
            ["training.stop_at_loss=null", "training.early_stopping=null", "training.epochs=4"],
        ),
    ],
)
def test_the_advice_to_a_finished_run_trains_it_longer(train, end, expected):
    run = train(*end)
    reporter = InterruptedAt(-1)
    mlpcli.resume(run.folder, reporter=reporter)
    advice = reporter.remarks[0].partition(f"--resume {run.folder} ")[2].split()
    assert advice == expected
    assert len(mlpcli.resume(run.folder, advice).history) > len(run.history)


def test_the_advice_names_the_run_where_one_stands_within_it(train, monkeypatch):
    run = train("training.epochs=1")
    monkeypatch.chdir(run.folder / "weights")
    reporter = InterruptedAt(-1)
    mlpcli.resume("last.safetensors", trust_paths=True, reporter=reporter)
    assert f"--resume {run.folder} training.epochs=2" in reporter.remarks[0]


def test_a_run_that_resumes_within_its_first_epoch_can_be_read(train):
    folder = interrupted(lambda: train(reporter=InterruptedAt(1)))
    RunFolder(folder).gradients.write_text("epoch,layer,gradient_norm,update_norm\n1,1,0.1,0.1\n")
    interrupted(lambda: mlpcli.resume(folder, reporter=InterruptedAt(1)))
    assert read_record(folder).history == []
    assert sorted(path.name for path in folder.glob("*.csv")) == []
    assert len(mlpcli.resume(folder).history) == len(read_record(folder).history) > 0


def test_the_seconds_are_those_of_all_sessions(train):
    folder = interrupted(lambda: train(reporter=InterruptedAt(4)))
    directory = RunFolder(folder)
    summary = json.loads(directory.summary.read_text())
    directory.summary.write_text(json.dumps({**summary, "seconds": 1000.0}))
    done = mlpcli.resume(folder)
    assert 1000 < done.seconds < 2000
    found = json.loads(directory.summary.read_text())["seconds"]
    assert 1000 < found <= done.seconds


@pytest.mark.parametrize("lost", [None, "{}", '{"seconds": "many"}', '{"seconds": Infinity}'])
def test_of_a_killed_session_the_seconds_of_its_epochs_count(train, lost):
    folder = train("training.epochs=2").folder
    directory = RunFolder(folder)
    header, first, second = directory.metrics.read_text().splitlines(keepends=True)
    second = ",".join(["2", "500.0", *second.split(",")[2:]])
    directory.metrics.write_text(header + first + second)
    directory.summary.unlink()
    if lost is not None:
        directory.summary.write_text(lost)
    assert 500 < mlpcli.resume(folder, ["training.epochs=3"]).seconds < 1000


def test_two_at_once_are_kept_apart(train, holding):
    folder = train("training.epochs=1").folder
    before = timeless(folder)
    with holding(folder / ".lock"), pytest.raises(WriteError, match="another process is training"):
        mlpcli.resume(folder, ["training.epochs=3"])
    assert timeless(folder) == before
    assert len(mlpcli.resume(folder, ["training.epochs=3"]).history) == 3


@pytest.mark.skipif(os.name != "posix", reason="needs links of POSIX")
@pytest.mark.parametrize(
    "name", ["metrics.csv", "weights", "weights/last.safetensors", "pictures/curves.png", ".lock"]
)
def test_a_link_out_of_the_run_is_not_followed(train, tmp_path, name):
    folder = train("training.epochs=1").folder
    link, outside = folder / name, tmp_path / "outside"
    link.parent.mkdir(exist_ok=True)
    if link.exists():
        link.rename(outside)
    link.symlink_to(outside)
    before = {path: path.read_bytes() for path in outside.rglob("*.*")} or (
        outside.read_bytes() if outside.exists() else None
    )
    with pytest.raises(CheckpointError, match=rf"{name}.*: leads out of the run, to {outside}"):
        mlpcli.resume(folder, ["training.epochs=2"])
    after = {path: path.read_bytes() for path in outside.rglob("*.*")} or (
        outside.read_bytes() if outside.exists() else None
    )
    assert after == before
    link.unlink()
    link.symlink_to(folder / "config.yaml")  # within it, it may lead anywhere


def test_other_changes_are_refused_each_by_its_name(train):
    folder = train("training.epochs=1").folder
    before = {path: path.read_bytes() for path in folder.rglob("*.*")}
    changes = ["optimizer.learning_rate=0.01", "seed=5", "name=other", "schedule=cosine"]
    changes += ["network.batch_norm=true", "data.train_classes=[0, 2]"]
    with pytest.raises(ConfigError) as caught:
        mlpcli.resume(folder, [*changes, "training.epochs=3"])
    told = str(caught.value).splitlines()
    assert [line.partition(":")[0] for line in told] == [
        "data.train_classes",
        "name",
        "network.batch_norm",
        "optimizer.learning_rate",
        "schedule.final_fraction",
        "schedule.name",
        "seed",
    ]
    assert "was null and would be [0, 2]" in told[0]
    assert "was false and would be true" in told[2]
    assert "was 0.05 and would be 0.01" in told[3]
    with pytest.raises(ConfigError, match="unknown key"):
        mlpcli.resume(folder, ["training.epoch=3"])
    assert {path: path.read_bytes() for path in folder.rglob("*.*")} == before


def test_fewer_epochs_than_are_done(train):
    folder = train().folder
    with pytest.raises(ConfigError, match=r"training\.epochs=2: .*expected at least 4"):
        mlpcli.resume(folder, ["training.epochs=2"])


def test_what_is_no_run(tmp_path, train):
    (tmp_path / "empty").mkdir()
    weights = train("training.epochs=1").folder / "weights" / "last.safetensors"
    stray = shutil.copy(weights, tmp_path / "stray.safetensors")
    for path, reason in (
        (tmp_path / "missing", "no such run"),
        (tmp_path / "empty", "no run folder"),
        (Path(stray), "lies in no run folder"),
    ):
        with pytest.raises(CheckpointError, match=reason):
            mlpcli.resume(path)


def test_other_data_are_refused(train, bars):
    folder = train("training.epochs=1").folder
    images = bars.parent / "train-images"
    content = images.read_bytes()
    images.write_bytes(content[:-300] + bytes(300))
    with pytest.raises(DataError, match="trained on other data than its config names now"):
        mlpcli.resume(folder, ["training.epochs=2"])


def test_lost_weights_of_the_best_epoch_are_told(train):
    folder = train("training.epochs=6", "optimizer.learning_rate=0.8").folder
    (folder / "weights" / "best.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"best\.safetensors: should hold epoch \d"):
        mlpcli.resume(folder, ["training.epochs=7"])


def test_another_environment_is_told_and_each_is_recorded(train):
    folder = train("training.epochs=1", "training.workers=1").folder
    path = folder / "environment.json"
    first = json.loads(path.read_text())
    path.write_text(json.dumps({**first, "numpy": "1.0", "cpu": "abacus"}))
    reporter = InterruptedAt(-1)
    mlpcli.resume(folder, ["training.epochs=2", "training.workers=2"], reporter=reporter)
    (warning,) = reporter.remarks
    assert warning.startswith("Warning: ")
    assert f"NumPy 1.0 before, {np.__version__} now" in warning
    assert "workers 1 before, 2 now" in warning
    assert "processor abacus before" in warning
    mlpcli.resume(folder, ["training.epochs=3"], reporter=reporter)
    assert len(reporter.remarks) == 1  # the same as in the session before
    found = json.loads(path.read_text())
    assert found["numpy"] == "1.0"
    assert [session["after_epoch"] for session in found["resumed"]] == [1, 2]
    path.write_text("[")
    mlpcli.resume(folder, ["training.epochs=4"], reporter=reporter)
    assert "cannot be read" in reporter.remarks[1]


def as_auto_chooses(workers, monkeypatch):
    monkeypatch.setattr("mlpcli.training.setup.worker_count", lambda *_, **__: workers)


def test_a_run_keeps_its_workers_on_a_machine_where_auto_would_choose_others(train, monkeypatch):
    normalised = ("network={batch_norm: true, hidden: [8, 6]}", "training.epochs=3")
    as_auto_chooses(2, monkeypatch)
    whole = train(*normalised, runs="whole").folder
    folder = interrupted(lambda: train(*normalised, reporter=InterruptedAt(2)))
    as_auto_chooses(1, monkeypatch)
    mlpcli.resume(folder)
    weights = [(run / "weights" / "last.safetensors").read_bytes() for run in (whole, folder)]
    assert weights[0] == weights[1]
    session = json.loads((folder / "environment.json").read_text())["resumed"][-1]
    assert session["threads"] == 2


def test_workers_that_the_user_wants_win_and_are_kept_in_turn(train, monkeypatch):
    folder = train("training.epochs=1").folder
    mlpcli.resume(folder, ["training.epochs=2", "training.workers=3"])
    as_auto_chooses(1, monkeypatch)
    reporter = InterruptedAt(-1)
    monkeypatch.setattr("mlpcli.runs.messages.available_cores", lambda: 2)
    mlpcli.resume(folder, ["training.epochs=3", "training.workers=auto"], reporter=reporter)
    sessions = json.loads((folder / "environment.json").read_text())["resumed"]
    assert [session["threads"] for session in sessions] == [3, 3]
    (remark,) = reporter.remarks
    assert remark == (
        "The run keeps its 3 workers, on which the last bits depend. Only 2 cores can be used "
        "here: training.workers=2 is faster."
    )


@pytest.mark.parametrize(
    "threads", [0, -1, 65, 10**400, True, "2", None, [2]], ids=lambda value: str(value)[:9]
)
def test_workers_that_no_run_has_are_chosen_anew(train, monkeypatch, threads):
    as_auto_chooses(1, monkeypatch)
    folder = train("training.epochs=0").folder
    path = folder / "environment.json"
    first = json.loads(path.read_text())
    for damaged in ({**first, "threads": threads}, {**first, "resumed": threads}):
        path.write_text(json.dumps(damaged))
        assert workers_before(path, MOST_WORKERS) in (None, 1)
    path.write_text(json.dumps({**first, "threads": threads}))
    mlpcli.resume(folder, ["training.epochs=1"])
    assert json.loads(path.read_text())["resumed"][-1]["threads"] == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_so(train, number):
    before = signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(Interrupted) as caught:
            train(reporter=InterruptedAt(5, number))
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)
    assert caught.value.signal == number
    folder = caught.value.folder
    assert str(caught.value) == f"Epoch 2 is saved up to step 6 of 8 in {folder}."
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["stopped"] == "interrupted"
    assert summary["epochs"] == summary["last"]["epoch"] == 1
    assert summary["test_loss"] is None


def test_a_signal_that_nobody_handles_keeps_its_meaning(train):
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        assert len(train(reporter=InterruptedAt(1, signal.SIGTERM)).history) == 4
    finally:
        signal.signal(signal.SIGTERM, before)


def test_the_second_leaves_at_once(train, tmp_path, monkeypatch):
    def impatient(*_):
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("it went on")

    folder = tmp_path / "runs" / "bars"
    with monkeypatch.context() as patches:
        patches.setattr(recorder, "save_checkpoint", impatient)
        with pytest.raises(Interrupted) as caught:
            train(reporter=InterruptedAt())
    assert caught.value.signal == signal.SIGINT
    assert caught.value.folder == folder
    assert str(caught.value) == f"What was saved last is in {folder}."
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    mlpcli.resume(folder)
    assert timeless(folder) == timeless(train(runs="whole").folder)


def test_within_a_save_it_is_saved_first(train, monkeypatch):
    monkeypatch.setattr(recorder, "SAVE_EVERY", 0)
    flush, flushes = os.fsync, itertools.count()

    def interrupt_and_flush(descriptor):
        if next(flushes) == 13:  # of epoch 2
            signal.raise_signal(signal.SIGINT)
        flush(descriptor)

    with monkeypatch.context() as patches:
        patches.setattr(os, "fsync", interrupt_and_flush)
        folder = interrupted(train)
    assert load_checkpoint(folder / "weights" / "last.safetensors").epoch == 2
    mlpcli.resume(folder)
    assert timeless(folder) == timeless(train(runs="whole").folder)


def test_before_the_first_step_the_run_can_be_gone_on_with(train, monkeypatch, tmp_path):
    def interrupt(*_):
        signal.raise_signal(signal.SIGINT)
        return {}

    with monkeypatch.context() as patches:
        patches.setattr(run, "environment", interrupt)
        with pytest.raises(Interrupted, match="The starting weights are saved in"):
            train()
    mlpcli.resume(tmp_path / "runs" / "bars")


def test_within_the_test_the_run_is_done_first(train, monkeypatch):
    def interrupt_and_load(path):
        signal.raise_signal(signal.SIGINT)
        return mlpcli.load_model(path)

    monkeypatch.setattr(run, "load_model", interrupt_and_load)
    with pytest.raises(Interrupted, match="The run is done") as caught:
        train()
    summary = json.loads((caught.value.folder / "summary.json").read_text())
    assert summary["stopped"] == "all_epochs_done"


def die(*_):
    raise Kill


def test_killed_within_the_test_only_the_test_is_made_up_for(train, monkeypatch):
    whole = train(runs="whole")
    with monkeypatch.context() as patches:
        patches.setattr(run, "load_model", die)
        with pytest.raises(Kill):
            train()
    folder = whole.folder.parent.parent / "runs" / "bars"
    mlpcli.resume(folder)
    assert timeless(folder) == timeless(whole.folder)


def test_a_diverged_run_leaves_finite_weights_and_says_so(train, tmp_path):
    settings = ["schedule={name: constant, warmup_epochs: 3}", "optimizer.learning_rate=1e19"]
    with pytest.raises(DivergedError, match=r"epoch \d, step \d, at learning rate [\d.]+e\+1"):
        train(*settings)
    folder = tmp_path / "runs" / "bars"
    for name in ("best", "last"):
        path = folder / "weights" / f"{name}.safetensors"
        assert not path.exists() or load_checkpoint(path)
    assert json.loads((folder / "summary.json").read_text())["stopped"] == "diverged"


def test_optimizer_state_that_is_not_finite_is_never_saved(train, tmp_path, monkeypatch):
    """Adam divides by it, so an infinite one leaves the parameters finite."""
    with_infinity = OPTIMIZERS["adam"]
    update = with_infinity.update

    def overflow(self, theta, g, learning_rate, t, mean, square_mean):
        update(self, theta, g, learning_rate, t, mean, square_mean)
        if t == 16:  # the last of epoch 2
            square_mean[...] = np.inf

    monkeypatch.setattr(with_infinity, "update", overflow)
    with pytest.raises(DivergedError, match=r"the optimizer's square_mean .*epoch 2, step 8"):
        train("optimizer={name: adam, momentum: null}")
    assert load_checkpoint(tmp_path / "runs" / "bars" / "weights" / "last.safetensors").epoch == 1


def test_a_save_that_fails_while_interrupted(train, monkeypatch):
    def full(*_):
        raise WriteError("full.")

    monkeypatch.setattr(recorder, "save_checkpoint", full)
    with pytest.raises(
        WriteError,
        match=r"full\. No epoch is saved; the run can begin again from .*last\.safetensors\.$",
    ):
        train(reporter=InterruptedAt())


def test_a_regression_with_validation_goes_on(tmp_path):
    data = {"dataset": "table", "table": {"formula": "sin(x)"}, "validation": 4}
    settings = {"data": data, "network": {"hidden": [4]}, "loss": "mse"}
    whole = mlpcli.train(load_config(settings, {"training": {"epochs": 3}}), runs_dir=tmp_path)
    run = mlpcli.train(load_config(settings, {"training": {"epochs": 2}}), runs_dir=tmp_path)
    done = mlpcli.resume(run.folder, ["training.epochs=3"])
    assert [row.val_loss for row in done.history] == [row.val_loss for row in whole.history]


@pytest.mark.parametrize(
    ("start", "path"),
    [
        (".", "."),
        ("weights", ".."),
        ("pictures", "../weights/last.safetensors"),
    ],
)
def test_a_run_is_gone_on_with_from_within(train, monkeypatch, start, path):
    folder = train("training.epochs=2").folder
    (folder / "pictures").mkdir(exist_ok=True)
    monkeypatch.chdir(folder / start)
    done = mlpcli.resume(path, ["training.epochs=3"], trust_paths=True)
    assert len(done.history) == 3
    assert json.loads((folder / "summary.json").read_text())["name"] == folder.name
    assert not (folder / "weights" / ".lock").exists()
    assert done.folder.resolve() == folder.resolve()


def test_a_name_that_no_system_takes():
    with pytest.raises(CheckpointError, match="cannot be read"):
        mlpcli.resume("x" * 5000)


def test_gradients_larger_than_any_are_not_read(train):
    folder = train("training.epochs=2").folder
    with (folder / "gradients.csv").open("ab") as file:
        file.truncate(2**40)  # a hole: takes no room on the disk
    with pytest.raises(WriteError, match=r"gradients\.csv: cannot be read: larger than"):
        mlpcli.resume(folder, ["training.epochs=3"])
