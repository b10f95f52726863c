"""What `mlpcli predict` takes for the images that cost it most: seconds and peak memory.

    python benchmarks/pages.py [FILE ...] [--one]

FILE: images to measure instead of those that are drawn here. POSIX only.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from helpers.hostile_images import FILES, PATTERNS, write_pattern
from helpers.processes import cost_of

SIDES = (1200, 2400)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--one", action="store_true", help="Search one digit instead of many.")
    arguments = parser.parse_args()
    many = [] if arguments.one else ["--many"]

    def show(name: str, path: Path) -> None:
        cost = cost_of("predict", *many, path.resolve(), cwd=path.resolve().parent)
        answer = "read" if cost.returncode == 0 else f"exit {cost.returncode}"
        print(f"{name:40} {cost.seconds:6.2f} s {cost.megabytes:5.0f} MB  {answer}", flush=True)

    for path in arguments.files:
        show(path.name, path)
    if arguments.files:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.png"
        for name, pattern in PATTERNS.items():
            for side in SIDES:
                write_pattern(pattern(side, side), path)
                show(f"{name}, {side}×{side}", path)
        for name, write in FILES.items():
            write(path)
            show(f"{name}, 50 MP" if "MP" not in name else name, path)


if __name__ == "__main__":
    main()
