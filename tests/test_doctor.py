"""`mlpcli doctor`: what it finds, what it calls broken, and what it keeps to itself."""

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from helpers.mirrors import status, whole
from helpers.processes import in_process

import mlpcli
from mlpcli.parallel import memory
from mlpcli.storage.environment import machine
from mlpcli.text import size


@pytest.fixture
def doctor(tmp_path):
    def ask(*arguments, **variables):
        return in_process("doctor", *arguments, cwd=tmp_path, **variables)

    return ask


def test_the_report_of_a_sound_installation(doctor):
    done = doctor("--data-dir", "cache")
    assert (done.returncode, done.stderr) == (0, "")
    found = {
        line.split("  ")[0]: line.split("  ", 1)[1].strip() for line in done.stdout.split("\n")[:-1]
    }
    assert found["mlpcli"] == f"{mlpcli.__version__}, in {Path(mlpcli.__file__).parent}"
    for package in ("numpy", "pydantic", "pillow", "pyyaml"):
        assert found[package] == metadata.version(package)
    assert found["cores"].startswith(f"{machine()['cores']} usable of ")
    assert found["cache"].endswith(
        "cache: empty; `mlpcli data fetch --data-dir cache` downloads MNIST"
    )
    assert (
        found["extra sweep"]
        == f"distributed {metadata.version('distributed')}, optuna {metadata.version('optuna')}"
    )
    assert found["mirrors"] == "not asked; --mirrors asks them"


def test_json_has_what_environment_json_has_of_a_machine(doctor):
    facts = json.loads(doctor("--json").stdout)
    assert machine().items() <= facts.items()
    assert facts["problems"] == []
    assert facts["mirrors"] is None
    assert set(facts["extras"]) == set(metadata.metadata("mlpcli").get_all("Provides-Extra"))
    assert facts["memory"]["total"] > 10**8


@pytest.mark.parametrize("name", ["MLPCLI_MIRROR", "https_proxy", "CURL_CA_BUNDLE"])
def test_variables_that_change_what_a_download_does_are_told(doctor, name):
    told = json.loads(doctor("--json", **{name: "http://me:secret@nowhere"}).stdout)["variables"]
    assert told[name] == "http://nowhere"


def installed_as(monkeypatch, name, version):
    """Let a package have another version, or none."""
    known = metadata.version

    def told(asked):
        if asked != name:
            return known(asked)
        if version is None:
            raise metadata.PackageNotFoundError
        return version

    monkeypatch.setattr(metadata, "version", told)


@pytest.mark.parametrize(
    ("name", "version", "fault"),
    [
        ("click", None, "click: missing; pip install --force-reinstall 'click>=8.1.7' mends it."),
        ("numpy", "1.26.4", "numpy 1.26.4: needed is >=2.0; pip install"),
    ],
)
def test_an_essential_package_that_is_missing_or_too_old(doctor, monkeypatch, name, version, fault):
    installed_as(monkeypatch, name, version)
    done = doctor()
    assert done.returncode == 1
    assert done.stderr.startswith(f"mlpcli: 1 essential thing is broken:\n  {fault}")
    assert "Traceback" not in done.stderr
    assert f"\n{name} " in done.stdout


def test_an_extra_that_is_missing_is_no_fault(doctor, monkeypatch):
    installed_as(monkeypatch, "optuna", None)
    done = doctor()
    assert done.returncode == 0
    assert "missing: optuna>=4.2; pip install 'mlpcli[sweep]'\n" in done.stdout
    extras = json.loads(doctor("--json").stdout)["extras"]
    assert extras["test"]["missing"] == ["optuna>=4.2"]  # it has the extra sweep in it


