"""The cache: what it believes, what it fetches, and what it says when it cannot."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
from helpers import mirrors
from helpers.mirrors import SmallDataset
from helpers.processes import begin, ready_to_fetch

from mlpcli.config.schema.data import DataConfig
from mlpcli.data.loading import DataLoader
from mlpcli.data.published import cache
from mlpcli.data.published.cache import State
from mlpcli.data.published.sources import MNIST, SOURCES, TEST_LABELS, TRAIN_IMAGES, PublishedFile
from mlpcli.errors import DataError, WriteError
from mlpcli.reporting import Reporter

Fabricate = Callable[..., SmallDataset]
SHARED_MNIST = Path(__file__).parents[1].parent / "shared" / "mnist"


def test_an_empty_cache_is_filled(mirror, fabricate, tmp_path):
    dataset = fabricate(mirrors=(mirror.url + "/",))
    mirror.serve_folder(dataset.write_to(tmp_path / "served"))
    received: dict[str, int] = {}
    data_dir = tmp_path / "data"
    files = cache.fetch(
        "mnist",
        data_dir,
        progress=lambda file, count: received.update({file.name: count}),
    )
    assert {name: file.content for name, file in files.items()} == dataset.contents
    assert {file.path: file.content for file in files.values()} == {
        path: path.read_bytes() for path in (data_dir / "mnist").iterdir()
    }
    assert received == {name: len(content) for name, content in dataset.contents.items()}
    assert len(mirror.requests) == 4


def test_a_whole_cache_needs_no_mirror_and_is_not_written(fabricate, tmp_path, monkeypatch):
    fabricate().write_to(tmp_path / "mnist")

    def refuse(path: Path) -> None:
        pytest.fail(f"{path} is made")

    monkeypatch.setattr(cache, "make_folder", refuse)
    assert len(cache.fetch("mnist", tmp_path)) == 4


def test_loading_reads_each_file_of_a_whole_cache_once(fabricate, tmp_path, monkeypatch):
    fabricate().write_to(tmp_path / "mnist")
    inspect = Mock(wraps=cache._inspect)
    monkeypatch.setattr(cache, "_inspect", inspect)
    loader = DataLoader(DataConfig(dataset="mnist"), 1, tmp_path, Reporter())
    loader.test(tuple("0123456789"))
    assert inspect.call_count == 2


def test_only_the_files_asked_for_are_fetched(mirror, fabricate, tmp_path):
    dataset = fabricate(mirrors=(mirror.url,))
    mirror.serve_folder(dataset.write_to(tmp_path / "served"))
    wanted = [dataset.source.test_images, dataset.source.test_labels]
    assert set(cache.fetch("mnist", tmp_path, files=wanted)) == {file.name for file in wanted}
    assert len(mirror.requests) == 2


DAMAGES = {
    "flipped": lambda content: content[:20] + bytes([content[20] ^ 1]) + content[21:],
    "cut": lambda content: content[: len(content) // 2],
    "zeroed": lambda content: bytes(len(content)),
    "emptied": lambda _content: b"",
    "lengthened": lambda content: content + b"!",
}


@pytest.mark.parametrize("spoil", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("size_is_known", [True, False])
def test_a_damaged_file_is_reported_and_fetched_again(
    mirror, fabricate, tmp_path, spoil, size_is_known
):
    dataset = fabricate(mirrors=(mirror.url,))
    if not size_is_known:
        for file in dataset.source.files:
            object.__setattr__(file, "size", None)
    mirror.serve_folder(dataset.write_to(tmp_path / "mnist"))
    damaged = tmp_path / "mnist" / TEST_LABELS
    damaged.write_bytes(spoil(dataset.contents[TEST_LABELS]))
    states = {found.path: found.state for found in cache.verify("mnist", tmp_path)}
    assert [path for path in states if states[path] is State.DAMAGED] == [damaged]

    reports: list[str] = []
    cache.fetch("mnist", tmp_path, report=reports.append)
    assert len(reports) == 1
    assert reports[0].startswith(f"{damaged} is damaged (")
    assert damaged.read_bytes() == dataset.contents[TEST_LABELS]
    assert mirror.requests == [f"/{TEST_LABELS}"]


def test_a_damaged_file_is_kept_where_no_mirror_has_another(mirror, fabricate, tmp_path):
    damaged = fabricate(mirrors=(mirror.url,)).write_to(tmp_path / "mnist") / TEST_LABELS
    damaged.write_bytes(b"")
    with pytest.raises(DataError, match=r"is damaged \(0 bytes, where .*\)\.\n"):
        cache.fetch("mnist", tmp_path)
    assert damaged.read_bytes() == b""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_in_the_cache_is_not_waited_for(fabricate, tmp_path):
    images = fabricate().write_to(tmp_path / "mnist") / TRAIN_IMAGES
    images.unlink()
    os.mkfifo(images)
    with pytest.raises(DataError, match=r"is damaged .*not an ordinary file"):
        cache.fetch("mnist", tmp_path)


@pytest.mark.parametrize("size", [5, None])
def test_read_verified_returns_only_the_right_bytes(tmp_path, size):
    file = replace(mirrors.published("f", b"right"), size=size)
    path = tmp_path / "f"
    with pytest.raises(DataError, match="missing"):
        cache.read_verified(file, path)
    path.write_bytes(b"wrong")
    with pytest.raises(DataError, match=r"damaged \(SHA-256 .*`mlpcli data fetch .*` fetches"):
        cache.read_verified(file, path)
    path.write_bytes(b"right")
    assert cache.read_verified(file, path) == b"right"
    path.unlink()
    path.mkdir()
    with pytest.raises(DataError, match="cannot be read"):
        cache.read_verified(file, path)


@pytest.mark.parametrize("folder", ["", "mnist"])
def test_the_users_mirror_may_be_a_folder(fabricate, tmp_path, monkeypatch, folder):
    dataset = fabricate(mirrors=("http://127.0.0.1:9/never-asked/",))
    dataset.write_to(tmp_path / "mirror" / folder)
    monkeypatch.setenv("MLPCLI_MIRROR", str(tmp_path / "mirror"))
    files = cache.fetch("mnist", tmp_path / "data")
    assert {name: file.path.read_bytes() for name, file in files.items()} == dataset.contents


def test_a_folder_of_a_user_there_is_not(fabricate, tmp_path, monkeypatch):
    fabricate()
    monkeypatch.setenv("MLPCLI_DATA", "~nosuch/data")
    assert cache.data_directory() == Path("~nosuch/data")
    monkeypatch.setenv("MLPCLI_MIRROR", "~nosuch/mirror")
    with pytest.raises(DataError, match="~nosuch/mirror"):
        cache.fetch("mnist", tmp_path / "data")


def test_the_users_mirror_may_be_a_url_and_comes_first(mirror, fabricate, tmp_path, monkeypatch):
    dataset = fabricate("kmnist", mirrors=(mirror.url + "/public",))
    dataset.write_to(tmp_path / "served" / "own" / "kmnist")
    mirror.serve_folder(tmp_path / "served")
    monkeypatch.setenv("MLPCLI_MIRROR", mirror.url + "/own/")
    cache.fetch("kmnist", tmp_path / "data")
    assert mirror.requests == [f"/own/kmnist/{name}" for name in dataset.contents]


def test_a_users_mirror_that_fails_is_reported(mirror, fabricate, tmp_path, monkeypatch):
    dataset = fabricate("kmnist", mirrors=(mirror.url,))
    mirror.serve_folder(dataset.write_to(tmp_path / "served"))
    monkeypatch.setenv("MLPCLI_MIRROR", str(tmp_path / "absent"))
    reports: list[str] = []
    cache.fetch("kmnist", tmp_path / "data", report=reports.append)
    assert len(reports) == 4
    own = tmp_path / "absent" / "kmnist" / TRAIN_IMAGES
    assert reports[0] == f"{own}: No such file or directory; trying {mirror.url}/{TRAIN_IMAGES}."


def test_locations():
    file = PublishedFile("f.gz", "", None)
    assert cache.locations(MNIST, file, None) == [mirror + "f.gz" for mirror in MNIST.mirrors]
    own = cache.locations(MNIST, file, "https://host/a/")[:-3]
    assert own == ["https://host/a/f.gz", "https://host/a/mnist/f.gz"]
    own = cache.locations(SOURCES["kmnist"], file, "folder")[:-1]
    assert own == [str(Path("folder", "kmnist", "f.gz"))]


def test_if_nothing_helps_the_error_tells_how_to_go_on(mirror, fabricate, tmp_path):
    fabricate(mirrors=(mirror.url + "/a/", mirror.url + "/b/"))
    with pytest.raises(DataError) as caught:
        cache.fetch("mnist", tmp_path)
    text = str(caught.value)
    for part in (
        f"{mirror.url}/a/{TRAIN_IMAGES}: HTTP 404",
        f"{mirror.url}/b/{TRAIN_IMAGES}: HTTP 404",
        str(tmp_path / "mnist"),
        *(file.name for file in MNIST.files),
        "MLPCLI_MIRROR",
        "--config quickstart",
    ):
        assert part in text
    assert list((tmp_path / "mnist").iterdir()) == []


def test_a_cache_that_cannot_be_written(mirror, fabricate, tmp_path):
    fabricate(mirrors=(mirror.url,))
    (tmp_path / "mnist").write_text("a file where the folder should be")
    with pytest.raises(WriteError, match=r"--data-dir or MLPCLI_DATA"):
        cache.fetch("mnist", tmp_path)
    assert mirror.requests == []


def test_losing_the_race_to_a_whole_file_is_no_failure(mirror, fabricate, tmp_path, monkeypatch):
    """Windows refuses to replace a file that another process has open."""
    dataset = fabricate(mirrors=(mirror.url,))
    mirror.serve_folder(dataset.write_to(tmp_path / "served"))

    def lose(temporary: Path, target: Path) -> None:
        target.write_bytes(dataset.contents[target.name])
        raise PermissionError(13, "Access is denied")

    monkeypatch.setattr(Path, "replace", lose)
    assert len(cache.fetch("mnist", tmp_path)) == 4
    assert len(list((tmp_path / "mnist").iterdir())) == 4


def test_several_processes_fill_one_cache(mirror, fabricate, tmp_path):
    dataset = fabricate()
    mirror.serve_folder(dataset.write_to(tmp_path / "served"))
    mirror.answer(f"/{TRAIN_IMAGES}", mirrors.slowly(dataset.contents[TRAIN_IMAGES]))
    data_dir = tmp_path / "data"
    processes = [ready_to_fetch(mirror.url, data_dir) for _ in range(4)]
    for process in processes:
        begin(process)
    for process in processes:
        assert process.communicate(timeout=60) == ("", "")
        assert process.returncode == 0
    found = {path.name: path.read_bytes() for path in (data_dir / "mnist").iterdir()}
    assert found == dataset.contents
    assert mirror.requests.count(f"/{TRAIN_IMAGES}") == 4  # at once: none waited for another


def test_cached_lists_what_is_there(fabricate, tmp_path):
    assert cache.cached(tmp_path / "absent") == []
    dataset = fabricate("kmnist")
    folder = dataset.write_to(tmp_path / "kmnist")
    (folder / TEST_LABELS).unlink()
    (found,) = cache.cached(tmp_path)
    kept = {name: content for name, content in dataset.contents.items() if name != TEST_LABELS}
    assert (found.name, found.folder) == ("kmnist", folder)
    assert set(found.file_names) == set(kept)
    assert found.size == sum(map(len, kept.values()))


def test_data_directory(monkeypatch):
    assert cache.data_directory() == Path("data")
    monkeypatch.setenv("MLPCLI_DATA", "elsewhere")
    assert cache.data_directory() == Path("elsewhere")
    assert cache.data_directory(Path("option")) == Path("option")
    monkeypatch.setenv("MLPCLI_DATA", "")
    assert cache.data_directory() == Path("data")


@pytest.mark.skipif(not SHARED_MNIST.is_dir(), reason="needs the real MNIST in ../shared/mnist")
def test_the_real_mnist(tmp_path, monkeypatch):
    monkeypatch.setenv("MLPCLI_MIRROR", str(SHARED_MNIST))
    cache.fetch("mnist", tmp_path)
    assert [found.state for found in cache.verify("mnist", tmp_path)] == [State.OK] * 4
