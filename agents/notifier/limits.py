"""How fast a destination may be sent to: the port of the limits, and the limits of a lone notifier in its memory.

A window is exact: however its sends are placed, no stretch of time as long as its period holds more than its count.
A bucket that refills while it is drawn from would let almost twice as many through.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple, Protocol

from streams.instants import MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from config.destination_types import RateLimit

RATE, BURST, CARDS = "rate", "burst", "cards"
"""The windows of a destination: the two of what its service takes, and how many cards people take."""


class Wait(NamedTuple):
    """Microseconds until the service takes one more (`rate`), and until people do (`cards`); taken where both are 0."""

    rate: int = 0
    cards: int = 0

    @classmethod
    def of(cls, held: int, waits: Mapping[str, int]) -> Wait:
        """By what the destination asked for, and by each window."""
        return cls(max(held, waits.get(RATE, 0), waits.get(BURST, 0)), waits.get(CARDS, 0))

    @property
    def taken(self) -> bool:
        """Whether the send counts from now on."""
        return not self.rate and not self.cards


class Pace(NamedTuple):
    """A destination's limits: its service's own, and how many `cards` it gets in a minute before they are summed up.

    Some services limit a second beside a minute: that is the `burst`.
    """

    rate: RateLimit | None = None
    cards: int | None = None
    burst: RateLimit | None = None

    def windows(self, *, card: bool) -> list[tuple[str, int, int]]:
        """Name, count and period (microseconds) of the windows that a send must fit into; a digest is no card."""
        limits = ((RATE, self.rate), (BURST, self.burst))
        found = [(name, limit.count, limit.period) for name, limit in limits if limit is not None]
        return [*found, (CARDS, self.cards, MINUTE)] if card and self.cards is not None else found


class Limits(Protocol):
    """The port. All that send to a destination share its limits. May raise ClaimsUnavailable: then nothing is sent."""

    async def take(self, destination: str, pace: Pace, *, card: bool) -> Wait:
        """Count a send that begins now, where it fits into every window; else nothing is counted."""

    async def hold(self, destination: str, wait: int) -> None:
        """The destination asked for so many microseconds of patience: nobody sends before they are over."""


class MemoryLimits:
    """The limits of a single notifier. `clock` gives microseconds and never goes back."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._sent: dict[tuple[str, str], deque[int]] = {}
        self._held: dict[str, int] = {}

    async def take(self, destination: str, pace: Pace, *, card: bool) -> Wait:
        """See the port."""
        return self.take_now(destination, pace, card=card)

    def take_now(self, destination: str, pace: Pace, *, card: bool) -> Wait:
        """The same at once."""
        wait = self.wait(destination, pace, card=card)
        if wait.taken:
            for name, count, _ in pace.windows(card=card):
                sent = self._sent.get((destination, name))
                if sent is None or sent.maxlen != count:
                    sent = self._sent[destination, name] = deque(sent or (), maxlen=count)
                sent.append(self._clock())
        return wait

    def wait(self, destination: str, pace: Pace, *, card: bool) -> Wait:
        """What a send would have to wait for now; nothing is counted."""
        now = self._clock()
        waits = {}
        for name, count, period in pace.windows(card=card):
            sent = self._sent.get((destination, name), ())
            waits[name] = max(sent[-count] + period - now, 0) if len(sent) >= count else 0
        return Wait.of(max(self._held.get(destination, 0) - now, 0), waits)

    async def hold(self, destination: str, wait: int) -> None:
        """See the port."""
        self._held[destination] = max(self._held.get(destination, 0), self._clock() + wait)
