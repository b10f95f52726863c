"""Images that cost much: refused before the work, or read in bounded memory and linear work."""

import io
import tracemalloc

import numpy as np
import pytest
from helpers.found_digits import digits_on_page
from helpers.hostile_images import PATTERNS, small_digits
from PIL import ExifTags, Image
from PIL.GifImagePlugin import GifImageFile

from mlpcli.errors import ImageError
from mlpcli.reading import decoder_cost, decoding, page
from mlpcli.reading.decoding import read_grey
from mlpcli.reading.digit import prepare_many
from mlpcli.reading.labelling import labelled, stretches

SIDE = 1200
MEGABYTES = 130
"""that arrays take for a page of SIDE; a process has 60 before"""
COSTLY = {
    "small digits": "more than 2,000 parts",
    "smaller digits": "more than 2,000 parts",
    "touching digits": "more than 2,000 parts",
    "salt and pepper": "more than 2,000 parts",
    "stripes": "the paper is ruled, and nothing is on it",
}


def stored(pixels: np.ndarray | Image.Image, file_format: str = "PNG", **options) -> io.BytesIO:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    file = io.BytesIO()
    image.save(file, file_format, **options)
    file.seek(0)
    return file


def as_grey(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.float32) / 255


def bytes_taken(pattern: str) -> int:
    grey = as_grey(PATTERNS[pattern](SIDE, SIDE))
    tracemalloc.start()
    try:
        for _ in digits_on_page(grey):
            pass
    except ImageError:
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("pattern", COSTLY)
def test_what_no_page_has_is_refused_before_any_digit_is_prepared(monkeypatch, pattern):
    def too_late(*_args):
        raise AssertionError("a digit is prepared")

    monkeypatch.setattr("mlpcli.reading.digit.prepare_array", too_late)
    with pytest.raises(ImageError, match=COSTLY[pattern]):
        prepare_many(stored(PATTERNS[pattern](SIDE, SIDE)))


@pytest.mark.parametrize(
    "pattern",
    [
        *("small digits", "checkerboard of 4", "salt and pepper, half", "shapes"),
        *("spiral", "comb", "thick comb", "diagonals"),
    ],
)
def test_a_page_takes_bounded_memory(pattern):
    assert bytes_taken(pattern) < MEGABYTES * 1e6


def test_a_page_of_as_many_digits_as_are_read_is_read():
    grey = as_grey(small_digits(1100, 1100, 25))
    assert len(list(digits_on_page(grey))) == 44 * 44


def broken_digits(height: int) -> np.ndarray:
    """Each digit's top is a stroke apart."""
    pixels = small_digits(height, SIDE // 2, 64)
    pixels[np.isin(np.arange(height) % 64, (5, 6, 7))] = 255
    return as_grey(pixels)


def test_the_pairs_looked_at_grow_with_the_page(monkeypatch):
    n_pairs = []

    def counted(starts, ends):
        n_pairs.append(int((ends - starts).sum()))
        return stretches(starts, ends)

    monkeypatch.setattr(page, "stretches", counted)
    totals = []
    for height in (320, 640):
        n_pairs.clear()
        list(digits_on_page(broken_digits(height)))
        totals.append(sum(n_pairs))
    assert 0 < totals[1] <= 2.2 * totals[0]


def test_pairs_found_in_chunks_are_the_same(monkeypatch):
    grey = broken_digits(320)
    whole = [box for _, box in digits_on_page(grey)]
    assert len(whole) == 5 * 10  # joined
    monkeypatch.setattr(page, "_PAIRS_AT_ONCE", 5)
    assert [box for _, box in digits_on_page(grey)] == whole


@pytest.mark.parametrize("pattern", ["spiral", "zigzag", "comb", "checkerboard"])
@pytest.mark.parametrize("turned", [False, True])
def test_a_part_that_winds_is_labelled_in_few_rounds(monkeypatch, pattern, turned):
    rounds = []

    def counted(a, b):
        rounds.append(1)
        return array_equal(a, b)

    array_equal = np.array_equal
    monkeypatch.setattr(np, "array_equal", counted)
    ink = PATTERNS[pattern](SIDE // 2, SIDE // 2) == 0
    _, count = labelled(ink.T if turned else ink)
    assert count == 1
    assert len(rounds) <= 2 * np.log2(SIDE)


@pytest.mark.parametrize(
    ("mode", "orientation"),
    [
        *((mode, 6) for mode in ("1", "L", "LA", "P", "RGBA", "CMYK", "I", "F")),
        *(("RGB", orientation) for orientation in range(1, 9)),
    ],
)
def test_tiles_change_no_value(monkeypatch, mode, orientation):
    rng = np.random.default_rng(4)
    coarse = Image.fromarray(rng.integers(0, 256, (13, 11, 4), np.uint8))
    image = coarse.resize((197, 211)).convert("L" if mode in "IF" else "RGBA").convert(mode)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    file = stored(image, "TIFF" if mode in ("CMYK", "I", "F") else "PNG", exif=exif)
    found = []
    for side in (10, 1000):
        monkeypatch.setattr(decoding, "_TILE_SIDE", side)
        file.seek(0)
        found.append(read_grey(file, 80))
    np.testing.assert_array_equal(found[0].grey, found[1].grey)
    assert found[0].full_shape == ((211, 197) if orientation < 5 else (197, 211))


@pytest.mark.parametrize(
    ("mode", "file_format", "options"),
    [
        ("RGB", "WEBP", {}),
        ("CMYK", "JPEG", {"progressive": True}),
        ("RGBA", "TIFF", {"compression": "tiff_lzw", "tiffinfo": {278: 400}}),
        ("RGB", "TIFF", {"tiffinfo": {274: 6}}),
    ],
)
def test_what_takes_the_decoder_much_memory_is_refused_by_its_header(
    monkeypatch, mode, file_format, options
):
    image = Image.new("RGB", (400, 400), "white")
    monkeypatch.setattr(decoder_cost, "MAX_DECODER_BYTES", 6 * 400 * 400)
    assert read_grey(stored(image)).grey.shape == (400, 400)
    file = stored(image.convert(mode), file_format, **options)
    monkeypatch.setattr(Image.Image, "crop", None)
    with pytest.raises(ImageError, match=f"too large for its kind of file .*{file_format}"):
        read_grey(file)


@pytest.mark.parametrize("header", [b"P2 2400 2400 255\n", b"P5 2400 2400 254\n"])
def test_what_is_decoded_in_python_is_refused_by_its_header(header):
    with pytest.raises(ImageError, match="too large for its kind of file"):
        read_grey(io.BytesIO(header + bytes(100)))


def test_the_frames_of_an_animation_are_not_counted(monkeypatch):
    sought = []
    seek = GifImageFile._seek

    def counted(self, frame, update_image=True):
        sought.append(frame)
        seek(self, frame, update_image)

    frames = [Image.new("L", (30, 30), level) for level in range(60)]
    file = stored(frames[0], "GIF", save_all=True, append_images=frames[1:])
    monkeypatch.setattr(GifImageFile, "_seek", counted)
    read_grey(file)
    assert max(sought) <= 1


def test_a_pipe_is_copied_in_pieces():
    asked = []

    class Pipe(io.BytesIO):
        def read(self, size=-1):
            asked.append(size)
            return super().read(size)

    pipe = Pipe(stored(np.zeros((1500, 1500), np.uint8), compress_level=0).getvalue())
    assert read_grey(pipe).full_shape == (1500, 1500)
    assert len(asked) >= 3
    assert 0 < max(asked) <= 2**20
