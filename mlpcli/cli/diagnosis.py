"""What `mlpcli doctor` finds out: the installation, the machine, the cache and the mirrors.

Nothing here may fail because something else is broken: that is what it is asked to say.
"""

import importlib
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlpcli
from mlpcli.data.published import cache
from mlpcli.data.published.sources import SOURCES
from mlpcli.errors import DataError, MlpcliError
from mlpcli.parallel.memory import memory
from mlpcli.text import without_password

if TYPE_CHECKING:
    from packaging.requirements import Requirement

IMPORTED_AS = {"pillow": "PIL", "pyyaml": "yaml"}
"""packages that are imported under another name than the one in pyproject.toml"""
VARIABLES = re.compile(
    r"MLPCLI_\w+|\w+_NUM_THREADS|(https?|all|no)_proxy|(REQUESTS|CURL)_CA_BUNDLE", re.I
)
"""variables of the environment that change what mlpcli does"""
_SECONDS_TO_CONNECT, _SECONDS_OF_SILENCE = 5, 10


@dataclass(frozen=True)
class Diagnosis:
    """What was found.

    Attributes:
        facts: by name, for JSON; without the path of the home folder, and so without its user.
        problems: what is broken without which mlpcli does not work, each in a sentence.
    """

    facts: dict[str, Any]
    problems: list[str]


def diagnose(data_dir: Path | None, *, ask_mirrors: bool) -> Diagnosis:
    """Find out what there is.

    Args:
        data_dir: the folder of the cache; None as for every command.
        ask_mirrors: whether to ask each mirror for its smallest file.
    """
    problems: list[str] = []
    facts = {
        **_machine(),
        "executable": sys.executable,
        "folder": str(Path(mlpcli.__file__).parent),
        "cores_of_the_machine": os.cpu_count(),
        "memory": vars(memory()),
        "packages": _packages(problems),
        "extras": _extras(),
        "own_files": _own_files(problems),
        "cache": _cache(data_dir),
        "mirrors": _mirrors() if ask_mirrors else None,
        "variables": {
            name: without_password(value)
            for name, value in sorted(os.environ.items())
            if VARIABLES.fullmatch(name)
        },
        "encoding": getattr(sys.stdout, "encoding", None),
        "columns": shutil.get_terminal_size().columns,
    }
    return Diagnosis(_without_home(facts), _without_home(problems))


def _machine() -> dict[str, Any]:
    """Return what environment.json has of a machine, and the threads that each BLAS would take."""
    try:
        from mlpcli.parallel.processors import blas_libraries
        from mlpcli.storage.environment import machine

        threads = [library.get("num_threads") for library in blas_libraries()]
        return {**machine(), "blas_threads": threads}
    except ImportError:  # of NumPy or threadpoolctl; `_packages` says so
        return {
            "mlpcli": mlpcli.__version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
        }


def _requirements(extra: str = "") -> "Iterator[Requirement]":
    """Yield what mlpcli needs, or what an extra adds to it, from the metadata of the package.

    An extra that names another, such as mlpcli[sweep], adds what that one adds.
    """
    from packaging.requirements import Requirement

    for line in metadata.requires("mlpcli") or ():
        requirement = Requirement(line)
        marker = requirement.marker
        is_needed = marker is None or marker.evaluate({"extra": extra})
        is_of_the_core = marker is None or marker.evaluate({"extra": ""})
        if not is_needed or (extra and is_of_the_core):
            continue
        if requirement.name == "mlpcli":
            for other in sorted(requirement.extras):
                yield from _requirements(other)
        else:
            yield requirement


def _fault_of(requirement: "Requirement") -> tuple[str | None, str]:
    """Return the version that is installed, and what is wrong with it; "" for nothing."""
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return None, "missing"
    if not requirement.specifier.contains(version, prereleases=True):
        return version, f"needed is {requirement.specifier}"
    return version, ""


def _packages(problems: list[str]) -> dict[str, dict[str, Any]]:
    """Return each dependency with its version; one that cannot be imported is a problem."""
    try:
        requirements = list(_requirements())
    except metadata.PackageNotFoundError:
        problems.append("mlpcli is not installed, only found; pip install . installs it.")
        return {}
    except ImportError as error:
        problems.append(f"packaging: {error}; pip install packaging adds it.")
        return {}
    packages = {}
    for requirement in requirements:
        name = requirement.name
        version, fault = _fault_of(requirement)
        if not fault:
            try:
                importlib.import_module(IMPORTED_AS.get(name, name))
            except Exception as error:  # whatever a broken package raises
                fault = f"cannot be imported: {type(error).__name__}: {error}"
        packages[name] = {
            "version": version,
            "needed": str(requirement.specifier),
            "fault": fault or None,
        }
        if fault:
            problems.append(
                f"{name} {version or ''}".rstrip()
                + f": {fault}; pip install --force-reinstall '{requirement}' mends it."
            )
    return packages


