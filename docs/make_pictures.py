"""Makes the pictures of the README: `python docs/make_pictures.py`, with mlpcli installed.

- seven.png: a digit in ink on paper, for a first `mlpcli predict`
- digits/: three more with their labels; number.jpg: a number, to be read with --many
- quickstart.svg: what the README's first command printed, and what the network it trained made of
  digits that it had not seen
"""

import base64
import io
import math
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

import mlpcli
from mlpcli.data import synthetic
from mlpcli.data.sources import TEST_START

HERE = Path(__file__).parent
COMMAND = "mlpcli train --config configs/quickstart.yaml"
GROUND, TEXT, DIM, RIGHT, WRONG = "#0d1117", "#e6edf3", "#9198a1", "#7ee787", "#ffa198"
LINE, CHARACTER, MARGIN = 19, 8.0, 18
CELL, COLUMNS, ROWS = 62, 12, 2


STROKES: dict[str, list[list[tuple[int, int]]]] = {
    "7": [
        [(112, 96), (168, 104), (250, 92), (226, 150), (186, 220), (160, 292)],
        [(148, 196), (238, 184)],
    ],
    "1": [[(138, 142), (168, 120), (196, 88), (190, 180), (182, 286)]],
    "2": [
        [
            (116, 142),
            (128, 108),
            (170, 88),
            (214, 100),
            (230, 138),
            (212, 182),
            (166, 232),
            (116, 280),
        ],
        [(116, 280), (168, 270), (248, 276)],
    ],
    "4": [[(196, 84), (160, 150), (112, 214), (180, 210), (262, 204)], [(220, 146), (208, 292)]],
}
"""the way of the pen through a square of 360 pixels"""


def draw_on_paper(digits: str, path: Path) -> None:
    """Digits in dark ink on lit paper, beside each other."""
    height, width = 360, 360 + 230 * (len(digits) - 1)
    y, x = np.mgrid[0:height, 0:width] / height
    rng = np.random.default_rng(7)
    paper = 236 - 34 * x * height / width - 16 * y + rng.normal(0, 2.0, (height, width))
    ink = Image.new("L", (width, height), 0)
    pen = ImageDraw.Draw(ink)
    for i, digit in enumerate(digits):
        first, *others = [[(px + 230 * i, py) for px, py in each] for each in STROKES[digit]]
        pen.line(first, fill=255, width=15, joint="curve")
        for stroke in others:
            pen.line(stroke, fill=255, width=13)
        for px, py in (first[0], first[-1]):
            pen.ellipse((px - 7, py - 7, px + 7, py + 7), fill=255)
    soft = np.asarray(ink.filter(ImageFilter.GaussianBlur(1.5)), float) / 255
    picture = paper * (1 - soft) + 52 * soft
    Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(path, optimize=True)


def draw_digits() -> None:
    """A folder of digits with their labels, and a number."""
    folder = HERE / "digits"
    folder.mkdir(exist_ok=True)
    for digit in "124":
        draw_on_paper(digit, folder / f"{digit}.jpg")
    rows = "".join(f"{digit}.jpg,{digit}\n" for digit in "124")
    (folder / "labels.csv").write_text(f"file,label\n{rows}", encoding="utf-8")
    draw_on_paper("1742", HERE / "number.jpg")


def run_quickstart(folder: Path) -> list[str]:
    """What the command prints where it is not watched by a terminal, line by line."""
    script = Path(sys.executable).parent / "mlpcli"
    arguments = ["train", "--config", str(HERE.parent / "configs" / "quickstart.yaml")]
    done = subprocess.run(
        [script, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
        env={"PYTHONUNBUFFERED": "1", "PATH": ""},
    )
    return done.stdout.splitlines()


def data_uri(image: np.ndarray) -> str:
    """A 28×28 image as a PNG inside the SVG."""
    file = io.BytesIO()
    Image.fromarray(255 - image.reshape(28, 28)).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def draw_quickstart() -> None:
    """The terminal, and below it the digits with their answers."""
    with tempfile.TemporaryDirectory() as folder:
        lines = run_quickstart(Path(folder))
        model = mlpcli.load_model(Path(folder) / "runs" / "quickstart")
    count = COLUMNS * ROWS
    images, labels = synthetic.draw(1, range(TEST_START + 100, TEST_START + 100 + count))
    probabilities = model.predict_proba(images)
    width = math.ceil(2 * MARGIN + CHARACTER * max(map(len, lines)))
    digits_top = MARGIN + LINE * (len(lines) + 2) + 14
    left = (width - COLUMNS * CELL) / 2
    height = digits_top + ROWS * (CELL + 22) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}">',
        f'<rect width="{width}" height="{height}" rx="8" fill="{GROUND}"/>',
        '<g font-family="Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="13">',
    ]

    def text(x: float, y: float, words: str, colour: str = TEXT, anchor: str = "start") -> None:
        parts.append(
            f'<text x="{x:g}" y="{y:g}" fill="{colour}" text-anchor="{anchor}" '
            f'xml:space="preserve">{escape(words)}</text>'
        )

    text(MARGIN, MARGIN + LINE, f"$ {COMMAND}", RIGHT)
    for i, line in enumerate(lines, start=2):
        colour = DIM if line.startswith(("epoch", "Run: runs", "  ")) else TEXT
        text(MARGIN, MARGIN + LINE * i, line, colour)
    for i, (image, label, p) in enumerate(zip(images, labels, probabilities, strict=True)):
        x = left + CELL * (i % COLUMNS)
        y = digits_top + (CELL + 22) * (i // COLUMNS)
        answer = int(p.argmax())
        parts.append(
            f'<image x="{x + 4:g}" y="{y}" width="{CELL - 8}" height="{CELL - 8}" '
            f'href="{data_uri(image)}"/>'
        )
        words = f"{answer} {100 * p[answer]:.0f} %"
        text(x + CELL / 2, y + CELL + 9, words, RIGHT if answer == label else WRONG, "middle")
    text(
        width / 2,
        height - 14,
        "Test digits that mlpcli drew itself, with the network's answer and its probability.",
        DIM,
        "middle",
    )
    parts += ["</g>", "</svg>"]
    (HERE / "quickstart.svg").write_text("\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    draw_on_paper("7", HERE / "seven.png")
    draw_digits()
    draw_quickstart()
