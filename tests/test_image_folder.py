"""Folders of images: what is in them, in which order, and what cannot be used."""

import os
import shutil
import unicodedata
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import pytest
from helpers.own import write_digits
from helpers.runs import Told
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import mlpcli
from mlpcli.data import image_folder, prepared
from mlpcli.data.image_folder import find_images, fingerprint
from mlpcli.data.labels_table import labelled_files
from mlpcli.data.problems import Problems
from mlpcli.errors import DataError
from mlpcli.reading.digit import prepare
from mlpcli.reading.plain import scale
from mlpcli.reading.preparations import PREPARATIONS


@pytest.fixture
def digits(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_digits(tmp_path / "digits")


def load(path, **settings):
    return mlpcli.load_dataset("folder", path=path, test_share=0.25, **settings)


def test_a_folder_for_each_class(digits):
    training, test = load(digits), load(digits, split="test")
    assert (len(training), len(test)) == (30, 10)
    assert training.class_names == test.class_names == tuple("0123456789")
    everything = {
        prepare(path).pixels.tobytes(): path.parent.name for path in digits.rglob("*.png")
    }
    for dataset in (training, test):
        for image, label in zip(dataset.images, dataset.labels, strict=True):
            assert everything.pop(image.tobytes()) == dataset.class_names[label]
    assert not everything


def test_a_table_of_labels_in_the_folder_and_by_itself(digits):
    rows = [
        (path.relative_to(digits).as_posix(), path.parent.name) for path in digits.rglob("*.png")
    ]
    lines = ["file,label,hand", *(f"{file},{label},mine" for file, label in rows)]
    folders = load(digits)
    (digits / "labels.csv").write_text("\n".join(lines))
    table = load(digits)
    (digits / "labels.csv").rename(digits / "other.csv")
    for found in (table, load(digits / "other.csv")):
        assert np.array_equal(found.images, folders.images)
        assert np.array_equal(found.labels, folders.labels)


def test_a_test_folder_and_classes_by_name(digits, tmp_path):
    other = write_digits(tmp_path / "other", 30, start=500)
    shutil.rmtree(other / "3")
    test = mlpcli.load_dataset("folder", path=digits, test_path=other, split="test")
    assert len(mlpcli.load_dataset("folder", path=digits, test_path=other)) == 40
    names = [test.class_names[label] for label in test.labels]
    assert sorted(names) == sorted(path.parent.name for path in other.rglob("*.png"))
    shutil.move(other / "4", other / "eleven")
    with pytest.raises(DataError, match=r"eleven/.*: its class 'eleven' is none of 0, 1"):
        mlpcli.load_dataset("folder", path=digits, test_path=other, split="test")


def test_another_size_and_no_preparation(digits):
    found = load(digits, image_size=[20, 12], prepare="none", test_size=1)
    assert found.image_shape == (20, 12)
    first = next(iter(sorted((digits / "0").iterdir())))
    expected = scale(first, (20, 12)).pixels
    assert expected.tobytes() in {image.tobytes() for image in found.images}
    grey = np.asarray(Image.open(first).convert("L"), float)
    assert expected.mean() == pytest.approx(grey.mean(), abs=2)


def bad(digits: Path) -> Path:
    """What is in folders beside images; five lines of what is told."""
    (digits / "1" / "notes.txt").write_text("hello")
    whole = digits / "2" / "手写 数字.png"
    shutil.copy(next((digits / "2").iterdir()), whole)
    Image.open(whole).convert("RGB").save(digits / "2" / "cut.jpg")
    content = (digits / "2" / "cut.jpg").read_bytes()
    (digits / "2" / "cut.jpg").write_bytes(content[: len(content) // 2])
    (digits / "empty").mkdir()
    Image.new("L", (1, 1)).save(digits / "3" / "tiny.png")
    Image.new("L", (5000, 5000), 255).save(digits / "3" / "huge.png")
    (digits / "lost.png").write_bytes(whole.read_bytes())
    (digits / "4" / ".DS_Store").write_bytes(b"x")
    (digits / "4" / "Thumbs.db").write_bytes(b"x")
    return digits


TOLD = [
    "1/notes.txt: not an image by its name",
    "2/cut.jpg: not a readable image",
    "3/tiny.png: no digit found",
    "3/huge.png: no digit found",
    "empty/: a class without an image",
    "lost.png: it lies in no folder of a class",
]


def test_each_thing_that_cannot_be_used_is_told_and_nothing_is_trained(digits):
    with pytest.raises(DataError) as caught:
        load(bad(digits))
    message = str(caught.value)
    assert f"{digits}: 6 problems" in message
    for line in TOLD:
        assert line in message
    assert not list(digits.parent.glob("data/prepared/*"))


def test_what_can_be_read_is_used_and_the_rest_counted(digits):
    told = Told()
    bad(digits)
    n = len(list(digits.rglob("?/*.png"))) - 2  # tiny and huge
    for _ in range(2):  # prepared, then from the cache
        training = load(digits, on_error="skip", reporter=told)
        assert len(training) + round(0.25 * n) == n
        assert training.class_names == tuple("0123456789")
    assert len(told.remarks) == 2
    assert told.remarks[0] == told.remarks[1]
    assert "6 problems" in told.remarks[0]


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_links_lead_nowhere_else(digits, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    shutil.copy(next((digits / "5").iterdir()), outside / "x.png")
    (digits / "5" / "out.png").symlink_to(outside / "x.png")
    (digits / "6" / "gone.png").symlink_to(tmp_path / "nothing")
    (digits / "loop").symlink_to(digits)
    (digits / "7" / "in.png").symlink_to(next((digits / "5").glob("0*.png")))
    os.mkfifo(digits / "8" / "pipe.png")
    problems = Problems("d", "", skip=True)
    found = find_images(digits, problems)
    assert sorted(problems.listed) == [
        "5/out.png: it leads out of the folder, and is not followed",
        "6/gone.png: a link to nothing",
        "8/pipe.png: not an ordinary file",
        "loop: a link to a folder is not followed",
    ]
    assert [image.label for image in found if image.name == "7/in.png"] == ["7"]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("../secret.png,1", "it leads out of the folder"),
        ("gone.png,1", "there is no such file"),
        ("0,1", "a folder, no image"),
        ("0/000.png,", "it has no label"),
        ("\0.png,1", "cannot be read"),
    ],
)
def test_rows_of_a_table_that_cannot_be_used(digits, tmp_path, row, problem):
    (tmp_path / "secret.png").write_bytes(b"")
    for path in digits.rglob("*.png"):
        path.rename(digits / "0" / "000.png")
        break
    (digits / "labels.csv").write_text(f"file,label\n{row}\n")
    with pytest.raises(DataError, match=rf"{problem}.*labels\.csv, line 2"):
        load(digits)


def test_spaces_around_a_label_are_none_of_it(tmp_path):
    (tmp_path / "labels.csv").write_text("file, label\na b.png, two words \n1.png,7\t\n")
    found = list(labelled_files(tmp_path / "labels.csv"))
    assert found == [(2, "a b.png", "two words"), (3, "1.png", "7")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_row_ends_where_its_line_does(tmp_path, end):
    rows = [("a\u2028b.png", "x\x85y"), ("n\x0b.png", 'a"b')]
    lines = ["file,label", rows[0][0] + "," + rows[0][1], rows[1][0] + ',"a""b"']
    (tmp_path / "labels.csv").write_text(end.join(lines), "utf-8-sig", newline="")
    found = list(labelled_files(tmp_path / "labels.csv"))
    assert found == [(2, *rows[0]), (3, *rows[1])]


@pytest.mark.parametrize(
    ("file", "root", "leads"),
    [
        (r"\\evil.example\share\1.png", "C:\\digits", True),
        ("//evil.example/share/1.png", "C:\\digits", True),
        (r"\\?\UNC\evil.example\share\1.png", "C:\\digits", True),
        ("D:1.png", "C:\\digits", True),
        (r"c:\digits\1.png", "C:\\digits", False),
        ("7/1.png", r"\\nas\share\digits", False),
    ],
)
def test_a_file_on_another_computer_is_not_looked_at(digits, monkeypatch, file, root, leads):
    assert image_folder.leads_to_another_drive(file, PureWindowsPath(root)) == leads
    assert not image_folder.leads_to_another_drive(file, PurePosixPath("/digits"))
    monkeypatch.setattr(image_folder, "leads_to_another_drive", lambda file, _: "evil" in file)
    monkeypatch.setattr(image_folder, "_fault", lambda *_: pytest.fail("it was looked at"))
    (digits / "labels.csv").write_text("file,label\n//evil/share/1.png,1\n")
    with pytest.raises(DataError, match=r"//evil/share/1\.png: it leads out of the folder"):
        load(digits)


def test_two_labels_of_one_file_and_no_table(digits):
    (digits / "labels.csv").write_text("file,label\n0/000.png,1\n0/000.png,2\n")
    shutil.copy(next(digits.rglob("*.png")), digits / "0" / "000.png")
    with pytest.raises(DataError, match="two different labels"):
        load(digits)
    (digits / "labels.csv").write_text("name,digit\n")
    with pytest.raises(DataError, match="the columns file and label"):
        load(digits)


def test_folders_without_images(tmp_path):
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(DataError, match=r"no images|cannot be read"):
            load(path)


def test_a_folder_in_it_that_may_not_be_read_is_named(digits, monkeypatch):
    scandir = os.scandir

    def refused(path):
        if Path(path).name == "7":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(DataError, match=r"digits.7: cannot be read: Permission denied"):
        load(digits)


def test_more_than_one_process_reads_the_same(digits, monkeypatch):
    one = load(digits)
    monkeypatch.setattr(prepared, "WORTH_A_PROCESS", 1)
    monkeypatch.setattr(prepared, "available_cores", lambda: 3)
    shutil.rmtree("data")
    assert np.array_equal(load(digits).images, one.images)


def test_the_cache_is_used_only_for_the_same(digits, monkeypatch):
    first = load(digits)
    with monkeypatch.context() as patch:
        patch.setitem(PREPARATIONS, "digit", None)  # nothing is prepared again
        assert np.array_equal(load(digits).images, first.images)
        moved = digits.rename(digits.parent / "moved")
        assert np.array_equal(load(moved).images, first.images)
    (kept,) = Path("data/prepared").iterdir()
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes(content)
    assert np.array_equal(load(moved).images, first.images)
    content = bytearray(kept.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] ^= 1  # the first array seems to be encrypted
    kept.write_bytes(content)
    assert np.array_equal(load(moved).images, first.images)
    with np.load(kept) as arrays:
        others = dict(arrays)
    others["pixels"] = 255 - others["pixels"]
    np.savez(kept, **others)
    assert np.array_equal(load(moved).images, first.images)
    one = next((moved / "1").iterdir()).read_bytes()
    for changed in (moved / "0").iterdir():
        changed.write_bytes(one)
    assert not np.array_equal(load(moved).images, first.images)


def test_a_cache_that_cannot_be_written_is_told(digits, tmp_path):
    (tmp_path / "file").write_text("")
    told = Told()
    assert len(load(digits, data_dir=tmp_path / "file", reporter=told)) == 30
    assert "prepared again the next time" in told.remarks[0]


@given(st.randoms())
def test_the_order_of_listing_is_nothing(tmp_path_factory, random):
    folder = tmp_path_factory.mktemp("listed")
    for name in ("b/é.png", "b/10.png", "b/9.png", "a/inner/x.PNG", "a/z.jpg", "ü/1.gif"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    scandir = os.scandir

    class Shuffled:
        def __init__(self, path):
            with scandir(path) as entries:
                self.entries = list(entries)
            random.shuffle(self.entries)

        def __enter__(self):
            return iter(self.entries)

        def __exit__(self, *_):
            pass

    usual = find_images(folder, Problems("", "", skip=False))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "scandir", Shuffled)
        found = find_images(folder, Problems("", "", skip=False))
    assert found == usual
    assert fingerprint(found, []) == fingerprint(usual, [])
    names = [unicodedata.normalize("NFC", image.name) for image in found]
    assert names == ["a/inner/x.PNG", "a/z.jpg", "b/10.png", "b/9.png", "b/é.png", "ü/1.gif"]
