"""Pages in a real browser: Chromium, driven by Playwright. Skipped, saying why, without them."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from helpers.pages import CHROMIUM, FLAGS, OpenPage

from mlpcli.page.page import make_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser

REAL_MNIST = Path(__file__).parents[3] / "shared" / "mnist"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is missing: pip install '.[browser]'"
    )
    if CHROMIUM is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real MNIST in a cache, where its files are at hand; else an empty one."""
    folder = tmp_path_factory.mktemp("data")
    if REAL_MNIST.is_dir():
        shutil.copytree(REAL_MNIST, folder / "mnist", copy_function=os.symlink)
    return folder


@pytest.fixture(scope="session")
def boxed(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the network in the box."""
    path = tmp_path_factory.mktemp("pages") / "boxed.html"
    path.write_text(make_page(Path("boxed"), data_dir), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser: "Browser") -> Iterator[Callable[..., OpenPage]]:
    """`opened(path, **options)`: a page in a window of its own.

    At the end none may have asked for anything from elsewhere, or have met an error.
    """
    with opening(browser) as each:
        yield each


@pytest.fixture(scope="module")
def opened_for_all(browser: "Browser") -> Iterator[Callable[..., OpenPage]]:
    """The same, for pages that the tests of a module share."""
    with opening(browser) as each:
        yield each


@contextlib.contextmanager
def opening(browser: "Browser") -> Iterator[Callable[..., OpenPage]]:
    """Yield what opens pages; then close them, and check what they have done."""
    pages: list[OpenPage] = []

    def open_page(path: Path, **options: object) -> OpenPage:
        pages.append(OpenPage(browser, path, **options))
        return pages[-1]

    yield open_page
    for page in pages:
        page.close()
    for page in pages:
        assert page.errors == []
        assert page.requests == []
