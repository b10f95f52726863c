"""A page answers as `mlpcli predict` does."""

import json

import numpy as np
import pytest
from helpers.pages import STROKES
from helpers.processes import in_process
from PIL import Image

import mlpcli
from mlpcli.config.class_names import NO_DIGIT_ODDS
from mlpcli.data import idx
from mlpcli.errors import ImageError
from mlpcli.reading.digit import prepare


def predicted(path, checkpoint="boxed"):
    """The probabilities of `mlpcli predict`, in the order of the classes, "no digit" the last."""
    done = in_process("predict", path, "--checkpoint", checkpoint, "--json", cwd=path.parent)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    digits = [probability for _, probability in sorted(answer["probabilities"].items())]
    return np.array([*digits, answer["no_digit"]])


def judged(probabilities):
    """The network's probabilities as `mlpcli predict` counts them."""
    counted = np.append(probabilities[:-1], NO_DIGIT_ODDS * probabilities[-1])
    return counted / counted.sum()


@pytest.mark.parametrize("by_touch", [False, True], ids=["mouse", "touch"])
def test_strokes_of_each_digit(opened, boxed, tmp_path, by_touch):
    page = opened(boxed, has_touch=by_touch)
    model = mlpcli.load_model("boxed")
    for digit, strokes in STROKES.items():
        page.draw(strokes, by_touch=by_touch)
        page.picture().save(tmp_path / f"{digit}.png")
        np.testing.assert_allclose(
            judged(page.probabilities), predicted(tmp_path / f"{digit}.png"), atol=1e-3
        )
        np.testing.assert_allclose(
            page.probabilities, model.output_probabilities(page.pixels)[0], atol=1e-5
        )
        assert page.text("#answer").startswith(f"{digit} ("), digit
        bars = page.page.locator("#probabilities td.value").all_inner_texts()
        assert bars == [f"{100 * p:.2f} %" for p in judged(page.probabilities)]
    assert page.run("scrollY") == 0 or not by_touch


@pytest.mark.parametrize("width", [360, 1200])
def test_the_page_stays_where_it_is_while_a_finger_draws(opened, boxed, width):
    page = opened(boxed, has_touch=True, viewport={"width": width, "height": 640})
    pad = "mlpcli.page.pad.canvas.getBoundingClientRect().top"
    page.page.locator("#pad").scroll_into_view_if_needed()
    page.run("mlpcli.page.pickFirst()")
    clear = "document.getElementById('clear').click()"  # where it is: nothing may scroll to it
    before = page.run("scrollY"), page.run(pad)
    page.stroke([(140, 250), (140, 100), (140, 20)], by_touch=True)
    assert (page.run("scrollY"), page.run(pad)) == before
    page.run(clear)
    assert (page.run("scrollY"), page.run(pad)) == before
    assert page.run("mlpcli.page.pad.strokes.length") == 0
    page.stroke([(20, 140), (260, 140)], by_touch=True)  # no digit: the longest answer
    assert (page.run("scrollY"), page.run(pad)) == before
    assert page.run("mlpcli.page.pad.strokes.length") == 1


def test_undo_and_clear(opened, boxed):
    page = opened(boxed)
    page.draw(STROKES["4"])
    both = page.probabilities
    page.page.locator("#undo").click()
    assert page.run("mlpcli.page.pad.strokes.length") == 1
    assert not np.allclose(page.probabilities, both)
    page.page.locator("#clear").click()
    assert page.text("#answer") == "Draw a digit, or choose a test image."
    assert not page.page.locator("#layers").is_visible()


NO_DIGITS = {
    "a line": [[(20, 140), (260, 140)]],
    "a dot": [[(140, 140), (141, 140)]],
    "nothing but specks": [[(140, 140), (140, 140)]],
}


def test_a_drawing_that_is_cleared_under_the_pen(opened, boxed):
    page = opened(boxed)
    page.page.locator("#clear").click()
    first, second = page.places([(100, 60), (180, 200)])
    page.page.mouse.move(*first)
    page.page.mouse.down()
    page.run("document.getElementById('clear').click()")  # by another finger, or the keyboard
    page.page.mouse.move(*second)  # by the end no error may have been met
    page.page.mouse.up()
    assert page.text("#answer") == "Draw a digit, or choose a test image."


def test_another_finger_does_not_end_the_stroke(opened, boxed):
    page = opened(boxed)
    page.page.locator("#clear").click()
    first, second = page.places([(140, 50), (140, 220)])
    page.page.mouse.move(*first)
    page.page.mouse.down()
    lifted = "new PointerEvent('pointerup', { pointerId: 99 })"
    page.run(f"document.getElementById('pad').dispatchEvent({lifted})")
    page.page.mouse.move(*second)
    page.page.mouse.up()
    assert page.run("mlpcli.page.pad.strokes[0].points.length") > 1


