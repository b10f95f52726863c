"""A page of `mlpcli page` in a browser, and strokes of digits to draw on it."""

import base64
import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    f"--{name}"
    for name in (
        *("no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-sync"),
        *("disable-background-networking", "disable-component-update"),
    )
]
Point = tuple[float, float]
PAD = 280
"""pixels of the drawing pad's sides"""
STROKES: dict[str, list[list[Point]]] = {
    "0": [
        [(140, 50), (95, 80), (85, 150), (110, 215), (150, 225), (185, 180), (190, 110), (140, 50)]
    ],
    "1": [[(115, 95), (150, 55), (150, 225)]],
    "2": [[(90, 90), (110, 60), (150, 55), (180, 85), (170, 130), (90, 220), (195, 220)]],
    "3": [
        [(95, 65), (150, 50), (185, 85), (130, 130), (190, 165), (165, 220), (110, 225), (85, 205)]
    ],
    "4": [[(120, 50), (85, 150), (195, 150)], [(165, 95), (160, 230)]],
    "5": [[(185, 55), (110, 55), (100, 125), (155, 120), (190, 165), (160, 220), (95, 215)]],
    "6": [
        [
            (170, 50),
            (115, 100),
            (90, 170),
            (115, 225),
            (170, 215),
            (185, 170),
            (140, 150),
            (95, 180),
        ]
    ],
    "7": [[(80, 60), (190, 60), (150, 140), (125, 230)]],
    "8": [
        [
            (175, 75),
            (135, 50),
            (100, 80),
            (140, 135),
            (185, 185),
            (140, 230),
            (95, 190),
            (140, 135),
            (180, 95),
            (165, 60),
        ]
    ],
    "9": [[(180, 90), (140, 60), (105, 90), (125, 130), (180, 105), (182, 85), (170, 230)]],
}
"""digit → its strokes, each a line through points of the pad"""


class OpenPage:
    """A page, opened from the disk.

    Attributes:
        page: Playwright's.
        errors: what the page has said on its console, or thrown.
        requests: addresses that it has asked for, but for its own file.
    """

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.context = browser.new_context(
            **{"locale": "en-US", "viewport": {"width": 1200, "height": 1000}, **options}
        )
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.errors.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        address = path.as_uri()

        def note(request: Any) -> None:
            if request.url != address and not request.url.startswith(("data:", "blob:")):
                self.requests.append(request.url)

        self.page.on("request", note)
        self.page.goto(address)

    def close(self) -> None:
        self.context.close()

    def run(self, script: str, argument: Any = None) -> Any:
        """Return the value of an expression, or of a function of `argument`, in the page."""
        return self.page.evaluate(script, argument)

    def wait(self, expression: str) -> None:
        """Wait until an expression is true in the page, whose policy forbids to wait there."""
        for _ in range(600):
            if self.run(expression):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"it never came true: {expression}")

    def array(self, expression: str) -> np.ndarray:
        """Return an array of the page's."""
        return np.array(self.run(f"Array.from({expression})"))

    def places(self, points: list[Point]) -> list[Point]:
        """Return points of the pad in pixels of the window."""
        self.page.locator("#pad").scroll_into_view_if_needed()
        box = self.page.locator("#pad").bounding_box()
        scale = box["width"] / PAD
        return [(box["x"] + scale * x, box["y"] + scale * y) for x, y in points]

    def draw(self, strokes: list[list[Point]], *, by_touch: bool = False) -> None:
        """Draw on an empty pad, with the mouse or with a finger, and wait for the answer."""
        self.page.locator("#clear").click()
        for points in strokes:
            self.stroke(points, by_touch=by_touch)
        self.wait("!mlpcli.page.pad.isDrawing && mlpcli.page.pad.frame === 0")

    def stroke(self, points: list[Point], *, by_touch: bool = False) -> None:
        """Draw a line through points of the pad, where it was before: no hand follows it."""
        first, *others = self.places(points)
        if by_touch:
            self._touch("touchStart", first)
            for point in others:
                self._touch("touchMove", point)
            self._touch("touchEnd")
            return
        self.page.mouse.move(*first)
        self.page.mouse.down()
        for point in others:
            self.page.mouse.move(*point)
        self.page.mouse.up()

    def _touch(self, kind: str, point: Point | None = None) -> None:
        self._devtools = getattr(self, "_devtools", None) or self.context.new_cdp_session(self.page)
        touches = [{"x": point[0], "y": point[1]}] if point else []
        self._devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    def open_picture(self, path: Path) -> None:
        """Open an image file as if it were dropped."""
        self.answers_to([path])

    def answers_to(self, paths: list[Path]) -> list[list[float] | None]:
        """Open one image file after the other; return the probabilities, None where no digit is.

        Only the last is drawn in the views: nobody looks at the others.
        """
        contents = [base64.b64encode(path.read_bytes()).decode() for path in paths]
        script = """async (contents) => {
            const { page } = mlpcli;
            const views = page.views;
            const found = [];
            for (const [k, content] of contents.entries()) {
                const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
                page.views = k === contents.length - 1 ? views : [{ show() {} }];
                await page.openPicture(new Blob([bytes]));
                found.push(page.problem ? null : Array.from(page.probabilities));
            }
            return found;
        }"""
        return list(self.run(script, contents))

    def picture(self) -> Image.Image:
        """Return what is on the pad."""
        address = self.run("mlpcli.page.pad.canvas.toDataURL()")
        return Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))

    @property
    def pixels(self) -> np.ndarray:
        """What the network sees (height, width)."""
        shape = self.run("mlpcli.page.facts.image_shape")
        return self.array("mlpcli.page.pixels").reshape(shape).astype(np.uint8)

    @property
    def probabilities(self) -> np.ndarray:
        """The probability of each class, as they are shown (n_classes,)."""
        return self.array("mlpcli.page.probabilities")

    def text(self, selector: str) -> str:
        return str(self.page.locator(selector).inner_text())
