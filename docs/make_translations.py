"""Brings the Chinese of the site up to date: `python docs/make_translations.py`.

It takes the sentences of the translated pages from Sphinx, keeps their translations in
`locale/zh_CN/`, and makes the README there from them. A sentence that is new is left empty, for a
translator; one that has changed is marked as fuzzy and keeps the translation of the old one. Both
are shown in English until they are translated, and a test counts them.
"""

import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from babel.messages import Catalog
from babel.messages.pofile import read_po, write_po

DOCS = Path(__file__).parent
ROOT = DOCS.parent
LANGUAGE = "zh_CN"
CATALOGUES = DOCS / "locale" / LANGUAGE / "LC_MESSAGES"
PAGES = (
    "index",
    "backpropagation",
    "lessons",
    "notation",
    "exercises",
    "tutorials/first_network",
    "tutorials/your_own_digits",
    "tutorials/kaggle",
    "tutorials/in_ci",
    "reference/commands",
)
"""the pages that are translated; index is the README"""
HEADER = f"""msgid ""
msgstr ""
"Language: {LANGUAGE}\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""
README = ROOT / "README.md"
CHINESE_README = DOCS / "locale" / LANGUAGE / "README.md"
UP = "../../../"
"""from there to the README in English"""
LINKED = f"[简体中文](docs/locale/{LANGUAGE}/README.md)"
LINKED_BACK = (
    "[English](README.md) · 教程、课本和命令也有中文版，用 "
    "`pip install '.[docs]' && python -m sphinx -D language=zh_CN docs build/site/zh_CN` 生成"
)
MADE = "<!-- python docs/make_translations.py makes this file from README.md and docs/locale/. -->"

CODE = r"(?P<ticks>`+).+?(?P=ticks)"
TARGET = r"\]\([^)]*\)"
CHOICES = r"[\w.]+( \| [\w.]+)+"
WORD = r"(?<!\w)[A-Za-z]{2,}(?!\w)"


def needs_translation(message: str) -> bool:
    """Tell whether a message has words, beside code, the targets of links and formulae."""
    if re.fullmatch(CHOICES, message) or re.fullmatch(r"!\[.*\]\(.*\)", message):
        return False  # the values of an option; an image, whose description is a message
    return re.search(WORD, re.sub(f"{CODE}|{TARGET}", "", message)) is not None


def extracted(folder: Path) -> dict[str, Catalog]:
    """Return, by page, what there is to translate, by the templates that Sphinx has written."""
    found = {}
    for page in PAGES:
        found[page] = Catalog()
        for message in read_po(io.BytesIO((folder / f"{page}.pot").read_bytes())):
            if message.id and needs_translation(message.id):
                found[page].add(message.id)
    return found


def read(page: str) -> Catalog:
    """Return the catalogue of a page."""
    path = CATALOGUES / f"{page}.po"
    content = path.read_bytes() if path.exists() else HEADER.encode()
    catalogue = read_po(io.BytesIO(content), locale=LANGUAGE)
    for message in catalogue:
        message.user_comments.clear()  # Babel takes the sentence before, "#| msgid", for one
    return catalogue


def written(catalogue: Catalog) -> bytes:
    """Return the content of a .po file."""
    stream = io.BytesIO()
    for message in catalogue:
        message.flags.discard("python-format")  # a per cent sign is just that
    write_po(stream, catalogue, width=0, no_location=True, omit_header=True, include_previous=True)
    return HEADER.encode() + stream.getvalue()


def translated_readme(text: str, catalogue: Catalog) -> str:
    """Return the README in Chinese, block by block."""
    blocks = re.findall(r"^```[^`]*^```$|(?:^(?!```).+\n)+", text, re.MULTILINE)
    found = "\n\n".join([MADE, *(_block(block.strip(), catalogue) for block in blocks)]) + "\n"
    return re.sub(r"\]\((?!https?:|#)", f"]({UP}", found)


def _block(block: str, catalogue: Catalog) -> str:
    if block == LINKED:
        return LINKED_BACK
    if block.startswith("```"):
        first, *lines, last = block.split("\n")
        lines = _message("".join(f"{line}\n" for line in lines), catalogue)
        return f"{first}\n{lines}{last}"
    if block.startswith("|"):
        return "\n".join(_row(line, catalogue) for line in block.split("\n"))
    if image := re.fullmatch(r"!\[(.*)\]\((.*)\)", block):
        return f"![{_message(image[1], catalogue)}]({image[2]})"
    mark, text = re.fullmatch(r"(#+ )?(.*)", block, re.DOTALL).groups("")
    return mark + _message(text.replace("\n", " "), catalogue)


def _row(line: str, catalogue: Catalog) -> str:
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    row = " | ".join(_message(cell, catalogue) if cell else "" for cell in cells)
    return f"| {row} |".replace("  ", " ")


def _message(text: str, catalogue: Catalog) -> str:
    """Return a message's translation, or itself where it has none."""
    found = catalogue.get(text)
    return found.string if found and found.string and not found.fuzzy else text


def write_templates(folder: Path) -> None:
    """Let Sphinx write the templates of all pages."""
    words = [sys.executable, "-m", "sphinx", "-q", "-b", "gettext", "-D", "nb_execution_mode=off"]
    subprocess.run([*words, str(DOCS), str(folder)], check=True, cwd=ROOT)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        write_templates(Path(name))
        found = extracted(Path(name))
    for page, template in found.items():
        catalogue = read(page)
        catalogue.update(template)
        catalogue.obsolete.clear()
        path = CATALOGUES / f"{page}.po"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(written(catalogue))
        left = sum(not message.string or message.fuzzy for message in catalogue if message.id)
        print(f"{page}: {len(catalogue)} messages, {left} to translate")
    readme = translated_readme(README.read_text(encoding="utf-8"), read("index"))
    CHINESE_README.write_text(readme, encoding="utf-8", newline="\n")
