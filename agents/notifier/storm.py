"""When the messages of a destination are summed up: too many in a minute, or held until now."""

from __future__ import annotations

from collections import deque

WINDOW = 60.0
GATHER = 5.0
EVERY = 30.0


class Storm:
    """Decides by numbers alone. All times in seconds, monotonic.

    `over`: more messages than this in a minute are summed up (None: never), and so are those that come before a
    minute with fewer has gone by. The first digest comes `gather` after there was something to sum up, the next of
    the same storm `every` after the one before.
    """

    def __init__(self, over: int | None, gather: float = GATHER, every: float = EVERY) -> None:
        self._over = over
        self._gather = gather
        self._every = every
        self._recent: deque[float] = deque(maxlen=over)
        self._since: float | None = None  # there is something to sum up
        self._summed: float | None = None
        self._full_until = 0.0

    def sent(self, now: float, messages: int = 1) -> None:
        """So many messages go out, as cards or within a digest."""
        self._recent.extend([now] * min(messages, self._over or 0))

    def full(self, until: float) -> None:
        """All notifiers together have sent as many cards as may be before this."""
        self._full_until = max(self._full_until, until)

    def summed(self, now: float, messages: int) -> None:
        """A digest of so many messages goes out."""
        self.sent(now, messages)
        self._summed = now
        self._since = None

    def blows(self, waiting: int, now: float) -> bool:
        """Whether sending the cards that wait would be too much for people."""
        if self._over is None or not waiting:
            return False
        recent = sum(at > now - WINDOW for at in self._recent)
        return recent + waiting > self._over or now < self._full_until

    def due(self, waiting: int, held: int, now: float) -> float | None:
        """Seconds until the messages are summed up; None: they go out as cards.

        `waiting` messages could go out now, of which `held` ones were held until now.
        """
        blows = self.blows(waiting, now)
        if not blows and not held:
            self._since = None
            return None
        if self._since is None:
            self._since = now
        at = self._since + self._gather
        if blows and self._summed is not None:
            at = max(at, self._summed + self._every)
        return max(at - now, 0.0)
