"""The pages of documentation as text: their blocks, their headings, their links."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
INDEX = DOCS / "index.md"
BLOCK = re.compile(r"^( *)```(\S*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)")


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def is_inclusion(path: Path) -> bool:
    """Whether a page of the site only shows a file of the repository."""
    return read(path).startswith("```{include}")


def is_translation(name: str) -> bool:
    """Whether a path is that of a README in another language: for code hosts, no page."""
    return name.startswith("docs/locale/")


PAGES = {
    path.relative_to(ROOT).as_posix(): read(path)
    for path in (ROOT / "README.md", *sorted(DOCS.rglob("*.md")))
    if not is_inclusion(path) and not is_translation(path.relative_to(ROOT).as_posix())
}
"""the pages that are written for readers, by their paths"""
OTHERS = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "benchmarks/README.md",
    "configs/published/README.md",
    "tests/faults/README.md",
)
"""files that are pages of the site, too"""


def blocks(text: str, language: str) -> list[str]:
    """The blocks of a language, "" for none, in order."""
    return [
        re.sub(f"(?m)^{indent}", "", block)
        for indent, found, block in BLOCK.findall(text)
        if found == language
    ]


def prose(text: str) -> str:
    """The text without its blocks."""
    return BLOCK.sub("", text)


def lines_to_type(text: str) -> list[str]:
    """The lines of mlpcli in blocks of no language, without `pip install . &&` before them."""
    lines = [line for block in blocks(text, "") for line in block.splitlines()]
    lines = [line.removeprefix("pip install . && ") for line in lines]
    return [line for line in lines if line.startswith("mlpcli ")]


def links(text: str) -> list[tuple[str, str]]:
    """The links to files, as path and anchor."""
    found = [target.partition("#") for target in LINK.findall(prose(text))]
    return [(path, anchor) for path, _, anchor in found if "://" not in path]


def anchors(text: str) -> set[str]:
    """The anchors of the headings, as code hosts make them."""
    headings = re.findall(r"(?m)^#+ (.*)$", prose(text))
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)|`", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in plain}
