"""One's own images, written: digits drawn by mlpcli as PNG files in folders."""

from pathlib import Path

from PIL import Image

from mlpcli.data import synthetic


def write_digits(folder: Path, n: int = 40, start: int = 0) -> Path:
    """Write digits as dark ink on white paper, in a folder for each class."""
    images, labels = synthetic.draw(1, range(start, start + n))
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        place = folder / str(label)
        place.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(255 - image.reshape(28, 28)).resize((56, 56))
        picture.save(place / f"{number:03}.png")
    return folder
