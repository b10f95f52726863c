"""A sweep whose workers, driver or scheduler die ends with the same bytes, or with a message."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from helpers.digits import write_bars
from helpers.processes import environment, mlpcli
from helpers.sweeps import timeless_sweep

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals"),
]
KILLS = int(os.environ.get("KILLS", "8"))
"""of workers, and of drivers; 30 take about four minutes"""
TRIALS = ["--config", "bars/bars.yaml", "training.epochs=18", "trials=24", "halving={}"]
PARAMETERS = [
    "optimizer.learning_rate={low: 0.001, high: 1, log: true}",
    "network.hidden=[64],[128],[64, 32]",
]
SWEEP = [*TRIALS, *PARAMETERS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with data that takes about ten seconds to sweep."""
    folder = tmp_path_factory.mktemp("sweeps")
    write_bars(folder / "bars", train=6000)
    return folder


@pytest.fixture(scope="module")
def expected(folder):
    """What one worker makes of it."""
    done = mlpcli("sweep", *SWEEP, "--workers", 1, "--sweeps-dir", "one", cwd=folder)
    assert done.returncode == 0, done.stderr
    found = timeless_sweep(folder / "one" / "bars")
    assert len(found[0]) == 24
    assert len(found[1]) == 48
    return found


@pytest.fixture
def started(folder, command):
    """A function that starts the command; whatever is left of it is ended with the test."""
    processes = []

    def start(*arguments, program=command, **variables):
        process = subprocess.Popen(
            [program, *map(str, arguments)],
            cwd=folder,
            env=environment(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def workers_of(process):
    """The worker processes of a sweep."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
        return [each for each in children if "spawn_main" in " ".join(each.cmdline())]
    except psutil.Error:
        return []


def wait_for(path, process):
    """Wait until a file or folder is there, for as long as the process runs."""
    while not path.exists():
        assert process.poll() is None, said(process)
        time.sleep(0.05)


def said(process, seconds=300):
    output, _ = process.communicate(timeout=seconds)
    return output


def test_two_workers(folder, expected):
    done = mlpcli("sweep", *SWEEP, "--workers", 2, "--sweeps-dir", "two", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert timeless_sweep(folder / "two" / "bars") == expected


def test_workers_that_are_killed(folder, expected, started, count):
    moments, kills = random.Random(0), 0
    process = started("sweep", *SWEEP, "--workers", 2, "--sweeps-dir", "killed")
    sweep = folder / "killed" / "bars"
    while process.poll() is None:
        time.sleep(moments.uniform(0.2, 0.8))
        victims = workers_of(process)
        if kills < KILLS and victims and sweep.exists():
            try:
                moments.choice(victims).kill()
                kills += 1
            except psutil.NoSuchProcess:
                continue
    assert process.returncode == 0, said(process)
    count("kills of a sweep's worker", kills)
    assert kills >= 3
    assert timeless_sweep(sweep) == expected


def test_a_driver_that_is_killed(folder, expected, started, count):
    moments, kills = random.Random(1), 0
    sweep = folder / "driven" / "bars"
    arguments = [*SWEEP, "--sweeps-dir", "driven"]
    while True:
        process = started("sweep", *arguments, "--workers", moments.choice([1, 2]))
        seconds = moments.uniform(1, 4) if kills < KILLS else 300
        try:
            process.wait(seconds)
            break
        except subprocess.TimeoutExpired:
            children = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            kills += 1
            _, left = psutil.wait_procs(children, timeout=30)
            assert not left, "the workers outlive their driver"
        if sweep.exists():
            arguments = ["--resume", "driven/bars"]
    assert process.returncode == 0, said(process)
    count("kills of a sweep's driver", kills)
    assert timeless_sweep(sweep) == expected


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_a_sweep_that_is_stopped(folder, expected, started, number, code):
    name = f"stopped-{number}"
    process = started("sweep", *SWEEP, "--workers", 2, "--sweeps-dir", name)
    sweep = folder / name / "bars"
    wait_for(sweep / "trials" / "0003", process)
    children = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, number)  # as a terminal does: the workers get it, too
    output = said(process)
    assert process.returncode == code, output
    resume = re.search(r"To resume: mlpcli (.*)", output)
    assert resume, output
    assert "Traceback" not in output
    _, left = psutil.wait_procs(children, timeout=30)
    assert not left
    assert json.loads((sweep / "summary.json").read_text())["stopped"] == "interrupted"
    done = mlpcli(*resume[1].split(), cwd=folder)
    assert done.returncode == 0, done.stderr
    assert timeless_sweep(sweep) == expected


class Dask:
    """A scheduler with workers, each a process of its own, on loopback."""

    def __init__(self, start):
        self._start = start
        self._dask = str(Path(sys.executable).with_name("dask"))
        options = ["--host", "127.0.0.1", "--port", 0, "--no-dashboard"]
        self.scheduler = start("scheduler", *options, program=self._dask)
        self.address = self._line(self.scheduler, r"Scheduler at:\s*(tcp://127\.0\.0\.1:\d+)")

    def worker(self, **variables):
        options = ["--nthreads", 1, "--no-dashboard", "--host", "127.0.0.1", "--no-nanny"]
        process = self._start("worker", self.address, *options, program=self._dask, **variables)
        self._line(process, r"Registered to:\s*(tcp://\S+)")
        return process

    def _line(self, process, pattern):
        for line in process.stdout:
            if found := re.search(pattern, line):
                return found[1]
        raise AssertionError(f"{pattern} was never printed")


@pytest.fixture
def dask(started):
    return Dask(started)


def test_workers_started_by_hand_that_die(folder, expected, started, dask):
    workers = [dask.worker(), dask.worker()]
    arguments = ["--scheduler", dask.address, "--sweeps-dir", "by_hand"]
    process = started("sweep", *SWEEP, *arguments)
    wait_for(folder / "by_hand" / "bars" / "trials" / "0003", process)
    workers[0].kill()
    workers.append(dask.worker())
    output = said(process)
    assert process.returncode == 0, output
    assert timeless_sweep(folder / "by_hand" / "bars") == expected


def test_a_scheduler_that_is_gone(folder, expected, started, dask):
    dask.worker()
    process = started("sweep", *SWEEP, "--scheduler", dask.address, "--sweeps-dir", "gone")
    sweep = folder / "gone" / "bars"
    wait_for(sweep / "trials" / "0003", process)
    dask.scheduler.kill()
    output = said(process)
    assert process.returncode == 10, output
    assert "the connection to the scheduler is lost" in output
    assert "Traceback" not in output
    done = mlpcli("sweep", "--resume", sweep, "--workers", 2, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert timeless_sweep(sweep) == expected


def test_a_worker_without_mlpcli(folder, started, dask, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['mlpcli'] = None\n")
    dask.worker(PYTHONPATH=str(tmp_path))
    process = started("sweep", *SWEEP, "--scheduler", dask.address, "--sweeps-dir", "without")
    output = said(process)
    assert process.returncode == 10, output
    assert re.search(r"Worker tcp://\S+: cannot import mlpcli", output), output


def test_a_worker_without_mlpcli_that_comes_later(folder, started, dask, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['mlpcli'] = None\n")
    dask.worker()
    many = [*PARAMETERS, "--config", "bars/bars.yaml", "sampler=random", "trials=1000"]
    process = started("sweep", *many, "--scheduler", dask.address, "--sweeps-dir", "later")
    wait_for(folder / "later" / "bars" / "trials" / "0000", process)
    dask.worker(PYTHONPATH=str(tmp_path))
    output = said(process)
    assert process.returncode == 10, output
    assert re.search(r"Worker tcp://\S+: cannot import mlpcli", output), output


def test_a_worker_with_another_version(folder, started, dask, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import mlpcli; mlpcli.__version__ = '0.0.9'\n")
    dask.worker(PYTHONPATH=str(tmp_path))
    process = started("sweep", *SWEEP, "--scheduler", dask.address, "--sweeps-dir", "version")
    output = said(process)
    assert process.returncode == 10, output
    assert re.search(r"Worker tcp://\S+: has mlpcli 0\.0\.9, and this machine has", output), output


def test_a_worker_that_cannot_get_the_data(folder, started, dask, tmp_path):
    dask.worker(MLPCLI_DATA=str(tmp_path / "none"), MLPCLI_MIRROR=str(tmp_path))
    options = ["--config", "smoke", "seed=1,2", "--scheduler", dask.address, "--sweeps-dir", "data"]
    process = started(
        "sweep", *options, http_proxy="http://127.0.0.1:1", https_proxy="http://127.0.0.1:1"
    )
    output = said(process)
    assert process.returncode == 3, output
    assert re.search(r"Worker tcp://\S+: train-images-idx3-ubyte.gz could not be fetched", output)
    assert "Traceback" not in output


def test_something_else_than_a_scheduler(folder, started):
    server = started(
        "-m", "http.server", 0, "--bind", "127.0.0.1", program=sys.executable, PYTHONUNBUFFERED="1"
    )
    port = re.search(r"port (\d+)", server.stdout.readline())[1]
    address = f"tcp://127.0.0.1:{port}"
    process = started("sweep", *SWEEP, "--scheduler", address, "--sweeps-dir", "else")
    output = said(process)
    assert process.returncode == 10, output
    assert f"{address}: no Dask scheduler can be reached there" in output


def test_the_minutes_are_over(folder):
    """What was running is given up, and the best trial so far is tested by the same workers."""
    options = ["minutes=0.15", "trials=100000", "sampler=random", "halving=null", "-q"]
    done = mlpcli("sweep", *SWEEP, *options, "--sweeps-dir", "minutes", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "the minutes are over" in done.stdout
    summary = json.loads((folder / "minutes" / "bars" / "summary.json").read_text())
    assert summary["stopped"] == "minutes"
    assert summary["test"]["1"]["test_images"] == 60


def test_a_thousand_trials(folder, started, count):
    """The table is right, and the driver's memory does not grow with the trials."""
    options = ["-q", "-c", "bars/bars.yaml", "training.epochs=1", "sampler=random", "--sweeps-dir"]
    rates = "optimizer.learning_rate={low: 0.001, high: 1, log: true}"
    process = started("sweep", *options, "many", rates, "trials=1000", "data.train_size=60")
    trials = folder / "many" / "bars" / "trials"
    memory = {}
    while process.poll() is None:
        done = len(list(trials.iterdir())) if trials.exists() else 0
        try:
            memory[done // 100] = psutil.Process(process.pid).memory_info().rss / 2**20
        except psutil.Error:
            break
        time.sleep(0.2)
    output = said(process)
    assert process.returncode == 0, output
    growth = memory[9] - memory[1]
    count("MB by which 800 trials make a driver grow", round(growth))
    assert growth < 50
    rows, _ = timeless_sweep(folder / "many" / "bars")
    assert [int(row["trial"]) for row in rows] == list(range(1000))
    for row in rows[::97]:
        summary = json.loads((trials / f"{int(row['trial']):04}" / "summary.json").read_text())
        assert float(row["val_accuracy"]) == summary["best"]["val_accuracy"]
        config = (trials / f"{int(row['trial']):04}" / "config.yaml").read_text()
        assert f"learning_rate: {row['optimizer.learning_rate']}" in config
