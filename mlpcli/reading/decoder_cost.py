"""Images whose decoder would take too much memory or time, known by the header of their file."""

from PIL import ExifTags
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from mlpcli.errors import ImageError

MAX_DECODER_BYTES = 320_000_000
"""memory that a decoder may take: enough for 50 million pixels of the usual formats"""
MAX_SLOW_VALUES = 5_000_000
"""most bytes, in the file or decoded, for a decoder that Pillow has in Python"""

_DECODERS_IN_PYTHON = ("bmp_rle", "ppm", "ppm_plain")
_BYTES_PER_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2}  # 4 in other modes
_WEBP_BYTES_PER_PIXEL = 16  # libwebp and Pillow keep four copies
_ROWS_PER_STRIP, _ROWS_PER_TILE = 278, 323  # tags of TIFF
_TURNED = range(2, 9)  # EXIF's orientations of an image that is not upright


def refuse_costly(image: ImageFile, full_pixels: int, file_size: int, name: str) -> None:
    """Refuse an image of `full_pixels` in its file whose decoder would take much memory or time."""
    pixels = image.width * image.height
    n_bands = len(image.getbands())
    decoded = pixels * _BYTES_PER_PIXEL.get(image.mode, 4)
    codec = image.tile[0].codec_name if image.tile else ""
    memory = decoded
    if image.format == "WEBP":
        memory = _WEBP_BYTES_PER_PIXEL * pixels
    elif "progressive" in image.info:
        memory += 2 * n_bands * full_pixels  # all coefficients
    elif isinstance(image, TiffImageFile):
        if image.tag_v2.get(ExifTags.Base.Orientation) in _TURNED:  # Pillow makes a copy
            memory += decoded
        if codec == "libtiff":  # takes the file, and a strip of rows or a row of tiles
            rows = image.tag_v2.get(_ROWS_PER_STRIP) or image.tag_v2.get(_ROWS_PER_TILE)
            strip = decoded * min(1, (rows or image.height) / image.height)
            memory += file_size + int(strip * (3 if image.info.get("compression") == "jpeg" else 1))
    if memory > MAX_DECODER_BYTES or (
        codec in _DECODERS_IN_PYTHON and max(pixels * n_bands, file_size) > MAX_SLOW_VALUES
    ):
        raise ImageError(
            f"{name}: the image is too large for its kind of file "
            f"({full_pixels / 1e6:.0f} million pixels of {image.format}); save it as PNG."
        )
