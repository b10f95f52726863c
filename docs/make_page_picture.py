"""Makes page.png of the README: `python docs/make_page_picture.py [RUN]`, boxed without a run.

It needs Playwright (`pip install '.[browser]'`), Chromium, and MNIST in the cache.
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from mlpcli.page.page import make_page

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "tests"))

from helpers.pages import CHROMIUM, FLAGS  # noqa: E402

WIDTH, HEIGHT = 1100, 880
COLOURS = 256


def main() -> None:
    checkpoint = Path(sys.argv[1] if len(sys.argv) > 1 else "boxed")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as started:
        path = Path(folder) / "page.html"
        path.write_text(make_page(checkpoint), encoding="utf-8")
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, locale="en-US")
        page.goto(path.as_uri())
        page.evaluate("document.querySelector('#backward').scrollIntoView()")
        page.wait_for_timeout(300)
        shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        browser.close()
    shot.quantize(COLOURS).save(HERE / "page.png", optimize=True)


if __name__ == "__main__":
    main()
