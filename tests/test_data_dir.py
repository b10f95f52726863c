"""Each command that reads data reads them where --data-dir says, and its hints say where."""

import shutil

import pytest
from click.testing import CliRunner

from mlpcli.cli.main import command
from mlpcli.data.published import cache
from mlpcli.errors import DataError

MNIST = ("--config", "mnist", "data.validation=0", "network.hidden=[4]", "training.epochs=1")


@pytest.fixture
def elsewhere(fabricate, tmp_path, monkeypatch):
    """An empty working directory, beside a cache with a small mnist in it; no mirror."""
    fabricate().write_to(tmp_path / "cache" / "mnist")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "cache"


def mlpcli(*arguments):
    return CliRunner().invoke(command, [str(each) for each in arguments])


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", *MNIST, "training.pictures=false", "--quiet"),
        ("train", *MNIST, "--dry-run"),
        ("gradcheck", *MNIST),
        ("explain", *MNIST),
        ("explain", *MNIST, "--graph", "--format", "text"),
        ("data", "preview", *MNIST),
        ("data", "verify", "mnist"),
    ],
    ids=" ".join,
)
def test_data_are_read_where_they_are_said_to_be(elsewhere, arguments, tmp_path):
    done = mlpcli(*arguments, "--data-dir", elsewhere)
    assert done.exit_code == 0, done.output
    assert not (tmp_path / "here" / "data").exists()


def test_what_needs_a_run(elsewhere, tmp_path):
    done = mlpcli("train", *MNIST, "name=a", "training.pictures=false", "--data-dir", elsewhere)
    assert done.exit_code == 0, done.output
    assert f"mlpcli evaluate runs/a --data-dir {elsewhere}" in done.output
    for arguments in (
        ("evaluate", "runs/a"),
        ("plot", "runs/a", "--only", "mistakes"),
        ("train", "--resume", "runs/a", "training.epochs=2", "training.pictures=false"),
    ):
        done = mlpcli(*arguments, "--data-dir", elsewhere)
        assert done.exit_code == 0, done.output
    assert not (tmp_path / "here" / "data").exists()


def test_fetching_verifying_and_listing(fabricate, tmp_path, monkeypatch):
    for name in ("mnist", "kmnist"):
        fabricate(name).write_to(tmp_path / "mirror" / name)
    monkeypatch.setenv("MLPCLI_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.chdir(tmp_path)
    there = ("--data-dir", "cache")

    done = mlpcli("data", "fetch", "kmnist", "kmnist", *there)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    for line in lines:
        path, told = line.split(": ")
        assert path.startswith("cache")
        size = (tmp_path / path).stat().st_size
        assert told == f"verified, {size:,} bytes"
    assert not (tmp_path / "cache" / "mnist").exists()
    assert not (tmp_path / "data").exists()

    done = mlpcli("data", "verify", *there)  # what is there, and mnist is not
    assert done.exit_code == 0, done.output
    assert [line.rsplit(": ")[-1] for line in done.stdout.splitlines()] == ["ok"] * 4
    assert all("kmnist" in line for line in done.stdout.splitlines())

    _, row = mlpcli("data", "list", *there).stdout.splitlines()
    assert row.startswith("kmnist")
    assert "4 of 4" in row

    assert mlpcli("data", "fetch", *there).exit_code == 0  # mnist, where none is named
    assert (tmp_path / "cache" / "mnist").is_dir()


def test_hints_fetch_into_the_same_folder(elsewhere, tmp_path):
    shutil.rmtree(elsewhere / "mnist")
    fetching = f"`mlpcli data fetch mnist --data-dir {elsewhere}`"
    done = mlpcli("train", *MNIST, "--dry-run", "--data-dir", elsewhere)
    assert isinstance(done.exception, DataError)
    assert fetching in str(done.exception)
    done = mlpcli("data", "verify", "mnist", "mnist", "--data-dir", elsewhere)
    assert "4 files are damaged or missing" in str(done.exception)
    assert fetching in str(done.exception)
    done = mlpcli("data", "verify", "--data-dir", elsewhere)
    assert f"`mlpcli data fetch --data-dir {elsewhere}`" in str(done.exception)
    done = mlpcli("data", "list", "--data-dir", elsewhere)
    assert f"`mlpcli data fetch --data-dir {elsewhere}`" in done.output
    assert "`mlpcli data fetch mnist`" in str(mlpcli("train", *MNIST, "--dry-run").exception)


def test_a_damaged_file_is_fetched_into_the_same_folder(elsewhere):
    (elsewhere / "mnist" / "train-images-idx3-ubyte.gz").write_bytes(b"x")
    done = mlpcli("train", *MNIST, "--dry-run", "--data-dir", elsewhere)
    assert f"`mlpcli data fetch mnist --data-dir {elsewhere}` fetches it anew" in str(
        done.exception
    )


@pytest.mark.parametrize(
    "arguments",
    [("explain", "runs/a", "a.png"), ("explain", "--activations"), ("gradcheck", "runs/a")],
    ids=" ".join,
)
def test_where_no_data_are_read_it_is_refused(arguments):
    done = mlpcli(*arguments, "--data-dir", "cache")
    assert done.exit_code == 2
    assert "--data-dir goes with --config" in done.output


def test_the_cache_a_hint_names(tmp_path, monkeypatch):
    assert cache.fetch_command(["mnist"], cache.DEFAULT_FOLDER) == "mlpcli data fetch mnist"
    monkeypatch.setenv("MLPCLI_DATA", str(tmp_path))
    assert cache.fetch_command([], tmp_path) == "mlpcli data fetch"
    assert cache.fetch_command([], cache.DEFAULT_FOLDER) == "mlpcli data fetch --data-dir data"
