"""Alerts: when a ticket is to be announced, and as what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from streams.alert_record import OPERATIONS, STANDING, Alert, Kind, Level, alert_id
from streams.clocks import Clock
from streams.facts import CANCELLED, Acknowledged, Mark
from streams.fold import State
from streams.instants import MINUTE, SECOND, format_instant
from streams.policies import TARGETS, Policies, Promise
from streams.queue import missed_at
from streams.ticket import Ticket

LATE: Final = MINUTE
"""An alert decided later than this after deadline and grace says so."""

_LEVELS: Final[dict[str, Level]] = {"warning": "warning", "breach": "breach", "escalation": "escalation"}


class Gate(NamedTuple):
    """How far the input is known to be read, and the times that decide what is still announced (microseconds)."""

    up_to: int
    """Clocks due by then may be announced: input is read up to this and the grace."""
    now: int
    """The wall clock."""
    grace: int
    max_age: int
    """A breach whose deadline is older than this is recorded and not announced."""


class Due(NamedTuple):
    """Something to announce, and from when on."""

    at: int
    kind: Kind
    mark: Mark
    clock: Clock | None


_Which = tuple[str, int, int, str]
"""Which alert of a ticket: level, target, cycle, and threshold or step."""
_Pending = tuple[int, Kind, _Which, Clock | None]


def next_alarm(ticket_id: str, ticket: Ticket, policies: Policies, announced_from: int) -> int | None:
    """The earliest instant at which `ring` has something to do, if no event comes before.

    `announced_from`: breaches of deadlines before it are not announced (the wall clock less the maximum age).
    """
    earliest = min([at for at, *_ in _pending(ticket_id, ticket, policies, announced_from)], default=None)
    for clock in ticket.state.clocks if ticket.state is not None else ():
        # A breach is recorded also where there is nothing to announce: each deadline is passed by a ring.
        deadline = clock.deadline if clock.since is not None and clock.breached is None else None
        if deadline is not None and deadline >= ticket.settled_at and (earliest is None or deadline < earliest):
            earliest = deadline
    return earliest


def ring(ticket_id: str, ticket: Ticket, policies: Policies, gate: Gate) -> list[tuple[Due, Alert]]:
    """What is to be announced now, in order; the ticket is settled up to the gate and remembers what was announced."""
    ticket.settled_at = max(ticket.settled_at, gate.up_to + 1)
    alerts: list[tuple[Due, Alert]] = []
    while pending := _due(ticket_id, ticket, policies, gate):  # once more: what was just told may be over already
        for at, kind, which, clock in pending:
            assert ticket.state is not None
            _remember(ticket, which, kind)
            if kind == "raised" and which[0] == "warning" and _breached_by(clock, ticket.state, gate.up_to + 1):
                continue  # the breach says it
            due = Due(at, kind, Mark(*which), clock)
            alerts.append((due, _alert(ticket_id, ticket, due, policies, gate)))
    return alerts


def _due(ticket_id: str, ticket: Ticket, policies: Policies, gate: Gate) -> list[_Pending]:
    pending = _pending(ticket_id, ticket, policies, gate.now - gate.max_age)
    return sorted([row for row in pending if row[0] <= gate.up_to], key=lambda row: row[0])


def recall(ticket: Ticket, said: Alert) -> bool:
    """Have the ticket remember an alert of it that was written; whether it did not know of it."""
    target = TARGETS.index(said.target) if said.target in TARGETS else None
    if target is None or said.level == OPERATIONS:
        return False
    detail = str(said.step) if said.step is not None else said.threshold or ""
    return _remember(ticket, (said.level, target, said.cycle, detail), said.kind)


def _remember(ticket: Ticket, which: _Which, kind: Kind) -> bool:
    """That this was told of an alert; whether that is new."""
    since: dict[str, bool] = {} if kind == "raised" else {kind: True}
    marks = ticket.marks
    for place, mark in enumerate(marks):
        if _which(mark) == which:
            changed = msgspec.structs.replace(mark, **since)
            ticket.marks = [*marks[:place], changed, *marks[place + 1 :]]
            return changed != mark
    ticket.marks = [*marks, msgspec.structs.replace(Mark(*which), **since)]
    return True


def correct_silently(ticket: Ticket) -> None:
    """Take back what is no longer so without a word: a changed policy on a ticket that is done wakes nobody."""
    for mark in ticket.marks:
        if not mark.corrected and _is_wrong(ticket, mark):
            _remember(ticket, _which(mark), "corrected")


def _which(mark: Mark) -> _Which:
    return mark.level, mark.target, mark.cycle, mark.detail


def _pending(ticket_id: str, ticket: Ticket, policies: Policies, announced_from: int) -> Iterator[_Pending]:
    """What there is to announce: from when on, as what, of which alert and clock."""
    state = ticket.state
    if state is None:
        return
    marks = ticket.marks
    if marks:
        yield from _became(ticket_id, ticket, state, announced_from)
    if state.status == CANCELLED:
        return
    promises = policies.to(state)
    announced = {_which(mark) for mark in marks} if marks else ()
    for clock in state.clocks:
        overdue_at = clock.breached if clock.breached is not None or clock.since is None else clock.deadline
        if overdue_at is None:
            continue
        breach = ("breach", clock.target, clock.cycle, "")
        if breach not in announced and missed_at(clock, overdue_at) >= announced_from:
            yield overdue_at, "raised", breach, clock
        if clock.since is None:
            continue
        promise = promises.of(clock.target, clock.start)
        if promise is not None and promise.warn and clock.breached is None:
            for at, text in _warnings(clock, promise):
                if at < overdue_at and ("warning", clock.target, clock.cycle, text) not in announced:
                    yield at, "raised", ("warning", clock.target, clock.cycle, text), clock
        if promise is not None and promise.escalate and _taken(ticket_id, ticket, clock) is None:
            yield from _escalations(clock, promise, overdue_at, marks, announced_from)


def _became(ticket_id: str, ticket: Ticket, state: State, announced_from: int) -> list[_Pending]:
    """What became of breaches that were told: there was none; somebody took it before the answer; it was answered.

    A clock that a second hand-over ended was not answered.
    """
    found: list[_Pending] = []
    for mark in ticket.marks:
        if mark.corrected or mark.level not in STANDING:
            continue
        clock, which = _clock_of(state, mark), _which(mark)
        if _is_wrong(ticket, mark):
            found.append((state.last_at, "corrected", which, clock))
        elif clock is not None and state.status != CANCELLED:
            taken, stop = None if mark.acknowledged else _taken(ticket_id, ticket, clock), clock.stop
            if taken is not None and taken.at >= announced_from and (stop is None or taken.at < stop):
                found.append((taken.at, "acknowledged", which, clock))
            if stop is not None and stop >= announced_from and not mark.recovered and not clock.withdrawn:
                found.append((stop, "recovered", which, clock))
    return found


def _warnings(clock: Clock, promise: Promise) -> Iterator[tuple[int, str]]:
    assert clock.since is not None
    for threshold in promise.warn:
        left = threshold.at(promise.limit) - clock.accrued
        yield promise.calendar.add(clock.since, left) if left > 0 else clock.since, threshold.text


def _escalations(
    clock: Clock, promise: Promise, overdue_at: int, marks: list[Mark], announced_from: int
) -> list[_Pending]:
    """The steps that come after a breach which was announced and stands, or will be, in the hours of its limit."""
    ours = [mark for mark in marks if mark.target == clock.target and mark.cycle == clock.cycle]
    of_clock = {(mark.level, mark.detail): mark for mark in ours}
    breach = of_clock.get(("breach", ""))
    if breach.corrected if breach is not None else missed_at(clock, overdue_at) < announced_from:
        return []
    steps = [(str(step), after) for step, after in enumerate(promise.escalate, 1)]
    return [
        (promise.calendar.add(overdue_at, after), "raised", ("escalation", clock.target, clock.cycle, step), clock)
        for step, after in steps
        if ("escalation", step) not in of_clock
    ]


def _is_wrong(ticket: Ticket, mark: Mark) -> bool:
    """Whether a breach was announced that was none, or told to further people."""
    state = ticket.state
    if mark.level not in STANDING or state is None:
        return False
    clock = _clock_of(state, mark)
    if clock is not None:
        return not _breached_by(clock, state, ticket.settled_at)
    kept = [kept.cycle for kept in state.clocks if kept.target == mark.target]
    return not kept or mark.cycle > min(kept)  # an older one went into the totals


def _taken(ticket_id: str, ticket: Ticket, clock: Clock) -> Acknowledged | None:
    """The first acknowledgement of the clock's breach, or of any step that was told of it."""
    state = ticket.state
    if state is None or not state.acknowledged:
        return None
    ours = [mark for mark in ticket.marks if mark.target == clock.target and mark.cycle == clock.cycle]
    told = [Mark("breach", clock.target, clock.cycle), *[mark for mark in ours if mark.level == "escalation"]]
    ids = [alert_id(ticket_id, mark) for mark in told]
    for fact in state.acknowledged:
        if fact.alert_id in ids:
            return fact
    return None


