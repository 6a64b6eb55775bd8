"""What is installed, with which versions, and what the repository may not say."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DEVELOPMENT = PROJECT["optional-dependencies"]["dev"]
PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[A-Za-z0-9.+!]+)")
MACHINE_PATH = re.compile(r"(?<![\w./-])/(?:work|root|home|Users)/")


def _pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [PIN.fullmatch(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(pin["name"]): pin["version"] for pin in pins if pin}


def _needed(name: str, extras: frozenset[str]) -> Iterator[Requirement]:
    """What an installed distribution asks for on this machine."""
    for text in distribution(name).requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras or {""}):
            yield requirement


def _closure() -> set[str]:
    """Every distribution that the application and its tools need, directly or not."""
    seen: set[tuple[str, frozenset[str]]] = set()
    ahead = [("slawatch", frozenset({"", "dev"}))]
    while ahead:
        name, extras = ahead.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        ahead += [(canonicalize_name(r.name), frozenset(r.extras)) for r in _needed(name, extras)]
    return {name for name, _ in seen} - {"slawatch"}


def _files() -> list[Path]:
    """The files of the repository: tracked, or new and not ignored."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_the_wheel_has_four_packages_of_generic_names_so_it_is_an_application() -> None:
    """agents, config, reports and streams would meet others' in a shared environment: it gets one of its own."""
    top_level = distribution("slawatch").read_text("top_level.txt")
    assert top_level is not None
    assert sorted(top_level.split()) == ["agents", "config", "reports", "streams"]


def test_the_command_is_slawatch() -> None:
    scripts = distribution("slawatch").entry_points.select(group="console_scripts")
    assert [(script.name, script.value) for script in scripts] == [("slawatch", "agents.cli:main")]


def test_every_package_of_ours_says_so_with_an_init() -> None:
    """A folder without one is found by no build, though it imports from the checkout."""
    folders = {
        path.parent for name in ("agents", "config", "reports", "streams") for path in (ROOT / name).rglob("*.py")
    }
    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_the_shipped_defaults_are_package_data() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    shipped = {path for pattern in patterns["config"] for path in (ROOT / "config").glob(pattern)}
    defaults = {path for path in (ROOT / "config" / "defaults").rglob("*") if path.suffix != ".py"}
    assert ROOT / "config" / "defaults" / "policies.yaml" in shipped
    assert {path for path in defaults if path.is_file()} <= shipped


def test_the_board_is_installed_with_its_page() -> None:
    (pattern,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"][
        "agents.board"
    ]
    folder = ROOT / "agents" / "board"
    shipped = {path for path in folder.glob(pattern) if path.is_file()}
    assert shipped == {path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert folder / "static" / "board.html" in shipped


def test_the_templates_of_reports_are_package_data() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    shipped = {path for pattern in patterns["reports"] for path in (ROOT / "reports").glob(pattern)}
    templates = {path for path in (ROOT / "reports").rglob("*") if path.suffix in (".jinja", ".css")}
    assert templates
    assert templates <= shipped


def test_constraints_are_exact_versions_and_name_no_place_to_fetch_from() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#") and not PIN.fullmatch(line)] == []
    assert [line for line in lines if "://" in line] == []


@pytest.mark.parametrize("text", ["setuptools", *PROJECT["dependencies"], *DEVELOPMENT])
def test_every_dependency_is_pinned_within_its_range(text: str) -> None:
    requirement = Requirement(text)
    pinned = _pins().get(canonicalize_name(requirement.name))
    assert pinned is not None, "not in constraints.txt"
    assert Version(pinned) in requirement.specifier


def test_everything_installed_for_us_is_the_version_that_is_pinned() -> None:
    pins = _pins()
    wrong = {name: (version(name), pins.get(name)) for name in _closure() if version(name) != pins.get(name)}
    assert wrong == {}, "installed, pinned"


def test_no_folder_of_tests_is_a_package() -> None:
    """`tests/streams/__init__.py` would hide `streams`."""
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_base_names_of_tests_are_unique() -> None:
    """Without packages two files of one name are one module."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    found = []
    for path in _files():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue  # a picture or an archive
        found += [f"{path.relative_to(ROOT)}: {line}" for line in text.splitlines() if MACHINE_PATH.search(line)]
    assert found == []
