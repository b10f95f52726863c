"""What one's own images take: MNIST in Kaggle's form, and pictures in folders.

    python benchmarks/own_data.py kaggle DIR [--data-dir DATA]
    python benchmarks/own_data.py speed [--pictures 10000]

`kaggle` writes train.csv, with 42,000 of MNIST's 70,000 images, test.csv, with the others, and
truth.csv, with their labels as a submission has them. `speed` makes a dry run on such a train.csv,
and on pictures in folders, the first time and from the cache: processor seconds of the command and
its children, and peak memory. POSIX only.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

import numpy as np
from helpers.processes import cost_of
from PIL import Image

import mlpcli
from mlpcli.data import synthetic

LEARNED = 42_000


def write_table(path: Path, pixels: np.ndarray, labels: np.ndarray | None = None) -> None:
    names = [f"pixel{i}" for i in range(pixels.shape[1])]
    if labels is not None:
        pixels, names = np.column_stack([labels, pixels]), ["label", *names]
    with path.open("w", encoding="ascii") as file:
        file.write(",".join(names) + "\n")
        for row in pixels.tolist():
            file.write(",".join(map(str, row)) + "\n")


def write_kaggle(folder: Path, data_dir: Path | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    parts = [mlpcli.load_dataset(split=split, data_dir=data_dir) for split in ("train", "test")]
    pixels = np.concatenate([part.images for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    order = np.random.default_rng(0).permutation(len(labels))
    learned, asked = order[:LEARNED], order[LEARNED:]
    write_table(folder / "train.csv", pixels[learned], labels[learned])
    write_table(folder / "test.csv", pixels[asked])
    truth = [f"{number},{label}\n" for number, label in enumerate(labels[asked].tolist(), 1)]
    (folder / "truth.csv").write_text("ImageId,Label\n" + "".join(truth), encoding="ascii")


def write_pictures(folder: Path, number: int) -> None:
    """Dark ink on white paper, a few hundred pixels on a side."""
    images, labels = synthetic.draw(1, range(number))
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        place = folder / str(label)
        place.mkdir(parents=True, exist_ok=True)
        picture = Image.new("L", (300, 240), 255)
        picture.paste(Image.fromarray(255 - image.reshape(28, 28)).resize((140, 140)), (70, 50))
        picture.save(place / f"{i:05}.png")


def measure(what: str, folder: Path, *settings: str) -> None:
    options = ("--config", "kaggle", "--dry-run", "data.augmentation=null", *settings)
    cost = cost_of("train", *options, cwd=folder)
    assert cost.returncode == 0, cost.stderr
    print(f"{what:40} {cost.seconds:6.2f} s {cost.megabytes:5.0f} MB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    kaggle = commands.add_parser("kaggle")
    kaggle.add_argument("folder", type=Path)
    kaggle.add_argument("--data-dir", type=Path)
    commands.add_parser("speed").add_argument("--pictures", type=int, default=10_000)
    arguments = parser.parse_args()
    if arguments.command == "kaggle":
        write_kaggle(arguments.folder, arguments.data_dir)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        synthetic_digits = ("data.dataset=synthetic", "data.path=null", "data.test_share=null")
        measure("a command that reads nothing", folder, *synthetic_digits, "data.train_size=5000")
        images, labels = synthetic.draw(1, range(LEARNED))
        write_table(folder / "train.csv", images, labels)
        measure(f"train.csv, {LEARNED:,} rows", folder)
        write_pictures(folder / "pictures", arguments.pictures)
        settings = ("data.dataset=folder", "data.path=pictures", "data.on_error=skip")
        for what in ("the first time", "from the cache"):
            measure(f"{arguments.pictures:,} pictures, {what}", folder, *settings)


if __name__ == "__main__":
    main()