def _breached_by(clock: Clock | None, state: State, now: int) -> bool:
    return clock is not None and clock.overdue(now, state.last_at) is not None


def _clock_of(state: State, mark: Mark) -> Clock | None:
    for clock in state.clocks:
        if clock.target == mark.target and clock.cycle == mark.cycle:
            return clock
    return None


def _alert(ticket_id: str, ticket: Ticket, due: Due, policies: Policies, gate: Gate) -> Alert:
    state, mark, clock = ticket.state, due.mark, due.clock
    assert state is not None
    alert = Alert(
        alert_id=alert_id(ticket_id, mark),
        kind=due.kind,
        level=_LEVELS[mark.level],
        threshold=mark.detail or None if mark.level != "escalation" else None,
        step=int(mark.detail) if mark.level == "escalation" else None,
        ticket_id=ticket_id,
        target=TARGETS[mark.target],
        cycle=mark.cycle,
        priority=state.priority,
        team=state.team,
        channel=state.channel,
        decided_at=format_instant(gate.now),
    )
    if clock is not None:
        missed = missed_at(clock, due.at) if mark.level == "breach" else due.at
        alert.late = due.kind == "raised" and gate.now > missed + gate.grace + LATE
        alert.policy = clock.policy
        alert.started_at = format_instant(clock.start)
        alert.limit_seconds = clock.limit / SECOND
        alert.elapsed_seconds = _elapsed(clock, state, policies, gate.up_to) / SECOND
        deadline = clock.deadline if clock.breached is None else missed_at(clock, clock.breached)
        alert.deadline = format_instant(deadline) if deadline is not None else None
        taken = _taken(ticket_id, ticket, clock) if due.kind in ("recovered", "acknowledged") else None
        if taken is not None:
            alert.acknowledged_by, alert.acknowledged_at = taken.by, format_instant(taken.at)
    return alert


def _elapsed(clock: Clock, state: State, policies: Policies, now: int) -> int:
    """Up to now, or up to the stop."""
    if clock.elapsed is not None:
        return clock.elapsed
    promise = policies.to(state).of(clock.target, clock.start)
    if promise is None or clock.since is None:
        return clock.accrued
    return clock.accrued + promise.calendar.elapsed(clock.since, now)
