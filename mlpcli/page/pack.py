"""Making one HTML file of a page's modules, its style and its numbers.

A page opened from a disk may not load modules from other files. So the modules are put one behind
the other, each after those that it imports, without their `import` and `export`: they are written
so that no two of them use a name for two things.
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

WEB = Path(__file__).parent / "web"
MAIN = WEB / "main.js"
_IMPORT = re.compile(r'^import \{[^}]*\} from "(\.{1,2}/[^"]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?function|class|const|let)", re.MULTILINE)
_PLACE = re.compile(r"\{\{(\w+)\}\}")


def packed(title: str, facts: Mapping[str, Any]) -> str:
    """Return the page: a title, and what its script finds as JSON.

    Its Content-Security-Policy lets nothing run but its own script, and asks for nothing from
    anywhere.
    """
    style = (WEB / "page.css").read_text(encoding="utf-8")
    code = script()
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src '{_hash(code)}'",
            f"style-src '{_hash(style)}'",
            "img-src data: blob:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    parts = {
        "policy": policy,
        "title": html.escape(title),
        "style": style,
        "facts": as_data(facts),
        "script": code,
    }
    template = (WEB / "page.html").read_text(encoding="utf-8")
    return _PLACE.sub(lambda place: parts[place[1]], template)


def as_data(facts: Mapping[str, Any]) -> str:
    """Return JSON that no text in it can end, or turn into markup, inside a script element."""
    text = json.dumps(facts, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def script() -> str:
    """Return all modules as one, each after those that it imports."""
    return "\n".join(_as_part(module) for module in modules())


def modules() -> list[Path]:
    """Return the paths of the modules that MAIN needs, each after those that it imports."""
    found: list[Path] = []

    def add(module: Path) -> None:
        for name in _IMPORT.findall(module.read_text(encoding="utf-8")):
            imported = (module.parent / name).resolve()
            if imported not in found:
                add(imported)
        found.append(module)

    add(MAIN.resolve())
    return found


def _as_part(module: Path) -> str:
    text = _IMPORT.sub("", module.read_text(encoding="utf-8"))
    return f"// {module.name}\n\n" + _EXPORT.sub("", text).lstrip()


def _hash(text: str) -> str:
    """Return the source expression of a Content-Security-Policy that allows this text alone."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
