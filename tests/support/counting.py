"""A small owner of a partition for the engine's tests: counts the events of tickets, rings unanswered ones.

An event is {"id", "at"} (microseconds), its key the ticket; the topic's suffix says what it is. A ticket whose first
reply is not at or before its deadline gets one alert. Derived rows count tickets by their number of events.
"""

from __future__ import annotations

import heapq
import json
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from agents.engine import Changes, Out

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agents.engine import Record, Store

FORGET = b"forget"  # an event with this value makes a tombstone


class Event(msgspec.Struct):
    id: str
    at: int


class Ticket(msgspec.Struct, array_like=True):
    created: int | None = None
    replied: int | None = None
    seen: set[str] = msgspec.field(default_factory=set)
    announced: bool = False


decode_event = msgspec.json.Decoder(Event).decode
decode_ticket = msgspec.msgpack.Decoder(Ticket).decode
encode = msgspec.msgpack.Encoder().encode


class Counting:
    """See the module."""

    def __init__(self, prefix: str, limit: int, grace: int, store: Store) -> None:
        self._alerts = f"{prefix}-alerts"
        self._ledger = f"{prefix}-ledger"
        self._limit = limit
        self._grace = grace
        self._store = store
        self._heap: list[tuple[int, bytes]] = []
        self.sizes: Counter[int] = Counter()
        if store.derived_stale:
            for _key, value in store.items():  # noqa: PERF102 - a store is no dict
                self.sizes[len(decode_ticket(value).seen)] += 1
            store.rebuild_derived({b"%d" % size: b"%d" % count for size, count in self.sizes.items()})
        else:
            self.sizes.update({int(key): int(value) for key, value in store.derived_items()})
        for key, value in store.items():
            self._watch(key, decode_ticket(value))

    def load(self) -> Iterator[None]:
        return iter(())

    def chunk(self, records: Sequence[Record], now: int) -> Changes:
        tickets: dict[bytes, Ticket | None] = {}
        before: dict[bytes, int] = {}
        for record in records:
            key = record.key
            if key is None or record.value is None:
                continue
            if key not in tickets:
                stored = self._store.get(key)
                ticket = decode_ticket(stored) if stored is not None else Ticket()
                before[key] = len(ticket.seen)
            else:
                ticket = tickets[key] or Ticket()
            if record.value == FORGET:
                tickets[key] = None
                continue
            event = decode_event(record.value)
            if event.id in ticket.seen:
                continue
            ticket.seen.add(event.id)
            if record.topic.endswith("-created"):
                ticket.created = event.at if ticket.created is None else min(event.at, ticket.created)
            elif record.topic.endswith("-replied"):
                ticket.replied = event.at if ticket.replied is None else min(event.at, ticket.replied)
            tickets[key] = ticket
        changes = Changes()
        sizes = set()
        for key, changed in tickets.items():
            size = 0 if changed is None else len(changed.seen)
            for number, by in ((before[key], -1), (size, 1)):
                if number:
                    self.sizes[number] += by
                    sizes.add(number)
            changes.tickets[key] = None if changed is None else encode(changed)
            if changed is not None:
                self._watch(key, changed)
                if changed.replied is not None:
                    changes.cold.add(key)
            changes.records.append(Out(self._ledger, key, b"%d" % size))
        changes.derived = {b"%d" % size: b"%d" % self.sizes[size] or None for size in sizes}
        return changes

    def _watch(self, key: bytes, ticket: Ticket) -> None:
        if ticket.created is None or ticket.announced:
            return
        deadline = ticket.created + self._limit
        if ticket.replied is None or ticket.replied > deadline:
            heapq.heappush(self._heap, (deadline, key))

    def wake_at(self) -> int | None:
        return self._heap[0][0] if self._heap else None

    def prepare(self, now: int) -> bool:
        return False

    def is_ready(self, read_up_to: int) -> bool:
        return False

    def rest(self, now: int) -> Changes:
        return Changes()

    def ring(self, read_up_to: int, now: int) -> Changes:
        changes = Changes()
        while self._heap and self._heap[0][0] + self._grace <= read_up_to and len(changes.alerts) < 500:
            deadline, key = heapq.heappop(self._heap)
            stored = changes.tickets.get(key) or self._store.get(key)
            if stored is None:
                continue
            ticket = decode_ticket(stored)
            answered = ticket.replied is not None and ticket.replied <= deadline
            if ticket.announced or answered or ticket.created != deadline - self._limit:
                continue
            ticket.announced = True
            changes.tickets[key] = encode(ticket)
            alert = {"ticket": key.decode(), "deadline": deadline, "at": now, "read_up_to": read_up_to}
            changes.alerts.append(Out(self._alerts, key, json.dumps(alert).encode(), [("kind", b"breach")]))
        return changes

    def close(self) -> None:
        self._heap.clear()


def expected(events: Mapping[str, Sequence[tuple[str, Event]]], limit: int) -> tuple[dict[str, int], set[str]]:
    """The number of events of each ticket, and the tickets with an alert: from the events (by ticket, with their
    topic's suffix) alone, once all deadlines have passed."""
    sizes = {ticket: len({event.id for _, event in of}) for ticket, of in events.items()}
    late = set()
    for ticket, of in events.items():
        created = min((event.at for kind, event in of if kind == "created"), default=None)
        replied = min((event.at for kind, event in of if kind == "replied"), default=None)
        if created is not None and (replied is None or replied > created + limit):
            late.add(ticket)
    return sizes, late
