"""How far our clock is from the broker's: a record whose append time the broker tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agents.engine.lease import ticks
from streams.instants import DAY, SECOND

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_APPEND_TIME = 1  # aiokafka's timestamp_type
_LONG_AGO = 365 * DAY
STEP = SECOND  # our clock may move this much against the ticks before it is asked about again


class ClockProbe:
    """Knows the skew once a probe was answered."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._answered = False
        self._offset: int | None = None  # None: the broker tells no time that ours could be held against
        self.skew = 0  # microseconds that the broker's clock is ahead of ours, at least

    async def measure(self, send: Callable[[], Awaitable[Any]]) -> None:
        """Sends a record and takes its append time, which lies between the sending and the acknowledgement.

        A broker that gives no time (a topic without LogAppendTime) or a made-up one (the mock cluster: a second
        after the epoch) counts as one without skew.
        """
        sent = self._clock()
        offset = self._against_ticks()
        acknowledged = await send()
        received = self._clock()
        self.skew = 0
        appended = acknowledged.timestamp * 1000  # the broker cuts to milliseconds
        told = acknowledged.timestamp_type == _APPEND_TIME and appended > _LONG_AGO
        if told:
            self.skew = max(0, appended - received) or min(0, appended + 999 - sent)
        self._offset = offset if told else None
        self._answered = True

    @property
    def known(self) -> bool:
        """A probe was answered, and nobody has set our clock since it was held against the broker's."""
        return self._answered and (self._offset is None or abs(self._against_ticks() - self._offset) < STEP)

    def _against_ticks(self) -> int:
        return self._clock() - int(ticks() * SECOND)
