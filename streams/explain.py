"""Why a ticket's clocks say what they say: the promise, every stretch that counted or did not, the deadline."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from streams.alert_record import alert_id
from streams.clocks import (
    ACCEPTANCE,
    COMPLAINT_RESOLUTION,
    FIRST_RESPONSE,
    FOLLOW_UP,
    NEXT_RESPONSE,
    RESOLUTION,
    TEAM_ANSWER,
    Clock,
    Verdict,
)
from streams.facts import (
    CANCELLED,
    CLOSED,
    RESOLVED,
    Complained,
    Created,
    CustomerWrote,
    Fact,
    Replied,
    StatusSet,
    Updated,
)
from streams.instants import SECOND, format_duration, format_instant, to_datetime
from streams.policies import MATCHED, STATUSES, TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.fold import State
    from streams.policies import Policies, Policy, Promise
    from streams.ticket import Ticket


class Stretch(msgspec.Struct):
    """A part of a clock's life in one status; `counted_seconds` is the open time that it added to elapsed."""

    begins: datetime
    ends: datetime | None
    """None: it goes on."""
    status: str
    runs: bool
    counted_seconds: float


class ExplainedClock(msgspec.Struct):
    """A clock, listed or not, as of the instant asked for."""

    target: str
    cycle: int
    verdict: Verdict | None
    """None: no policy promises it, so it is not listed."""
    why: str
    policy: str | None
    matched: str
    """What the policy asks of a ticket."""
    limit_seconds: float | None
    calendar: str | None
    zone: str | None
    warns: list[str]
    started_at: datetime
    started_by: str
    stopped_at: datetime | None
    stopped_by: str
    """Empty where the event is no longer kept in full."""
    deadline: datetime | None
    """None while it rests short of its limit."""
    breached_at: datetime | None
    elapsed_seconds: float | None
    earlier_seconds: float
    """Counted before the first stretch: of a very long history only the sum is kept."""
    stretches: list[Stretch]
    announced: list[str]


class Explanation(msgspec.Struct):
    """A ticket's clocks and what they follow from."""

    ticket_id: str
    as_of: datetime
    status: str
    attributes: dict[str, str | list[str]]
    events: int
    summarised: int
    """Older events, of which only the outcome is kept."""
    clocks: list[ExplainedClock]
    notes: list[str]


def explain(ticket_id: str, ticket: Ticket, policies: Policies, now: int) -> Explanation:
    """Every clock of a ticket as of now (microseconds). A ticket judged by other policies is judged anew first."""
    if ticket.count and not ticket.is_judged_by(policies):
        ticket.judge_anew(policies)
    state = ticket.state
    summarised = ticket.summary.count if ticket.summary is not None else 0
    if state is None:
        notes = ["its creation has not arrived: an orphan, judged in full once it does"]
        return Explanation(ticket_id, to_datetime(now), "unknown", {}, ticket.count, summarised, [], notes)
    found = {name: getattr(state, name) for name in (*MATCHED, "agent_id")}
    explainer = _Explainer(ticket_id, ticket, state, policies, now)
    return Explanation(
        ticket_id,
        to_datetime(now),
        STATUSES[state.status],
        {name: value for name, value in found.items() if value},
        ticket.count,
        summarised,
        [explainer.clock(clock) for clock in state.clocks],
        list(_notes(state)),
    )


def _notes(state: State) -> Iterable[str]:
    if state.status == CANCELLED:
        yield "cancelled: all its clocks are void"
    if state.owed:
        yield "the customer wrote after it was done: a clock for that starts if it is reopened"
    for target, totals in state.totals.items():
        older = totals.met + totals.breached + totals.void
        yield (
            f"{older} older {TARGETS[target]} clocks are kept as totals: {totals.met} met, "
            f"{totals.breached} breached, {totals.void} void"
        )


