"""Knows where the shared folder beside the checkout is: a real help desk's log and its expected verdicts."""

from pathlib import Path

from missing import missing

_SHARED = Path(__file__).resolve().parents[3] / "shared"


def shared_dir() -> Path:
    """The shared folder; where it is absent (a user's clone) the test is skipped, or fails under CI."""
    if not _SHARED.is_dir():
        missing("the shared folder beside the checkout is absent")
    return _SHARED
