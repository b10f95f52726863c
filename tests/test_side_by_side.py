"""Pictures that several processes draw are those of one, and so are their errors."""

import os

import pytest
from matplotlib.figure import Figure

from mlpcli.errors import WriteError
from mlpcli.parallel.workers import can_fork
from mlpcli.pictures import side_by_side
from mlpcli.pictures.side_by_side import draw_and_save

needs_fork = pytest.mark.skipif(not can_fork(), reason="workers cannot be processes here")


def line(i, seen=None):
    if seen is not None:
        (seen / f"{i}-{os.getpid()}").touch()
    figure = Figure(figsize=(1, 1), layout="constrained")
    figure.subplots().plot([0, i])
    return figure


def pictures(folder, n=5, seen=None):
    return [(lambda i=i: line(i, seen), folder / f"{i}.png") for i in range(n)]


@pytest.fixture(params=[1, 2, pytest.param(3, marks=needs_fork)])
def cores(request, monkeypatch):
    monkeypatch.setattr(side_by_side, "available_cores", lambda: request.param)
    return request.param


def test_any_number_of_cores_writes_the_same_files(cores, tmp_path, monkeypatch):
    for folder in ("here", "alone", "seen"):
        (tmp_path / folder).mkdir()
    draw_and_save(pictures(tmp_path / "here", seen=tmp_path / "seen"), "png")
    drawn = [name.name.split("-") for name in (tmp_path / "seen").iterdir()]
    assert sorted(i for i, _ in drawn) == list("01234")
    assert len({process for _, process in drawn}) == (cores if can_fork() else 1)
    monkeypatch.setattr(side_by_side, "can_fork", lambda: False)
    draw_and_save(pictures(tmp_path / "alone"), "png")
    for i in range(5):
        content = (tmp_path / "here" / f"{i}.png").read_bytes()
        assert content == (tmp_path / "alone" / f"{i}.png").read_bytes()


@pytest.mark.parametrize("place", [0, 1, 4])
def test_an_error_of_any_process_is_raised_as_it_is(cores, place, tmp_path):
    wanted = pictures(tmp_path)
    wanted[place] = (wanted[place][0], tmp_path / "none" / "x.png")
    with pytest.raises(WriteError, match="none"):
        draw_and_save(wanted, "png")


@needs_fork
def test_what_a_process_that_was_ended_leaves_is_drawn_by_the_first(tmp_path, monkeypatch):
    monkeypatch.setattr(side_by_side, "available_cores", lambda: 2)
    here = os.getpid()

    def die():
        if os.getpid() != here:
            os._exit(1)
        return line(1)

    draw_and_save([(die, tmp_path / f"{i}.png") for i in range(4)], "png")
    assert len([*tmp_path.iterdir()]) == 4
