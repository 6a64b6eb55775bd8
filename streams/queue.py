"""The live queue: what is open, who waits, what falls due, how long the oldest has waited."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

import msgspec

from streams.clocks import FIRST_RESPONSE, NEXT_RESPONSE
from streams.facts import ON_HOLD, WAITING
from streams.instants import MINUTE, SECOND

if TYPE_CHECKING:
    from streams.fold import State
    from streams.windows import Labels

RISKS = {"5m": 5 * MINUTE, "15m": 15 * MINUTE, "60m": 60 * MINUTE}
_SLOT = 10 * SECOND
_HEAP_SLACK = 64


class Standing(msgspec.Struct, frozen=True, gc=False):
    """Where a ticket that is not done stands. `waits_since`: of the customer's oldest message without an answer."""

    unanswered: bool
    """No first response yet."""
    on_customer: bool
    on_hold: bool
    overdue: bool
    """A clock of it is overdue and has not stopped."""
    waits_since: int | None
    due_at: int | None
    """The earliest deadline of a running clock that is not overdue."""


def standing(state: State, settled_at: int) -> Standing | None:
    """Where a ticket stands, its clocks seen at `settled_at`; None once it is done."""
    if state.done:
        return None
    overdue = False
    waits_since = due_at = None
    unanswered = False
    for clock in state.clocks:
        if clock.stop is not None:
            continue
        if clock.target in (FIRST_RESPONSE, NEXT_RESPONSE):
            unanswered |= clock.target == FIRST_RESPONSE
            waits_since = clock.start if waits_since is None else min(waits_since, clock.start)
        if clock.overdue(settled_at, state.last_at) is not None:
            overdue = True
        elif clock.since is not None and clock.deadline is not None and (due_at is None or clock.deadline < due_at):
            due_at = clock.deadline
    return Standing(unanswered, state.status == WAITING, state.status == ON_HOLD, overdue, waits_since, due_at)


@dataclass(slots=True)
class Line:
    """The queue of one team, priority and channel: how many tickets."""

    open: int = 0
    unanswered: int = 0
    on_customer: int = 0
    on_hold: int = 0
    overdue: int = 0
    waiting: int = 0
    """The customer waits for an answer."""
    due: dict[int, int] = field(default_factory=dict)
    """Tickets by the ten seconds in which they fall due."""
    waits: dict[int, int] = field(default_factory=dict)
    """Tickets by the instant since when the customer waits."""
    _oldest: list[int] = field(default_factory=list)

    def add(self, item: Standing, n: int) -> None:
        """Count a ticket in (1) or out (-1)."""
        self.open += n
        self.unanswered += n * item.unanswered
        self.on_customer += n * item.on_customer
        self.on_hold += n * item.on_hold
        self.overdue += n * item.overdue
        if item.due_at is not None:
            _count(self.due, item.due_at // _SLOT, n)
        if item.waits_since is not None:
            self.waiting += n
            _count(self.waits, item.waits_since, n)
            if n > 0:
                heappush(self._oldest, item.waits_since)
                if len(self._oldest) > 2 * len(self.waits) + _HEAP_SLACK:
                    self._oldest = list(self.waits)
                    heapify(self._oldest)

    def oldest(self) -> int | None:
        """Since when the customer has waited who has waited longest."""
        while self._oldest and self._oldest[0] not in self.waits:
            heappop(self._oldest)
        return self._oldest[0] if self._oldest else None

    def at_risk(self, now: int, within: int) -> int:
        """How many tickets fall due from now on within so long, to ten seconds."""
        slots = range(now // _SLOT, (now + within) // _SLOT + 1)
        if len(self.due) < len(slots):
            return sum(n for slot, n in self.due.items() if slot in slots)
        return sum(self.due.get(slot, 0) for slot in slots)


class Queue:
    """The lines of a partition's tickets."""

    def __init__(self) -> None:
        self.lines: defaultdict[Labels, Line] = defaultdict(Line)

    def add(self, where: Labels, item: Standing, n: int = 1) -> None:
        """Count a ticket in (1) or out (-1)."""
        line = self.lines[where]
        line.add(item, n)
        if not line.open:
            del self.lines[where]


def _count(counts: dict[int, int], value: int, n: int) -> None:
    held = counts.get(value, 0) + n
    if held:
        counts[value] = held
    else:
        del counts[value]
