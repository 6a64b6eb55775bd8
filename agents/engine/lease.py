"""Whether this process may still believe that its partitions are its own."""

from __future__ import annotations

import time

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # goes on while the machine sleeps


def ticks() -> float:
    """Seconds on a clock that nobody sets and that no stop of the process halts."""
    return time.clock_gettime(_CLOCK)


class Lease:
    """Valid for one group session after the sending of the last heartbeat that was answered.

    A process that was stopped longer than that has a successor: nothing may leave it any more. The group coordinator
    counts from the receipt of the heartbeat, which is never earlier than its sending.
    """

    def __init__(self, session: float) -> None:
        self._session = session
        self._renewed: float | None = None
        self.refused = 0  # times that something was held back for want of a lease

    def renew(self, sent: float) -> None:
        """A heartbeat, or a join, sent at `sent` (`ticks`) was answered."""
        self._renewed = sent if self._renewed is None else max(self._renewed, sent)

    @property
    def valid(self) -> bool:
        """True too before the first membership, when there is nothing to own."""
        return self._renewed is None or ticks() - self._renewed < self._session
