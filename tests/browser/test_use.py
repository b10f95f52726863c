"""Everybody can use a page: with the keyboard alone, in both languages, on any screen."""

import os
from pathlib import Path

import pytest
from helpers.pages import STROKES

AXE = os.environ.get("MLPCLI_AXE")


def press_until(page, key, reached):
    """Press a key until an expression is true."""
    for _ in range(80):
        if page.run(reached):
            return
        page.page.keyboard.press(key)
    raise AssertionError(f"{key} never makes {reached}")


def test_with_the_keyboard_alone(opened, boxed):
    page = opened(boxed)
    keyboard = page.page.keyboard
    press_until(page, "Tab", "document.activeElement.className.includes('test')")
    keyboard.press("Tab")
    keyboard.press("Enter")
    assert page.run("mlpcli.page.picked") == 1
    assert page.run("document.activeElement.getAttribute('aria-pressed')") == "true"
    assert page.text("#answer").endswith(f"The test image shows {page.run('mlpcli.page.label')}.")
    press_until(page, "Tab", "document.activeElement.name === 'class'")
    before = page.run("mlpcli.page.label")
    keyboard.press("ArrowRight")
    assert page.run("mlpcli.page.label") == (before + 1) % 10
    press_until(page, "Tab", "document.activeElement.id === 'one-step'")
    keyboard.press("Enter")
    assert page.run("mlpcli.page.steps") == 1
    press_until(page, "Tab", "document.activeElement.id === 'next-stage'")
    keyboard.press("Enter")
    assert "Stage 2 of 11" in page.text("#stage")
    keyboard.press("ArrowRight")
    assert "Stage 3 of 11" in page.text("#stage")
    keyboard.press("ArrowLeft")
    assert "Stage 2 of 11" in page.text("#stage")
    press_until(page, "Tab", "document.activeElement.id === 'stage-unit'")
    keyboard.press("ArrowUp")
    press_until(page, "Tab", "document.activeElement.id === 'small-step'")
    keyboard.press("Enter")
    assert page.text("#small-status").startswith("Step 1:")


def test_every_stage_has_its_formula_and_shapes(opened, boxed):
    page = opened(boxed)
    titles = []
    for _ in range(11):
        titles.append(page.text("#stage h3"))
        assert page.page.locator("#stage math").count() >= 1
        assert "Shapes: " in page.text("#stage")
        if page.page.locator("#next-stage").is_enabled():
            page.page.locator("#next-stage").click()
    names = [title.partition(": ")[2] for title in titles]
    assert names == [
        "the input",
        *(f"layer {number} forward" for number in (1, 2, 3)),
        *("what the loss compares", "the loss", "the error of the output"),
        *(f"layer {number} back" for number in (3, 2, 1)),
        "the update",
    ]
    assert page.page.locator("#next-stage").is_disabled()


def test_an_empty_pad_has_no_stages(opened, boxed):
    page = opened(boxed)
    page.page.locator("#clear").click()
    page.page.keyboard.press("ArrowRight")
    page.page.locator("#language").select_option("zh")
    page.page.locator("#theme").select_option("dark")
    assert not page.page.locator("#stage").is_visible()
    page.draw(STROKES["1"])
    assert "第 1 步" in page.text("#stage h3")  # by the end no error may have been met


def test_rows_or_columns(opened, boxed):
    page = opened(boxed)
    page.page.locator("#next-stage").click()
    assert "W₁ (784, 276)" in page.text("#stage")
    assert page.run("document.querySelector('#stage math').textContent") == "z1=xW1+b1"
    page.page.locator("input[value=columns]").check()
    assert "W₁ (276, 784)" in page.text("#stage")
    assert page.run("document.querySelector('#stage math').textContent") == "z1=W1x+b1"


def test_a_stroke_changes_the_numbers_of_a_table_and_makes_no_new_one(opened, boxed):
    page = opened(boxed)
    shown = "document.querySelector('#probabilities tbody')"
    page.run(f"void (window.before = {shown})")
    before = page.text("#probabilities")
    page.draw(STROKES["1"])
    assert page.text("#probabilities") != before
    assert page.run(f"window.before === {shown}")
    page.page.locator("#language").select_option("zh")
    assert page.text("#probabilities").startswith("类别")


