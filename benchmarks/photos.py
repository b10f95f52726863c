"""How many images of a folder `mlpcli predict` reads right, as they are and made harder.

    python benchmarks/photos.py DIR [--checkpoint RUN] [--kinds 1_wb 2_bw_drawn] [--plain] [--wrong]

DIR holds images and labels.csv with the columns file and label, and perhaps kind. A label of one
digit is read by `predict`, one of several by `predict --many`; an empty one says that there is no
digit. Digits alone are also photographed worse: in other light, smaller, grainy.
"""

import argparse
import csv
import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from mlpcli.cli.predict_answers import Answer, answers
from mlpcli.errors import ImageError
from mlpcli.inference.committee import Committee, load_committee, newest_reader
from mlpcli.reading.digit import prepare, prepare_many

ANGLES = range(0, 360, 45)
SURE = 0.9
"""probability from which an answer counts as sure"""


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


def edits(found: str, label: str) -> int:
    """The fewest digits to change, add or take away that make one of the other (Levenshtein)."""
    row = list(range(len(label) + 1))
    for i, digit in enumerate(found, 1):
        before, row[0] = row[0], i
        for j, wanted in enumerate(label, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (digit != wanted))
    return row[-1]


Source = Path | io.BytesIO


class Reader:
    """Answers images as `mlpcli predict` does."""

    def __init__(self, model: Committee) -> None:
        self._model = model

    def one(self, source: Source) -> tuple[str, float]:
        """The digit and its probability; an empty string where there is none."""
        found = self._answers(source, of_many=False)
        return (found[0].digit, found[0].probability) if found else ("", 0.0)

    def many(self, source: Source) -> str:
        """All digits in reading order."""
        return "".join(each.digit for each in self._answers(source, of_many=True))

    def _answers(self, source: Source, *, of_many: bool) -> list[Answer]:
        model = self._model
        try:
            if of_many:
                judge = model.judge if model.refuses else None
                prepared = prepare_many(source, model.image_shape, judge=judge)
            else:
                prepared = [prepare(source, model.image_shape)]
        except ImageError:
            return []
        found = answers("", prepared, model, 0.0, of_many=of_many)
        return [each for each in found if not each.is_refused]


def share(right: np.ndarray) -> str:
    return f"{right.sum():4} of {right.size:4}  {right.mean():7.1%}" if right.size else "none"


def show_singles(
    name: str, answers: list[tuple[str, float]], labels: list[str], kinds: list[str]
) -> None:
    right = np.array([answer == label for (answer, _), label in zip(answers, labels, strict=True)])
    sure = np.array([probability >= SURE for _, probability in answers])
    by_kind = "  ".join(
        f"{kind} {right[np.array(kinds) == kind].mean():.1%}" for kind in sorted(set(kinds))
    )
    print(
        f"{name:28} {right.mean():6.1%}  ({by_kind})  "
        f"sure {sure.mean():.0%}, {right[sure].mean():.1%} of them right"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--checkpoint", type=Path, action="append")
    parser.add_argument("--kinds", nargs="*", help="Only these.")
    parser.add_argument("--plain", action="store_true", help="Only as they are.")
    parser.add_argument("--wrong", action="store_true", help="Name every image that is misread.")
    arguments = parser.parse_args()
    reader = Reader(
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
    singles = [row for row in rows if len(row["label"]) == 1]
    many = [row for row in rows if len(row["label"]) > 1]
    none = [row for row in rows if not row["label"]]

    def tell(row: dict[str, str], answer: str) -> None:
        if arguments.wrong:
            print(f"    {row['file']}: {row['label'] or 'none'}, answered {answer or 'none'}")

    if singles:
        started = time.perf_counter()
        singles_found = [reader.one(arguments.folder / row["file"]) for row in singles]
        seconds = time.perf_counter() - started
        labels = [row["label"] for row in singles]
        right = np.array(
            [found == wanted for (found, _), wanted in zip(singles_found, labels, strict=True)]
        )
        sure = np.array([probability >= SURE for _, probability in singles_found])
        print(f"one digit: right              {share(right)}")
        print(f"one digit: right among sure   {share(right[sure])}")
        for row, (answer, probability) in zip(singles, singles_found, strict=True):
            if answer != row["label"]:
                tell(row, f"{answer} ({probability:.1%})" if answer else "")
    if many:
        found = [reader.many(arguments.folder / row["file"]) for row in many]
        distance = [edits(each, row["label"]) for each, row in zip(found, many, strict=True)]
        digits = sum(len(row["label"]) for row in many)
        print(f"several: exact                {share(np.array(distance) == 0)}")
        print(
            f"several: edits for each digit {sum(distance):4} of {digits:4}  "
            f"{sum(distance) / digits:7.3f}"
        )
        for row, each, wrong in zip(many, found, distance, strict=True):
            if wrong:
                tell(row, f"{each} ({wrong} edits)")
    if none:
        answers_none = [reader.one(arguments.folder / row["file"]) for row in none]
        answered = np.array([bool(answer) for answer, _ in answers_none])
        sure = np.array([probability >= SURE for _, probability in answers_none])
        print(f"no digit: answered            {share(answered)}")
        print(f"no digit: answered, sure      {share(answered & sure)}")
        for row, (answer, probability) in zip(none, answers_none, strict=True):
            if answer:
                tell(row, f"{answer} ({probability:.1%})")
    if not singles:
        return
    kinds = [row.get("kind", "") for row in singles]
    print()
    show_singles("as they are", singles_found, labels, kinds)
    if not arguments.plain:
        images = [opaque(Image.open(arguments.folder / row["file"])) for row in singles]
        for name, harder in HARDER.items():
            changed = [
                harder(np.asarray(image, float), number) for number, image in enumerate(images)
            ]
            files = [
                stored(Image.fromarray(np.clip(np.rint(each), 0, 255).astype(np.uint8)))
                for each in changed
            ]
            show_singles(name, [reader.one(file) for file in files], labels, kinds)
    print(f"\n{1000 * seconds / len(singles):.1f} ms an image, reading and answering")


if __name__ == "__main__":
    main()
