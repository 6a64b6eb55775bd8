"""Simulated time: a minute of it goes by in a second of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.engine.lease import ticks
from streams.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

SPEED = 60


class SqueezedClock:
    """A clock (microseconds since the epoch) that shows `start` until `go`, and then runs SPEED times as fast."""

    def __init__(self, start: int, seconds: Callable[[], float] = ticks) -> None:
        self._start = start
        self._seconds = seconds
        self._went: float | None = None

    def go(self) -> None:
        """Run from now on."""
        self._went = self._seconds()

    @property
    def runs(self) -> bool:
        """Whether it goes."""
        return self._went is not None

    def __call__(self) -> int:
        gone = 0.0 if self._went is None else self._seconds() - self._went
        return self._start + int(gone * SPEED * SECOND)

    def seconds_until(self, instant: int) -> float:
        """Our seconds until an instant, were the clock to run; negative where it is past."""
        return (instant - self()) / SPEED / SECOND
