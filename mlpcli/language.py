"""The language of what is explained: English as it stands in the code, or a translation of it.

A translation is a catalogue of gettext under `mlpcli/locale/`. A sentence that it lacks stays
English, so that a changed sentence is seen to be untranslated, and is never silently another.
"""

import gettext as _gettext
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

VARIABLE = "MLPCLI_LANGUAGE"
LOCALES = {"en": "", "zh": "zh_CN"}
"""languages, each with the folder of its catalogue; English needs none"""
FOLDER = Path(__file__).parent / "locale"
_DOMAIN = "mlpcli"

_language: ContextVar[str] = ContextVar("language", default="en")
_catalogue: ContextVar[_gettext.NullTranslations | None] = ContextVar("catalogue", default=None)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Let `_` and its relatives speak a language inside the block, in this thread alone."""
    locale, catalogue = LOCALES[language], None
    if locale:
        catalogue = _gettext.translation(_DOMAIN, FOLDER, [locale], fallback=True)
    tokens = _language.set(language), _catalogue.set(catalogue)
    try:
        yield
    finally:
        _language.reset(tokens[0])
        _catalogue.reset(tokens[1])


def language() -> str:
    """Return the language that is spoken here, a key of `LOCALES`."""
    return _language.get()


def _(text: str, /, **values: object) -> str:
    """Return a text in the language that is spoken here, with the values in its placeholders.

    The text must be a literal, so that its catalogue can be made from the code, or one that is
    marked by `N_`.
    """
    catalogue = _catalogue.get()
    found = text if catalogue is None else catalogue.gettext(text)
    return found.format(**values) if values else found


def N_(text: str, /) -> str:  # noqa: N802 (as everybody who uses gettext calls it)
    """Mark a text that `_` translates later."""
    return text


def counted(one: str, many: str, n: int) -> str:
    """Return "{n} example" or "{n} examples", as n asks for, in the language that is spoken."""
    catalogue = _catalogue.get()
    found = (one if n == 1 else many) if catalogue is None else catalogue.ngettext(one, many, n)
    return found.format(n=f"{n:,}")


def joined(*sentences: str) -> str:
    """Return sentences behind each other, without the empty ones; Chinese has no space there."""
    return ("" if language() == "zh" else " ").join(filter(None, map(str.strip, sentences)))
