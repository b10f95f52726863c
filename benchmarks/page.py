"""How long a page of `mlpcli page` takes for a stroke and for a step, in Chromium.

    python benchmarks/page.py

It needs Playwright (`pip install '.[browser]'`) and Chromium. Times are measured in the page, from
the event to the last view that waits for it, and do not count the browser's own painting. As the
machine has other work too, the fastest tenth is printed beside the median.
"""

import statistics
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from helpers.pages import CHROMIUM, FLAGS, STROKES, OpenPage
from playwright.sync_api import sync_playwright

import mlpcli
from mlpcli.page.page import make_page

LARGE = "784-800-800-10"
LIMITS = {"a stroke, boxed": 16, f"a step, {LARGE}": 100}
"""milliseconds"""
STROKE = """(strokes) => {
    const { page } = mlpcli;
    const times = [];
    page.pad.pointer = 1; // a finger is on the pad
    for (const stroke of Object.values(strokes).flatMap((each) => each)) {
        page.pad.strokes = [{ brush: 22, points: [] }];
        for (let k = 1; k < stroke.length; k++) {
            for (let part = 0; part < 5; part++) {
                const at = (axis) =>
                    stroke[k - 1][axis] + (part / 5) * (stroke[k][axis] - stroke[k - 1][axis]);
                page.pad.strokes[0].points.push([at(0), at(1)]);
                const start = performance.now();
                page.pad.show();
                page.drawn();
                times.push(performance.now() - start);
            }
        }
    }
    page.pad.pointer = null;
    return times;
}"""
STEP = """() => Array.from({ length: 30 }, () => {
    const start = performance.now();
    mlpcli.page.descend(1);
    return performance.now() - start;
})"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        boxed = opened(browser, Path("boxed"), Path(folder))
        boxed.run(STROKE, STROKES)  # until the browser has compiled it
        show("a stroke, boxed", boxed.run(STROKE, STROKES))
        boxed.draw(STROKES["3"])
        show("a step, boxed", boxed.run(STEP))
        config = mlpcli.load_config(
            "quickstart",
            overrides=[
                *("data.train_size=200", "data.test_size=100", "training.epochs=1"),
                *("network.hidden=[800, 800]", "training.pictures=false"),
            ],
        )
        large = opened(browser, mlpcli.train(config, runs_dir=folder).folder, Path(folder))
        large.draw(STROKES["3"])
        large.run(STEP)
        show(f"a step, {LARGE}", large.run(STEP))
        browser.close()


def opened(browser: object, checkpoint: Path, folder: Path) -> OpenPage:
    path = folder / "page.html"
    path.write_text(make_page(checkpoint), encoding="utf-8")
    return OpenPage(browser, path)


def show(name: str, times: list[float]) -> None:
    fast = statistics.quantiles(times, n=10)[0]
    limit = f"  (limit {LIMITS[name]} ms)" if name in LIMITS else ""
    print(f"{name:24} {statistics.median(times):7.1f} ms, fast {fast:7.1f} ms{limit}", flush=True)


if __name__ == "__main__":
    main()
