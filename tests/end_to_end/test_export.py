import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

SEVEN = Path(__file__).parents[2] / "docs" / "seven.png"


def test_an_exported_network_answers_as_its_run(run, trained_on_digits, tmp_path):
    done = run("export", trained_on_digits, "network.safetensors")
    assert done.returncode == 0, done.stderr
    told = re.fullmatch(r"network\.safetensors: [\d,]+ parameters, ([\d,]+) bytes\n", done.stdout)
    size = (tmp_path / "network.safetensors").stat().st_size
    assert told is not None
    assert told[1] == f"{size:,}"
    of_the_run, of_the_file = (
        json.loads(run("predict", SEVEN, "--checkpoint", checkpoint, "--json").stdout)
        for checkpoint in (trained_on_digits, "network.safetensors")
    )
    assert of_the_file["probabilities"] == of_the_run["probabilities"]


def test_float16_takes_two_bytes_a_parameter(run, trained_on_digits):
    def written(*options):
        done = run("export", trained_on_digits, "network.safetensors", *options)
        parameters, size = re.findall(r"[\d,]{4,}", done.stdout)
        return int(parameters.replace(",", "")), int(size.replace(",", ""))

    parameters, whole = written()
    assert written("--float16")[0] == parameters
    assert whole - written("--float16")[1] == pytest.approx(2 * parameters, abs=100)


def test_a_name_of_another_format(run, trained, tmp_path):
    done = run("export", trained, "network.pt")
    assert done.returncode == 2
    found = "expected a name in .safetensors or .onnx or .npz, found network.pt"
    assert found in done.stderr
    assert not (tmp_path / "network.pt").exists()


def test_nothing_to_export_and_nowhere_to_write(run, trained, tmp_path):
    done = run("export", "runs/missing", "network.safetensors")
    assert done.returncode == 4
    assert "runs/missing" in done.stderr
    done = run("export", trained, "missing/network.safetensors")
    assert done.returncode == 7
    assert "cannot be written" in done.stderr
    assert not list(tmp_path.rglob("*.safetensors"))


def test_numbers_too_large_for_float16(run, bars, tmp_path):
    huge = ("network.initializer={name: normal, std: 1e6}", "optimizer.learning_rate=1e-9")
    run("train", "-c", bars, *huge, "training.epochs=1", "-q")
    assert run("export", "runs/bars", "whole.safetensors").returncode == 0
    done = run("export", "runs/bars", "half.safetensors", "--float16")
    assert done.returncode == 4
    assert "without --float16" in done.stderr
    assert not (tmp_path / "half.safetensors").exists()


def test_an_onnx_file(run, trained, tmp_path):
    onnx = pytest.importorskip("onnx", reason="the package onnx is not installed")
    done = run("export", trained, "network.ONNX", "--flat", "--float16")
    assert done.returncode == 0, done.stderr
    size = (tmp_path / "network.ONNX").stat().st_size
    assert done.stdout == f"network.ONNX: 275 parameters, {size:,} bytes\n"
    assert re.fullmatch(r"An \.onnx file cannot prepare a photo .*\.\n", done.stderr)
    onnx.checker.check_model(str(tmp_path / "network.ONNX"), full_check=True)
    done = run("predict", SEVEN, "--checkpoint", "network.ONNX")
    assert done.returncode == 4
    assert "not a checkpoint" in done.stderr


def test_an_onnx_file_without_the_package(run, trained, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnx", None)  # as if it were not installed
    done = run("export", trained, "network.onnx")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "pip install 'mlpcli[onnx]'" in done.stderr
    assert not list(tmp_path.iterdir())
    assert run("export", trained, "network.safetensors").returncode == 0


def test_an_npz_file(run, trained, tmp_path):
    done = run("export", trained, "network.npz")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("network.npz: 275 parameters, ")
    assert re.fullmatch(r"An \.npz file cannot say how its numbers are .*\.\n", done.stderr)
    with np.load(tmp_path / "network.npz", allow_pickle=False) as arrays:
        assert arrays["layers.0.weight"].shape == (8, 30)


def test_shaping_that_an_npz_file_cannot_do_is_said(run, bars):
    run("train", "-c", bars, "data.digit_width=3", "training.epochs=1", "-q")
    done = run("export", "runs/bars", "network.npz")
    assert "nor how each digit is shaped first" in done.stderr


def test_flat_is_for_images_in_onnx(run, trained, tmp_path):
    pytest.importorskip("onnx", reason="the package onnx is not installed")
    done = run("export", trained, "network.npz", "--flat")
    assert done.returncode == 2
    assert "--flat is for .onnx files" in done.stderr
    run("train", "-c", "examples/xor", "training.epochs=1", "-q")
    done = run("export", "runs/xor", "xor.onnx", "--flat")
    assert done.returncode == 2
    assert "learned from a table" in done.stderr
    done = run("export", "runs/xor", "xor.onnx")
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in tmp_path.glob("*.*")] == ["xor.onnx"]


@pytest.mark.parametrize("name", ["network.onnx", "network.npz"])
def test_bad_input_leaves_no_file(name, run, trained, bars, tmp_path):
    if name.endswith(".onnx"):
        pytest.importorskip("onnx", reason="the package onnx is not installed")
    assert run("export", "runs/missing", name).returncode == 4
    assert run("export", SEVEN, name).returncode == 4
    assert run("export", trained, f"missing/{name}").returncode == 7
    huge = ("network.initializer={name: normal, std: 1e6}", "optimizer.learning_rate=1e-9")
    run("train", "-c", bars, *huge, "training.epochs=1", "-q")
    done = run("export", "runs/bars", name, "--float16")
    assert done.returncode == 4
    assert "without --float16" in done.stderr
    assert not (tmp_path / name).exists()
