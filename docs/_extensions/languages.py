"""The site in a language other than English: what Sphinx leaves out, and the way between them.

Sphinx puts the sentences of the catalogues in `locale/` in place of those of the pages. Here, words
in blocks, such as comments beside lines to type, are translated, too; each page has a link to the
same page in the other language, and says so where it is not translated. The site in another
language lies in a folder of the English one.
"""

import gettext
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

LOCALE = Path(__file__).parents[1] / "locale"
SOURCE = "en"
NAMES = {"en": "English", "zh_CN": "中文"}
UNTRANSLATED = {"zh_CN": "本页尚未译成中文，以下是英文原文。"}
COMMENT = re.compile(r"\S +# ")
"""in a block of lines to type"""
COLUMNS = re.compile(r"\S {2,}\S")
"""in a block of text, such as the help of a command: words beside a line or a name"""
SUMMARY = re.compile("<summary>")
"""in HTML: words to unfold something"""
README = re.compile(r"locale/\w+/README\.md$")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect what follows to the steps of a build."""
    app.connect("doctree-read", leave_out_other_readmes, priority=50)  # before links are followed
    app.connect("doctree-read", translate_blocks)
    app.connect("html-page-context", link_languages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def catalogue(language: str, docname: str) -> gettext.NullTranslations | None:
    """Return the translation of a page, or None: Sphinx has compiled it from the .po file."""
    try:
        return gettext.translation(docname, LOCALE, [language])
    except FileNotFoundError:
        return None


def leave_out_other_readmes(app: Sphinx, doctree: nodes.document) -> None:
    """Leave out the README's link to itself in another language: each page here has one."""
    links = addnodes.pending_xref, addnodes.download_reference
    for node in list(doctree.findall(lambda node: isinstance(node, links))):
        if README.search(node["reftarget"]):
            node.parent.parent.remove(node.parent)


def translate_blocks(app: Sphinx, doctree: nodes.document) -> None:
    """Translate the words in blocks that Sphinx takes for code, or offer them to a translator."""
    found = catalogue(app.config.language, app.env.docname)
    for node in doctree.findall(lambda node: isinstance(node, nodes.literal_block | nodes.raw)):
        if not _has_words(node):
            continue
        if found is not None:
            node.rawsource = found.gettext(node.astext())
            node.children = [nodes.Text(node.rawsource)]
        node.source = node.source or app.env.docname
        node["translatable"] = True


def _has_words(node: nodes.literal_block | nodes.raw) -> bool:
    if isinstance(node, nodes.raw):
        return SUMMARY.search(node.astext()) is not None
    words = {"text": COLUMNS, "bash": COMMENT, "default": COMMENT}.get(node.get("language"))
    return words is not None and words.search(node.astext()) is not None


def link_languages(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Tell the template where the page is in the other languages, and what it is in this one."""
    here = app.config.language
    root = "" if here == SOURCE else "../"
    context["languages"] = [
        (other.replace("_", "-"), name, root + ("" if other == SOURCE else f"{other}/") + page)
        for other, name in NAMES.items()
        if other != here
    ]
    if doctree is not None and here != SOURCE and catalogue(here, page) is None:
        note = f'<p class="untranslated">{UNTRANSLATED[here]}</p>'
        context["body"] = note + context["body"]
