"""Every link leads somewhere, every page can be found, and the README stays short."""

import re
from pathlib import PurePosixPath

import pytest
from helpers.documents import (
    DOCS,
    INDEX,
    OTHERS,
    PAGES,
    ROOT,
    anchors,
    blocks,
    is_translation,
    links,
    read,
)

FILES = {**PAGES, **{name: read(ROOT / name) for name in OTHERS}}
LOOKED_FOR = {
    "how the error of softmax and cross-entropy is derived": "δ = p − t",
    "why weights zig-zag": "gradients of one sign",
    "what the network sees of a photo": "--save-input",
    "the default of a setting, and its reason": "| `training.batch_size` |",
    "what the exit code 5 means": "| 5 | the training diverged",
    "a sweep on Slurm": "SLURMCluster",
    "a submission to Kaggle": "ImageId,Label",
    "what may change when a run resumes": "`stop_at_loss`, `workers` and",
    "what a checkpoint from a stranger can do": "cannot run code, but it can be wrong on purpose",
    "a network in ONNX Runtime": "onnxruntime.InferenceSession",
}
"""what a reader of the README looks for, and words that only its page has"""


def target(name: str, path: str) -> str:
    """The path in the repository to which a link in a file leads."""
    parts: list[str] = []
    for part in (PurePosixPath(name).parent / path).parts if path else PurePosixPath(name).parts:
        parts[:] = parts[:-1] if part == ".." else [*parts, part]
    return "/".join(parts)


@pytest.mark.parametrize("name", FILES)
def test_every_link_leads_to_a_file_and_to_a_heading_in_it(name):
    for path, anchor in links(FILES[name]):
        found = target(name, path)
        assert (ROOT / found).exists(), f"{path}: no such file"
        if anchor:
            text = FILES.get(found) or read(ROOT / found)
            assert anchor in anchors(text), f"{path}#{anchor}: no such heading"
        is_page = found.startswith("docs/") and found.endswith(".md") and not is_translation(found)
        is_shown_twice = is_page and found not in FILES
        assert not is_shown_twice, f"{path} only includes another file: link to that"


def test_every_page_is_in_the_table_of_contents_once():
    named = [
        line
        for block in blocks(read(INDEX), "{toctree}")
        for line in block.splitlines()
        if line and not line.startswith(":")
    ]
    assert len(named) == len(set(named))
    there = {
        path.relative_to(DOCS).with_suffix("").as_posix()
        for path in DOCS.rglob("*.md")
        if not is_translation(path.relative_to(ROOT).as_posix())
    }
    assert there - {"index"} == set(named) - {"notebooks/*"}


def test_the_readme_is_short_and_has_two_pictures():
    text = FILES["README.md"]
    assert len(text.splitlines()) <= 120
    assert text.count("![") == 2  # it at work, and the page
    assert max(len(line) for line in text.splitlines() if not line.startswith("|")) <= 118


@pytest.mark.parametrize("wish", LOOKED_FOR)
def test_within_two_clicks_of_the_readme_is(wish):
    assert len(LOOKED_FOR) == 10
    reached = {"README.md"}
    for _ in range(2):
        reached |= {
            target(name, path) for name in reached & FILES.keys() for path, _ in links(FILES[name])
        }
    pages = [name for name in sorted(reached & FILES.keys()) if LOOKED_FOR[wish] in FILES[name]]
    assert pages
    assert pages != ["README.md"]


def test_the_pictures_are_small():
    pictures = [
        path
        for path in DOCS.rglob("*")
        if path.suffix in (".png", ".svg", ".webp", ".jpg") and "_build" not in path.parts
    ]
    assert len(pictures) > 10
    assert sum(path.stat().st_size for path in pictures) < 1_000_000


def test_every_picture_of_the_lessons_is_one_that_the_script_makes():
    lessons = FILES["docs/lessons.md"]
    shown = set(re.findall(r"\]\(pictures/(\w+)\.webp\)", lessons))
    assert shown == {path.stem for path in (DOCS / "pictures").glob("*.webp")}
    typed = re.findall(
        r"```\n((?:mlpcli .*\n)+)```\n\n!\[[^\]]+\]\(pictures/(\w+)\.webp\)", lessons
    )
    assert {name for _, name in typed} == shown
    assert all("--only" in lines.splitlines()[-1] for lines, _ in typed)
