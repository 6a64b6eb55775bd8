"""How long a destination is left alone after failures, and how many messages it is sent at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random


@dataclass(frozen=True)
class Backoff:
    """Exponential, with jitter. All times in seconds, as the event loop counts them."""

    first: float = 1.0
    cap: float = 30.0
    cap_unknown: float = 300.0  # each repeat may be one more copy on somebody's screen
    patience: int = 5  # failures in a row after which a message lets the others of its destination pass
    aside: float = 60.0  # and for how long

    def delay(self, failures: int, *, unknown: bool, rng: random.Random) -> float:
        """Seconds until the next attempt after so many failures in a row, between half and all of first * 2^(n-1)."""
        longest = min(self.first * 2.0 ** min(failures - 1, 30), self.cap_unknown if unknown else self.cap)
        return longest * rng.uniform(0.5, 1.0)


class Pressure:
    """How many messages a destination is sent at a time, and when it is left alone. Times in seconds, monotonic.

    It begins with one at a time, takes one more with each success up to `most`, and is back at one after a failure:
    a destination that is down shows it with one message, not with many whose result nobody can know.
    """

    def __init__(self, backoff: Backoff, most: int, rng: random.Random) -> None:
        self.at_a_time = 1
        self._backoff = backoff
        self._most = most
        self._rng = rng
        self._failures = 0  # in a row, whichever messages they were
        self._failed_at = 0.0
        self._resume = 0.0  # no attempt before this

    def wait(self, now: float) -> float:
        """Seconds until an attempt may begin."""
        return max(self._resume - now, 0.0)

    def pause(self, until: float) -> None:
        """No attempt before this, through nobody's fault; one at a time then."""
        self._resume = max(self._resume, until)
        self.at_a_time = 1

    def succeeded(self) -> None:
        """The destination answered."""
        self._failures = 0
        self.at_a_time = min(self.at_a_time + 1, self._most)

    def failed(self, began: float, now: float, *, unknown: bool, asked: float | None) -> float:
        """An attempt came to nothing; returns for how long all wait, by what the destination `asked` for if it did.

        Those under way at the same time fail together: that is one failure, and the longest wait of theirs.
        """
        if began >= self._failed_at:
            self._failures += 1
        self._failed_at = now
        delay = self._backoff.delay(max(self._failures, 1), unknown=unknown, rng=self._rng) if asked is None else asked
        self.pause(now + delay)
        return delay

    def idle(self) -> None:
        """Nothing is to be sent: when there is again, it begins with one."""
        self.at_a_time = 1
