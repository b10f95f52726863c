"""Which picture files are meant by what stands on a command line, and writing pictures."""

import glob
import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mlpcli.data.dataset import UInt8Array
from mlpcli.errors import ImageError
from mlpcli.files import replacing
from mlpcli.reading.boxes import Box
from mlpcli.reading.morphology import FloatArray

ENDINGS = {
    *(".png", ".jpg", ".jpeg", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".webp"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
}
"""What the names of pictures end with, where a folder is searched for them."""
LETTER, LEAST_LETTER = 0.35, 10
"""How high the answers are written, of the usual box, and in pixels."""
_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


def pictures_named(argument: str, recursive: bool) -> Sequence[Path]:
    """The files that one argument means: itself, what a pattern matches, a folder's pictures.

    Args:
        argument: a path, or a pattern with `*`, `?` or `[...]`, which a shell may have left alone.
        recursive: search the folders in a folder too.

    Raises:
        ImageError: it is a URL, or nothing is found, or a folder may not be read.
    """
    try:
        return _named(argument, recursive)
    except OSError as error:
        raise ImageError(f"{argument}: cannot be read: {error.strerror or error}.") from error


def _named(argument: str, recursive: bool) -> Sequence[Path]:
    if _URL.match(argument):
        raise ImageError(f"{argument}: a URL; download the picture and name the file.")
    path = Path(argument)
    if path.is_dir():
        found = sorted(
            file
            for file in (path.rglob("*") if recursive else path.iterdir())
            if file.suffix.lower() in ENDINGS and file.is_file()
        )
        if not found:
            hint = "" if recursive else "; --recursive searches the folders in it too"
            raise ImageError(f"{argument}: a folder without pictures{hint}.")
        return found
    if not path.exists() and glob.has_magic(argument):
        matches = map(Path, glob.glob(argument, recursive=True))  # noqa: PTH207 (absolute ones too)
        files = sorted(match for match in matches if match.is_file())
        if not files:
            raise ImageError(f"{argument}: no file matches.")
        return files
    return [path]


def write_png(path: Path, pixels: UInt8Array) -> None:
    """Write grey (H, W) or coloured (H, W, 3) pixels as a PNG file.

    Raises:
        WriteError: it could not be written.
    """
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    with replacing(path) as file:
        file.write(content.getvalue())


def annotated(grey: FloatArray, boxes: Sequence[Box], answers: Sequence[str]) -> UInt8Array:
    """A picture with a box around each digit, and the answer over it.

    Args:
        grey: (H, W) in 0 .. 1.
        boxes: in it.
        answers: one a box.

    Returns:
        colours (H, W, 3).
    """
    image = Image.fromarray(np.rint(255 * grey).astype(np.uint8)).convert("RGB")
    draw = ImageDraw.Draw(image)
    usual = float(np.median([rows.stop - rows.start for rows, _ in boxes]))
    font = ImageFont.load_default(max(LEAST_LETTER, LETTER * usual))
    for (rows, columns), answer in zip(boxes, answers, strict=True):
        box = (columns.start, rows.start, columns.stop - 1, rows.stop - 1)
        draw.rectangle(box, outline=(220, 30, 30))
        place = (columns.start + 1, max(rows.start - 1, font.getbbox(answer)[3]))
        draw.rectangle(draw.textbbox(place, answer, font, "ls"), fill="white")
        draw.text(place, answer, (30, 60, 220), font, "ls")
    return np.asarray(image)
