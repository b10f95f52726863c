"""Weights that are finite, but so large that what is computed with them is not: exit 4, once."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.checkpoints import save_huge
from helpers.digits import write_bars

import mlpcli
from mlpcli.cli.main import run as run_command
from mlpcli.errors import CheckpointError, DivergedError
from mlpcli.inference.calibration import fit_temperature
from mlpcli.inference.committee import load_committee
from mlpcli.nn.losses import CrossEntropy
from mlpcli.runs import run as run_module
from mlpcli.storage.checkpoint import load_checkpoint, save_checkpoint

REFUSED = r"mlpcli: {}: its weights are so large that not every number .* is finite; .*\n"
COMMANDS = {
    "evaluate": "evaluate huge",
    "evaluate --json": "evaluate huge --json",
    "evaluate a committee": "evaluate whole huge",
    "predict": "predict seven.png --checkpoint huge",
    "predict --many": "predict seven.png --many --json --checkpoint huge",
    "predict by a committee": "predict seven.png --checkpoint whole --checkpoint huge",
    "explain": "explain huge seven.png",
    "explain --format": "explain huge seven.png --format json",
    "plot": "plot run --only confusion_matrix",
}
SEVEN = Path(__file__).parents[1] / "docs" / "seven.png"
IMAGES = np.full((2, 6, 5), 200, np.uint8)


@pytest.fixture(scope="module", params=["cross_entropy", "binary_cross_entropy", "mse"])
def trained(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    config = mlpcli.load_config(
        write_bars(folder / "bars"), overrides=[f"loss={request.param}", "training.epochs=1"]
    )
    return mlpcli.train(config, runs_dir=folder / "runs")


@pytest.fixture
def huge(trained, monkeypatch):
    """The path of a network whose outputs, or their squared errors, float32 cannot hold."""
    folder = trained.folder.parents[1]
    monkeypatch.chdir(folder)
    path = save_huge(trained.folder, folder / "huge", 1e38, temperature=1 / 128)
    shutil.copy(trained.folder / "weights" / "best.safetensors", folder / "whole")
    shutil.copytree(trained.folder, folder / "run", dirs_exist_ok=True)
    shutil.copy(path, folder / "run" / "weights" / "best.safetensors")
    shutil.copy(SEVEN, "seven.png")
    return path


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_command_says_once_why_it_ends(huge, command, capfd):
    assert run_command(command.split()) == 4
    out, err = capfd.readouterr()
    assert out == ""
    message = "".join(line for line in err.splitlines(True) if not line.startswith("Model: "))
    assert re.fullmatch(REFUSED.format(r"(huge|run/weights/best\.safetensors)"), message), err


def test_python_gets_the_same_error(huge):
    model = mlpcli.load_model(huge)
    for predict in (model.predict, model.predict_proba, load_committee([huge]).predict_proba):
        with pytest.raises(CheckpointError, match="not every number"):
            predict(IMAGES)


@pytest.mark.parametrize("factor", [1e17, 1e19, 1e30])
def test_an_explanation_has_finite_numbers_or_is_refused(huge, trained, factor, capfd):
    save_huge(trained.folder, huge, factor)
    for form in ("text", "json"):
        code = run_command(["explain", "huge", "seven.png", "--format", form])
        out, err = capfd.readouterr()
        assert code in (0, 4), err
        assert err.count("\n") == (code == 4), err
        assert len(out) < 10**6
        if code == 0 and form == "json":
            assert "NaN" not in json.dumps(json.loads(out))


def test_a_gradient_check_of_what_overflows_is_refused(huge, trained, capfd):
    save_huge(trained.folder, huge, 1e38)
    assert run_command(["gradcheck", "huge"]) == 4
    assert re.fullmatch(REFUSED.format("huge"), capfd.readouterr().err)


def test_what_overflows_when_folded_is_not_exported(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    bars = write_bars(tmp_path / "bars")
    config = mlpcli.load_config(bars, overrides=["training.epochs=1", "network.batch_norm=true"])
    run = mlpcli.train(config)
    path = run.folder / "weights" / "best.safetensors"
    checkpoint = load_checkpoint(path)
    checkpoint.network.batch_norms[0].gamma[...] = 3e38
    checkpoint.network.batch_norms[0].variance[...] = 1e-9
    save_checkpoint(path, checkpoint)
    for option in ([], ["--float16"]):
        assert run_command(["export", str(path), "small.safetensors", *option]) == 4
        assert capfd.readouterr().err.count("\n") == 1
    assert not (tmp_path / "small.safetensors").exists()


def test_outputs_near_the_largest_number_get_no_temperature():
    z = np.array([[1e308, 0.0], [0.0, 1e308]])
    assert fit_temperature(CrossEntropy(), z, np.array([1, 1])) == 1.0


def test_a_run_whose_test_overflows_has_diverged(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = mlpcli.load_config(write_bars(tmp_path / "bars"), overrides=["training.epochs=1"])

    def huge(folder):
        return mlpcli.load_model(save_huge(folder, tmp_path / "huge", 1e38, temperature=1 / 128))

    monkeypatch.setattr(run_module, "load_model", huge)
    with pytest.raises(DivergedError, match="test set"):
        mlpcli.train(config)
