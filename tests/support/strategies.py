"""Makes up tickets and policy files of every kind: as hypothesis strategies, and from a seeded random generator.

Each is one function of `pick`, which chooses from a sequence whose simplest member comes first: `random.Random.choice`,
or hypothesis, which then shrinks towards that member. Instants lie on a grid of the limits' own lengths, so that clocks
end exactly at their limits, and a microsecond to either side of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from datetime import timedelta, timezone
from itertools import product
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from judge import Policy, read_policies
from judge_time import DAY, EPOCH, SECOND, instant

if TYPE_CHECKING:
    from random import Random

    from judge import Event

Pick = Callable[[Sequence[Any]], Any]

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

ABSENT = object()  # the field is left out; None is an explicit null
TEAMS = ("tech", "sales", "billing")
AGENTS = (ABSENT, "a1", "a2", None)
STATUSES = (
    *("open", "resolved", "waiting_on_customer", "on_hold", "closed", "cancelled"),
    *("open", "resolved", "waiting_on_customer", "open"),
)
FLAG = (ABSENT, ABSENT, False, True, None)
ATTRIBUTES: dict[str, tuple[Any, ...]] = {
    "priority": ("normal", "urgent", "high", "low", ABSENT, None),
    "channel": (ABSENT, "chat", "phone", "email", None),
    "team": ("tech", "sales", "billing", ABSENT, None),
    "kind": (ABSENT, ABSENT, "incident", "question", None),
    "category": (ABSENT, ABSENT, "refund", "login"),
    "customer_id": (ABSENT, ABSENT, "c1", "c2"),
    "tags": (ABSENT, ABSENT, ["vip"], ["refund", "vip"], ["refund"], [], None),
}
FIELDS: dict[str, dict[str, tuple[Any, ...]]] = {
    "ticket_created": {**ATTRIBUTES, "agent_id": AGENTS, "created_by": (ABSENT, ABSENT, "agent", "customer", None)},
    "agent_replied": {
        "agent_id": AGENTS,
        "team": (ABSENT, *TEAMS, None),
        "public": (*FLAG, True, True),
        "automated": (*FLAG, False, ABSENT),
        "handle_seconds": (ABSENT, 90, 12.5),
    },
    "customer_replied": {},
    "ticket_updated": {
        name: (ABSENT, ABSENT, ABSENT, ABSENT, *(value for value in values if value is not ABSENT))
        for name, values in {**ATTRIBUTES, "agent_id": AGENTS}.items()
    },
    "status_changed": {
        "status": STATUSES,
        "reason": (ABSENT, ABSENT, "spam", None),
        "accepted_by": (ABSENT, ABSENT, *TEAMS, None),
    },
    "complaint_filed": {"valid": FLAG, "category": (ABSENT, "attitude")},
    "ticket_rated": {"score": (1, 2, 3, 4, 5), "comment": (ABSENT, "thanks", None)},
    "quality_reviewed": {
        "reviewer_id": (ABSENT, "q1"),
        "agent_id": AGENTS,
        "scores": ({"attitude": 4}, {"attitude": 1, "resolution": 5, "clarity": 3, "satisfaction": 2}),
        "deductions": (ABSENT, ["late"], None),
        "labels": (ABSENT, ["coaching"], None),
    },
    "callback_made": {"agent_id": AGENTS, "reached": (True, False), "score": (ABSENT, 1, 5, None)},
    "alert_acknowledged": {"alert_id": ("alert",), "by": (ABSENT, "a1"), "note": (ABSENT, None)},
}
KINDS = (  # the likelier, the oftener named
    *("agent_replied", "customer_replied", "status_changed", "ticket_updated") * 4,
    *("status_changed", "complaint_filed", "complaint_filed", "ticket_created"),
    *("ticket_rated", "quality_reviewed", "callback_made", "alert_acknowledged"),
)

MORE = (False, *(True,) * 11)  # of a list: a dozen on average
SOMETIMES = (False, False, False, True)
RARELY = (False,) * 15 + (True,)
LONGEST = 40

# A plain Monday; nights in which Rome, New York, Cairo (at midnight) and Lord Howe (by half an hour) change the offset.
STARTS = tuple(
    instant(text)
    for text in (
        *("2026-01-05T09:00:00Z",) * 4,
        *("2026-03-27T15:00:00Z", "2026-10-24T15:00:00Z", "2026-03-07T20:00:00Z", "2026-11-01T03:00:00Z"),
        *("2026-04-23T20:00:00Z", "2026-04-04T10:00:00Z", "2026-10-03T10:00:00Z"),
    )
)
LIMITS = ("15m", "30m", "15m", "30m", "1h", "1m30s", "2h", "4h", "8h", "24h")
STEPS = (0, *(15 * MINUTE, 30 * MINUTE) * 3, HOUR, 90 * SECOND, 2 * HOUR, 4 * HOUR, 8 * HOUR, DAY, 1, 0)
NUDGES = (0, 0, 0, 0, 0, 0, 1, -1)
ZONE_MINUTES = (0, 0, 480, -330, 345)
SEQS = (ABSENT, ABSENT, ABSENT, 0, 1, 2, None, -1)
ID_STARTS = ("e", "e", "d", "f", "é", "\uff5e", "\U0001f600")  # the last two sort the other way round as UTF-16


# --- Tickets -------------------------------------------------------------------------------------------------------


def _written(at: int, pick: Pick) -> str:
    zone = timezone(timedelta(minutes=pick(ZONE_MINUTES)))
    text = (EPOCH + timedelta(microseconds=at)).astimezone(zone).isoformat()
    return text.replace("+00:00", pick(("Z", "+00:00")))


def _chosen(fields: Mapping[str, Sequence[Any]], pick: Pick) -> dict[str, Any]:
    """A value for each field, without those left out; lists are copies, as a parser gives them."""
    values = {name: pick(values) for name, values in fields.items()}
    return {name: copy(value) for name, value in values.items() if value is not ABSENT}


def _content(kind: str, pick: Pick) -> dict[str, Any]:
    return {"type": kind} | _chosen(FIELDS[kind], pick)


def _event(kind: str, ticket_id: str, number: int, at: int, pick: Pick) -> dict[str, Any]:
    event = {"event_id": f"{pick(ID_STARTS)}{number}", "ticket_id": ticket_id, "occurred_at": _written(at, pick)}
    seq = pick(SEQS)
    if seq is not ABSENT:
        event["seq"] = seq
    return event | _content(kind, pick)


def _ticket(pick: Pick, ticket_id: str) -> list[Event]:
    created_at = now = pick(STARTS)
    events = [_event("ticket_created", ticket_id, 0, created_at, pick)]
    while len(events) < LONGEST and pick(MORE):
        now += pick(STEPS)
        at = now + pick(NUDGES)
        if pick(RARELY):
            at = created_at - pick(STEPS[1:])
        events.append(_event(pick(KINDS), ticket_id, len(events), at, pick))
    if pick(RARELY):
        del events[0]  # an orphan, unless a second creation follows
    for event in list(events):
        if pick(RARELY):
            events.append(event)
        if pick(RARELY):
            events.append(_conflicting(event, pick))
    arrived: list[Event] = []
    for event in events:
        arrived.insert(len(arrived) - pick(range(len(arrived) + 1)), event)
    return arrived


def _conflicting(event: Mapping[str, Any], pick: Pick) -> dict[str, Any]:
    """Another content under the same `event_id`, at the same instant or another."""
    common = {name: event[name] for name in ("event_id", "ticket_id", "occurred_at", "seq") if name in event}
    if pick(SOMETIMES):
        common["occurred_at"] = _written(instant(event["occurred_at"]) + pick((-1, 1, HOUR)), pick)
    if pick(SOMETIMES):
        common["seq"] = pick(SEQS[3:])
    return common | _content(pick((event["type"], *KINDS)), pick)


def random_ticket(rng: Random, ticket_id: str) -> list[Event]:
    """The events of one ticket as they arrive: disordered, repeated, conflicting; now and then without a creation."""
    return _ticket(rng.choice, ticket_id)


@st.composite
def tickets(draw: st.DrawFn, ticket_id: str = "T") -> list[Event]:
    """As `random_ticket`, for hypothesis."""
    return _ticket(lambda options: draw(st.sampled_from(options)), ticket_id)


def _moment(pick: Pick, events: Sequence[Event]) -> int:
    instants = sorted({instant(event["occurred_at"]) for event in events}, reverse=True) or STARTS
    at = pick(instants) if pick(SOMETIMES) else instants[0]
    return int(at + pick(STEPS) + pick(NUDGES))


def random_moment(rng: Random, events: Sequence[Event]) -> int:
    """An instant to judge a ticket at: on the grid, between its first event and a day after its last."""
    return _moment(rng.choice, events)


@st.composite
def moments(draw: st.DrawFn, events: Sequence[Event]) -> int:
    """As `random_moment`, for hypothesis."""
    return _moment(lambda options: draw(st.sampled_from(options)), events)


# --- Policy files --------------------------------------------------------------------------------------------------

ZONES = ("UTC", "Europe/Rome", "America/New_York", "Asia/Shanghai", "Africa/Cairo", "Australia/Lord_Howe")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOURS: tuple[list[str], ...] = (
    ["09:00-17:00"],
    ["00:00-24:00"],
    [],
    ["09:00-12:00", "13:00-18:00"],
    ["00:00-02:30", "22:00-24:00"],
    ["00:15-00:45", "02:15-03:30"],  # within the hours that a night in spring skips
)
SPECIAL_DATES = tuple(
    (EPOCH + timedelta(microseconds=start, days=days)).date() for start in sorted(set(STARTS)) for days in (0, 1)
)
PROMISE: dict[str, tuple[Any, ...]] = {
    "limit": LIMITS,
    "pause_on": (ABSENT, [], ["waiting_on_customer"], ["on_hold"], ["waiting_on_customer", "on_hold"]),
    "warn": (ABSENT, ["50%"], ["80%", "50%"], ["50%", "1m"], []),
}
RESPONSE = {**PROMISE, "met_by": (ABSENT, ABSENT, ["reply"], ["resolved"], ["reply", "resolved"])}
TARGETS = {
    "first_response": RESPONSE,
    "next_response": RESPONSE,
    "resolution": {**PROMISE, "after_reopen": (ABSENT, "first", "total")},
    "follow_up": PROMISE,
    "acceptance": PROMISE,
    "team_answer": PROMISE,
    "complaint_resolution": PROMISE,
}
WHEN: dict[str, tuple[list[str], ...]] = {
    "priority": (["urgent"], ["urgent", "high"], ["normal"], ["normal", "low"]),
    "team": (["tech"], ["sales", "billing"]),
    "channel": (["chat"], ["chat", "phone"], ["email"]),
    "kind": (["incident"],),
    "category": (["refund"],),
    "customer_id": (["c1"], ["c1", "c2"]),
    "tags": (["vip"], ["vip", "refund"]),
}


def _calendar(pick: Pick) -> dict[str, Any]:
    weekly = {day: hours for day, hours in _chosen(dict.fromkeys(DAYS, HOURS), pick).items() if hours}
    calendar: dict[str, Any] = {"timezone": pick(ZONES), "weekly": weekly or {"mon": ["09:00-17:00"]}}
    if pick(SOMETIMES):
        calendar["holidays"] = sorted({pick(SPECIAL_DATES), pick(SPECIAL_DATES)})
    if pick(SOMETIMES):
        calendar["overrides"] = {str(pick(SPECIAL_DATES)): copy(pick(HOURS))}
    return calendar


def _promise(target: str, calendars: Sequence[str], pick: Pick) -> dict[str, Any]:
    return _chosen({"calendar": (ABSENT, *calendars, "24x7"), **TARGETS[target]}, pick)


def _effective(pick: Pick) -> dict[str, str] | None:
    since = pick(STARTS) + pick((0, 15 * MINUTE, DAY, 1))
    until = since + pick((HOUR, DAY, 300 * DAY))
    since, until = (_written(at, lambda options: options[0]) for at in (since, until))
    period: dict[str, str] | None = pick(
        (None, None, {"from": since}, {"until": until}, {"from": since, "until": until})
    )
    return period


def _policy(name: str, calendars: Sequence[str], pick: Pick) -> dict[str, Any]:
    policy: dict[str, Any] = {"name": name}
    when = _chosen({field: (ABSENT,) * 2 * len(WHEN) + values for field, values in WHEN.items()}, pick)
    if when:
        policy["when"] = when
    effective = _effective(pick)
    if effective is not None:
        policy["effective"] = effective
    targets = [target for target in TARGETS if pick((True, True, True, False))] or ["resolution"]
    policy["targets"] = {target: _promise(target, calendars, pick) for target in targets}
    return policy


def _can_match(policy: Policy, earlier: Sequence[Policy]) -> bool:
    """Whether the policies before it leave it anything; a policy file is refused where they do not."""
    # The tickets that match the fewest others: one value of each field it asks for, and nothing else.
    for values in product(*policy.when.values()):
        ticket = {
            field: [value] if field == "tags" else value for field, value in zip(policy.when, values, strict=True)
        }
        edges = [edge for other in earlier for edge in (other.effective_until, other.effective_from)]
        for started_at in [policy.effective_from or 0, *(edge for edge in edges if edge is not None)]:
            if policy.matches(ticket, started_at) and not any(p.matches(ticket, started_at) for p in earlier):
                return True
    return False


def _policy_file(pick: Pick) -> dict[str, Any]:
    calendars = {f"hours {number}": _calendar(pick) for number in range(pick((1, 0, 2)))}
    head = {"version": 1} | ({"calendars": calendars} if calendars else {})
    policies = [_policy(f"policy {number}", tuple(calendars), pick) for number in range(pick((1, 2, 3, 4, 5)))]
    read = read_policies(head | {"policies": policies})
    return head | {"policies": [p for n, p in enumerate(policies) if _can_match(read[n], read[:n])]}


def random_policy_file(rng: Random) -> dict[str, Any]:
    """A policy file as YAML reads it, which the product must take: no policy in it is wholly behind another."""
    return _policy_file(rng.choice)


@st.composite
def policy_files(draw: st.DrawFn) -> dict[str, Any]:
    """As `random_policy_file`, for hypothesis."""
    return _policy_file(lambda options: draw(st.sampled_from(options)))
