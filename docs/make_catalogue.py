"""Bring the Chinese catalogue of `mlpcli explain` up to date: `python docs/make_catalogue.py`.

It takes the sentences from the code, keeps their translations, drops those that are no more, and
compiles the catalogue. New sentences are left empty, for a translator; a test counts them.
"""

import io
from datetime import UTC, datetime
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

PACKAGE = Path(__file__).parents[1] / "mlpcli"
PO = PACKAGE / "locale" / "zh_CN" / "LC_MESSAGES" / "mlpcli.po"
KEYWORDS = {"_": None, "N_": None, "counted": (1, 2)}
NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
"""time in a compiled catalogue, so that the same sentences make the same bytes"""
COMMENT = "# mlpcli in Chinese, with the terms of Chinese textbooks."


def extracted() -> Catalog:
    """Return every sentence that the code marks, without translations."""
    found = Catalog()
    for _path, _line, message, _comments, context in extract_from_dir(PACKAGE, keywords=KEYWORDS):
        found.add(message, context=context)
    return found


def up_to_date(po: bytes) -> Catalog:
    """Return the catalogue with the sentences of the code, and their translations so far."""
    catalogue = read_po(io.BytesIO(po), locale="zh_CN")
    catalogue.update(extracted(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    return catalogue


def written(catalogue: Catalog) -> bytes:
    """Return the content of the .po file, the same for the same sentences."""
    stream = io.BytesIO()
    write_po(stream, catalogue, width=0, no_location=True, omit_header=True, sort_output=True)
    header = (
        f'{COMMENT}\nmsgid ""\nmsgstr ""\n"Language: zh_CN\\n"\n'
        '"Content-Type: text/plain; charset=utf-8\\n"\n"Plural-Forms: nplurals=1; plural=0;\\n"\n\n'
    )
    return header.encode() + stream.getvalue()


def compiled(po: bytes) -> bytes:
    """Return the content of the .mo file, which Python reads, of that of a .po file."""
    stream = io.BytesIO()
    catalogue = read_po(io.BytesIO(po), locale="zh_CN")
    catalogue.creation_date = catalogue.revision_date = NO_TIME
    write_mo(stream, catalogue)
    return stream.getvalue()


if __name__ == "__main__":
    content = written(up_to_date(PO.read_bytes()))
    PO.write_bytes(content)
    PO.with_suffix(".mo").write_bytes(compiled(content))
