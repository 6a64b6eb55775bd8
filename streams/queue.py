"""The live queue: what is open, who waits, what falls due, how long the oldest has waited."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from streams.clocks import FIRST_RESPONSE, NEXT_RESPONSE, Clock
from streams.facts import ON_HOLD, WAITING
from streams.fold import State
from streams.instants import MINUTE, SECOND
from streams.windows import Labels

RISKS = {"5m": 5 * MINUTE, "15m": 15 * MINUTE, "60m": 60 * MINUTE}
_SLOT: Final = 10 * SECOND
_QUARTER: Final = 15 * MINUTE


Standing = tuple[bool, bool, bool, int | None, int | None, int | None]
"""Where a ticket that is not done stands.

- unanswered: no first response yet
- on_customer
- on_hold
- overdue_since: the earliest deadline missed by a clock of it that has not stopped
- waits_since: the instant of the customer's oldest message without an answer
- due_at: the earliest deadline of a running clock that is not overdue
"""


def standing(state: State, settled_at: int) -> Standing | None:
    """Where a ticket stands, its clocks seen at `settled_at`; None once it is done."""
    if state.done:
        return None
    unanswered = False
    overdue_since: int | None = None
    waits_since: int | None = None
    due_at: int | None = None
    for clock in state.clocks:
        if clock.stop is not None:
            continue
        if clock.target == FIRST_RESPONSE or clock.target == NEXT_RESPONSE:
            unanswered = unanswered or clock.target == FIRST_RESPONSE
            if waits_since is None or clock.start < waits_since:
                waits_since = clock.start
        breached = clock.overdue(settled_at, state.last_at)
        if breached is not None:
            missed = missed_at(clock, breached)
            if overdue_since is None or missed < overdue_since:
                overdue_since = missed
        elif clock.since is not None:
            deadline = clock.deadline
            if deadline is not None and (due_at is None or deadline < due_at):
                due_at = deadline
    return (unanswered, state.status == WAITING, state.status == ON_HOLD, overdue_since, waits_since, due_at)


def missed_at(clock: Clock, breached: int) -> int:
    """The deadline that was missed: before the instant of the breach where only a change of the ticket missed it."""
    deadline = clock.deadline
    return breached if deadline is None or deadline > breached else deadline


class Line:
    """The queue of one team, priority and channel: how many tickets.

    `waiting`: the customer waits for an answer. `due`: tickets by the ten seconds in which they fall due. `waits`:
    tickets by the quarter of an hour and the instant since when the customer waits; by quarters, so that neither a
    search goes through all of them nor room is held for what is gone.
    """

    __slots__ = ("_oldest", "due", "on_customer", "on_hold", "open", "overdue", "unanswered", "waiting", "waits")

    def __init__(self) -> None:
        self.open = 0
        self.unanswered = 0
        self.on_customer = 0
        self.on_hold = 0
        self.overdue = 0
        self.waiting = 0
        self.due: dict[int, int] = {}
        self.waits: dict[int, dict[int, int]] = {}
        self._oldest: int | None = None  # None: to be looked for

    def add(self, item: Standing, n: int) -> None:
        """Count a ticket in (1) or out (-1)."""
        unanswered, on_customer, on_hold, overdue_since, waits_since, due_at = item
        self.open += n
        if unanswered:
            self.unanswered += n
        if on_customer:
            self.on_customer += n
        if on_hold:
            self.on_hold += n
        if overdue_since is not None:
            self.overdue += n
        if due_at is not None:
            _count(self.due, due_at // _SLOT, n)
        if waits_since is not None:
            self.waiting += n
            quarter = waits_since // _QUARTER
            waits = self.waits.get(quarter)
            if waits is None:
                waits = self.waits[quarter] = {}
            _count(waits, waits_since, n)
            if not waits:
                del self.waits[quarter]
            if self._oldest is not None and waits_since <= self._oldest:
                self._oldest = waits_since if n > 0 else None

    def oldest(self) -> int | None:
        """Since when the customer has waited who has waited longest."""
        if self._oldest is None and self.waits:
            self._oldest = min(self.waits[min(self.waits)])
        return self._oldest

    def at_risk(self, now: int, within: int) -> int:
        """How many tickets fall due from now on within so long, to ten seconds."""
        return sum(self.due_within(now, within).values())

    def due_within(self, now: int, within: int) -> dict[int, int]:
        """Tickets by the ten seconds in which they fall due, from now on within so long."""
        slots = range(slot(now), slot(now + within) + 1)
        due = self.due
        if len(due) < len(slots):
            return {place: n for place, n in due.items() if place in slots}
        return {place: due[place] for place in slots if place in due}


def slot(at: int) -> int:
    """The number of the ten seconds in which an instant lies."""
    return at // _SLOT


def at_risk(due: Mapping[int, int], now: int) -> dict[str, int]:
    """How many of these fall due within the time of each of RISKS."""
    here = slot(now)
    ends = {name: slot(now + within) for name, within in RISKS.items()}
    found = dict.fromkeys(RISKS, 0)
    for place, n in due.items():
        if place >= here:
            for name, end in ends.items():
                if place <= end:
                    found[name] += n
    return found


class Overdue:
    """The tickets that are overdue, by the instant since when: the longest first."""

    def __init__(self) -> None:
        self._order: list[tuple[int, bytes]] = []

    def __len__(self) -> int:
        return len(self._order)

    def add(self, since: int, key: bytes, n: int) -> None:
        """Take a ticket in (1) or out (-1)."""
        if n > 0:
            insort(self._order, (since, key))
        else:
            del self._order[bisect_left(self._order, (since, key))]

    def ends(self, most: int) -> list[bytes]:
        """Those that are overdue longest and, after them, those that came last: at most so many of each."""
        order = self._order
        return [key for _, key in (order if len(order) <= 2 * most else order[:most] + order[-most:])]


class Queue:
    """The lines of a partition's tickets."""

    def __init__(self) -> None:
        self.lines: defaultdict[Labels, Line] = defaultdict(Line)
        self._changed: set[Labels] = set()

    def add(self, where: Labels, item: Standing, n: int = 1) -> None:
        """Count a ticket in (1) or out (-1)."""
        line = self.lines[where]
        line.add(item, n)
        if not line.open:
            del self.lines[where]
        self._changed.add(where)

    def tell_all(self) -> None:
        """Somebody sees them for the first time: all lines count as changed."""
        self._changed = set(self.lines)

    def take_changed(self) -> set[Labels]:
        """Where lines changed, came or went since the last call."""
        changed, self._changed = self._changed, set()
        return changed


def _count(counts: dict[int, int], value: int, n: int) -> None:
    held = counts.get(value, 0) + n
    if held:
        counts[value] = held
    else:
        del counts[value]
