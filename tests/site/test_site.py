"""The site of the documentation: built without a warning, and every link in it leads somewhere."""

import json
import os
import re
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from helpers.documents import DOCS, ROOT
from helpers.translations import translations

from mlpcli.cli.main import COMMANDS

pytestmark = pytest.mark.site
ENDS = ("href", "src")
NO_NOTEBOOKS = "-D", "nb_execution_mode=off"


class Links(HTMLParser):
    """The ids of a page, and what it refers to."""

    def __init__(self, page):
        super().__init__()
        self.ids, self.targets, self.titles = set(), [], []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids |= {given[key] for key in ("id", "name") if given.get(key)}
        self.targets += [given[key] for key in ENDS if given.get(key)]


def build(builder, folder, *options, target=None):
    pytest.importorskip("sphinx", reason="the package sphinx is not installed")
    target = target or folder / builder
    words = [sys.executable, "-m", "sphinx", "-W", "-n", "--keep-going", "-q", "-b", builder]
    done = subprocess.run(
        [*words, *options, "-d", str(folder / "doctrees"), str(DOCS), str(target)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = build("html", tmp_path_factory.mktemp("site"))
    options = "-D", "language=zh_CN", *NO_NOTEBOOKS
    build("html", tmp_path_factory.mktemp("chinese"), *options, target=site / "zh_CN")
    return site


@pytest.fixture(scope="module")
def pages(site):
    return {path: Links(path) for path in site.rglob("*.html")}


def test_every_link_leads_to_a_page_and_an_anchor_of_the_site(site, pages):
    assert len(pages) > 120
    for page, found in pages.items():
        for target in found.targets:
            address = urlsplit(target)
            if address.scheme or address.netloc:
                continue
            path = (page.parent / unquote(address.path)).resolve() if address.path else page
            assert path.is_file(), f"{page.relative_to(site)}: {target}"
            if address.fragment and path.suffix == ".html":
                assert unquote(address.fragment) in pages[path].ids, f"{page.name}: {target}"


def test_the_code_that_the_textbook_names_is_a_page(site):
    text = (site / "backpropagation.html").read_text(encoding="utf-8")
    assert 'href="source/mlpcli/nn/layers.py.html"' in text
    source = (site / "source" / "mlpcli" / "nn" / "layers.py.html").read_text(encoding="utf-8")
    assert "class" in source
    assert "Dropout" in source
    listed = (site / "source" / "mlpcli" / "nn.html").read_text(encoding="utf-8")
    assert 'href="nn/losses.py.html"' in listed


def test_every_command_has_its_section(pages, site):
    found = pages[site / "reference" / "commands.html"].ids
    assert {f"mlpcli-{name}" for name in COMMANDS} <= found


def test_nothing_is_loaded_from_elsewhere(pages):
    for page, found in pages.items():
        elsewhere = [each for each in found.targets if each.startswith(("http:", "//"))]
        assert not elsewhere, page
        text = page.read_text(encoding="utf-8")
        assert 'src="http' not in text, page


def test_every_paragraph_of_what_is_translated_is_in_the_catalogues(site, tmp_path):
    """`tests/test_translation.py` counts what is in them and has no translation."""
    found = translations.extracted(build("gettext", tmp_path, *NO_NOTEBOOKS))
    for page in translations.PAGES:
        there = {message.id for message in found[page] if message.id}
        kept = {message.id for message in translations.read(page) if message.id}
        assert there == kept, f"{page}: run `python docs/make_translations.py`"
    pages = {path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md")}
    assert {page for page in pages if page.startswith("tutorials/")} <= set(translations.PAGES)


def test_each_page_leads_to_itself_in_the_other_language(site, pages):
    for page in (path.relative_to(site) for path in pages if "zh_CN" not in path.parts):
        there = os.path.relpath(site / "zh_CN" / page, (site / page).parent)
        assert Path(there).as_posix() in pages[site / page].targets
        back = os.path.relpath(site / page, (site / "zh_CN" / page).parent)
        assert Path(back).as_posix() in pages[site / "zh_CN" / page].targets


@pytest.mark.parametrize("page", translations.PAGES)
def test_no_sentence_that_is_translated_is_shown_in_english(site, page):
    text = (site / "zh_CN" / f"{page}.html").read_text(encoding="utf-8")
    text = unescape(re.sub("<[^>]*>", "", text))
    plain = [
        message.id
        for message in translations.read(page)
        if " " in message.id
        and message.id != message.string
        and not re.search(r"[`*\]<\n]", message.id)
    ]
    assert len(plain) > 5
    assert not [words for words in plain if re.search(rf"(?m)^ *{re.escape(words)}", text)]


def test_the_chinese_pages_are_in_chinese_with_their_code_as_it_was(site):
    def shown(page):
        return (site / "zh_CN" / page).read_text(encoding="utf-8")

    assert 'lang="zh-CN"' in shown("index.html")
    assert "locale/zh_CN/README" not in shown("index.html")
    assert "尚未译成中文" in shown("how_to/page.html")
    for page in translations.PAGES:
        assert "尚未译成中文" not in shown(f"{page}.html")
        assert "**" not in shown(f"{page}.html")
    assert "上一页" in shown("lessons.html")
    assert "# 每一类的成绩" in shown("index.html")
    assert "链式法则" in shown("backpropagation.html")
    assert "0.508035" in shown("backpropagation.html")
    assert "用中心差分逐层检查反向传播" in shown("reference/commands.html")


def test_chinese_is_found_by_each_pair_of_its_characters(site):
    text = (site / "zh_CN" / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
    page = index["docnames"].index("backpropagation")
    for pair in ("链式", "式法", "法则"):
        assert page in [*np.atleast_1d(index["terms"][pair])]
    script = (site / "zh_CN" / "_static" / "language_data.js").read_text(encoding="utf-8")
    assert "function splitQuery" in script
    assert "ChineseStemmer" not in script  # Sphinx names it, but has none
