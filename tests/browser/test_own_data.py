"""Pages of networks that learned one's own images, from folders, tables and archives."""

import json

import numpy as np
import pytest
from helpers.digits import HEIGHT, WIDTH, bars_dataset
from helpers.own import write_digits
from helpers.pages import STROKES
from helpers.processes import in_process
from PIL import Image

import mlpcli
from mlpcli.reading.plain import scale

NAMES = ("top", "middle", "below")


def write_csv(folder):
    images, labels = bars_dataset(150, 0)
    rows = np.column_stack([labels, images.reshape(150, -1)])
    np.savetxt(folder / "bars.csv", rows, fmt="%d", delimiter=",")
    return ["data.dataset=csv", "data.path=bars.csv", f"data.image_size=[{HEIGHT},{WIDTH}]"]


def write_npz(folder):
    images, labels = bars_dataset(150, 0)
    np.savez(folder / "bars.npz", x=images, y=labels)
    return ["data.dataset=npz", "data.path=bars.npz"]


def write_folder(folder):
    for number, (image, label) in enumerate(zip(*bars_dataset(150, 0), strict=True)):
        place = folder / "bars" / NAMES[label]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{number}.png")
    size = f"data.image_size=[{HEIGHT},{WIDTH}]"
    return ["data.dataset=folder", "data.path=bars", "data.prepare=none", size]


def write_digit_folder(folder):
    write_digits(folder / "digits", 80)
    return ["data.dataset=folder", "data.path=digits"]


def page_of(folder, settings):
    """The page that the commands write of a network that they have trained, and the network."""
    (folder / "own.yaml").write_text(
        "network: {hidden: [8]}\ntraining: {epochs: 8, batch_size: 16, pictures: false}\n"
    )
    done = in_process("train", "--config", "own.yaml", *settings, cwd=folder)
    assert done.returncode == 0, done.stderr
    done = in_process("page", "runs/own", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")  # no remark that something is missing
    return folder / "page.html", mlpcli.load_model(folder / "runs" / "own")


def predicted(folder, file):
    done = in_process("predict", file, "--checkpoint", "runs/own", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)["probabilities"]
    return [facts[name] for name in mlpcli.load_model(folder / "runs" / "own").class_names]


@pytest.mark.parametrize(
    "write", [write_csv, write_npz, write_folder, write_digit_folder], ids=lambda f: f.__name__
)
def test_its_test_images_are_those_held_out(opened, tmp_path, write):
    path, model = page_of(tmp_path, write(tmp_path))
    page = opened(path)
    facts = page.run("({ ...mlpcli.page.tests, images: Array.from(mlpcli.page.tests.images) })")
    assert facts["source"] == "test"
    assert len(facts["labels"]) >= 5
    images = np.array(facts["images"], np.uint8).reshape(len(facts["labels"]), -1)
    assert model.predict(images).tolist() == facts["predictions"]
    tests = page.page.locator(".test")
    for number in (0, tests.count() - 1):
        tests.nth(number).click()
        expected = model.predict_proba(images[number])[0]
        np.testing.assert_allclose(page.probabilities, expected, atol=2e-3)
        label = model.class_names[facts["labels"][number]]
        assert page.text("#answer").endswith(f"The test image shows {label}.")
    page.page.locator("#one-step").click()
    assert page.run("mlpcli.page.steps") == 1


def test_a_digit_is_prepared_as_the_images_of_its_folder_were(opened, tmp_path):
    path, _ = page_of(tmp_path, write_digit_folder(tmp_path))
    page = opened(path)
    page.draw(STROKES["5"])
    page.picture().save(tmp_path / "five.png")
    np.testing.assert_allclose(page.probabilities, predicted(tmp_path, "five.png"), atol=2e-3)


def test_what_is_no_digit_is_only_scaled(opened, tmp_path):
    path, _ = page_of(tmp_path, write_folder(tmp_path))
    page = opened(path)
    assert page.picture().size == (round(280 * WIDTH / HEIGHT), 280)
    images, _ = bars_dataset(3, 1)
    for image in images:
        large = Image.fromarray(image).resize((10 * WIDTH, 10 * HEIGHT), Image.Resampling.NEAREST)
        large.save(tmp_path / "large.png")
        page.open_picture(tmp_path / "large.png")
        expected = scale(tmp_path / "large.png", (HEIGHT, WIDTH)).pixels.reshape(HEIGHT, WIDTH)
        np.testing.assert_allclose(page.pixels, expected, atol=12)  # a browser enlarges smoothly
        page.picture().save(tmp_path / "pad.png")
        np.testing.assert_allclose(page.probabilities, predicted(tmp_path, "pad.png"), atol=2e-3)
    page.page.locator(".test >> nth=0").click()
    seen = page.pixels
    page.picture().save(tmp_path / "pad.png")
    shown = np.asarray(Image.open(tmp_path / "pad.png").convert("L").resize((WIDTH, HEIGHT)))
    np.testing.assert_allclose(shown, seen, atol=25)  # light where it is light
    page.page.locator("#clear").click()
    assert page.text("#answer") == "Draw or open an image, or choose a test image."
    page.stroke([(20, 40), (200, 40)])
    page.wait("!mlpcli.page.pad.isDrawing && mlpcli.page.pad.frame === 0")
    page.picture().save(tmp_path / "pad.png")
    np.testing.assert_allclose(page.probabilities, predicted(tmp_path, "pad.png"), atol=2e-3)
    assert "0 (black) to 255 (white)" in page.text("#stage")
    assert "wait for light" in page.text("#unit")
    assert "more light in a red square" in page.text("#evidence")
