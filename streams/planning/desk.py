"""A team's desk in simulated time: contacts come, wait, are worked on, come back or leave; one heap orders it all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any, Protocol

from streams.planning.slots import Slots

_Step = Callable[[int, Any], None]
"""What happens at an instant of the agenda, and to which contact."""


class Case(Protocol):
    """A contact as the desk sees it. Instants and durations in microseconds."""

    rank: int
    """Lower ones are taken first, among equals the one with the earliest `due`, then the one that came first."""
    due: int
    waits_since: int | None
    """Kept by the desk: None while it does not wait there."""

    def patience(self) -> int | None:
        """Asked when it has to wait: after how long it leaves; None: never."""

    def left(self, at: int) -> None:
        """It lost patience."""

    def taken(self, at: int) -> int:
        """An agent takes it; for how long."""

    def done(self, at: int) -> int | None:
        """The agent has put it down; when it comes back, None where it does not."""

    def back(self, at: int) -> None:
        """It came back, and is about to wait again."""


@dataclass(slots=True)
class Seen:
    """What was seen at the end of each half-hour."""

    waiting: list[int] = field(default_factory=list)
    """Contacts that waited."""
    oldest: list[int] = field(default_factory=list)
    """How long the oldest of them had; microseconds, like the next."""
    busy: list[int] = field(default_factory=list)
    """The time in which agents had work in hand, of all together."""
    events: int = 0


def run(arrivals: Iterator[tuple[int, Case]], staff: Sequence[int], slots: Slots) -> Seen:
    """Simulate a desk from the first half-hour to the end of the last; it begins with nobody waiting.

    `arrivals`: instants in order, with what comes. `staff`: agents at work in each half-hour; one who leaves puts down
    the work in hand first. An agent who is free takes the next contact at once.
    """
    return _Desk(arrivals, staff, slots).run()


class _Desk:
    """The agenda, the queue, and the agents who are busy."""

    def __init__(self, arrivals: Iterator[tuple[int, Case]], staff: Sequence[int], slots: Slots) -> None:
        self._arrivals = arrivals
        self._staff = staff
        self._slots = slots
        self._seen = Seen()
        self._agenda: list[tuple[int, int, _Step, Any]] = []
        self._queue: list[tuple[int, int, int, Case]] = []
        """Some of them may have left."""
        self._waiting = 0
        self._busy = 0
        self._able = 0
        self._in_hand = 0
        self._count = 0
        for number, start in enumerate((*slots.starts, slots.end)):
            self._at(start, self._shift, number)
        self._next_arrival()

    def run(self) -> Seen:
        """To the end of the last half-hour."""
        agenda, seen = self._agenda, self._seen
        before = at = self._slots.start
        while len(seen.waiting) < self._slots.count:
            at, _, step, subject = heappop(agenda)
            self._in_hand += self._busy * (at - before)
            before = at
            seen.events += 1
            step(at, subject)
            while self._busy < self._able and self._waiting:
                self._take(at)
        return seen

    def _at(self, at: int, step: _Step, subject: object) -> None:
        self._count += 1  # at one instant in the order in which they were written down
        heappush(self._agenda, (at, self._count, step, subject))

    def _shift(self, at: int, number: int) -> None:
        """A half-hour ends and another begins."""
        if number:
            seen = self._seen
            seen.waiting.append(self._waiting)
            since = (case.waits_since for _, _, _, case in self._queue)
            seen.oldest.append(max((at - then for then in since if then is not None), default=0))
            seen.busy.append(self._in_hand)
        self._in_hand = 0
        if number < self._slots.count:
            self._able = self._staff[number]

    def _next_arrival(self) -> None:
        following = next(self._arrivals, None)
        if following is not None:
            self._at(following[0], self._arrives, following[1])

    def _arrives(self, at: int, case: Case) -> None:
        self._next_arrival()
        self._waits(at, case)

    def _waits(self, at: int, case: Case) -> None:
        case.waits_since = at
        self._waiting += 1
        self._count += 1
        heappush(self._queue, (case.rank, case.due, self._count, case))
        if self._busy >= self._able:
            patience = case.patience()
            if patience is not None:
                self._at(at + patience, self._leaves, case)

    def _leaves(self, at: int, case: Case) -> None:
        if case.waits_since is not None:
            case.waits_since = None
            self._waiting -= 1
            case.left(at)

    def _take(self, at: int) -> None:
        case = heappop(self._queue)[3]
        if case.waits_since is not None:
            case.waits_since = None
            self._waiting -= 1
            self._busy += 1
            self._at(at + case.taken(at), self._put_down, case)

    def _put_down(self, at: int, case: Case) -> None:
        self._busy -= 1
        again = case.done(at)
        if again is not None:
            self._at(again, self._comes_back, case)

    def _comes_back(self, at: int, case: Case) -> None:
        case.back(at)
        self._waits(at, case)
