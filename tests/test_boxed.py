"""The network that comes with mlpcli is what CONTRIBUTING.md and the README say of it."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import mlpcli
from mlpcli.cli.main import command
from mlpcli.config.loading import load_config
from mlpcli.errors import CheckpointError
from mlpcli.inference.committee import newest_reader
from mlpcli.inference.evaluate_checkpoints import evaluate_checkpoints
from mlpcli.storage.checkpoint import load_checkpoint
from mlpcli.storage.run_folder import BOXED

RIGHT_ON_MNIST = 9_931
SHARED_MNIST = Path(__file__).parents[1].parent / "shared" / "mnist"


def test_it_is_small():
    assert BOXED.stat().st_size <= 600_000


def test_it_was_trained_by_the_config_that_is_in_the_project():
    trained = load_config(load_checkpoint(BOXED).config)
    assert trained == load_config("boxed", overrides=["training.pictures=false"])


def test_it_is_finished():
    checkpoint = load_checkpoint(BOXED)
    assert checkpoint.is_exported
    assert len(checkpoint.progress.history) == checkpoint.epoch
    assert 0.5 < checkpoint.temperature < 2


@pytest.mark.skipif(not SHARED_MNIST.is_dir(), reason="../shared/mnist is absent")
def test_its_accuracy_on_the_test_set(monkeypatch, tmp_path):
    monkeypatch.setenv("MLPCLI_MIRROR", str(SHARED_MNIST))
    judged = evaluate_checkpoints("boxed", data_dir=tmp_path)
    assert np.count_nonzero(judged.predictions == judged.labels) == pytest.approx(
        RIGHT_ON_MNIST, abs=2
    )
    assert judged.accuracy >= 0.992


def test_it_answers_where_no_run_is(tmp_path, monkeypatch, bars):
    monkeypatch.chdir(tmp_path)
    runs = tmp_path / "runs"
    assert newest_reader(runs).models[0].path == BOXED
    knows_no_images = load_config("examples/xor", overrides=["training.epochs=1"])
    mlpcli.train(knows_no_images, runs_dir=runs)
    assert newest_reader(runs).models[0].path == BOXED
    run = mlpcli.train(load_config(bars), runs_dir=runs)
    mlpcli.train(knows_no_images, runs_dir=runs)
    assert newest_reader(runs).models[0].path == run.folder / "weights" / "best.safetensors"
    assert mlpcli.load_model("boxed").path == BOXED
    (tmp_path / "boxed").write_bytes(b"another")
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        mlpcli.load_model("boxed")


def test_it_reads_the_digits_that_come_with_the_readme():
    folder = Path(__file__).parents[1] / "docs"
    answers = CliRunner().invoke(
        command, ["predict", str(folder / "number.jpg"), "--many", "--checkpoint", "boxed"]
    )
    assert "number.jpg: 1742" in answers.output
    scored = CliRunner().invoke(
        command,
        [
            *("predict", str(folder / "digits"), "--checkpoint", "boxed"),
            *("--labels", str(folder / "digits" / "labels.csv")),
        ],
    )
    assert "Accuracy: 100.00 % (3 of 3 right)" in scored.output
