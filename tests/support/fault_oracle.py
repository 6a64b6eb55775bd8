"""What the independent judge makes of all that lies on the input topics: which alerts are due, and what gauges show.

Instants are microseconds since the epoch (UTC).
"""

from __future__ import annotations

import copy
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice, product
from typing import TYPE_CHECKING, Any, NamedTuple

from judge import ATTRIBUTES, DONE, Clock, Event, Policy, counted, judge_ticket, read_policies
from judge_time import SECOND, instant

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

DAY = 86_400 * SECOND
WAYS = 10_000  # in which a ticket's events may have been read so far
VISIBLE = SECOND // 4  # a busy broker stamps a record so long before it can be read


class Seen(NamedTuple):
    """A record and when it was appended, or a message and when it came in."""

    at: int
    record: Mapping[str, Any]
    acknowledged: int = 0
    """When the producer heard of it; 0: it did not."""

    @property
    def readable(self) -> int:
        """From when on it could be read, at the latest: a record is hidden until all replicas in sync have it, which a
        broker that died among them holds up for seconds."""
        return max(self.at + VISIBLE, self.acknowledged)


Gauge = tuple[str, ...]
"""A metric's name, then its labels' values: ("sla_queue_tickets", state, team, priority, channel),
("sla_window_judged" or "sla_window_met", target, team, priority, channel), ("sla_tickets_kept", kind)."""


