"""The site of the documentation: built without a warning, and every link in it leads somewhere."""

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from helpers.documents import DOCS, ROOT

from mlpcli.cli.main import COMMANDS

pytestmark = pytest.mark.site
TRANSLATED = ("index", "backpropagation", "lessons", "notation", "reference/commands")
ENDS = ("href", "src")


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


def build(builder, folder, *options):
    pytest.importorskip("sphinx", reason="the package sphinx is not installed")
    words = [sys.executable, "-m", "sphinx", "-W", "-n", "--keep-going", "-q", "-b", builder]
    done = subprocess.run(
        [*words, *options, "-d", str(folder / "doctrees"), str(DOCS), str(folder / builder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stderr
    return folder / builder


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return build("html", tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def pages(site):
    return {path: Links(path) for path in site.rglob("*.html")}


def test_every_link_leads_to_a_page_and_an_anchor_of_the_site(site, pages):
    assert len(pages) > 60
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


def test_every_paragraph_of_what_is_translated_is_in_the_catalogues(tmp_path):
    catalogues = build("gettext", tmp_path, "-D", "nb_execution_mode=off")
    for name in TRANSLATED:
        assert (catalogues / f"{name}.pot").read_text(encoding="utf-8").count("msgid") > 20
    text = (catalogues / "index.pot").read_text(encoding="utf-8")
    assert "mlpcli trains a multilayer perceptron" in text.replace('"\n"', "")
    assert len(list(Path(catalogues, "tutorials").glob("*.pot"))) == 4