class _Explainer:
    def __init__(self, ticket_id: str, ticket: Ticket, state: State, policies: Policies, now: int) -> None:
        self._ticket_id = ticket_id
        self._ticket = ticket
        self._state = state
        self._policies = policies
        self._now = now
        self._facts = sorted(ticket.facts(), key=lambda fact: fact.key)

    def clock(self, clock: Clock) -> ExplainedClock:
        state, now = self._state, self._now
        policy = next((policy for policy in self._policies if policy.name == clock.policy), None)
        promise = policy.promises.get(TARGETS[clock.target]) if policy is not None else None
        breached = clock.overdue(now, state.last_at)
        elapsed = clock.elapsed
        if clock.stop is None and promise is not None:
            ran = promise.calendar.elapsed(clock.since, now) if clock.since is not None else 0
            elapsed = clock.accrued + ran
        return ExplainedClock(
            target=TARGETS[clock.target],
            cycle=clock.cycle,
            verdict=clock.verdict(state.status, breached) if promise is not None or breached is not None else None,
            why=_why(clock, state, breached, elapsed),
            policy=clock.policy,
            matched=_matched(policy) if policy is not None else "",
            limit_seconds=clock.limit / SECOND if promise is not None else None,
            calendar=promise.calendar.name if promise is not None else None,
            zone=promise.calendar.zone if promise is not None else None,
            warns=[threshold.text for threshold in promise.warn] if promise is not None else [],
            started_at=to_datetime(clock.start),
            started_by=self._started_by(clock),
            stopped_at=_moment(clock.stop),
            stopped_by=self._stopped_by(clock) if clock.stop is not None else "",
            deadline=_moment(clock.deadline),
            breached_at=_moment(breached),
            elapsed_seconds=elapsed / SECOND if elapsed is not None else None,
            earlier_seconds=clock.base / SECOND,
            stretches=list(self._stretches(clock, promise)) if promise is not None else [],
            announced=self._announced(clock),
        )

    def _stretches(self, clock: Clock, promise: Promise) -> Iterable[Stretch]:
        timeline = self._state.timeline
        until = clock.stop if clock.stop is not None else self._now
        for i in range(0, len(timeline), 2):
            is_last = i == len(timeline) - 2
            begins = max(timeline[i], clock.origin)
            ends = until if is_last else min(timeline[i + 2], until)
            goes_on = is_last and clock.stop is None
            if ends <= begins and not goes_on:
                continue
            runs = timeline[i + 1] not in promise.rests
            yield Stretch(
                to_datetime(begins),
                None if goes_on else to_datetime(ends),
                STATUSES[timeline[i + 1]],
                runs,
                promise.calendar.elapsed(begins, ends) / SECOND if runs else 0.0,
            )

    def _started_by(self, clock: Clock) -> str:
        if clock.target == RESOLUTION or (clock.target == FIRST_RESPONSE and not self._state.by_agent):
            return "the ticket's creation"
        kinds, otherwise = _STARTERS[clock.target]
        facts = (fact for fact in self._at(clock.start) if isinstance(fact, kinds))
        return next(map(_told, facts), otherwise)

    def _stopped_by(self, clock: Clock) -> str:
        assert clock.stop is not None
        for fact in self._at(clock.stop):
            match fact:
                case Replied(automated=False) if clock.target in _ANSWERED:
                    return _told(fact)
                case StatusSet() if fact.status in (RESOLVED, CLOSED) or fact.accepted_by is not None:
                    return _told(fact)
                case Updated() if clock.target in _HANDED_OVER:
                    return _told(fact)
        return ""

    def _at(self, instant: int) -> Iterable[Fact]:
        """The facts that took effect then, as far as they are kept in full."""
        return (fact for fact in self._facts if max(fact.at, self._state.created_at) == instant)

    def _announced(self, clock: Clock) -> list[str]:
        told = []
        takers = {taken.alert_id: taken.by or "somebody" for taken in self._state.acknowledged}
        for mark in self._ticket.marks:
            if (mark.target, mark.cycle) == (clock.target, clock.cycle):
                taker = takers.get(alert_id(self._ticket_id, mark))
                parts = [f"{mark.level} {mark.detail}".strip()]
                parts += [f"acknowledged by {taker}"] if taker is not None else []
                parts += ["corrected"] if mark.corrected else []
                told.append(", ".join(parts))
        return told


