"""How many pictures of a folder `mlpcli predict` reads right, as they are and made harder.

    python benchmarks/photos.py DIR [--checkpoint RUN] [--kinds 1_wb 2_bw_drawn]

DIR holds pictures and labels.csv with the columns file and label, and perhaps kind.
"""

import argparse
import csv
import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from mlpcli.errors import ImageError
from mlpcli.inference.committee import load_committee, newest_reader
from mlpcli.reading.digit import prepare

ANGLES = range(0, 360, 45)
ORIENTATION_TAG = 0x0112
UNDONE_BY = {2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}
"""Which EXIF orientation turns a picture so that another one turns it back."""


def opaque(image: Image.Image) -> Image.Image:
    """In RGB, on the ground that contrasts with what is drawn."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    values = np.asarray(image, float)
    drawn = np.average(values[..., :3].mean(axis=2), weights=values[..., 3] + 1e-9)
    ground = Image.new("RGBA", image.size, "white" if drawn < 128 else "black")
    return Image.alpha_composite(ground, image).convert("RGB")


def way_across(shape: tuple[int, ...], number: int) -> np.ndarray:
    """0 .. 1 from one side of (H, W) to the other, at an angle that goes with the number."""
    angle = np.deg2rad(ANGLES[number % len(ANGLES)])
    down, across = (np.linspace(-1, 1, side) for side in shape[:2])
    way = np.sin(angle) * down[:, np.newaxis] + np.cos(angle) * across
    return (way - way.min()) / max(np.ptp(way), 1e-9)


def sloped(picture: np.ndarray, number: int) -> np.ndarray:
    return picture * (0.4 + 0.6 * way_across(picture.shape, number))[..., np.newaxis]


def shaded(picture: np.ndarray, number: int, edge: float = 0.0) -> np.ndarray:
    way = way_across(picture.shape, number)
    lit = np.clip((way - np.quantile(way, 1 / 3)) / max(edge, 1e-9) + 0.5, 0, 1)
    return picture * (0.55 + 0.45 * lit)[..., np.newaxis]


def on_canvas(picture: np.ndarray, number: int) -> np.ndarray:
    height, width = picture.shape[:2]
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    canvas = np.tile(np.median(border, axis=0), (3 * height, 3 * width, 1))
    rng = np.random.default_rng(number)
    top, left = rng.integers(0, [2 * height + 1, 2 * width + 1])
    canvas[top : top + height, left : left + width] = picture
    return canvas


def grainy(picture: np.ndarray, number: int) -> np.ndarray:
    return picture + np.random.default_rng(number).normal(0, 10, picture.shape)


HARDER: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "slope of light to 40 %": sloped,
    "shadow to 55 %, hard edge": shaded,
    "shadow to 55 %, soft edge": lambda picture, number: shaded(picture, number, 0.06),
    "canvas 3 times as large": on_canvas,
    "canvas and slope": lambda picture, number: sloped(on_canvas(picture, number), number),
    "canvas and shadow": lambda picture, number: shaded(on_canvas(picture, number), number),
    "grain": grainy,
}


def stored(image: Image.Image, file_format: str = "PNG", **options: object) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    file.seek(0)
    return file


def turned(image: Image.Image, orientation: int) -> io.BytesIO:
    image = image.copy()
    image.getexif()[ORIENTATION_TAG] = UNDONE_BY[orientation]
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    return stored(ImageOps.exif_transpose(image), exif=exif)


def sixteen_bits(image: Image.Image) -> io.BytesIO:
    grey = np.asarray(image.convert("L"), np.uint16)
    return stored(Image.fromarray(grey * 257))


SAME: dict[str, Callable[[Image.Image], io.BytesIO]] = {
    **{f"EXIF {n}": (lambda image, n=n: turned(image, n)) for n in UNDONE_BY},
    **{
        mode: (lambda image, mode=mode: stored(image.convert(mode))) for mode in ("RGBA", "L", "LA")
    },
    "palette": lambda image: stored(image.quantize(256)),
    "dithered palette": lambda image: stored(image.convert("P")),
    "1 bit": lambda image: stored(image.convert("1", dither=Image.Dither.NONE)),
    "1 bit, dithered": lambda image: stored(image.convert("1")),
    "16 bits": sixteen_bits,
    "CMYK": lambda image: stored(image.convert("CMYK"), "TIFF"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--checkpoint", type=Path, action="append")
    parser.add_argument("--kinds", nargs="*", help="Only these.")
    arguments = parser.parse_args()
    model = (
        load_committee(arguments.checkpoint)
        if arguments.checkpoint
        else newest_reader(Path("runs"))
    )
    with (arguments.folder / "labels.csv").open(encoding="utf-8") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if not arguments.kinds or row.get("kind") in arguments.kinds
        ]
    labels = np.array([row["label"] for row in rows])
    kinds = np.array([row.get("kind", "") for row in rows])
    images = [opaque(Image.open(arguments.folder / row["file"])) for row in rows]
    names = np.array([*model.class_names, "none"])

    def answers(sources: list) -> tuple[np.ndarray, np.ndarray]:
        found = np.zeros((len(sources), len(names)), np.float32)
        for i, source in enumerate(sources):
            try:
                found[i, :-1] = model.predict_proba(prepare(source, model.image_shape).pixels)[0]
            except ImageError:
                found[i, -1] = 1
        return names[found.argmax(axis=1)], found[:, :-1].max(axis=1)

    def show(name: str, right: np.ndarray, probability: np.ndarray) -> None:
        sure = probability >= 0.9
        by_kind = "  ".join(
            f"{kind} {right[kinds == kind].mean():.1%}" for kind in sorted(set(kinds))
        )
        print(
            f"{name:28} {right.mean():6.1%}  ({by_kind})  "
            f"sure {sure.mean():.0%}, {right[sure].mean():.1%} of them right"
        )

    started = time.perf_counter()
    plain, probability = answers([arguments.folder / row["file"] for row in rows])
    seconds = time.perf_counter() - started
    show("as they are", plain == labels, probability)
    for name, harder in HARDER.items():
        changed = [harder(np.asarray(image, float), number) for number, image in enumerate(images)]
        files = [
            stored(Image.fromarray(np.clip(np.rint(each), 0, 255).astype(np.uint8)))
            for each in changed
        ]
        answer, probability = answers(files)
        show(name, answer == labels, probability)
    print("\nThe same answer as the plain file:")
    plain, _ = answers([stored(image) for image in images])
    for name, store in SAME.items():
        answer, _ = answers([store(image) for image in images])
        print(f"  {name:16} {np.mean(answer == plain):.1%}")
    print(f"\n{1000 * seconds / len(rows):.1f} ms a picture, reading and answering")


if __name__ == "__main__":
    main()
