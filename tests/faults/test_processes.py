"""Every command with good and bad input, where Python reports all that is wrong in a process."""

import os
import subprocess
import sys
import threading
from multiprocessing import active_children
from pathlib import Path

import pytest

import mlpcli

pytestmark = pytest.mark.faults

SCRIPT = """
import gc, sys
from mlpcli.cli.main import run
for line in sys.stdin:
    expected, *arguments = line.split()
    code = run(arguments)
    gc.collect()
    assert code == int(expected), (code, line)
"""
COMMANDS = """
0 --help
0 config list
0 config schema
0 data list
0 train --config quickstart training.epochs=2 training.workers=2 {small}
0 train --resume runs/quickstart training.epochs=3
0 train --config quickstart --dry-run {small}
0 train --config quickstart --print-config
0 evaluate runs/quickstart
0 evaluate --json runs/quickstart runs/quickstart/weights/last.safetensors
0 predict {seven}
0 predict --json --show --many {seven}
0 plot runs/quickstart
0 runs
0 export runs/quickstart network.safetensors
0 export runs/quickstart network.npz
0 explain --config examples/xor
0 explain runs/quickstart {seven}
0 gradcheck --config examples/xor
0 data preview --config quickstart -o sheet.png
2 nonsense
2 train --config nothing.yaml
2 train --config quickstart nonsense=1
3 data verify
3 data fetch
4 train --resume nothing
4 evaluate nothing
4 evaluate {seven}
4 plot nothing
4 runs nothing
4 export nothing network.safetensors
4 explain nothing {seven}
4 gradcheck {seven}
5 train --config quickstart optimizer.learning_rate=1e9 {small}
6 predict nothing.png
6 predict runs/quickstart/config.yaml
8 evaluate runs/quickstart --min-accuracy 1
"""
SMALL = "data.train_size=300 data.test_size=100"
DESCRIPTORS = Path("/proc/self/fd")
SEVEN = Path(__file__).parents[2] / "docs" / "seven.png"


def test_no_command_leaves_a_warning_or_an_open_file(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", SCRIPT],
        input=COMMANDS.strip().format(small=SMALL, seven=SEVEN),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "MLPCLI_MIRROR": "http://127.0.0.1:9", "MLPCLI_DATA": "cache"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for word in ("Warning", "Traceback", "Exception ignored"):
        assert word not in done.stderr


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="counts descriptors in /proc")
def test_fifty_trainings_leave_nothing_open(bars, tmp_path):
    def train(number):
        config = mlpcli.load_config(
            bars, overrides=["training.epochs=1", "training.workers=2", f"name=run{number}"]
        )
        mlpcli.train(config, runs_dir=tmp_path)

    def left():
        return len(list(DESCRIPTORS.iterdir())), threading.active_count(), active_children()

    train(0)
    before = left()
    for number in range(1, 51):
        train(number)
    assert left() == before
