"""A ticket that has been done for the retention is forgotten, and what comes for it afterwards is a dead letter."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from kafka_io import created, event, replied
from partitions import Input

from agents.engine import Changes, MemoryStore
from agents.meters import Meters
from agents.partition import Rules, TicketPartition
from agents.topics import Topics
from config.policies import default_policies
from streams.events import TOPIC_OF, TYPES, tag_of
from streams.instants import DAY, HOUR, SECOND, parse_instant

START = parse_instant("2026-03-02T09:00:00Z")
RETENTION = 30 * DAY
TOPICS = Topics()


class Bench:
    """One partition without an engine: what it wants written is written at once."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.meters = Meters()
        self.rules = Rules(
            policies=default_policies(),
            inputs={TOPIC_OF[tag_of(event_type)]: event_type for event_type in TYPES},
            alerts=TOPICS.alerts,
            ledger=TOPICS.ledger,
            dead_letters=TOPICS.dead_letters,
            grace=SECOND,
            retention=RETENTION,
            max_age=DAY,
            max_ahead=0,
        )
        self.letters: Counter[str] = Counter()
        self.alerted: list[str] = []
        self.restart(START)

    def restart(self, now: int) -> None:
        self.partition = TicketPartition(0, self.store, self.rules, self.meters, now).loaded()

    def take(self, now: int, *events: dict[str, Any]) -> Changes:
        changes = Changes()
        for one in events:
            topic = TOPIC_OF[one["type"]]
            record = Input(topic, one["ticket_id"].encode(), json.dumps(one).encode())
            changes = self._write(self.partition.chunk([record], now))
        return changes

    def ring(self, now: int) -> Counter[bytes | None]:
        """All alarms due by then, input read up to now; how often each ticket was forgotten."""
        forgotten: Counter[bytes | None] = Counter()
        while (wake := self.partition.wake_at()) is not None and wake + SECOND <= now:
            changes = self._write(self.partition.ring(now, now))
            forgotten.update(key for key, value in changes.tickets.items() if value is None)
        return forgotten

    def _write(self, changes: Changes) -> Changes:
        self.store.put(changes.tickets)
        self.store.settle({}, changes.derived, self.store.mark, changes.cold)
        for out in changes.records:
            if out.topic == TOPICS.dead_letters:
                self.letters[dict(out.headers)["cause"].decode()] += 1
        self.alerted += [json.loads(out.value or b"")["ticket_id"] for out in changes.alerts]
        return changes


def resolved(ticket_id: str, at: int) -> dict[str, Any]:
    return event("status_changed", ticket_id, at, status="resolved")


def test_a_done_ticket_is_forgotten_after_the_retention_and_an_open_one_never() -> None:
    bench = Bench()
    bench.take(START, created("done", START), created("open", START), created("reopened", START))
    bench.take(START + HOUR, resolved("done", START + HOUR), resolved("reopened", START + HOUR))
    bench.take(START + 20 * DAY, event("status_changed", "reopened", START + 20 * DAY, status="open"))
    assert not bench.ring(START + HOUR + RETENTION)
    assert bench.ring(START + HOUR + RETENTION + SECOND) == {b"done": 1}
    assert not bench.ring(START + 400 * DAY)
    assert bench.partition.tickets == 2
    assert {key for key, _ in bench.store.items()} == {b"open", b"reopened"}


def test_an_event_for_a_forgotten_ticket_is_a_dead_letter_also_after_a_restart() -> None:
    bench = Bench()
    bench.take(START, created("done", START), resolved("done", START + HOUR))
    now = START + RETENTION + DAY
    bench.ring(now)
    for _ in range(2):
        changes = bench.take(now, replied("done", now), created("done", START))
        assert not changes.tickets
        bench.restart(now)
    assert bench.letters == {"forgotten": 4}
    assert bench.partition.tickets == 0


def test_a_history_read_in_for_the_first_time_is_not_forgotten_at_once() -> None:
    """What counts is the later of its end and its last event's arrival."""
    bench = Bench()
    long_ago = START - 1000 * DAY
    bench.take(START, created("old", long_ago), resolved("old", long_ago + HOUR))
    assert not bench.ring(START + RETENTION)
    assert bench.ring(START + RETENTION + SECOND) == {b"old": 1}


def test_an_orphan_is_forgotten_too() -> None:
    bench = Bench()
    bench.take(START, replied("orphan", START))
    assert bench.partition.orphans == 1
    assert not bench.ring(START + RETENTION)
    assert bench.ring(START + RETENTION + SECOND) == {b"orphan": 1}
    assert (bench.partition.orphans, bench.partition.tickets) == (0, 0)


def test_what_is_forgotten_is_itself_forgotten_in_time() -> None:
    """Of tickets that come and go for years no more names are kept than of two retentions."""
    bench = Bench()
    for day in range(365):
        now = START + day * DAY
        bench.take(now, created(f"T-{day}", now), resolved(f"T-{day}", now + HOUR))
        bench.ring(now)
    assert bench.partition.tickets <= 31
    assert len(list(bench.store.items())) <= 31
    names = [key for key, _ in bench.store.derived_items() if key.startswith(b"f")]
    assert len(names) <= 32
    assert bench.letters == {}


def test_a_breach_found_after_the_maximum_age_is_recorded_and_wakes_nobody() -> None:
    bench = Bench()
    bench.take(START, created("old", START - 30 * DAY), created("young", START - HOUR))
    bench.ring(START + 10 * HOUR)
    assert bench.alerted == ["young"]
    assert sum(line.overdue for line in bench.partition.queue.lines.values()) == 2
