"""The site of these pages: `python -m sphinx -W -n -b html docs build/site`."""

import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))
sys.path.insert(0, str(HERE.parent))

import mlpcli  # noqa: E402 (found by the line above)

project = "mlpcli"
author = "The mlpcli authors"
copyright = f"2026, {author}"  # noqa: A001 (Sphinx's name for it)
version = release = mlpcli.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "mathml",
    "repository",
    "languages",
    "chinese_search",
]
exclude_patterns = ["locale", "notebooks/.ipynb_checkpoints"]
nitpicky = True
highlight_language = "bash"  # of blocks that name none: lines to type
default_role = "code"  # what one backtick means in docstrings and in the help of commands
smartquotes = False  # it would make a dash of --option

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

# Files of the repository that are pages of the site, too. A link to one leads to its page, and the
# links in one start at its own folder.
repository_pages = {
    "README.md": "index",
    "CHANGELOG.md": "changelog",
    "CONTRIBUTING.md": "contributing",
    "SECURITY.md": "explanation/security",
    "benchmarks/README.md": "explanation/benchmarks",
    "configs/published/README.md": "published",
    "tests/faults/README.md": "explanation/faults",
}

nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 300  # seconds
nb_output_stderr = "remove"  # of progress

autodoc_typehints = "description"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "inherited-members": False}
nitpick_ignore_regex = [
    ("py:.*", r"(numpy|np|collections|pathlib|typing|click|optuna|pydantic|mlpcli\.\w+)\..*"),
]

language = "en"
locale_dirs = ["locale"]
gettext_compact = False
gettext_uuid = False
gettext_location = False

html_math_renderer = "mathml"
html_theme = "furo"
html_title = "mlpcli"
html_static_path = ["_static"]
templates_path = ["_templates"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/language.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
pygments_style = "friendly"
pygments_dark_style = "github-dark"


def resolve_error(app: Any, env: Any, node: Any, contents: Any) -> Any:
    """Find the errors, which docstrings name without their module."""
    if node.get("reftype") != "exc":
        return None
    python = env.get_domain("py")
    name = f"mlpcli.errors.{node['reftarget']}"
    return python.resolve_xref(env, node["refdoc"], app.builder, "exc", name, node, contents)


def show_as_typed(app: Any, context: Any, lines: list[str]) -> None:
    """Make blocks of code of the lines that a command's help leaves unwrapped."""
    was_unwrapped = False
    for i, line in enumerate(lines):
        is_unwrapped = line.startswith("| ")
        if is_unwrapped:
            start = "" if was_unwrapped else ".. code-block:: text\n\n"
            lines[i] = f"{start}   {line[2:]}"
        was_unwrapped = is_unwrapped
    lines[:] = "\n".join(lines).split("\n")


def setup(app: Any) -> None:
    """Connect what stands here."""
    app.connect("sphinx-click-process-description", show_as_typed)
    app.connect("sphinx-click-process-arguments", lambda app, context, lines: lines.clear())
    app.connect("missing-reference", resolve_error)
