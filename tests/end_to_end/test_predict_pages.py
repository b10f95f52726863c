"""Pages, and what is no digit, from the command line."""

import json

import numpy as np
import pytest
from helpers import photographs
from PIL import Image

import mlpcli
from mlpcli.data import synthetic


@pytest.fixture
def a_letter(tmp_path):
    file = tmp_path / "letter.png"
    signs = synthetic.draw_signs(5, range(20))
    ink = signs[mlpcli.load_model("boxed").judge(signs)[1].argmax()]
    photograph = photographs.written(ink, np.random.default_rng(0))
    Image.fromarray(np.rint(255 * photograph).astype(np.uint8)).save(file)
    return file


def test_a_letter_is_refused_and_answered_if_one_insists(run, a_letter):
    refused = run("predict", a_letter, "--checkpoint", "boxed")
    assert refused.returncode == 6
    assert "no digit found: what is there looks like none" in refused.stderr
    told = run("predict", a_letter, "--checkpoint", "boxed", "--keep-doubtful")
    assert told.returncode == 0
    assert "no digit (" in told.stdout


def test_a_page_is_told_line_by_line(run, tmp_path):
    images, labels = synthetic.draw(3, range(8))
    lines = ["".join(map(str, labels[i : i + 4])) for i in (0, 4)]
    paper = Image.new("L", (520, 360), 230)
    for i, image in enumerate(images.reshape(-1, 28, 28)):
        ink = Image.fromarray(image).resize((84, 84))
        at = (40 + 110 * (i % 4), 40 + 150 * (i // 4))
        paper.paste(40, (*at, at[0] + 84, at[1] + 84), ink)
    file = tmp_path / "page.png"
    paper.save(file)
    text = run("predict", file, "--many", "--checkpoint", "boxed").stdout
    assert [line for line in text.splitlines() if " at " not in line] == [
        f"{file}: {line}" for line in lines
    ]
    told = run("predict", file, "--many", "--json", "--checkpoint", "boxed").stdout
    facts = [json.loads(line) for line in told.splitlines()]
    places = [(each["line"], each["place"], each["digit"]) for each in facts]
    assert places == [
        (i, j, digit) for i, line in enumerate(lines, 1) for j, digit in enumerate(line, 1)
    ]
