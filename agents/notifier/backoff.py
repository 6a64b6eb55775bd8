"""How long a destination is left alone after failures, and how fast it may be sent to."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence


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


class Pace:
    """At most `limit` sends within any `per` seconds; without a limit it never waits."""

    def __init__(self, limit: int | None, per: float = 1.0) -> None:
        self._per = per
        self._limit = limit
        self._sent: deque[float] = deque(maxlen=limit)

    def wait(self, now: float) -> float:
        """Seconds until the next send may start; `now` in seconds, monotonic."""
        if self._limit is None or len(self._sent) < self._limit:
            return 0.0
        return max(self._sent[0] + self._per - now, 0.0)

    def sent(self, now: float) -> None:
        """A send starts now."""
        if self._limit is not None:
            self._sent.append(now)


class Paces(Pace):
    """Several paces at once: that of a service which limits both a second and a minute."""

    def __init__(self, paces: Sequence[Pace]) -> None:
        super().__init__(None)
        self._paces = paces

    def wait(self, now: float) -> float:
        """Seconds until each of them lets the next send start."""
        return max(pace.wait(now) for pace in self._paces)

    def sent(self, now: float) -> None:
        """A send starts now."""
        for pace in self._paces:
            pace.sent(now)
