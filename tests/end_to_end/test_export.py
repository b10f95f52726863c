import json
import re
from pathlib import Path

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
    assert "expected a name in .safetensors, found network.pt" in done.stderr
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
