"""What may be wrong with a local store."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_FULL = ("No space left", "Disk quota exceeded", "File too large")


class UnusableError(Exception):
    """A local store is damaged and may be thrown away; the changelog has it all."""


class FullError(OSError):
    """There is no room for the local state; what is on disk stays as good as it is."""

    def __init__(self, path: Path, error: Exception) -> None:
        super().__init__(
            f"no room for the local state in {path}: make room there, or set SLAWATCH_DATA_DIR to another directory, "
            f"and start again; nothing is lost ({error})"
        )


def trouble(path: Path, error: Exception) -> UnusableError | FullError:
    """What an error on the way to the disk means for the state in a folder."""
    text = str(error)
    if any(full in text for full in _FULL):
        return FullError(path, error)
    return error if isinstance(error, UnusableError) else UnusableError(f"{path}: {text}")
