"""Killed or interrupted at random moments and gone on with, a run ends with the same bytes."""

import os
import random
import re
import signal
import subprocess
import time

import pytest
from helpers.digits import write_bars
from helpers.processes import environment, mlpcli
from helpers.runs import timeless

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals"),
]
KINDS = {
    "nothing special": ["training.epochs=100"],
    "all there is": [
        "training.epochs=20",
        "optimizer={name: nadam, momentum: null, clip_norm: 1}",
        "schedule={name: plateau, monitor: train_loss, patience: 3, min_delta: 0.01}",
        "network.dropout.hidden=0.2",
        "network.batch_norm=true",
        "training.averaging={}",
        "training.workers=2",
        "data.augmentation.shift=1",
    ],
}
SIGNALS = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CODES = {signal.SIGKILL: -9, signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 143}


@pytest.mark.parametrize("kind", KINDS)
def test_stopped_again_and_again(command, tmp_path, kind, count) -> None:
    moments = random.Random(0)
    config = write_bars(tmp_path / "run", train=6000)  # three blocks an epoch
    config = config.rename(config.with_name("run.yaml"))
    start = ["train", "-c", str(config), *KINDS[kind]]
    started = time.monotonic()
    assert mlpcli(*start, "--runs-dir", "whole", cwd=tmp_path).returncode == 0
    seconds = time.monotonic() - started
    expected = timeless(tmp_path / "whole" / "run")
    seen = set()
    for chain in range(3):
        runs, tries = tmp_path / str(chain), 0
        go_on = [*start, "--runs-dir", str(runs)]
        while True:
            process = subprocess.Popen(
                [command, *go_on],
                cwd=tmp_path,
                env=environment(OPENBLAS_NUM_THREADS="1"),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            tries += 1
            assert tries < 200
            number = moments.choice(SIGNALS)
            if moments.random() < 0.7:  # of the others, some come before the first step
                process.stderr.readline()
            time.sleep(moments.uniform(0, seconds / 4))
            for _ in range(moments.choice((1, 1, 2))):  # some are impatient
                process.send_signal(number)
            _, error = process.communicate(timeout=60)
            assert "Traceback" not in error
            if process.returncode == 0:
                break
            before_our_first_line = process.returncode == -number and not error
            assert process.returncode == CODES[number] or before_our_first_line, error
            seen.add(number)
            count("runs stopped by a signal, and gone on with")
            count("  of them by kill -9", number == signal.SIGKILL)
            told = re.search(r"To resume: mlpcli train --resume (\S+)$", error.strip())
            count("  of them told the command that goes on", bool(told))
            count("  of them with their place within an epoch", " up to step " in error)
            begun = (runs / "run").exists()
            assert begun or not told
            if begun:
                go_on = ["train", "--resume", str(runs / "run")]
        assert timeless(runs / "run") == expected
    assert len(seen) > 2
