import gzip
import io
import os
import struct
import warnings
import zlib
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mlpcli.errors import ImageError, printable
from mlpcli.reading.boxes import box_of
from mlpcli.reading.decoding import DECODED_SIDE, MAX_BYTES, read_grey
from mlpcli.reading.digit import prepare, prepare_array, prepare_many
from mlpcli.reading.page import PAGE_SIDE

MNIST_IMAGES = Path(__file__).parents[1].parent / "shared" / "mnist" / "t10k-images-idx3-ubyte.gz"

ORIENTATION_TAG = 0x0112
# What has to be done to an upright image so that its orientation tag undoes it.
STORED_AS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def draw_ell(size=(200, 160), at=(60, 30), ink=255, ground=0) -> Image.Image:
    """An upright L, 70 wide and 100 high: no turn and no mirror image of it equals it."""
    image = Image.new("L", size, ground)
    draw = ImageDraw.Draw(image)
    x, y = at
    draw.rectangle((x, y, x + 14, y + 99), fill=ink)
    draw.rectangle((x, y + 85, x + 69, y + 99), fill=ink)
    return image


def as_file(image: Image.Image, file_format: str = "PNG", **options) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    file.seek(0)
    return file


def pixels_of(image: Image.Image, file_format: str = "PNG", **options) -> np.ndarray:
    return prepare(as_file(image, file_format, **options)).pixels.reshape(28, 28)


def size_of(pixels: np.ndarray) -> tuple[int, int]:
    return int(pixels.any(axis=1).sum()), int(pixels.any(axis=0).sum())


