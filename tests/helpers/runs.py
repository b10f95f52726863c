"""What runs say, and comparing what two left."""

import csv
import json

from mlpcli.pictures.catalogue import PICTURES
from mlpcli.reporting import Reporter
from mlpcli.storage.run_folder import RunFolder

PICTURES_OF_IMAGES = [
    name
    for name, entry in PICTURES.items()
    if not (entry.on_request or name in ("fit", "decision"))
]
"""drawn by default of a run on images"""


class Told(Reporter):
    """Keeps what is remarked."""

    def __init__(self):
        self.remarks = []

    def remark(self, text):
        self.remarks.append(text)


def timeless(folder):
    """Every file of a run, without what may differ between two runs of the same config."""
    folder = RunFolder(folder)
    rows = [row[:1] + row[2:] for row in csv.reader(folder.metrics.read_text().splitlines())]
    summary = json.loads(folder.summary.read_text())
    for part in (summary, summary["best"], summary["last"]):
        del part["seconds"]
    return {
        "config": folder.config.read_text(),
        "best": folder.best.read_bytes(),
        "last": folder.last.read_bytes(),
        "rows": rows,
        "gradients": folder.gradients.read_bytes(),
        "summary": summary,
    }
