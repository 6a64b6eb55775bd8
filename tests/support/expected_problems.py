"""Reads what a bad configuration file says about itself: `#! FIELD: PART OF THE REASON` on the line of each problem."""

from pathlib import Path

from config.errors import ConfigError

_DATA = Path(__file__).resolve().parents[1] / "data"


def corpus(folder: str) -> list[Path]:
    """The files of a folder of tests/data."""
    return sorted((_DATA / folder).glob("*.yaml"))


def expected(path: Path) -> list[tuple[int, str, str]]:
    """Line, field and a part of the reason of each problem that a file is said to have."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        for note in line.split("#! ")[1:]:
            field, _, part = note.partition(": ")
            found.append((number, field.strip().removesuffix(":"), part.strip()))
    return found


def differences(path: Path, error: ConfigError) -> list[str]:
    """Problems that were found and not expected, or expected and not found."""
    left = list(error.problems)
    wrong = []
    for line, field, part in expected(path):
        match = next((p for p in left if (p.line, p.field) == (line, field) and part in p.reason), None)
        if match is None:
            wrong.append(f"not found: {line}: {field}: {part}")
        else:
            left.remove(match)
    return wrong + [f"not expected: {problem}" for problem in left]