def in_its_box(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(int)[box_of(pixels > 0)]


def png_chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def test_a_digit_is_fitted_to_20_pixels_with_its_aspect_kept():
    pixels = pixels_of(draw_ell())
    assert pixels.dtype == np.uint8
    assert size_of(pixels) == (20, 14)
    assert pixels.max() == 255


def test_a_digit_is_placed_by_its_centre_of_mass():
    pixels = pixels_of(draw_ell()).astype(float)
    rows, columns = np.indices((28, 28))
    assert 13.5 <= np.average(rows, weights=pixels) <= 14.5
    assert 13.5 <= np.average(columns, weights=pixels) <= 14.5


def test_a_bar_is_scaled_by_its_height():
    image = Image.new("L", (300, 300), 255)
    ImageDraw.Draw(image).rectangle((140, 50, 159, 249), fill=0)
    pixels = pixels_of(image)
    assert size_of(pixels) == (20, 2)
    assert pixels[pixels > 0].min() > 200


def test_a_ring_keeps_its_hole():
    image = Image.new("L", (300, 300), 255)
    ImageDraw.Draw(image).ellipse((50, 50, 249, 249), outline=0, width=30)
    pixels = pixels_of(image)
    assert size_of(pixels) == (20, 20)
    assert pixels[14, 14] == 0


def test_where_a_digit_lies_on_a_large_canvas_does_not_matter():
    middle = pixels_of(draw_ell((900, 900), at=(400, 400)))
    corner = pixels_of(draw_ell((900, 900), at=(20, 780)))
    assert np.abs(corner.astype(int) - middle).max() <= 2


def test_another_shape_gets_the_same_share_of_digit():
    prepared = prepare(as_file(draw_ell()), (56, 42))
    assert prepared.pixels.shape == (56 * 42,)
    assert size_of(prepared.pixels.reshape(56, 42)) == (40, 28)


@pytest.mark.parametrize(("ink", "ground"), [(0, 255), (90, 200), (200, 90), (255, 240)])
def test_polarity_and_contrast_do_not_matter(ink, ground):
    prepared = prepare(as_file(draw_ell(ink=ink, ground=ground)))
    assert prepared.inverted == (ink < ground)
    difference = prepared.pixels.reshape(28, 28).astype(int) - pixels_of(draw_ell())
    assert np.abs(difference).max() <= 3


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I", "F", "CMYK"])
def test_every_mode_gives_the_same_image(mode):
    ell = draw_ell()
    if mode == "I;16":
        image = Image.fromarray(np.asarray(ell).astype(np.uint16) * 257)
    else:
        image = ell.convert(mode)
    assert image.mode == mode
    file_format = "PNG" if mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16") else "TIFF"
    np.testing.assert_array_equal(pixels_of(image, file_format), pixels_of(ell))


@pytest.mark.parametrize("file_format", ["PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_every_lossless_format_gives_the_same_image(file_format):
    options = {"lossless": True} if file_format == "WEBP" else {}
    np.testing.assert_array_equal(
        pixels_of(draw_ell(), file_format, **options), pixels_of(draw_ell())
    )


@pytest.mark.parametrize("orientation", STORED_AS)
def test_a_photograph_is_turned_upright(orientation):
    stored = STORED_AS[orientation]
    image = draw_ell() if stored is None else draw_ell().transpose(stored)
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    np.testing.assert_array_equal(pixels_of(image, exif=exif), pixels_of(draw_ell()))


@pytest.mark.parametrize("ink", [0, 255])
def test_a_transparent_ground_contrasts_with_the_ink(ink):
    alpha = draw_ell()
    image = Image.merge("LA", (Image.new("L", alpha.size, ink), alpha))
    np.testing.assert_array_equal(pixels_of(image), pixels_of(draw_ell()))
    np.testing.assert_array_equal(pixels_of(image.convert("RGBA")), pixels_of(draw_ell()))


def test_a_palette_may_have_a_transparent_colour():
    palette = Image.new("P", (200, 160), 0)
    palette.putpalette([0, 0, 0, 0, 0, 0])  # ground and ink are black: only alpha tells them apart
    palette.paste(1, mask=draw_ell().convert("1"))
    np.testing.assert_array_equal(pixels_of(palette, transparency=0), pixels_of(draw_ell()))


def test_transparent_corners_take_the_ground_of_the_rest():
    image = draw_ell(ink=0, ground=255).convert("RGBA")
    ImageDraw.Draw(image).rectangle((0, 0, 9, 9), fill=(0, 0, 0, 0))
    np.testing.assert_array_equal(pixels_of(image), pixels_of(draw_ell()))


@pytest.mark.parametrize(
    ("ink", "ground"), [((255, 255, 0), (255, 255, 255)), ((255, 0, 0), (0, 130, 0))]
)
def test_colours_of_like_brightness_are_told_apart(ink, ground):
    mask = draw_ell()
    image = Image.new("RGB", mask.size, ground)
    image.paste(ink, mask=mask)
    np.testing.assert_allclose(pixels_of(image), pixels_of(mask), atol=3)


@pytest.mark.parametrize("ink", [60, 255])
def test_a_slope_of_light_is_not_ink(ink):
    light = np.linspace(0.25, 1, 200)[np.newaxis, :]
    ground = 230 if ink == 60 else 80
    lit = np.asarray(draw_ell(ink=ink, ground=ground)) * light
    pixels = pixels_of(Image.fromarray(lit.astype(np.uint8)))
    np.testing.assert_allclose(in_its_box(pixels), in_its_box(pixels_of(draw_ell())), atol=64)


def test_an_animation_gives_its_first_frame():
    second = Image.new("L", (200, 160), 0)
    ImageDraw.Draw(second).ellipse((20, 20, 120, 120), fill=255)
    pixels = pixels_of(draw_ell(), "GIF", save_all=True, append_images=[second])
    np.testing.assert_array_equal(pixels, pixels_of(draw_ell()))


@pytest.mark.parametrize("reader", [prepare, lambda file: prepare_many(file)[0]])
@pytest.mark.parametrize(("orientation", "file_format"), [(1, "PNG"), (1, "JPEG"), (6, "JPEG")])
def test_the_box_is_in_pixels_of_the_upright_image(reader, orientation, file_format):
    large = draw_ell().resize((3000, 2400), Image.Resampling.NEAREST)
    turn = STORED_AS[orientation]
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    file = as_file(large.transpose(turn) if turn is not None else large, file_format, exif=exif)
    rows, columns = reader(file).box
    found = (rows.start, rows.stop, columns.start, columns.stop)
    np.testing.assert_allclose(found, (450, 1950, 900, 1950), atol=30)


@pytest.mark.parametrize("side", [1190, 1210, 2410, 3000])
@pytest.mark.parametrize("file_format", ["PNG", "JPEG"])
def test_a_page_is_looked_at_as_finely_as_is_said(monkeypatch, side, file_format):
    look = Mock(side_effect=ImageError("seen"))
    monkeypatch.setattr("mlpcli.reading.digit.find_page", look)
    with pytest.raises(ImageError, match="seen"):
        prepare_many(as_file(draw_ell().resize((side, side * 4 // 5)), file_format))
    assert max(look.call_args.args[0].shape) >= min(side, PAGE_SIDE)


@pytest.mark.parametrize("white", [1.4, 255, 1023, 3000, 4095, 16383, 50000, 65535])
@pytest.mark.parametrize("negative", [False, True])
def test_deep_and_float_images_have_a_white_that_fits_their_values(white, negative):
    values = np.asarray(draw_ell(), np.float32) / 255
    image = Image.fromarray(white * (1 - values if negative else values))
    expected = pixels_of(draw_ell())
    np.testing.assert_allclose(pixels_of(image, "TIFF").astype(int), expected, atol=8)


def test_an_image_that_no_memory_holds_is_not_called_damaged(monkeypatch):
    def no_memory(*_args):
        raise MemoryError

    file = as_file(draw_ell().resize((3000, 2400)))
    monkeypatch.setattr(Image.Image, "reduce", no_memory)
    with pytest.raises(ImageError, match="does not fit into memory; save a smaller one"):
        prepare(file)


def test_a_large_image_is_averaged_down():
    large = draw_ell().resize((4000, 3200), Image.Resampling.NEAREST)
    assert max(read_grey(as_file(large)).grey.shape) <= DECODED_SIDE
    difference = in_its_box(pixels_of(large)) - in_its_box(pixels_of(draw_ell()))
    assert np.abs(difference).mean() < 12


def draw_ring(ink: int, ground: int) -> Image.Image:
    """A ring as large, and placed, as a prepared digit."""
    ring = Image.new("L", (28, 28), ground)
    ImageDraw.Draw(ring).ellipse((5, 5, 24, 24), outline=ink, width=3)
    return ring


def test_what_was_prepared_is_prepared(tmp_path):
    path = tmp_path / "ring.png"
    draw_ring(ink=200, ground=0).save(path)
    prepared = prepare(path)
    assert prepared.already_prepared
    np.testing.assert_array_equal(prepared.pixels, np.asarray(draw_ring(200, 0)).ravel())


def test_a_prepared_image_may_be_stored_with_16_bits():
    ring = np.asarray(draw_ring(ink=200, ground=0))
    deep = Image.fromarray(ring.astype(np.uint16) * 257)
    np.testing.assert_array_equal(pixels_of(deep), ring)


def test_ink_on_grey_is_not_prepared_however_well_it_is_placed():
    prepared = prepare(as_file(draw_ring(ink=250, ground=100)))
    assert not prepared.already_prepared
    assert prepared.pixels.max() == 255


def test_a_thin_stroke_on_a_large_canvas_comes_out_in_full_ink():
    image = Image.new("L", (600, 600), 255)
    ImageDraw.Draw(image).ellipse((100, 100, 499, 499), outline=0, width=2)
    assert pixels_of(image).max() == 255


def test_the_grain_of_paper_is_cut_away():
    grain = np.random.default_rng(0).normal(0, 6, (160, 200))
    paper = np.asarray(draw_ell(ink=60, ground=200)) + grain
    pixels = in_its_box(pixels_of(Image.fromarray(paper.astype(np.uint8))))
    assert pixels.shape == (20, 14)
    assert not pixels[1:15, 5:].any()


@pytest.mark.skipif(not MNIST_IMAGES.exists(), reason="../shared/mnist is absent")
@pytest.mark.parametrize("inverted", [False, True])
def test_mnist_passes_unchanged(inverted):
    content = gzip.decompress(MNIST_IMAGES.read_bytes())
    images = np.frombuffer(content, np.uint8, offset=16).reshape(-1, 28, 28)[:500]
    for image in images:
        stored = Image.fromarray(255 - image if inverted else image)
        prepared = prepare(as_file(stored))
        assert prepared.inverted == inverted
        np.testing.assert_array_equal(prepared.pixels, image.ravel())


@pytest.mark.parametrize("grey", [0, 128, 255])
@pytest.mark.parametrize("size", [(28, 28), (1, 1), (300, 200)])
def test_a_blank_image_has_no_digit(size, grey):
    with pytest.raises(ImageError, match="no digit found"):
        prepare(as_file(Image.new("L", size, grey)))


@pytest.mark.parametrize("noise", [0, 0.02])
@pytest.mark.parametrize("slope", [0, 0.3])
def test_noise_and_light_alone_are_no_digit(noise, slope):
    rng = np.random.default_rng(0)
    paper = 0.5 + np.linspace(0, slope, 300) + rng.normal(0, noise, (200, 300))
    with pytest.raises(ImageError, match="no digit found"):
        prepare_array(paper)


@pytest.mark.parametrize("size", [(200, 300), (480, 360), (1000, 800)])
@pytest.mark.parametrize("inverted", [False, True])
def test_what_jpeg_leaves_of_blank_paper_is_no_digit(size, inverted):
    for seed in range(5):
        noise = np.random.default_rng(seed).normal(0, 5, size)
        paper = np.clip(180 + np.linspace(0, 12, size[1]) + noise, 0, 255).astype(np.uint8)
        photo = Image.fromarray(255 - paper if inverted else paper)
        with pytest.raises(ImageError, match="no digit found"):
            prepare(as_file(photo, "JPEG", quality=40))


def test_a_wholly_transparent_image_has_no_digit():
    with pytest.raises(ImageError, match="no digit found"):
        prepare(as_file(Image.new("RGBA", (40, 40), (255, 0, 0, 0))))


def test_messages_name_the_file(tmp_path):
    blank, text = tmp_path / "blank.png", tmp_path / "notes.png"
    Image.new("L", (28, 28), 7).save(blank)
    text.write_text("not an image")
    for path, message in [
        (tmp_path / "none.png", "there is no such file"),
        (tmp_path / ("a" * 300), "there is no such file|cannot be read"),
        (tmp_path, "a folder, not an image"),
        (tmp_path / ("x" * 300), "cannot be read"),
        (tmp_path / "a\0b.png", "cannot be read"),
        (blank, "no digit found"),
        (text, "not a readable image"),
    ]:
        with pytest.raises(ImageError, match=message) as raised:
            prepare(path)
        assert str(raised.value).startswith(f"{printable(str(path))}: ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "no known format"),
    ],
)
def test_what_is_not_an_image_is_refused(content, message):
    with pytest.raises(ImageError, match=message):
        prepare(io.BytesIO(content))


@pytest.mark.parametrize("side", [7100, 13_000, 40_000])
def test_too_many_pixels_are_refused_by_the_header(side):
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"")
    with warnings.catch_warnings(record=True) as leaked, pytest.raises(ImageError, match="large"):
        prepare(io.BytesIO(content))
    assert not leaked


def test_too_many_bytes_are_refused(tmp_path):
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)  # a hole: takes no room on the disk
    with pytest.raises(ImageError, match="larger than 200 MB"):
        prepare(path)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_a_truncated_file_gives_the_right_answer_or_an_error(file_format):
    ell = draw_ell().resize((60, 48))
    content = as_file(ell, file_format).getvalue()
    whole = prepare(io.BytesIO(content)).pixels
    for end in range(len(content)):
        try:
            pixels = prepare(io.BytesIO(content[:end])).pixels
        except ImageError:
            continue
        np.testing.assert_array_equal(pixels, whole, err_msg=f"{end} of {len(content)} bytes")


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_a_damaged_file_raises_nothing_but_image_errors(file_format):
    content = as_file(draw_ell().resize((60, 48)), file_format).getvalue()
    rng = np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(content)
        for place in rng.integers(len(content), size=3):
            damaged[place] = rng.integers(256)
        try:
            prepare(io.BytesIO(damaged))
        except ImageError:
            continue


def test_an_image_is_read_from_a_pipe():
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as file:
        file.write(as_file(draw_ell()).getvalue())
    with os.fdopen(reader, "rb") as file:
        np.testing.assert_array_equal(prepare(file).pixels.reshape(28, 28), pixels_of(draw_ell()))


def test_a_float_image_with_a_value_that_is_not_a_number_is_refused():
    values = np.asarray(draw_ell(), np.float32).copy()
    values[0, 0] = np.nan
    with pytest.raises(ImageError, match="not a finite number"):
        prepare(as_file(Image.fromarray(values), "TIFF"))
