"""Knows what every clock of a ticket comes to: an independent judge that reads all of a ticket's events at once.

It exists to be compared with the product, so it shares nothing with it. Nothing is remembered from event to event but
what the rules themselves name; a clock's elapsed time is added up anew from the whole status history at every look.
Slow and plain on purpose: read it beside the rules of the clocks. Instants are microseconds since the Unix epoch (UTC),
durations are microseconds.

    rules = read_policies(yaml.safe_load(text))
    clocks = judge_ticket(events_of_one_ticket, rules, as_of)        # the verdicts at that instant
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from judge_time import EPOCH, SECOND, Always, Calendar, duration, instant

Event = Mapping[str, Any]

RESOLVED = {"resolved", "closed"}
DONE = RESOLVED | {"cancelled"}
ATTRIBUTES = ("priority", "channel", "team", "kind", "category", "customer_id", "tags")
PAUSED_BY_DEFAULT = {"resolution": ["waiting_on_customer", "on_hold"], "follow_up": ["waiting_on_customer"]}
END_OF_TIME = int((datetime(2300, 1, 1, tzinfo=EPOCH.tzinfo) - EPOCH).total_seconds()) * SECOND


# --- Promises ------------------------------------------------------------------------------------------------------


@dataclass
class Promise:
    limit: int
    calendar: Calendar
    pause_on: set[str]
    met_by: set[str]
    after_reopen: str


@dataclass
class Policy:
    when: dict[str, set[str]]
    effective_from: int | None
    effective_until: int | None
    targets: dict[str, Promise]

    def matches(self, attributes: Mapping[str, Any], started_at: int) -> bool:
        if self.effective_from is not None and started_at < self.effective_from:
            return False
        if self.effective_until is not None and started_at >= self.effective_until:
            return False
        for name, wanted in self.when.items():
            values = set(attributes.get(name, [])) if name == "tags" else {attributes.get(name)}
            if not values & wanted:
                return False
        return True


def read_policies(document: Mapping[str, Any]) -> list[Policy]:
    """The promises of a policy file as YAML reads it; holidays are dates only, not those of a country."""
    calendars: dict[str, Calendar] = {"24x7": Always()}
    calendars |= {name: Calendar(calendar) for name, calendar in (document.get("calendars") or {}).items()}
    policies = []
    for policy in document["policies"]:
        effective = policy.get("effective") or {}
        targets = {
            target: Promise(
                limit=duration(promise["limit"]),
                calendar=calendars[promise.get("calendar", "24x7")],
                pause_on=set(promise.get("pause_on", PAUSED_BY_DEFAULT.get(target, []))),
                met_by=set(promise.get("met_by", ["reply", "resolved"])),
                after_reopen=promise.get("after_reopen", "total"),
            )
            for target, promise in policy["targets"].items()
        }
        policies.append(
            Policy(
                when={name: set(values) for name, values in (policy.get("when") or {}).items()},
                effective_from=instant(effective["from"]) if effective.get("from") else None,
                effective_until=instant(effective["until"]) if effective.get("until") else None,
                targets=targets,
            )
        )
    return policies


# --- Events --------------------------------------------------------------------------------------------------------


def counted(events: Iterable[Event]) -> list[tuple[int, Event]]:
    """A ticket's events, one an `event_id`, in order, each with the instant at which it counts; [] for an orphan."""
    # An explicit null is the field left out.
    given = [{name: value for name, value in event.items() if value is not None} for event in events]
    # Of several contents under one id the one that sorts first is kept.
    kept: dict[str, Event] = {}
    for event in sorted(
        given, key=lambda e: (instant(e["occurred_at"]), e.get("seq", 0), json.dumps(e, sort_keys=True))
    ):
        kept.setdefault(event["event_id"], event)
    ordered = sorted(kept.values(), key=lambda e: (instant(e["occurred_at"]), e.get("seq", 0), e["event_id"]))
    # The first creation founds the ticket, further ones are ignored; what is stamped before it happened just after it.
    creation = next((event for event in ordered if event["type"] == "ticket_created"), None)
    if creation is None:
        return []
    created_at = instant(creation["occurred_at"])
    others = [event for event in ordered if event["type"] != "ticket_created"]
    return [(created_at, creation)] + [(max(created_at, instant(e["occurred_at"])), e) for e in others]


def by_ticket(events: Iterable[Event]) -> dict[str, list[Event]]:
    tickets: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event.get("ticket_id") is not None:  # an agent's status belongs to no ticket
            tickets[event["ticket_id"]].append(event)
    return tickets


# --- Clocks --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Clock:
    """A listed clock; `elapsed` (microseconds) only where it stopped under a promise."""

    ticket_id: str
    target: str
    cycle: int
    started_at: int
    stopped_at: int | None
    elapsed: int | None
    breached_at: int | None
    verdict: str


