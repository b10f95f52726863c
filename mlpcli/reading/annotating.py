"""Drawing the answers into an image."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mlpcli.reading.boxes import Box
from mlpcli.reading.morphology import FloatArray, UInt8Array

LETTER, LEAST_LETTER = 0.35, 10
"""height of the answers as a fraction of the usual box, and at least in pixels"""


def annotated(grey: FloatArray, boxes: Sequence[Box], answers: Sequence[str]) -> UInt8Array:
    """Return (H, W, 3), the image `grey` (H, W) with a box around each digit and its answer."""
    image = Image.fromarray(np.rint(255 * grey).astype(np.uint8)).convert("RGB")
    draw = ImageDraw.Draw(image)
    usual = float(np.median([rows.stop - rows.start for rows, _ in boxes]))
    font = ImageFont.load_default(max(LEAST_LETTER, LETTER * usual))
    for (rows, columns), answer in zip(boxes, answers, strict=True):
        box = (columns.start, rows.start, columns.stop - 1, rows.stop - 1)
        draw.rectangle(box, outline=(220, 30, 30))
        place = (columns.start + 1, max(rows.start - 1, font.getbbox(answer)[3]))
        draw.rectangle(draw.textbbox(place, answer, font, "ls"), fill="white")
        draw.text(place, answer, (30, 60, 220), font, "ls")
    return np.asarray(image)