def test_a_unit_is_chosen_by_pointing_and_by_number(opened, boxed):
    page = opened(boxed)
    strip = page.page.locator("canvas.strip").first
    box = strip.bounding_box()
    page.page.mouse.move(box["x"] + box["width"] * 2.5 / 32, box["y"] + box["height"] * 1.5 / 8)
    assert page.text("#unit h3") == "Unit 35 of layer 1"
    page.page.locator("#layers input >> nth=1").fill("200")
    assert page.text("#unit h3") == "Unit 200 of layer 2"
    page.page.locator("#layers input >> nth=1").fill("999")
    assert page.text("#unit h3") == "Unit 200 of layer 2"


def test_the_terms_of_a_unit_make_its_sum(opened, boxed):
    page = opened(boxed)
    page.page.locator("#layers input >> nth=2").fill("4")
    rows = page.page.locator("#unit tbody tr").all_inner_texts()
    *terms, total = [float(row.split("\t")[-1].replace("−", "-")) for row in rows]
    assert sum(terms) == pytest.approx(total, abs=1e-3)
    assert page.run("mlpcli.page.traced.layers[2].z[3]") == pytest.approx(total, abs=1e-4)


@pytest.mark.parametrize(
    ("locale", "language", "title"),
    [("en-GB", "en", "Draw"), ("zh-CN", "zh", "书写"), ("de-DE", "en", "Draw")],
)
def test_the_browser_chooses_the_language(opened, boxed, locale, language, title):
    page = opened(boxed, locale=locale)
    assert page.text("#drawing-title") == title
    assert page.run("document.documentElement.lang").startswith(language)


def test_the_language_is_switched(opened, boxed):
    page = opened(boxed)
    page.draw(STROKES["7"])
    answer = page.probabilities
    page.page.locator("#language").select_option("zh")
    assert page.text("#forward-title") == "前向传播"
    assert page.text("#answer").startswith("7（")
    assert (page.probabilities == answer).all()
    for _ in range(10):
        page.page.locator("#next-stage").click()
    page.page.locator("#language").select_option("en")
    assert "Stage 11 of 11" in page.text("#stage")


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_every_screen(opened, boxed, scheme, locale):
    page = opened(boxed, color_scheme=scheme, locale=locale)
    for width in (1200, 768, 360):
        page.page.set_viewport_size({"width": width, "height": 800})
        assert page.run("document.documentElement.scrollWidth") <= width
    ground = page.run("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, ground[4:-1].split(", "))) < 384) == (scheme == "dark")


def test_what_is_printed(opened, boxed):
    page = opened(boxed)
    page.page.emulate_media(media="print")
    assert not page.page.locator("#clear").is_visible()
    assert page.page.locator("#arrows").is_visible()
    assert page.page.pdf()[:5] == b"%PDF-"


def test_paper_is_white(opened, boxed):
    page = opened(boxed, color_scheme="dark")
    ground = "getComputedStyle(document.body).getPropertyValue('--paper')"
    page.page.locator("#theme").select_option("dark")
    dark = page.run(ground)
    page.run("dispatchEvent(new Event('beforeprint'))")
    assert page.run(ground) == "#fff"
    page.run("dispatchEvent(new Event('afterprint'))")
    assert page.run(ground) == dark != "#fff"


def test_names_of_controls(opened, boxed):
    page = opened(boxed)
    script = """() => [...document.querySelectorAll(
            "button, input, select, canvas[role], svg[role]")]
        .filter((each) => !(each.getAttribute("aria-label") || each.textContent.trim()
            || each.labels?.[0]?.textContent.trim()))
        .map((each) => each.outerHTML.slice(0, 80))"""
    assert page.run(script) == []
    assert page.page.locator("#answer").get_attribute("aria-live") == "polite"


@pytest.mark.skipif(AXE is None, reason="MLPCLI_AXE names no axe.min.js (npm install axe-core)")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_axe_finds_nothing_serious(opened, boxed, locale, scheme):
    page = opened(boxed, locale=locale, color_scheme=scheme, bypass_csp=True)
    page.run("mlpcli.page.descend(1)")
    page.page.add_script_tag(content=Path(AXE).read_text(encoding="utf-8"))
    found = page.run("axe.run().then(({ violations }) => violations)")
    serious = [
        (each["id"], node["html"][:120])
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
    assert serious == []
