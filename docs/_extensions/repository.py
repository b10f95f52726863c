"""Links that leave docs/ and still stay in the site.

The pages are read in the repository, where a link may lead to any file, and as a site, which has
nothing but its pages. So here a link to a file that is a page (`repository_pages` in conf.py)
becomes one to that page; any other file of text, or folder, gets a page of its own, under
`source/`; and the name of a file in `code` becomes a link to it.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
SOURCES = "source"
"""the folder of the site in which the pages of files are"""
REFTYPE = "repository"
LANGUAGES = {
    "": "text",
    ".js": "javascript",
    ".json": "json",
    ".md": "markdown",
    ".py": "python",
    ".toml": "toml",
    ".yaml": "yaml",
}
UNLISTED = ("__init__.py",)

Page = tuple[str, dict[str, Any], str]


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect what follows to the steps of a build."""
    app.add_config_value("repository_pages", {}, "env", types=dict)
    app.connect("doctree-read", redirect, priority=100)  # before Sphinx collects downloads
    app.connect("env-purge-doc", forget)
    app.connect("missing-reference", resolve)
    app.connect("html-collect-pages", source_pages)
    return {"parallel_read_safe": False, "parallel_write_safe": True}


def linked_files(env: BuildEnvironment) -> dict[str, set[str]]:
    """Return, by page, the paths in the repository that it links to."""
    if not hasattr(env, "repository_links"):
        env.repository_links = {}
    return env.repository_links


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Forget the links of a page that is read again."""
    linked_files(env).pop(docname, None)


def redirect(app: Sphinx, doctree: nodes.document) -> None:
    """Let each link of a page that was read lead to a page of the site."""
    docname = app.env.docname
    homes = {page: Path(file).parent for file, page in app.config.repository_pages.items()}
    home = homes.get(docname, Path("docs", docname).parent)
    linked = linked_files(app.env).setdefault(docname, set())

    for node in list(doctree.findall(addnodes.pending_xref)):
        if node.get("reftype") != "myst" or node["reftarget"].startswith("#"):
            continue
        if node.get("refdomain") == "doc":
            page = DOCS / f"{node['reftarget']}.md"  # absolute where it is no page of the site
            written = os.path.relpath(page, (DOCS / docname).parent)
            _lead(app, node, home / written, node["reftargetid"], linked)
        else:
            written, _, anchor = node["reftarget"].partition("#")
            _lead(app, node, home / written, anchor or None, linked)
    for node in list(doctree.findall(addnodes.download_reference)):
        path = home / node["reftarget"]
        if path.suffix in LANGUAGES:
            link = addnodes.pending_xref("", *node.children, **node.attributes)
            node.replace_self(link)
            _lead(app, link, path, None, linked)
    for node in list(doctree.findall(nodes.literal)):
        path = Path(node.astext())
        is_linked = isinstance(node.parent, nodes.reference | addnodes.pending_xref)
        if not is_linked and len(path.parts) > 1 and _has_page(path):
            link = addnodes.pending_xref("", node.deepcopy(), refdoc=docname, refexplicit=True)
            node.replace_self(link)
            _lead(app, link, path, None, linked)


def _has_page(path: Path) -> bool:
    try:
        is_file = (ROOT / path).is_file()
    except OSError:  # a name too long
        return False
    return is_file and path.suffix in LANGUAGES and path.parts[0] != ".."


def _lead(
    app: Sphinx, link: addnodes.pending_xref, path: Path, anchor: str | None, linked: set[str]
) -> None:
    """Let a link lead to the page of the file or folder `path`."""
    path = Path(os.path.normpath(path))
    pages = app.config.repository_pages
    page = pages.get(path.as_posix()) or pages.get((path / "README.md").as_posix())
    if page is None and path.parts[0] == "docs" and path.suffix == ".md":
        page = path.relative_to("docs").with_suffix("").as_posix()
    if page is not None:
        link["refdomain"], link["reftype"] = "doc", "myst"
        link["reftarget"], link["reftargetid"] = page, anchor
    elif (ROOT / path).exists():
        link["refdomain"], link["reftype"], link["reftarget"] = "", REFTYPE, path.as_posix()
        linked.add(path.as_posix())


def resolve(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, contents: nodes.Element
) -> nodes.reference | None:
    """Return the link to the page of a file."""
    if node["reftype"] != REFTYPE:
        return None
    page = f"{SOURCES}/{node['reftarget']}"
    uri = app.builder.get_relative_uri(node["refdoc"], page) if app.builder.format == "html" else ""
    return nodes.reference("", "", *node.children, internal=True, refuri=uri)


def source_pages(app: Sphinx) -> Iterator[Page]:
    """Yield a page of each file that is linked to, and of each folder and the files in it."""
    files: set[Path] = set()
    for path in map(Path, set().union(*linked_files(app.env).values())):
        if (ROOT / path).is_dir():
            inside = [
                path / file.name
                for file in sorted((ROOT / path).iterdir())
                if _has_page(path / file.name) and file.name not in UNLISTED
            ]
            files.update(inside)
            items = "".join(_item(app, path, file) for file in inside)
            yield _page(path, f"<ul>{items}</ul>")
        else:
            files.add(path)
    for path in files:
        text = (ROOT / path).read_text(encoding="utf-8")
        yield _page(path, app.builder.highlighter.highlight_block(text, LANGUAGES[path.suffix]))


def _item(app: Sphinx, folder: Path, file: Path) -> str:
    here, there = f"{SOURCES}/{folder.as_posix()}", f"{SOURCES}/{file.as_posix()}"
    uri = app.builder.get_relative_uri(here, there)
    return f'<li><a class="reference internal" href="{uri}">{file.name}</a></li>'


def _page(path: Path, body: str) -> Page:
    title = path.as_posix()
    text = {"title": title, "body": f"<h1>{title}</h1>\n{body}"}
    return f"{SOURCES}/{title}", text, "page.html"
