"""Finding the image files that an argument names, and writing PNG files."""

import glob
import io
import re
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from mlpcli.errors import ImageError
from mlpcli.files import replacing
from mlpcli.reading.morphology import UInt8Array

ENDINGS = {
    *(".png", ".jpg", ".jpeg", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".webp"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
}
"""endings of the files in a folder that are taken for images"""
_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


def images_named(argument: str, recursive: bool) -> Sequence[Path]:
    """Return the files that an argument names: itself, a pattern's matches, a folder's images.

    A pattern has `*`, `?` or `[...]`, which a shell may have left alone. With `recursive`, a
    folder's own folders are searched too. What is hidden in a folder is left out, such as the
    `._1.png` that macOS writes beside a 1.png.

    Raises:
        ImageError: it is a URL, nothing is found, or a folder may not be read.
    """
    try:
        return _named(argument, recursive)
    except OSError as error:
        raise ImageError(f"{argument}: cannot be read: {error.strerror or error}.") from error


def _named(argument: str, recursive: bool) -> Sequence[Path]:
    if _URL.match(argument):
        raise ImageError(f"{argument}: a URL; download the image and name the file.")
    path = Path(argument)
    if path.is_dir():
        found = sorted(
            file
            for file in (path.rglob("*") if recursive else path.iterdir())
            if file.suffix.lower() in ENDINGS
            and not any(part.startswith(".") for part in file.relative_to(path).parts)
            and file.is_file()
        )
        if not found:
            hint = "" if recursive else "; --recursive searches the folders in it too"
            raise ImageError(f"{argument}: a folder without images{hint}.")
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
        WriteError: the file cannot be written.
    """
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    with replacing(path) as file:
        file.write(content.getvalue())
