from pathlib import Path

import numpy as np
import pytest

from mlpcli.cli.predict_answers import Labels, answer, read_labels, score
from mlpcli.errors import DataError, ImageError
from mlpcli.reading.digit import Prepared
from mlpcli.reading.image_files import images_named


def answered(file, name):
    prepared = Prepared(np.zeros(4, np.uint8), False, False, (slice(0, 2), slice(0, 2)))
    return answer(file, prepared, np.eye(10)[int(name)], "0123456789", 0.0)


def labels(tmp_path, *rows, header="file,label"):
    path = tmp_path / "labels.csv"
    path.write_text("\n".join([header, *rows]), encoding="utf-8")
    return read_labels(path)


def test_files_of_one_name_in_two_folders_have_labels_of_their_own(tmp_path):
    answers = [answered("s/a/1.png", 7), answered("s/b/1.png", 7)]
    found = labels(tmp_path, "a/1.png,7", "b/1.png,3")
    assert score(answers, found).splitlines()[0].endswith("(1 of 2 right)")
    assert "s/b/1.png: 3" in score(answers, found)


def test_a_bare_name_and_a_longer_path_are_enough(tmp_path):
    for row in ("1.png,7", "elsewhere/s/1.png,7"):
        found = score([answered("s/1.png", 7)], labels(tmp_path, row))
        assert found.endswith("(1 of 1 right)")


def test_a_name_that_could_be_of_two_rows_is_refused(tmp_path):
    found = labels(tmp_path, "a/1.png,7", "b/1.png,3")
    with pytest.raises(DataError, match=r"^1\.png: .* different labels .* more of its path"):
        score([answered("1.png", 7)], found)
    assert score([answered("1.png", 7)], labels(tmp_path, "a/1.png,7", "b/1.png,7"))


def test_the_row_that_is_the_files_path_is_its_label_whatever_ends_so(tmp_path):
    found = labels(tmp_path, "1.png,7", "b/1.png,3")
    assert found.of("1.png") == "7"
    assert found.of("b/1.png") == "3"


def test_a_label_of_another_folder_is_not_the_files(tmp_path):
    with pytest.raises(DataError, match=r"None of the images .* has a label"):
        score([answered("test/7.png", 7)], labels(tmp_path, "train/7.png,3"))


def test_a_file_with_two_labels_is_told_with_its_line(tmp_path):
    with pytest.raises(DataError, match=r"labels\.csv:3: \./a/1\.png has two different labels"):
        labels(tmp_path, "a/1.png,7", "./a/1.png,3")


@pytest.mark.parametrize(("header", "row"), [("file,label", "1.png"), ("label,file", "3")])
def test_a_row_that_lacks_one_of_the_two_is_told_with_its_line(tmp_path, header, row):
    with pytest.raises(DataError, match=r"labels\.csv:3: expected a file and its label"):
        labels(tmp_path, "2.png,2", row, header=header)


def test_a_pattern_that_matches_folders_alone_matches_no_picture(tmp_path):
    (tmp_path / "folder").mkdir()
    pattern = str(tmp_path / "f*")
    with pytest.raises(ImageError, match="no file matches"):
        list(images_named(pattern, recursive=False))
    (tmp_path / "four.png").touch()
    assert [path.name for path in images_named(pattern, recursive=False)] == ["four.png"]


def test_what_is_hidden_in_a_folder_is_no_image_of_it(tmp_path, monkeypatch):
    folder = tmp_path / ".mine"
    for name in ("1.png", "._1.png", ".thumbnails/2.png", "more/3.png", "more/._3.png"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(folder)
    for named in (".", str(folder)):
        assert [path.name for path in images_named(named, recursive=False)] == ["1.png"]
        assert [path.name for path in images_named(named, recursive=True)] == ["1.png", "3.png"]
    assert images_named("._1.png", recursive=False) == [Path("._1.png")]


def test_what_is_not_counted_is_told(tmp_path):
    answers = [answered("s/a/1.png", 7), answered("s/b/2.png", 2), answered("s/3.png", 3)]
    found = labels(tmp_path, "a/1.png,7", "other/2.png,2", "empty.png,5", "s/3.png,3")
    assert score(answers, found).splitlines() == [
        "Accuracy: 100.00 % (2 of 2 right)",
        "Not counted: 2 labels without an answer: other/2.png, empty.png",
        "Not counted: 1 answer without a label",
    ]
    found = labels(tmp_path, "3.png,3")
    assert score(answers, found).splitlines()[1:] == ["Not counted: 2 answers without a label"]


def test_a_name_cannot_command_a_terminal_nor_be_a_line_of_its_own(tmp_path):
    name = "\x1b]0;x\x07\nfake.png: 3"
    told = score([answered(name, 7)], Labels({(name,): "3"}, {}))
    assert told.splitlines()[1:] == [r"  \x1b]0;x\x07\nfake.png: 3: 3, answered 7 (100.00 %)"]


def test_a_label_that_is_no_class(tmp_path):
    with pytest.raises(DataError, match=r"its label is .33., which is none of .* classes: 0, 1,"):
        score([answered("3.png", 3)], labels(tmp_path, "3.png,33"))


def test_a_label_of_a_picture_that_could_not_be_read(tmp_path):
    with pytest.raises(DataError, match="None of the images that were read has a label"):
        score([answered("3.png", 3)], labels(tmp_path, "empty.png,3"))