@pytest.mark.parametrize("package", ["numpy", "packaging", "requests", "threadpoolctl"])
def test_a_package_that_cannot_be_imported_is_named_all_the_same(tmp_path, package):
    script = f"import sys; sys.modules[{package!r}] = None; sys.argv[1:] = ['doctor', '--mirrors']"
    script += "; from mlpcli.__main__ import main; main()"
    variables = {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=variables, check=False
    )
    assert done.returncode == 1, done.stderr
    assert package in done.stderr
    assert "Traceback" not in done.stderr
    assert f"mlpcli           {mlpcli.__version__}" in done.stdout or package == "packaging"
    assert "platform" in done.stdout


def test_a_program_that_was_never_installed(doctor, monkeypatch):
    def unknown(_name):
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "requires", unknown)
    done = doctor()
    assert (done.returncode, "mlpcli is not installed, only found" in done.stderr) == (1, True)


def test_a_damaged_network_in_the_box(doctor, monkeypatch, tmp_path):
    (tmp_path / "boxed.safetensors").write_bytes(b"damaged")
    monkeypatch.setattr("mlpcli.storage.run_folder.BOXED", tmp_path / "boxed.safetensors")
    done = doctor()
    assert (done.returncode, "The network in the box: " in done.stderr) == (1, True)


def test_no_name_of_the_user_is_told(doctor, tmp_path):
    home = tmp_path / "quirinus"
    (home / "data").mkdir(parents=True)
    told = doctor("--data-dir", home / "data", HOME=str(home), USERPROFILE=str(home)).stdout
    assert f"cache            {Path('~') / 'data'}: empty" in told
    assert "quirinus" not in told
    other = tmp_path / "quirinusa"
    told = doctor("--data-dir", other, HOME=str(home), USERPROFILE=str(home)).stdout
    assert f"cache            {other}: empty" in told


def test_the_cache_is_verified(doctor, fabricate, tmp_path):
    files = fabricate().contents
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    assert f"  {size(sum(map(len, files.values())))}: verified" in doctor().stdout
    damaged = next(iter(files))
    (folder / damaged).write_bytes(b"damaged")
    done = doctor()
    assert done.returncode == 0  # it is fetched again
    assert f"{damaged} damaged; `mlpcli data fetch mnist` mends it" in done.stdout
    cache = json.loads(doctor("--json").stdout)["cache"]
    assert cache["datasets"]["mnist"]["files"][damaged] == "damaged"


def test_mirrors_are_asked_on_request_only(doctor, fabricate, mirror, monkeypatch):
    source = fabricate(mirrors=(mirror.url,)).source
    monkeypatch.setattr("mlpcli.cli.diagnosis.SOURCES", {"mnist": source})
    address = mirror.answer(f"/{source.test_labels.name}", whole(b"first bytes"))
    doctor()
    assert mirror.requests == []
    assert f"{address}: answers" in doctor("--mirrors").stdout
    mirror.answer(f"/{source.test_labels.name}", status(404))
    assert f"{address}: HTTP 404" in doctor("--mirrors").stdout


def test_no_password_of_a_mirror_is_told(doctor, fabricate, mirror, monkeypatch):
    monkeypatch.setattr("mlpcli.cli.diagnosis.SOURCES", {"mnist": fabricate().source})
    own = mirror.url.replace("://", "://ann:secret@")
    for arguments in ([], ["--mirrors"], ["--mirrors", "--json"]):
        told = doctor(*arguments, MLPCLI_MIRROR=own).stdout
        assert mirror.url in told
        assert "secret" not in told


def test_the_memory_of_a_container_is_what_it_may_have(tmp_path, monkeypatch):
    meminfo, limit = tmp_path / "meminfo", tmp_path / "memory.max"
    meminfo.write_text("MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    700 kB\nHuge: 0\n")
    monkeypatch.setattr(memory, "_MEMINFO", meminfo)
    monkeypatch.setattr(memory, "_LIMITS", (limit,))
    monkeypatch.setattr("sys.platform", "linux")
    assert memory.memory() == memory.Memory(1_024_000, 716_800)
    limit.write_text("max\n")
    assert memory.memory() == memory.Memory(1_024_000, 716_800)
    limit.write_text("500000\n")
    assert memory.memory() == memory.Memory(500_000, 500_000)
