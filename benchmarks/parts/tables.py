"""Tables in Markdown, and where they stand in a document."""

import re
from collections.abc import Sequence


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def replace_section(document: str, name: str, text: str) -> str:
    """The document with what stands between the markers of a name replaced.

    The markers are `<!-- name -->` and `<!-- /name -->`.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(document):
        raise SystemExit(f"The document has no section {begin} … {end}.")
    return pattern.sub(lambda _: f"{begin}\n{text}\n{end}", document)