@pytest.mark.parametrize("name", NO_DIGITS)
def test_what_is_no_digit_is_refused_in_the_same_words(opened, boxed, tmp_path, name):
    page = opened(boxed)
    page.run("mlpcli.page.pad.brush = 40" if name == "a dot" else "mlpcli.page.pad.brush = 3")
    page.draw(NO_DIGITS[name])
    page.picture().save(tmp_path / "drawn.png")
    with pytest.raises(ImageError) as refused:
        prepare(tmp_path / "drawn.png")
    assert page.text("#answer") == str(refused.value).partition(": ")[2]


def test_a_letter_is_refused_as_by_predict(opened, boxed, tmp_path):
    page = opened(boxed)
    page.draw([[(90, 50), (90, 230)], [(190, 50), (95, 140), (195, 230)]])  # K
    page.picture().save(tmp_path / "letter.png")
    done = in_process("predict", "letter.png", cwd=tmp_path)
    assert done.returncode == 6
    share = f"{100 * judged(page.probabilities)[-1]:.2f} %"
    assert page.text("#answer") == f"no digit ({share})"
    assert page.page.locator("#classes input:checked").get_attribute("value") == "10"


def test_below_the_threshold_it_is_unsure(opened, boxed):
    page = opened(boxed)
    page.draw(STROKES["3"])
    share = judged(page.probabilities).max()
    slider = page.page.locator("#threshold")
    slider.fill("100")
    assert page.text("#answer") == f"unsure, perhaps 3 ({100 * share:.2f} %)"
    slider.fill("0")
    assert page.text("#answer") == f"3 ({100 * share:.2f} %)"


def placed(images, rng):
    """A digit of MNIST, dark on a white pad, at a random size and place."""
    side = int(rng.integers(70, 281))
    left, top = rng.integers(0, 281 - side, 2)
    ink = Image.fromarray(255 - images[rng.integers(len(images))])
    pad = Image.new("L", (280, 280), 255)
    pad.paste(ink.resize((side, side), Image.Resampling.BICUBIC), (int(left), int(top)))
    return pad


def test_images_at_random_sizes_and_places(opened, boxed, data_dir, tmp_path):
    path = data_dir / "mnist" / "t10k-images-idx3-ubyte.gz"
    if not path.exists():
        pytest.skip("the files of MNIST are not in ../shared/mnist")
    images, rng = idx.read_images(path), np.random.default_rng(0)
    page, model = opened(boxed), mlpcli.load_model("boxed")
    paths = [tmp_path / f"{number}.png" for number in range(200)]
    for path in paths:
        placed(images, rng).save(path)
    agreeing = 0
    for path, shown in zip(paths, page.answers_to(paths), strict=True):
        try:
            expected = model.output_probabilities(prepare(path).pixels)[0]
        except ImageError:
            agreeing += shown is None
            continue
        agreeing += shown is not None and np.argmax(shown) == expected.argmax()
    assert agreeing >= 198


def test_a_picture_is_opened(opened, boxed, tmp_path):
    page = opened(boxed)
    page.draw(STROKES["7"])
    page.picture().save(tmp_path / "seven.png")
    found = page.probabilities
    page.page.locator("#clear").click()
    page.page.locator("#file").set_input_files(tmp_path / "seven.png")
    page.wait("mlpcli.page.pixels !== null")
    np.testing.assert_allclose(page.probabilities, found, atol=1e-6)
    (tmp_path / "none.png").write_text("no picture")
    page.page.locator("#file").set_input_files(tmp_path / "none.png")
    page.page.wait_for_selector("#answer:has-text('cannot read this image')")


@pytest.mark.parametrize("light", [False, True], ids=["dark on nothing", "light on nothing"])
def test_a_transparent_picture_has_a_ground_that_contrasts(opened, boxed, tmp_path, light):
    page = opened(boxed)
    page.draw(STROKES["5"])
    found = page.probabilities
    ink = np.asarray(page.picture().convert("L"))
    image = np.zeros((*ink.shape, 4), np.uint8)
    image[..., :3], image[..., 3] = 255 if light else 0, 255 - ink
    Image.fromarray(image).save(tmp_path / "five.png")
    page.open_picture(tmp_path / "five.png")
    np.testing.assert_allclose(page.probabilities, found, atol=0.02)
    np.testing.assert_allclose(
        judged(page.probabilities), predicted(tmp_path / "five.png"), atol=0.02
    )


def test_the_drawing_is_saved(opened, boxed, tmp_path):
    page = opened(boxed)
    page.draw(STROKES["2"])
    with page.page.expect_download() as download:
        page.page.locator("#save").click()
    path = tmp_path / "saved.png"
    download.value.save_as(path)
    np.testing.assert_allclose(judged(page.probabilities), predicted(path), atol=1e-3)
