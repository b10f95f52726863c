import numpy as np
import pytest
from PIL import Image, ImageDraw

from mlpcli.data import synthetic
from mlpcli.reading.digit import prepare_many
from mlpcli.reading.forms import without_boxes

BOX, LINE = 60, 2
THRESHOLD = 0.5


def boxes(count, width=BOX * 8):
    """A row of boxes beside each other, as a form has them for a number."""
    paper = Image.new("L", (width, BOX + 40))
    pen = ImageDraw.Draw(paper)
    for i in range(count):
        left = 20 + i * BOX
        pen.rectangle((left, 20, left + BOX, 20 + BOX), outline=255, width=LINE)
    return paper


def turned(paper, angle):
    return np.asarray(paper.rotate(angle, Image.Resampling.BICUBIC, expand=True)) / 255


@pytest.mark.parametrize(
    ("count", "angle"), [(1, -1), (1, 0), *((n, angle) for n in (2, 6) for angle in (-5, -1, 0, 3))]
)
def test_boxes_go_and_what_crosses_them_stays(count, angle):
    paper, written = boxes(count), Image.new("L", (BOX * 8, BOX + 40))
    end = 70 if count == 1 else 30 + BOX  # from above the box to below it or the next one
    for drawing in (paper, written):
        ImageDraw.Draw(drawing).line((30, 10, end, 90), fill=255, width=8)
    ink, alone = turned(paper, angle), turned(written, angle)
    left = without_boxes(ink, THRESHOLD) > THRESHOLD
    stroke = alone > THRESHOLD
    assert (left & stroke).sum() > 0.93 * stroke.sum()
    lines = (ink > THRESHOLD) & ~stroke
    assert (left & lines).sum() < 0.07 * lines.sum()


@pytest.mark.parametrize("drawn", ["rectangle", "Z", "ladder without sides"])
def test_strokes_that_are_no_boxes_stay(drawn):
    image = Image.new("L", (100, 100))
    pen = ImageDraw.Draw(image)
    pen.line((20, 20, 80, 20), fill=255, width=2)
    pen.line((20, 80, 80, 80), fill=255, width=2)
    if drawn == "rectangle":  # nothing would be left of it
        pen.rectangle((20, 20, 80, 80), outline=255, width=2)
    elif drawn == "Z":
        pen.line((80, 20, 20, 80), fill=255, width=2)
    else:
        pen.line((50, 20, 50, 80), fill=255, width=2)
    ink = np.asarray(image) / 255
    assert np.array_equal(without_boxes(ink, THRESHOLD), ink)


@pytest.mark.parametrize("angle", [-3, 0, 2])
def test_a_number_whose_digits_touch_the_boxes_of_a_form_is_found(angle, tmp_path):
    images, _ = synthetic.draw(1, range(7))
    paper = boxes(7)
    for i, image in enumerate(images.reshape(-1, 28, 28)):
        digit = Image.fromarray(image).resize((84, 84))  # 60 pixels high, as the box is
        at = (20 + i * BOX - 12 + 9 * (i % 3 - 1), 20 - 12 + 5 * (i % 2))
        paper.paste(255, (at[0], at[1], at[0] + 84, at[1] + 84), digit)
    file = tmp_path / "form.png"
    Image.fromarray((255 - 200 * turned(paper, angle)).clip(0, 255).astype(np.uint8)).save(file)
    assert len(prepare_many(file)) == 7
