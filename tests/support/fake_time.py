"""A clock of its own for processes of a test: libfaketime under them, set forward and back while they run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from missing import missing
from services import KafkaCluster

from streams.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLACES = ("/usr/lib/*/faketime", "/usr/lib/faketime", "/usr/local/lib/faketime")


class FakeTime:
    """The clock of whatever is started by `program`: off by what `set` says, from its next look on.

    What counts the time (CLOCK_MONOTONIC, CLOCK_BOOTTIME) stays real, as it does when an administrator sets a clock.
    With that the library breaks Python's `time.sleep`, so the thread that watches a worker's event loop ends at once.
    """

    def __init__(self, folder: Path, name: str = "clock") -> None:
        found = [path for place in _PLACES for path in Path("/").glob(f"{place[1:]}/libfaketimeMT.so.1")]
        if not found:
            missing("no libfaketime: `make services`, or install the package faketime")
        self._library = found[0]
        self._file = folder / f"{name}.offset"
        self.off = 0
        self.set(0)

    def set(self, off: int) -> None:
        """Set the clock so many microseconds ahead of the real one."""
        draft = self._file.with_suffix(".draft")  # a look must never find the file empty
        draft.write_text(f"{off / SECOND:+.6f}\n")
        draft.replace(self._file)
        self.off = off

    def program(self, *command: str | Path) -> Sequence[str | Path]:
        """The command, to be run by this clock."""
        return (
            "env",
            f"LD_PRELOAD={self._library}",
            f"FAKETIME_TIMESTAMP_FILE={self._file}",
            "FAKETIME_NO_CACHE=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
            "FAKETIME_FORCE_MONOTONIC_FIX=0",  # where it takes the C library for an old one, timed waits end at once
            *command,
        )


class MovedCluster(KafkaCluster):
    """One broker that goes by a clock of its own."""

    def __init__(self, clock: FakeTime) -> None:
        super().__init__()
        self._clock = clock

    def _jvm(self, main: str, *options: str) -> list[str | Path]:
        return [*self._clock.program(*super()._jvm(main, *options))]
