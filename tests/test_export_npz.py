"""The arrays of an exported .npz file, which NumPy reads without running any code."""

import hashlib

import numpy as np
import pytest

import mlpcli
from mlpcli.inference.exporting import npz
from mlpcli.inference.exporting.exported import load_exported
from mlpcli.storage.checkpoint import load_checkpoint


@pytest.fixture
def saved(tmp_path):
    def save(path, dtype=None):
        target = tmp_path / "network.npz"
        target.write_bytes(npz.to_bytes(load_exported(path), dtype))
        with np.load(target, allow_pickle=False) as arrays:
            return dict(arrays)

    return save


def test_every_number_and_name_is_there(finished, saved):
    best = finished.folder / "weights" / "best.safetensors"
    checkpoint, arrays = load_checkpoint(best), saved(finished.folder)
    for i, dense in enumerate(checkpoint.network.dense):
        np.testing.assert_array_equal(arrays.pop(f"layers.{i}.weight"), dense.W.T)
        np.testing.assert_array_equal(arrays.pop(f"layers.{i}.bias"), dense.b)
    assert {name: array.tolist() for name, array in arrays.items()} == {
        "activations": ["relu", "identity"],
        "mean": checkpoint.normalization.mean,
        "std": checkpoint.normalization.std,
        "image_shape": [6, 5],
        "class_names": ["0", "1", "2"],
        "loss": "cross_entropy",
        "temperature": checkpoint.temperature,
        "checkpoint_sha256": hashlib.sha256(best.read_bytes()).hexdigest(),
    }


def test_batch_normalisation_and_averaged_parameters_are_folded_in(bars, saved, tmp_path):
    settings = ["network.batch_norm=true", "training.averaging={}"]
    run = mlpcli.train(mlpcli.load_config(bars, overrides=settings), runs_dir=tmp_path / "runs")
    network, arrays = run.load_model().network, saved(run.folder)
    np.testing.assert_array_equal(arrays["layers.0.weight"], network.dense[0].W.T)
    assert not any(name.startswith("norms") for name in arrays)


def test_shaping_is_named(bars, saved, tmp_path):
    config = mlpcli.load_config(bars, overrides=["data.digit_width=3", "training.epochs=1"])
    arrays = saved(mlpcli.train(config, runs_dir=tmp_path / "runs").folder)
    named = {name: arrays[name].item() for name in ("deslant", "digit_width", "interpolation")}
    assert named == {"deslant": False, "digit_width": 3, "interpolation": "bilinear"}


def test_float16_rounds_the_parameters_alone(finished, saved):
    whole, half = saved(finished.folder), saved(finished.folder, np.dtype(np.float16))
    rounded = {name for name in whole if whole[name].dtype != half[name].dtype}
    assert rounded == {f"layers.{i}.{kind}" for i in (0, 1) for kind in ("weight", "bias")}
    for name in rounded:
        np.testing.assert_array_equal(half[name], whole[name].astype(np.float16))


def test_two_exports_are_the_same_bytes(finished):
    exported = load_exported(finished.folder)
    assert npz.to_bytes(exported) == npz.to_bytes(exported)
