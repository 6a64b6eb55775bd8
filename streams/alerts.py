"""Alerts: when a ticket is to be announced, and as what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from streams.alert_record import Alert, Level, alert_id
from streams.clocks import Clock
from streams.facts import CANCELLED, Mark
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
    mark: Mark
    clock: Clock | None


def next_alarm(ticket: Ticket, policies: Policies, announced_from: int) -> int | None:
    """The earliest instant at which `ring` has something to do, if no event comes before.

    `announced_from`: breaches of deadlines before it are not announced (the wall clock less the maximum age).
    """
    earliest = min([at for at, *_ in _pending(ticket, policies, announced_from)], default=None)
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
    pending = [Due(at, Mark(*mark), clock) for at, mark, clock in _pending(ticket, policies, gate.now - gate.max_age)]
    for due in sorted(pending, key=lambda due: due.at):
        if due.at > gate.up_to:
            break
        assert ticket.state is not None
        if due.mark.corrected:
            raised = msgspec.structs.replace(due.mark, corrected=False)
            ticket.marks = [due.mark if mark == raised else mark for mark in ticket.marks]
        else:
            if due.mark.level == "escalation" and _acknowledged(ticket_id, ticket.state, due.mark):
                # Remembered as if it had been taken back: it is never said, nor corrected.
                ticket.marks = [*ticket.marks, msgspec.structs.replace(due.mark, corrected=True)]
                continue
            ticket.marks = [*ticket.marks, due.mark]
            if due.mark.level == "warning" and _breached_by(due.clock, ticket.state, gate.up_to + 1):
                continue  # the breach says it
        alerts.append((due, _alert(ticket_id, ticket.state, due, policies, gate)))
    return alerts


def recall(ticket: Ticket, said: Alert) -> bool:
    """Have the ticket remember an alert of it that was written; whether it did not know of it."""
    target = TARGETS.index(said.target) if said.target in TARGETS else None
    if target is None or said.level == "operations":
        return False
    detail = str(said.step) if said.step is not None else said.threshold or ""
    raised = Mark(said.level, target, said.cycle, detail)
    corrected = msgspec.structs.replace(raised, corrected=True)
    if corrected in ticket.marks or (raised in ticket.marks and said.kind != "corrected"):
        return False
    others = [mark for mark in ticket.marks if mark != raised]
    ticket.marks = [*others, corrected if said.kind == "corrected" else raised]
    return True


def correct_silently(ticket: Ticket) -> None:
    """Take back what is no longer so without a word: a changed policy on a ticket that is done wakes nobody."""
    wrong = {mark for mark in ticket.marks if not mark.corrected and _is_wrong(ticket, mark)}
    ticket.marks = [msgspec.structs.replace(mark, corrected=True) if mark in wrong else mark for mark in ticket.marks]


def _pending(
    ticket: Ticket, policies: Policies, announced_from: int
) -> Iterator[tuple[int, tuple[str, int, int, str, bool], Clock | None]]:
    """What there is to announce: from when on, the fields of its mark, and the clock."""
    state = ticket.state
    if state is None:
        return
    marks = ticket.marks
    for mark in marks:
        if not mark.corrected and _is_wrong(ticket, mark):
            yield state.last_at, (mark.level, mark.target, mark.cycle, mark.detail, True), _clock_of(state, mark)
    if state.status == CANCELLED:
        return
    promises = policies.to(state)
    announced = {(mark.level, mark.target, mark.cycle, mark.detail) for mark in marks} if marks else ()
    for clock in state.clocks:
        overdue_at = clock.breached if clock.breached is not None or clock.since is None else clock.deadline
        if overdue_at is None:
            continue
        breach = ("breach", clock.target, clock.cycle, "")
        if breach not in announced and missed_at(clock, overdue_at) >= announced_from:
            yield overdue_at, (*breach, False), clock
        if clock.since is None:
            continue
        promise = promises.of(clock.target, clock.start)
        if promise is not None and promise.warn and clock.breached is None:
            for at, text in _warnings(clock, promise):
                if at < overdue_at and ("warning", clock.target, clock.cycle, text) not in announced:
                    yield at, ("warning", clock.target, clock.cycle, text, False), clock
        if promise is not None and promise.escalate:
            yield from _escalations(clock, promise, overdue_at, marks, announced_from)


def _warnings(clock: Clock, promise: Promise) -> Iterator[tuple[int, str]]:
    assert clock.since is not None
    for threshold in promise.warn:
        left = threshold.at(promise.limit) - clock.accrued
        yield promise.calendar.add(clock.since, left) if left > 0 else clock.since, threshold.text


def _escalations(
    clock: Clock, promise: Promise, overdue_at: int, marks: list[Mark], announced_from: int
) -> list[tuple[int, tuple[str, int, int, str, bool], Clock | None]]:
    """The steps that come after a breach which was announced and stands, or will be, in the hours of its limit."""
    ours = [mark for mark in marks if mark.target == clock.target and mark.cycle == clock.cycle]
    of_clock = {(mark.level, mark.detail): mark for mark in ours}
    breach = of_clock.get(("breach", ""))
    if breach.corrected if breach is not None else missed_at(clock, overdue_at) < announced_from:
        return []
    steps = [(str(step), after) for step, after in enumerate(promise.escalate, 1)]
    return [
        (promise.calendar.add(overdue_at, after), ("escalation", clock.target, clock.cycle, step, False), clock)
        for step, after in steps
        if ("escalation", step) not in of_clock
    ]


def _is_wrong(ticket: Ticket, mark: Mark) -> bool:
    """Whether a breach was announced that was none, or told to further people. A warning was right when it rang."""
    state = ticket.state
    if mark.level == "warning" or state is None:
        return False
    clock = _clock_of(state, mark)
    if clock is not None:
        return not _breached_by(clock, state, ticket.settled_at)
    kept = [kept.cycle for kept in state.clocks if kept.target == mark.target]
    return not kept or mark.cycle > min(kept)  # an older one went into the totals


def _acknowledged(ticket_id: str, state: State, escalation: Mark) -> bool:
    """Whether somebody has acknowledged the breach that would be told to further people, or an earlier step of it."""
    if not state.acknowledged:
        return False
    target, cycle = escalation.target, escalation.cycle
    earlier = [Mark("escalation", target, cycle, str(step)) for step in range(1, int(escalation.detail))]
    ids = [alert_id(ticket_id, mark) for mark in [Mark("breach", target, cycle), *earlier]]
    return any(fact.alert_id in ids for fact in state.acknowledged)


def _breached_by(clock: Clock | None, state: State, now: int) -> bool:
    return clock is not None and clock.overdue(now, state.last_at) is not None


def _clock_of(state: State, mark: Mark) -> Clock | None:
    for clock in state.clocks:
        if clock.target == mark.target and clock.cycle == mark.cycle:
            return clock
    return None


def _alert(ticket_id: str, state: State, due: Due, policies: Policies, gate: Gate) -> Alert:
    mark, clock = due.mark, due.clock
    alert = Alert(
        alert_id=alert_id(ticket_id, mark),
        kind="corrected" if mark.corrected else "raised",
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
        alert.late = not mark.corrected and gate.now > missed + gate.grace + LATE
        alert.policy = clock.policy
        alert.started_at = format_instant(clock.start)
        alert.limit_seconds = clock.limit / SECOND
        alert.elapsed_seconds = _elapsed(clock, state, policies, gate.up_to) / SECOND
        deadline = clock.deadline if clock.breached is None else missed_at(clock, clock.breached)
        alert.deadline = format_instant(deadline) if deadline is not None else None
    return alert


def _elapsed(clock: Clock, state: State, policies: Policies, now: int) -> int:
    """Up to now, or up to the stop."""
    if clock.elapsed is not None:
        return clock.elapsed
    promise = policies.to(state).of(clock.target, clock.start)
    if promise is None or clock.since is None:
        return clock.accrued
    return clock.accrued + promise.calendar.elapsed(clock.since, now)
