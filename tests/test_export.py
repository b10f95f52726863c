import signal

import numpy as np
import pytest
from helpers.digits import bars_dataset

import mlpcli
from mlpcli.errors import CheckpointError, Interrupted
from mlpcli.reporting import Reporter
from mlpcli.storage.checkpoint import export, load_checkpoint, save_checkpoint, to_bytes
from mlpcli.storage.run_folder import checkpoint_path

IMAGES, _ = bars_dataset(60, 1)
WHOLE = ["network.batch_norm=true", "training.averaging={}", "optimizer=adam", "training.epochs=2"]


@pytest.fixture
def run(bars, tmp_path):
    return mlpcli.train(mlpcli.load_config(bars, overrides=WHOLE), runs_dir=tmp_path / "runs")


def exported(run, path, dtype=None):
    checkpoint = export(load_checkpoint(checkpoint_path(run.folder)))
    path.write_bytes(to_bytes(checkpoint, dtype))
    return path


def test_an_exported_network_answers_as_the_run_does(run, tmp_path):
    path = exported(run, tmp_path / "network.safetensors")
    ours, theirs = mlpcli.load_model(path), run.load_model()
    assert ours.temperature == theirs.temperature
    assert np.array_equal(ours.predict_proba(IMAGES), theirs.predict_proba(IMAGES))


def test_an_exported_network_is_the_network_alone(run, tmp_path):
    from safetensors.numpy import load_file

    tensors = load_file(exported(run, tmp_path / "network.safetensors"))
    assert all(name.startswith("layers.") for name in tensors)


def test_half_the_numbers_precision_is_half_the_size(run, tmp_path):
    from safetensors.numpy import load_file

    path = exported(run, tmp_path / "half.safetensors", np.dtype(np.float16))
    assert {tensor.dtype for tensor in load_file(path).values()} == {np.dtype(np.float16)}
    model = mlpcli.load_model(path)
    assert model.network.dtype == np.float32
    np.testing.assert_allclose(
        model.predict_proba(IMAGES), run.load_model().predict_proba(IMAGES), atol=0.01
    )


def test_half_precision_is_for_exported_networks_alone(run, tmp_path):
    checkpoint = load_checkpoint(checkpoint_path(run.folder))
    (tmp_path / "half").write_bytes(to_bytes(checkpoint, np.dtype(np.float16)))
    with pytest.raises(CheckpointError, match="float16"):
        load_checkpoint(tmp_path / "half")


def test_an_exported_network_cannot_be_trained_on(run):
    checkpoint = load_checkpoint(checkpoint_path(run.folder))
    path = run.folder / "weights" / "exported.safetensors"
    save_checkpoint(path, export(checkpoint))
    with pytest.raises(CheckpointError, match="exported for prediction"):
        mlpcli.resume(path)


def test_a_run_interrupted_within_an_epoch_is_exported_too(bars, tmp_path, monkeypatch):
    monkeypatch.setattr("mlpcli.data.batches.BLOCK_IMAGES", 50)

    class Stop(Reporter):
        def batches_done(self, steps, loss, accuracy):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted) as caught:
        mlpcli.train(mlpcli.load_config(bars), runs_dir=tmp_path / "runs", reporter=Stop())
    last = load_checkpoint(caught.value.folder / "weights" / "last.safetensors")
    assert last.epoch_start is not None
    path = tmp_path / "network.safetensors"
    save_checkpoint(path, export(last))
    assert np.array_equal(load_checkpoint(path).network.theta, last.network.theta)