_ANSWERED = (FIRST_RESPONSE, NEXT_RESPONSE, FOLLOW_UP, ACCEPTANCE, TEAM_ANSWER)
_HANDED_OVER = (ACCEPTANCE, TEAM_ANSWER)
_STARTERS: dict[int, tuple[tuple[type[Fact], ...], str]] = {
    FIRST_RESPONSE: ((CustomerWrote, StatusSet), "the customer's message"),
    NEXT_RESPONSE: ((CustomerWrote, StatusSet), "the customer's message"),
    FOLLOW_UP: ((Replied,), "a public reply"),
    ACCEPTANCE: ((Updated,), "the hand-over"),
    TEAM_ANSWER: ((Updated,), "the hand-over"),
    COMPLAINT_RESOLUTION: ((Complained,), "the complaint"),
}
"""Which facts start a target's clock, and what is said where the fact is no longer kept in full."""


def _told(fact: Fact) -> str:
    """A fact in a few words."""
    match fact:
        case Created():
            return "the ticket's creation"
        case CustomerWrote():
            return "the customer's message"
        case Replied():
            reply = "a public reply" if fact.public else "an internal reply"
            return f"{reply} by {fact.agent_id}" if fact.agent_id is not None else reply
        case Updated(team=str(team)):
            return f"the hand-over to {team}"
        case Updated():
            return f"agent {fact.agent_id} taking it"
        case StatusSet(accepted_by=str(team)) if fact.status < RESOLVED:
            return f"{team} accepting it"
        case StatusSet():
            return f"status {STATUSES[fact.status]}"
        case _:
            return "the complaint"


def _matched(policy: Policy) -> str:
    asked = [f"{name} is {' or '.join(sorted(values))}" for name, values in policy.when.items()]
    if policy.effective_from is not None:
        asked.append(f"started from {format_instant(policy.effective_from)} on")
    if policy.effective_until is not None:
        asked.append(f"started before {format_instant(policy.effective_until)}")
    return ", ".join(asked) or "any ticket"


def _why(clock: Clock, state: State, breached: int | None, elapsed: int | None) -> str:
    if clock.policy is None:
        held = "; it was breached while one did" if breached is not None else ""
        return f"no policy promises this of such a ticket{held}"
    if state.status == CANCELLED:
        return "the ticket is cancelled: nothing of it counts"
    limit = format_duration(clock.limit)
    ran = format_duration(elapsed or 0)
    if breached is not None:
        if clock.deadline == breached:
            reason = f"the limit of {limit} was reached and nothing had stopped the clock"
        elif clock.deadline is not None and breached > clock.deadline:
            reason = f"a change of the ticket found the limit of {limit} already past"
        else:
            reason = "breached by what was promised at that moment, and a breach stays"
        return f"{reason}; it {_runs_on(clock, state, ran)}"
    if clock.withdrawn:
        return f"another hand-over ended it after {ran} of {limit}"
    if clock.stop is not None:
        return f"stopped after {ran} of {limit}"
    if clock.verdict(state.status, None) == "void":
        return f"only a reply meets it, and the ticket is {STATUSES[state.status]}: void unless it is reopened"
    if clock.since is None:
        return f"rests in status {STATUSES[state.status]} after {ran} of {limit}"
    return f"runs: {ran} of {limit} so far"


def _runs_on(clock: Clock, state: State, ran: str) -> str:
    if clock.stop is not None:
        return f"stopped after {ran}"
    if clock.since is None:
        return f"rests in status {STATUSES[state.status]} after {ran}"
    return f"has run for {ran} so far"


def _moment(instant: int | None) -> datetime | None:
    return to_datetime(instant) if instant is not None else None