def _extras() -> dict[str, dict[str, Any]]:
    """Return of each extra what is installed, what is missing, and the command that adds it."""
    try:
        names = metadata.metadata("mlpcli").get_all("Provides-Extra") or []
        extras = {name: list(_requirements(name)) for name in sorted(names)}
    except ImportError:  # or its kind PackageNotFoundError; `_packages` says so
        return {}
    found = {}
    for name, requirements in extras.items():
        faults = {requirement: _fault_of(requirement) for requirement in requirements}
        missing = [f"{r.name}{r.specifier}" for r, (_, fault) in faults.items() if fault]
        found[name] = {
            "installed": {r.name: version for r, (version, _) in faults.items() if version},
            "missing": missing,
            "command": f"pip install 'mlpcli[{name}]'" if missing else None,
        }
    return found


def _own_files(problems: list[str]) -> dict[str, Any]:
    """Return how many configs mlpcli has, and whether the network in the box is whole."""
    from mlpcli.config.shipped import config_names

    configs = len(config_names())
    if not configs:
        problems.append("The configs that come with mlpcli are missing; install it again.")
    try:
        from mlpcli.inference.model import load_model
        from mlpcli.storage.run_folder import BOXED

        load_model(BOXED)
        fault = None
    except ImportError as error:  # of a package; `_packages` says so
        fault = f"not read: {error}"
    except MlpcliError as error:
        fault = str(error)
        problems.append(f"The network in the box: {error}")
    return {"configs": configs, "boxed_network_fault": fault}


def _cache(data_dir: Path | None) -> dict[str, Any]:
    """Return where the datasets are, how large and whole each is, and what fetches the rest."""
    folder = cache.data_directory(data_dir)
    found: dict[str, Any] = {
        "folder": str(folder.absolute()),
        "datasets": {},
        "fault": None,
        "command": None,
    }
    try:
        datasets = cache.cached(folder)
    except DataError as error:
        return {**found, "fault": str(error)}
    wrong: list[str] = []
    for dataset in datasets:
        files = cache.verify(dataset.name, folder)
        wrong += [dataset.name] * any(file.state is not cache.State.OK for file in files)
        found["datasets"][dataset.name] = {
            "bytes": dataset.size,
            "files": {file.file.name: file.state.value for file in files},
        }
    if wrong or not datasets:
        found["command"] = cache.fetch_command(wrong, folder)
    return found


def _mirrors() -> dict[str, str | None]:
    """Return the folder of each mirror, and why nothing came from it; None if something did."""
    from concurrent.futures import ThreadPoolExecutor

    try:
        from mlpcli.data.published.download import Patience, obstacle
    except ImportError as error:
        return {"none could be asked": str(error)}
    patience = Patience(_SECONDS_TO_CONNECT, _SECONDS_OF_SILENCE)
    mirror = os.environ.get(cache.MIRROR_VARIABLE)
    addresses = [
        address
        for source in SOURCES.values()
        for address in cache.locations(source, source.test_labels, mirror)
    ]
    with ThreadPoolExecutor(len(addresses)) as pool:
        faults = pool.map(lambda address: obstacle(address, patience), addresses)
    return {
        without_password(address): fault or None
        for address, fault in zip(addresses, faults, strict=True)
    }


def _without_home(facts: Any) -> Any:
    """Return the same with ~ for the home folder, whose path has the name of its user."""
    if isinstance(facts, dict):
        return {name: _without_home(value) for name, value in facts.items()}
    if isinstance(facts, list):
        return [_without_home(value) for value in facts]
    if not isinstance(facts, str):
        return facts
    home = os.path.expanduser("~")  # noqa: PTH111 - Path's raises where there is no home
    for folder in (home, os.path.realpath(home)):
        if len(folder.strip(os.sep)) > 1:
            ignored = re.IGNORECASE if os.name == "nt" else re.NOFLAG
            end = r"""(?=[/\\:;,)'"\s]|$)"""
            facts = re.sub(re.escape(folder.rstrip(os.sep)) + end, "~", facts, flags=ignored)
    return facts
