import os
import shutil
from pathlib import Path

import pytest
from helpers.runs import PICTURES_OF_IMAGES
from PIL import Image

SEVEN = Path(__file__).parents[2] / "docs" / "seven.png"


@pytest.fixture
def folder(trained, tmp_path):
    """A run of one's own, without pictures."""
    shutil.copytree(trained, tmp_path / "mine")
    return tmp_path / "mine"


def test_training_leaves_pictures(run, bars, tmp_path):
    done = run("train", "--config", bars, "--quiet", "training.pictures=true")
    pictures = tmp_path / "runs" / "bars" / "pictures"
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in pictures.iterdir()) == sorted(
        f"{name}.png" for name in PICTURES_OF_IMAGES
    )
    for path in pictures.iterdir():
        with Image.open(path) as picture:
            picture.load()


def test_pictures_can_be_turned_off(trained):
    assert "pictures: false" in (trained / "config.yaml").read_text()
    assert not (trained / "pictures").exists()


def test_pictures_that_cannot_be_drawn_do_not_lose_the_run(run_process, bars, tmp_path):
    (tmp_path / "matplotlib.py").write_text("raise ImportError('no matplotlib')")
    done = run_process(
        "train", "--config", bars, "training.pictures=true", PYTHONPATH=str(tmp_path)
    )
    assert done.returncode == 0
    assert "Test:" in done.stdout
    assert (tmp_path / "runs" / "bars" / "summary.json").is_file()
    assert "The run is complete, but not all of its pictures could be drawn: ImportError" in (
        done.stderr
    )
    assert "Traceback" not in done.stderr


def test_what_draws_nothing_does_without_matplotlib(
    run_process, trained, trained_on_digits, tmp_path
):
    (tmp_path / "matplotlib.py").write_text("raise ImportError('no matplotlib')")
    for arguments in (
        ("evaluate", "--trust-paths", trained),
        ("predict", SEVEN, "--checkpoint", trained_on_digits),
        ("runs", trained.parent),
        ("plot", "--help"),
    ):
        assert run_process(*arguments, PYTHONPATH=str(tmp_path)).returncode == 0


def test_it_says_which_files_it_wrote(run, folder):
    done = run("plot", "--trust-paths", folder)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        f"{folder / 'pictures' / name}.png: written" for name in PICTURES_OF_IMAGES
    ]
    assert done.stderr == ""


def test_some_pictures_in_a_format_elsewhere(run, folder, tmp_path):
    done = run("plot", folder, "--only", "weights", "--format", "svg", "--output", "there/deep")
    assert done.returncode == 0
    assert [path.name for path in (tmp_path / "there" / "deep").iterdir()] == ["weights.svg"]
    assert not (folder / "pictures").exists()


def test_two_runs_laid_over_each_other(run, trained, folder):
    done = run("plot", folder, trained, "--only", "curves")
    assert done.returncode == 0
    assert (folder / "pictures" / "curves_compared.png").is_file()


def test_the_landscape(run, folder):
    done = run("plot", "--trust-paths", folder, "--only", "weights", "--landscape")
    assert done.returncode == 0
    assert "weights.png" in done.stdout
    assert "landscape.png" in done.stdout
    assert done.stderr == ""


def test_a_landscape_of_a_run_that_is_not_repeated_says_so(run, folder):
    shutil.copy(folder / "weights" / "best.safetensors", folder / "weights" / "last.safetensors")
    lines = (folder / "metrics.csv").read_text().splitlines()
    (folder / "metrics.csv").write_text("\n".join(lines[:3]) + "\n")  # 2 of the 4 epochs
    done = run("plot", "--trust-paths", folder, "--only", "landscape")
    assert done.returncode == 0
    assert "did not end at the same weights" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["missing"], 4, "missing: no run there"),
        (["."], 4, "no run there"),
        ([], 2, "--help"),
        (["mine", "--only", "nonsense"], 2, "nonsense"),
        (["mine", "mine", "--only", "weights"], 2, "one run at a time"),
        (["mine", "--only", "fit"], 3, "No picture fit: mine: the picture is of a regression"),
        (["mine", "--format", "pdf"], 2, "'pdf' is not one of 'png', 'svg'"),
        (["mine", "--output", "mine/config.yaml"], 7, "config.yaml"),
    ],
)
def test_what_cannot_be_drawn(run, folder, arguments, code, message):
    done = run("plot", *arguments)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("missing", "code"),
    [("metrics.csv", 4), ("weights/best.safetensors", 4), ("config.yaml", 4)],
)
def test_a_run_without_a_file_that_is_needed(run, folder, missing, code):
    (folder / missing).unlink()
    done = run("plot", "--trust-paths", folder)
    assert done.returncode == code
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("damage", ["nonsense", "cut short"])
def test_a_damaged_table_is_data(run, folder, damage):
    path = folder / "metrics.csv"
    path.write_bytes(b"nonsense\n" if damage == "nonsense" else path.read_bytes()[:-3])
    done = run("plot", folder, "--only", "curves")
    assert done.returncode == 3
    assert "metrics.csv" in done.stderr
    assert ("cut short" in done.stderr) == (damage == "cut short")


@pytest.mark.parametrize(
    "variables",
    [
        {"MPLBACKEND": "nonsense"}
        | dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), os.devnull),
        {"MPLBACKEND": "TkAgg", "MPLCONFIGDIR": os.devnull},
    ],
)
def test_settings_of_matplotlib_that_do_not_suit_a_picture(run_process, folder, variables):
    done = run_process("plot", folder, "--only", "curves", **variables)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user's rights")
def test_a_folder_without_rights_to_write(run, folder):
    folder.chmod(0o500)
    try:
        done = run("plot", "--trust-paths", folder)
    finally:
        folder.chmod(0o700)
    assert done.returncode == 7
