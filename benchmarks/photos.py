"""How many images of a folder `mlpcli predict` reads right, as they are and made harder.

    python benchmarks/photos.py DIR [--checkpoint RUN] [--kinds 1_wb 2_bw_drawn]

DIR holds images and labels.csv with the columns file and label, and perhaps kind.
"""

import argparse
import csv
import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from mlpcli.errors import ImageError
from mlpcli.inference.committee import load_committee, newest_reader
from mlpcli.reading.digit import prepare

ANGLES = range(0, 360, 45)


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


def sloped(image: np.ndarray, number: int) -> np.ndarray:
    return image * (0.4 + 0.6 * way_across(image.shape, number))[..., np.newaxis]


def shaded(image: np.ndarray, number: int, edge: float = 0.0) -> np.ndarray:
    way = way_across(image.shape, number)
    lit = np.clip((way - np.quantile(way, 1 / 3)) / max(edge, 1e-9) + 0.5, 0, 1)
    return image * (0.55 + 0.45 * lit)[..., np.newaxis]


def on_canvas(image: np.ndarray, number: int) -> np.ndarray:
    height, width = image.shape[:2]
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    canvas = np.tile(np.median(border, axis=0), (3 * height, 3 * width, 1))
    rng = np.random.default_rng(number)
    top, left = rng.integers(0, [2 * height + 1, 2 * width + 1])
    canvas[top : top + height, left : left + width] = image
    return canvas


def grainy(image: np.ndarray, number: int) -> np.ndarray:
    return image + np.random.default_rng(number).normal(0, 10, image.shape)


HARDER: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "slope of light to 40 %": sloped,
    "shadow to 55 %, hard edge": shaded,
    "shadow to 55 %, soft edge": lambda image, number: shaded(image, number, 0.06),
    "canvas 3 times as large": on_canvas,
    "canvas and slope": lambda image, number: sloped(on_canvas(image, number), number),
    "canvas and shadow": lambda image, number: shaded(on_canvas(image, number), number),
    "grain": grainy,
}


def stored(image: Image.Image) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, "PNG")
    file.seek(0)
    return file


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
    print(f"\n{1000 * seconds / len(rows):.1f} ms an image, reading and answering")


if __name__ == "__main__":
    main()