@dataclass
class _Clock:
    """A clock while its ticket's history is walked."""

    target: str
    cycle: int
    started_at: int
    stopped_at: int | None = None
    elapsed: int | None = None  # at the stop, by the promise of then; None where there was none
    breached_at: int | None = None
    superseded: bool = False  # ended by a second hand-over
    final: bool = False  # a first resolution that a reopening under `after_reopen: first` left as it was


@dataclass
class _Ticket:
    policies: Sequence[Policy]
    attributes: dict[str, Any]
    history: list[tuple[int, str]]  # (since, status)
    clocks: list[_Clock] = field(default_factory=list)
    unheard: bool = False  # a customer wrote on the done ticket, which counts if it is reopened

    @property
    def status(self) -> str:
        return self.history[-1][1]

    def promise(self, clock: _Clock) -> Promise | None:
        """What is promised for a clock at this moment: the first policy that matches decides."""
        for policy in self.policies:
            if policy.matches(self.attributes, clock.started_at):
                return policy.targets.get(clock.target)
        return None

    # Elapsed, deadline, breach.

    def runs_in(self, status: str, clock: _Clock, promise: Promise) -> bool:
        if status in RESOLVED and clock.target != "complaint_resolution":
            return False
        return status != "cancelled" and status not in promise.pause_on

    def running(self, clock: _Clock, promise: Promise, now: int) -> list[tuple[int, int]]:
        """The stretches since the clock's start in which it was not paused; the last may be empty."""
        ends = [since for since, _ in self.history[1:]] + [now]
        return [
            (max(since, clock.started_at), end)
            for (since, status), end in zip(self.history, ends, strict=True)
            if end >= clock.started_at and self.runs_in(status, clock, promise)
        ]

    def elapsed(self, clock: _Clock, promise: Promise, now: int) -> int:
        return sum(promise.calendar.elapsed(a, b) for a, b in self.running(clock, promise, now))

    def deadline(self, clock: _Clock, promise: Promise, now: int) -> int | None:
        """The first instant at which a running clock reaches its limit; None where the calendar opens no more."""
        left = promise.limit
        *past, (since, _) = self.running(clock, promise, now)
        for a, b in past:
            passed = promise.calendar.elapsed(a, b)
            if passed >= left:
                return promise.calendar.add(a, left)
            left -= passed
        return promise.calendar.add(since, left)

    def check(self, now: int, *, changed: bool) -> None:
        """Give the breaches due: at the deadline or, where a change put the deadline in the past, at the change."""
        for clock in self.clocks:
            promise = self.promise(clock)
            if clock.stopped_at is not None or clock.breached_at is not None or promise is None:
                continue
            if self.runs_in(self.status, clock, promise):
                deadline = self.deadline(clock, promise, now)
                if deadline is not None and now > deadline:  # so it is wherever elapsed is over the limit
                    clock.breached_at = now if changed else deadline
            elif self.elapsed(clock, promise, now) > promise.limit:
                clock.breached_at = now

    # Starting and stopping.

    def of(self, *targets: str) -> list[_Clock]:
        return [clock for clock in self.clocks if clock.target in targets]

    def open(self, *targets: str) -> list[_Clock]:
        return [clock for clock in self.of(*targets) if clock.stopped_at is None]

    def start(self, target: str, now: int) -> None:
        self.clocks.append(_Clock(target, len(self.of(target)), now))

    def stop(self, clock: _Clock, now: int) -> None:
        promise = self.promise(clock)
        clock.stopped_at = now
        clock.elapsed = None if promise is None else self.elapsed(clock, promise, now)

    def stop_all(self, now: int, *targets: str) -> None:
        for clock in self.open(*targets):
            self.stop(clock, now)

    def answer(self, by: str, now: int) -> None:
        """A reply or a resolution stops the response clocks that are met by it."""
        for clock in self.open("first_response", "next_response"):
            promise = self.promise(clock)
            if promise is None or by in promise.met_by:
                self.stop(clock, now)

    def start_response(self, now: int) -> None:
        self.start("next_response" if self.of("first_response") else "first_response", now)

    # Events.

    def apply(self, event: Event, now: int) -> None:
        self.check(now, changed=False)
        match event["type"]:
            case "ticket_updated":
                self.update(event, now)
            case "agent_replied":
                self.agent_reply(event, now)
            case "customer_replied":
                self.customer_message(now)
            case "status_changed":
                self.change_status(event, now)
            case "complaint_filed":
                if event.get("valid", True):
                    self.start("complaint_resolution", now)
        self.check(now, changed=True)

    def update(self, event: Event, now: int) -> None:
        team = self.attributes.get("team")
        self.attributes |= {name: event[name] for name in ATTRIBUTES if name in event}
        self.check(now, changed=True)
        if team is not None and self.attributes["team"] != team:
            for clock in self.open("acceptance", "team_answer"):
                self.stop(clock, now)
                clock.superseded = True
            self.start("acceptance", now)
            self.start("team_answer", now)
        elif "agent_id" in event:
            self.stop_all(now, "acceptance")

    def agent_reply(self, event: Event, now: int) -> None:
        if event.get("automated", False):
            return
        if "team" not in event or event["team"] == self.attributes.get("team"):
            self.stop_all(now, "acceptance", "team_answer")
        if event.get("public", True):
            self.answer("reply", now)
            self.stop_all(now, "follow_up")
            if self.status not in DONE:
                self.start("follow_up", now)
            self.unheard = False

    def customer_message(self, now: int) -> None:
        if self.open("first_response", "next_response"):
            return
        if self.status in DONE:
            self.unheard = True
        else:
            self.start_response(now)

    def change_status(self, event: Event, now: int) -> None:
        was_done = self.status in DONE
        self.history.append((now, event["status"]))
        if "accepted_by" in event and event["accepted_by"] == self.attributes.get("team"):
            self.stop_all(now, "acceptance")
        if self.status in RESOLVED:
            self.answer("resolved", now)
            self.stop_all(now, "resolution", "follow_up", "acceptance", "team_answer", "complaint_resolution")
        elif was_done and self.status not in DONE:
            self.reopen(now)

    def reopen(self, now: int) -> None:
        for clock in self.of("resolution"):
            promise = self.promise(clock)
            if clock.stopped_at is None or clock.final:
                continue
            if promise is not None and promise.after_reopen == "first":
                clock.final = True
            else:
                clock.stopped_at = clock.elapsed = None
        if self.unheard:
            self.start_response(now)
            self.unheard = False

    # Verdicts.

    def verdict(self, clock: _Clock) -> str | None:
        """None for a clock that is not listed."""
        stopped = clock.stopped_at is not None
        promised = clock.elapsed is not None if stopped else self.promise(clock) is not None
        if not promised and clock.breached_at is None:
            return None
        if self.status == "cancelled":
            return "void"
        if clock.breached_at is not None:
            return "breached"
        if stopped:
            return "void" if clock.superseded else "met"
        rests = self.status in RESOLVED and clock.target in ("first_response", "next_response")
        return "void" if rests else "pending"