@dataclass
class Evidence:
    """What lay where at the end of a run, everything due long announced."""

    policies: Mapping[str, Any]
    """The policy file, as YAML reads it."""
    grace: int
    as_of: int
    input: Sequence[Seen]
    acknowledged: Collection[str] = ()
    """Ids of events whose delivery was reported."""
    alerts: Sequence[Seen] = ()
    posts: Sequence[Seen] = ()
    """Messages that the chat took."""
    ledger: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The last record of each ticket."""
    gauges: Mapping[Gauge, float] = field(default_factory=dict)
    """Summed over all workers; those that are zero may be left out."""
    dead_letters: int = 0
    planned_dead_letters: int = 0
    faults: Sequence[tuple[float, str, str]] = ()
    """Time, kind and victim of each."""


class Ident(NamedTuple):
    """What an alert or a message says."""

    ticket: str
    target: str
    cycle: int
    level: str
    threshold: str | None
    kind: str

    @property
    def clock(self) -> tuple[str, str, int]:
        return self.ticket, self.target, self.cycle


def ident_of(record: Mapping[str, Any]) -> Ident:
    return Ident(*(record.get(name) for name in ("ticket_id", "target", "cycle", "level", "threshold", "kind")))  # type: ignore[arg-type]  # as the record has them


class Oracle:
    """What the judge says of all tickets."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.rules = read_policies(evidence.policies)
        self.tickets: dict[str, list[Seen]] = defaultdict(list)
        for seen in evidence.input:
            if "ticket_id" in seen.record:
                self.tickets[seen.record["ticket_id"]].append(seen)
        self.clocks = {
            name: judge_ticket([seen.record for seen in of_one], self.rules, evidence.as_of)
            for name, of_one in self.tickets.items()
        }
        self.breached_at = {
            (name, clock.target, clock.cycle): clock.breached_at
            for name, clocks in self.clocks.items()
            for clock in clocks
            if clock.breached_at is not None
        }
        self._warned: dict[str, Sequence[Policy]] = {}

    @cached_property
    def required(self) -> set[tuple[str, str, int]]:
        """Clocks whose breach must be announced."""
        return {
            (name, clock.target, clock.cycle)
            for name, clocks in self.clocks.items()
            for clock in clocks
            if clock.verdict == "breached"
        }

    def is_right(self, ident: Ident, at: int) -> bool:
        """Whether what lay in Kafka allowed to raise this at that instant.

        A worker had read all that was appended by deadline + grace, and of what came after it any beginning of each
        topic.
        """
        rules = self.rules if ident.level == "breach" else self._warning_rules(ident.threshold)
        for known, unread_from in self._readings(ident.ticket, at):
            for clock in judge_ticket(known, rules, at):
                if (clock.target, clock.cycle) != (ident.target, ident.cycle) or clock.breached_at is None:
                    continue
                due = clock.breached_at
                if ident.level == "warning":  # of a changed promise it may have been due before the change
                    shares = [rule.targets[clock.target].limit for rule in rules if clock.target in rule.targets]
                    due = min(due, clock.started_at + min(shares))
                if due + self.evidence.grace <= min(at, unread_from):
                    return True
        return False

    def was_none(self, ident: Ident, at: int, raised_at: int) -> bool:
        """Whether the clock was not breached by what a worker may have read at that instant, and had since the page."""
        for known, unread_from in self._readings(ident.ticket, at):
            if unread_from < raised_at:
                continue
            breached = {(c.target, c.cycle) for c in judge_ticket(known, self.rules, at) if c.breached_at is not None}
            if (ident.target, ident.cycle) not in breached:
                return True
        return False

    def _readings(self, ticket: str, at: int) -> Iterator[tuple[list[Event], int]]:
        """What may have been read of a ticket by then, and from when on records were not: of each topic a beginning."""
        topics: dict[str, list[Seen]] = defaultdict(list)
        for seen in sorted(self.tickets.get(ticket, []), key=lambda seen: seen.at):
            if seen.at <= at:
                topics[seen.record["type"]].append(seen)
        for cuts in islice(product(*(range(len(of_one), -1, -1) for of_one in topics.values())), WAYS):
            parts = list(zip(topics.values(), cuts, strict=True))
            unread = [of_one[cut].readable for of_one, cut in parts if cut < len(of_one)]
            yield [seen.record for of_one, cut in parts for seen in of_one[:cut]], min(unread, default=at)

    def base(self, clock: tuple[str, str, int]) -> int:
        """From when on the breach could be announced: deadline + grace, and all that makes it was in Kafka."""
        breached_at = self.breached_at[clock]
        first: dict[str, int] = {}
        for at, event, acknowledged in self.tickets[clock[0]]:
            if instant(event["occurred_at"]) <= breached_at:
                known = max(at, acknowledged)
                first[event["event_id"]] = min(known, first.get(event["event_id"], known))
        return max(breached_at + self.evidence.grace, *first.values())

    def _warning_rules(self, threshold: str | None) -> Sequence[Policy]:
        """The promises with each limit cut to a warning's share of it; without those that do not warn so."""
        assert threshold is not None
        if threshold not in self._warned:
            rules = copy.deepcopy(self.rules)
            for rule, policy in zip(rules, self.evidence.policies["policies"], strict=True):
                rule.targets = {
                    target: promise
                    for target, promise in rule.targets.items()
                    if threshold in _listed(policy["targets"][target].get("warn"))
                }
                for promise in rule.targets.values():
                    promise.limit = promise.limit * int(threshold.rstrip("%")) // 100
            self._warned[threshold] = rules
        return self._warned[threshold]

    # The ledger and the gauges

    def status(self, name: str) -> str:
        """The status that the ticket's events come to."""
        changes = [event["status"] for _, event in self._counted(name) if event["type"] == "status_changed"]
        return changes[-1] if changes else "open"

    def gauges(self) -> Counter[Gauge]:
        """What the gauges must show, those that are zero left out."""
        found: Counter[Gauge] = Counter()
        for name, clocks in self.clocks.items():
            if not self._counted(name):
                found["sla_tickets_kept", "orphan"] += 1
                continue
            found["sla_tickets_kept", "created"] += 1
            where = self._labels(name)
            for state in self._states(self.status(name), clocks):
                found["sla_queue_tickets", state, *where] += 1
            for clock in clocks:
                at = clock.breached_at if clock.verdict == "breached" else clock.stopped_at
                if clock.verdict in ("met", "breached") and at is not None and at > self.evidence.as_of - DAY:
                    found["sla_window_judged", clock.target, *where] += 1
                    found["sla_window_met", clock.target, *where] += clock.verdict == "met"
        return +found

    @staticmethod
    def _states(status: str, clocks: Iterable[Clock]) -> Iterator[str]:
        if status in DONE:
            return
        yield "open"
        running = [clock for clock in clocks if clock.stopped_at is None]
        if any(clock.target == "first_response" for clock in running):
            yield "unanswered"
        if any(clock.target in ("first_response", "next_response") for clock in running):
            yield "waiting"
        if any(clock.breached_at is not None for clock in running):
            yield "overdue"
        if status == "waiting_on_customer":
            yield "on_customer"
        if status == "on_hold":
            yield "on_hold"

    def _labels(self, name: str) -> tuple[str, ...]:
        held: dict[str, Any] = {}
        for _, event in self._counted(name):
            if event["type"] in ("ticket_created", "ticket_updated"):
                held |= {attribute: event[attribute] for attribute in ATTRIBUTES if attribute in event}
        return tuple(held.get(attribute, "") for attribute in ("team", "priority", "channel"))

    def _counted(self, name: str) -> list[tuple[int, Event]]:
        return [(at, e) for at, e in counted(s.record for s in self.tickets[name]) if at <= self.evidence.as_of]


def _listed(warn: Any) -> list[str]:
    return [warn] if isinstance(warn, str) else list(warn or ())
