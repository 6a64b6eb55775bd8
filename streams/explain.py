"""Why a ticket's clocks say what they say: every stretch that counted or did not, the promise, the deadline."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from streams.clocks import Clock, Verdict
from streams.facts import CANCELLED
from streams.instants import SECOND, format_duration, to_datetime
from streams.policies import STATUSES, TARGETS

if TYPE_CHECKING:
    from streams.fold import State
    from streams.policies import Policies, Policy, Promise
    from streams.ticket import Ticket


class Stretch(msgspec.Struct):
    """A part of a clock's life in one status; `open_seconds` is what it added to elapsed."""

    begins: datetime
    ends: datetime | None
    status: str
    runs: bool
    open_seconds: float


class ExplainedClock(msgspec.Struct):
    """A clock, listed or not, as of the instant asked for."""

    target: str
    cycle: int
    verdict: Verdict | None
    """None: no policy promises it, so it is not listed."""
    policy: str | None
    matched: str
    """What the policy asks of a ticket."""
    limit_seconds: float | None
    calendar: str | None
    started_at: datetime
    stopped_at: datetime | None
    deadline: datetime | None
    """None while it rests short of its limit, and once it stopped in time."""
    breached_at: datetime | None
    elapsed_seconds: float | None
    stretches: list[Stretch]
    why: str


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
    note: str = ""


_ATTRIBUTES = ("priority", "channel", "team", "kind", "category", "customer_id", "tags", "agent_id")


def explain(ticket_id: str, ticket: Ticket, policies: Policies, now: int) -> Explanation:
    """Every clock of a ticket as of now (microseconds)."""
    state = ticket.state
    summarised = ticket.summary.count if ticket.summary is not None else 0
    if state is None:
        note = "its creation has not arrived: an orphan, judged in full once it does"
        return Explanation(ticket_id, to_datetime(now), "unknown", {}, ticket.count, 0, [], note)
    found = {name: getattr(state, name) for name in _ATTRIBUTES}
    return Explanation(
        ticket_id,
        to_datetime(now),
        STATUSES[state.status],
        {name: value for name, value in found.items() if value},
        ticket.count,
        summarised,
        [_clock(clock, state, policies, now) for clock in state.clocks],
        "cancelled: all its clocks are void" if state.status == CANCELLED else "",
    )


def _clock(clock: Clock, state: State, policies: Policies, now: int) -> ExplainedClock:
    policy = next((policy for policy in policies if policy.name == clock.policy), None)
    promise = policy.promises.get(TARGETS[clock.target]) if policy is not None else None
    breached = clock.overdue(now, state.last_at)
    listed = clock.policy is not None or breached is not None
    deadline = clock.deadline if clock.stop is None or breached is not None else None
    elapsed = clock.elapsed
    if clock.stop is None and promise is not None:
        ran = promise.calendar.elapsed(clock.since, now) if clock.since is not None else 0
        elapsed = clock.accrued + ran
    return ExplainedClock(
        TARGETS[clock.target],
        clock.cycle,
        clock.verdict(state.status, breached) if listed else None,
        clock.policy,
        _matched(policy),
        clock.limit / SECOND if clock.policy is not None else None,
        f"{promise.calendar.name} ({promise.calendar.zone})" if promise is not None else None,
        to_datetime(clock.start),
        to_datetime(clock.stop) if clock.stop is not None else None,
        to_datetime(deadline) if deadline is not None else None,
        to_datetime(breached) if breached is not None else None,
        elapsed / SECOND if elapsed is not None else None,
        _stretches(clock, state, promise, now) if promise is not None else [],
        _why(clock, promise, breached, elapsed),
    )


def _matched(policy: Policy | None) -> str:
    if policy is None:
        return ""
    asked = [f"{name} is {' or '.join(sorted(values))}" for name, values in policy.when.items()]
    return ", ".join(asked) or "any ticket"


def _stretches(clock: Clock, state: State, promise: Promise, now: int) -> list[Stretch]:
    found = []
    until = clock.stop if clock.stop is not None else now
    last = len(state.timeline) - 2
    for i in range(0, last + 1, 2):
        begins = max(state.timeline[i], clock.start)
        ends = min(state.timeline[i + 2], until) if i < last else until
        if ends < begins or (ends == begins and i < last):
            continue
        runs = state.timeline[i + 1] not in promise.rests
        counted = promise.calendar.elapsed(begins, ends) if runs else 0
        open_ended = i == last and clock.stop is None
        found.append(
            Stretch(
                to_datetime(begins),
                None if open_ended else to_datetime(ends),
                STATUSES[state.timeline[i + 1]],
                runs,
                counted / SECOND,
            )
        )
    return found


def _why(clock: Clock, promise: Promise | None, breached: int | None, elapsed: int | None) -> str:
    if clock.policy is None:
        return "no policy promises this of such a ticket" + (
            "; it was breached while one did" if breached is not None else ""
        )
    limit = format_duration(clock.limit)
    ran = format_duration(elapsed) if elapsed is not None else "unknown"
    if clock.withdrawn and breached is None:
        return "ended by another hand-over"
    if breached is not None:
        if clock.deadline is not None and breached > clock.deadline:
            return f"the limit of {limit} was already past when a change of the ticket made it count"
        return f"the limit of {limit} was reached at the deadline and nothing had stopped the clock"
    if clock.stop is not None:
        return f"stopped after {ran} of {limit}"
    if clock.since is None:
        return f"rests after {ran} of {limit}"
    calendar = promise.calendar.name if promise is not None else ""
    return f"runs: {ran} of {limit} in calendar {calendar}"
