"""Makes the pictures of lessons.md: `python docs/make_lesson_pictures.py [NAME...]`.

It types the lines of each lesson in a temporary folder, and takes the first picture that the last
one names by `--only`.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
LESSONS = re.compile(r"```\n((?:mlpcli .*\n)+)```\n\n!\[[^\]]*\]\(pictures/(\w+)\.webp\)")
WIDTH = 1100
QUALITY = 80


def draw(lines: list[str], path: Path) -> None:
    """Type `lines`, of which the last draws, and keep its picture as `path`."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "docs").symlink_to(HERE)
        for line in lines:
            words = [sys.executable, "-m", *shlex.split(line)]
            if words[3] == "train":
                words.append("training.pictures=false")
            environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
            subprocess.run(words, cwd=folder, env=environment, check=True, capture_output=True)
        name = re.search(r"--only (\w+)", lines[-1])[1]
        picture = next(Path(folder, "runs").glob(f"*/pictures/{name}*.png"))
        with Image.open(picture) as image:
            image.thumbnail((WIDTH, 4 * WIDTH), Image.Resampling.LANCZOS)
            image.convert("RGB").save(path, quality=QUALITY, method=6)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB, {image.size}")


def main() -> None:
    text = (HERE / "lessons.md").read_text(encoding="utf-8")
    for lines, name in LESSONS.findall(text):
        if not sys.argv[1:] or name in sys.argv[1:]:
            draw(lines.splitlines(), HERE / "pictures" / f"{name}.webp")


if __name__ == "__main__":
    main()
