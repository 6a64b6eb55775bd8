"""A clock: how it runs over a ticket's statuses under a promise, when it is overdue, and how it is judged."""

from __future__ import annotations

from typing import Final, Literal

from streams.facts import CANCELLED, CLOSED, RESOLVED
from streams.policies import Promise

FIRST_RESPONSE: Final = 0
NEXT_RESPONSE: Final = 1
RESOLUTION: Final = 2
FOLLOW_UP: Final = 3
ACCEPTANCE: Final = 4
TEAM_ANSWER: Final = 5
COMPLAINT_RESOLUTION: Final = 6
"""Places in TARGETS."""

Verdict = Literal["met", "breached", "pending", "void"]

ClockRow = tuple[
    int, int, int, str | None, int, int | None, int | None, int | None, bool, bool, int | None, int, int | None,
    int, int,
]  # fmt: skip
"""A clock as it is kept: its attributes in their order."""


class Clock:
    """All instants and durations in microseconds.

    `elapsed` is set by the stop. While the clock is open, it has run for `accrued` up to `since` (up to now where
    `since` is None, for then it rests), and `deadline` is the first instant at which elapsed reaches the limit:
    reached, or projected on as if it ran on; None while it rests short of its limit, or nothing is promised.
    `policy` and `limit` are those of now, of the stop once it stopped.

    `withdrawn`: ended by a second hand-over, so void unless breached. `final`: a resolution that a reopening does not
    take back. `origin`: the start, or where the kept part of a very long timeline begins; elapsed before it is `base`.
    """

    __slots__ = (
        "accrued", "base", "breached", "cycle", "deadline", "elapsed", "final", "limit", "origin", "policy", "since",
        "start", "stop", "target", "withdrawn",
    )  # fmt: skip

    def __init__(self, target: int, cycle: int, start: int, origin: int, base: int = 0) -> None:
        self.target = target
        self.cycle = cycle
        self.start = start
        self.policy: str | None = None
        self.limit = 0
        self.stop: int | None = None
        self.elapsed: int | None = None
        self.breached: int | None = None
        self.withdrawn = False
        self.final = False
        self.since: int | None = None
        self.accrued = 0
        self.deadline: int | None = None
        self.origin = origin
        self.base = base

    def row(self) -> ClockRow:
        """As it is kept."""
        return (
            self.target, self.cycle, self.start, self.policy, self.limit, self.stop, self.elapsed, self.breached,
            self.withdrawn, self.final, self.since, self.accrued, self.deadline, self.origin, self.base,
        )  # fmt: skip

    def measure(self, promise: Promise | None, timeline: list[int]) -> None:
        """Look at the whole clock anew under a promise. `timeline`: instant, status, instant, status, ..."""
        self.since = self.deadline = None
        self.accrued = self.base
        if promise is None:
            self.policy, self.limit = None, 0
            return
        self.policy, self.limit = promise.policy, promise.limit
        if self.base >= promise.limit:
            self.deadline = self.origin
        for at, status in zip(timeline[::2], timeline[1::2], strict=True):
            if status not in promise.rests:
                if self.since is None:
                    self.since = max(at, self.origin)
            elif self.since is not None:
                self.rest_from(at, promise)
        if self.since is not None:
            self.run_from(self.since, promise)

    def run_from(self, at: int, promise: Promise) -> None:
        """It runs from then on."""
        self.since = at
        if self.deadline is None:
            self.deadline = promise.calendar.add(at, promise.limit - self.accrued)

    def rest_from(self, at: int, promise: Promise) -> None:
        """It ran from `since` and rests from then on."""
        assert self.since is not None
        ran = promise.calendar.elapsed(self.since, at)
        if self.accrued + ran < promise.limit:
            self.deadline = None
        elif self.deadline is None:
            self.deadline = promise.calendar.add(self.since, promise.limit - self.accrued)
        self.accrued += ran
        self.since = None

    def overdue(self, now: int, changed_at: int) -> int | None:
        """When it was breached, as seen at `now`; None where it is not. `changed_at`: the ticket's last change."""
        if self.breached is not None or self.deadline is None or self.stop is not None:
            return self.breached
        if self.accrued > self.limit or (self.since is not None and now > self.deadline):
            return max(self.deadline, changed_at)
        return None

    def halt(self, at: int, promise: Promise | None) -> None:
        """It stops for good, or until a reopening."""
        if promise is None:
            self.policy, self.limit, self.elapsed = None, 0, None
        else:
            ran = promise.calendar.elapsed(self.since, at) if self.since is not None else 0
            self.elapsed = self.accrued + ran
        self.stop = at
        self.since = None

    def verdict(self, status: int, breached: int | None) -> Verdict:
        """By when it was breached, if it was (`overdue`), and the ticket's status now."""
        if status == CANCELLED:
            return "void"
        if breached is not None:
            return "breached"
        rests = self.stop is None and self.target in (FIRST_RESPONSE, NEXT_RESPONSE)
        if self.withdrawn or (rests and status in (RESOLVED, CLOSED)):  # the latter under `met_by: [reply]`
            return "void"
        return "met" if self.stop is not None else "pending"

    @property
    def listed(self) -> bool:
        """Whether any policy promises it, or it breached while one did."""
        return self.policy is not None or self.breached is not None


TotalsRow = tuple[int, int, int, int, int]


class Totals:
    """What is kept of a target's clocks older than its newest 64."""

    __slots__ = ("breached", "elapsed_count", "elapsed_sum", "met", "void")

    def __init__(
        self, met: int = 0, breached: int = 0, void: int = 0, elapsed_count: int = 0, elapsed_sum: int = 0
    ) -> None:
        self.met = met
        self.breached = breached
        self.void = void
        self.elapsed_count = elapsed_count
        self.elapsed_sum = elapsed_sum

    def row(self) -> TotalsRow:
        """As they are kept."""
        return (self.met, self.breached, self.void, self.elapsed_count, self.elapsed_sum)

    def add(self, clock: Clock) -> None:
        """Count a stopped clock that is no longer kept."""
        if not clock.listed:
            return
        if clock.breached is not None:
            self.breached += 1
        elif clock.withdrawn:
            self.void += 1
            return
        else:
            self.met += 1
        if clock.elapsed is not None:
            self.elapsed_count += 1
            self.elapsed_sum += clock.elapsed


def clock_of(row: ClockRow) -> Clock:
    """The clock of a row."""
    clock = Clock(row[0], row[1], row[2], row[13], row[14])
    clock.policy = row[3]
    clock.limit = row[4]
    clock.stop = row[5]
    clock.elapsed = row[6]
    clock.breached = row[7]
    clock.withdrawn = row[8]
    clock.final = row[9]
    clock.since = row[10]
    clock.accrued = row[11]
    clock.deadline = row[12]
    return clock
