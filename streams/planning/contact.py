"""A simulated contact and its ticket, whose facts go through the same code that judges real ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Final

from streams.clocks import FIRST_RESPONSE, NEXT_RESPONSE
from streams.facts import CANCELLED, OPEN, RESOLVED, WAITING, CustomerWrote, Fact, Replied, StatusSet
from streams.fold import apply
from streams.instants import HOUR
from streams.planning.demand import Stream
from streams.policies import Policies

WRITES_BACK_AFTER: Final = 2 * HOUR
"""The mean time after which a customer who was asked something writes again."""
_WHENEVER: Final = 1 << 62
_LIVE: Final = 0
_MAIL: Final = 1


class Contact:
    """Of a stream. On a live channel an agent's taking it is the answer, and the matter ends with the conversation.

    Otherwise each reply is sent when the work on it is done, and the customer may write back. Work, patience and the
    time until a customer writes back are exponential.
    """

    __slots__ = ("_live", "_over", "_policies", "_random", "due", "rank", "slot", "state", "stream", "waits_since")

    def __init__(
        self,
        stream: Stream,
        at: int,
        slot: int,
        policies: Policies,
        random: Random,
        over: Callable[[Contact, int], None],
    ) -> None:
        """`slot`: the half-hour in which it comes. `over` hears of the end of its story, and when that was."""
        self.stream = stream
        self.slot = slot
        self.state = stream.kind.created(at, policies)
        self.waits_since: int | None = None
        self._policies = policies
        self._random = random
        self._over = over
        self._live = stream.live
        self.rank = _LIVE if self._live else _MAIL
        self.due = self._due()

    def _due(self) -> int:
        """When its answer is due."""
        for clock in self.state.clocks:
            if clock.stop is None and clock.target in (FIRST_RESPONSE, NEXT_RESPONSE) and clock.deadline is not None:
                return clock.deadline
        return _WHENEVER

    def _apply(self, fact: Fact) -> None:
        apply(self.state, fact, self._policies)

    def patience(self) -> int | None:
        """As `desk.Case` has it, like the rest."""
        mean = self.stream.work.patience
        return round(self._random.expovariate(1 / mean)) if self._live and math.isfinite(mean) else None

    def left(self, at: int) -> None:
        """The customer hung up."""
        self._apply(StatusSet(at, 0, "", CANCELLED, "abandoned", None))
        self._over(self, at)

    def taken(self, at: int) -> int:
        """An agent takes it."""
        work = self.stream.work
        if self._live:
            self._apply(Replied(at, 0, "", None, None, True, False, None))
            return round(self._random.expovariate(1 / work.handle))
        return round(self._random.expovariate(work.replies / work.handle))

    def done(self, at: int) -> int | None:
        """The reply goes out; the customer may write back."""
        if not self._live:
            self._apply(Replied(at, 0, "", None, None, True, False, None))
            if self._random.random() * self.stream.work.replies >= 1:
                self._apply(StatusSet(at, 1, "", WAITING, None, None))
                return at + round(self._random.expovariate(1 / WRITES_BACK_AFTER))
        self._apply(StatusSet(at, 1, "", RESOLVED, None, None))
        self._over(self, at)
        return None

    def back(self, at: int) -> None:
        """The customer wrote again."""
        self._apply(StatusSet(at, 0, "", OPEN, None, None))
        self._apply(CustomerWrote(at, 1, ""))
        self.due = self._due()
