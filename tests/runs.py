"""Comparing what two runs left."""

import csv
import json

from mlpcli.training.run_directory import RunDirectory


def timeless(folder):
    """Every file of a run, without what may differ between two runs of the same config."""
    directory = RunDirectory(folder)
    rows = [row[:1] + row[2:] for row in csv.reader(directory.metrics.read_text().splitlines())]
    summary = json.loads(directory.summary.read_text())
    for part in (summary, summary["best"], summary["last"]):
        del part["seconds"]
    return {
        "config": directory.config.read_text(),
        "best": directory.best.read_bytes(),
        "last": directory.last.read_bytes(),
        "rows": rows,
        "gradients": directory.gradients.read_bytes(),
        "summary": summary,
    }