def judge_ticket(events: Iterable[Event], policies: Sequence[Policy], as_of: int) -> list[Clock]:
    """Every listed clock of one ticket as of an instant, ordered by target and cycle.

    `events` are parsed JSON in any order, with any repeats; those that count later than `as_of` are left out.
    """
    walked = [(at, event) for at, event in counted(events) if at <= as_of]
    if not walked:
        return []
    created_at, creation = walked[0]
    ticket = _Ticket(
        policies=policies,
        attributes={name: creation[name] for name in ATTRIBUTES if name in creation},
        history=[(created_at, "open")],
    )
    ticket.start("resolution", created_at)
    if creation.get("created_by", "customer") == "customer":
        ticket.start("first_response", created_at)
    for at, event in walked[1:]:
        ticket.apply(event, at)
    ticket.check(as_of, changed=False)
    return [
        Clock(
            ticket_id=creation["ticket_id"],
            target=clock.target,
            cycle=clock.cycle,
            started_at=clock.started_at,
            stopped_at=clock.stopped_at,
            elapsed=clock.elapsed,
            breached_at=clock.breached_at,
            verdict=verdict,
        )
        for clock in sorted(ticket.clocks, key=lambda clock: (clock.target, clock.cycle))
        if (verdict := ticket.verdict(clock)) is not None
    ]


def judge_all(events: Iterable[Event], policies: Sequence[Policy], as_of: int) -> list[Clock]:
    """Every listed clock of many tickets, ordered by ticket, target and cycle."""
    tickets = by_ticket(events)
    return [clock for name in sorted(tickets) for clock in judge_ticket(tickets[name], policies, as_of)]


def first_breach_times(
    events: Iterable[Event], policies: Sequence[Policy], as_of: int = END_OF_TIME
) -> dict[tuple[str, int], int]:
    """(target, cycle) -> the instant of the breach, for every listed clock of one ticket that breached by `as_of`.

    Without `as_of`: those too that are still to breach if nothing more happens.
    """
    clocks = judge_ticket(events, policies, as_of)
    return {(clock.target, clock.cycle): clock.breached_at for clock in clocks if clock.breached_at is not None}
