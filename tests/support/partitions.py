"""Drives the owner of one partition as the engine does, with a clock that the test moves."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

import msgspec

from agents.engine.store import Mark, MemoryStore
from agents.meters import Meters
from agents.partition import Rules, TicketPartition
from agents.staff import AGENT
from streams import ticket, windows
from streams.events import TOPIC_OF, TYPES, tag_of
from streams.instants import DAY, MINUTE, SECOND, format_instant
from streams.queue import Queue, standing
from streams.windows import Windows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agents.engine import Changes, Out
    from streams.policies import Policies
    from streams.ticket import Ticket

Event = dict[str, Any]


@dataclass(frozen=True)
class Input:
    """A record as it lies on an input topic."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int = 3
    offset: int = 0
    timestamp: int = 0
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass
class Bench:
    """A partition, what it wrote, and the time. What it wants written is kept at once."""

    policies: Policies
    now: int
    grace: int = SECOND
    retention: int = 30 * DAY
    max_age: int = DAY
    max_ahead: int = 10 * MINUTE
    store: MemoryStore = field(default_factory=MemoryStore)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    ledger: dict[str, dict[str, Any]] = field(default_factory=dict)
    dead: list[dict[str, str]] = field(default_factory=list)
    """Headers of the dead letters."""
    dead_records: list[Out] = field(default_factory=list)
    offset: int = 0
    ahead: bool = True
    """Whether alerts are made ready before they are due."""
    shortcut: bool = True
    """Whether the shortcut is taken where the data path is compiled."""

    def __post_init__(self) -> None:
        inputs = {TOPIC_OF[tag_of(event_type)]: event_type for event_type in TYPES}
        self.rules = Rules(
            self.policies, inputs, "sla-alerts", "ticket-ledger", "dead-letters",
            self.grace, self.retention, self.max_age, self.max_ahead, shortcut=self.shortcut,
        )  # fmt: skip
        self.start()

    def start(self, *, derived: bool = True) -> None:
        """Begin anew on what the store holds, as after a crash; without `derived` it is to be built again."""
        self.store.derived_stale = self.store.derived_stale or not derived
        self.meters = Meters()
        self.partition = TicketPartition(3, self.store, self.rules, self.meters, self.now).loaded()

    def put(self, *events: Event, key: str | None = None) -> None:
        """Events come in: those of a type that follow one another are a chunk."""
        for kind, run in groupby(events, key=lambda event: str(event["type"])):
            self.put_raw(TOPIC_OF[kind], *[(key or _key(event), json.dumps(event).encode()) for event in run])

    def put_raw(self, topic: str, *records: tuple[str | bytes | None, bytes | None]) -> None:
        """Records of one topic come in as one chunk: key and value."""
        chunk = []
        for key, value in records:
            chunk.append(Input(topic, key.encode() if isinstance(key, str) else key, value, offset=self.offset))
            self.offset += 1
        self.keep(self.partition.chunk(chunk, self.now))

    def ring(self) -> list[dict[str, Any]]:
        """All that is due rings, input being read up to now; returns the alerts of it."""
        before = len(self.alerts)
        for _ in range(10_000):
            wake = self.partition.wake_at()
            if wake is None or wake + self.grace > self.now:
                while self.ahead and self.partition.prepare(self.now):
                    pass
                return self.alerts[before:]
            self.ring_once()
        raise AssertionError(f"it still wants to ring at {wake}, and does nothing")

    def ring_once(self) -> None:
        """One call of what may take several."""
        self.keep(self.partition.ring(self.now, self.now))

    def go(self, duration: int) -> list[dict[str, Any]]:
        """Time passes without a look at the alarms; then they ring."""
        self.now += duration
        return self.ring()

    def reload(self, policies: Policies) -> None:
        """Other policies come into force."""
        self.policies = self.rules.policies = policies

    def count(self, name: str, **labels: str) -> float:
        """A counter's value."""
        return self.meters.registry.get_sample_value(name, labels) or 0.0

    def tickets(self) -> dict[str, Ticket]:
        """All tickets as they are stored."""
        rows = self.store.items()
        return {key.decode(): ticket.decode(value) for key, value in rows if not key.startswith(AGENT)}

    def view(self) -> dict[str, Any]:
        """What the partition shows of its tickets."""
        owner = self.partition
        return {
            "windows": window_view(owner.windows),
            "queue": queue_view(owner.queue),
            "tickets": owner.tickets,
            "orphans": owner.orphans,
            "staff": dict(owner.staff),
            "wake_at": owner.wake_at(),
        }

    def built(self) -> dict[str, Any]:
        """The same as `view`, where it follows from the tickets alone: counted together from the stored ones."""
        all_windows, queue = Windows(self.now), Queue()
        tickets = self.tickets()
        for kept in tickets.values():
            if kept.state is not None:
                where = windows.labels(kept.state)
                for item in windows.contributions(kept.state, kept.settled_at, 0):
                    all_windows.add(where, item)
                stands = standing(kept.state, kept.settled_at)
                if stands is not None:
                    queue.add(where, stands)
        return {
            "windows": window_view(all_windows),
            "queue": queue_view(queue),
            "tickets": len(tickets),
            "orphans": sum(kept.state is None for kept in tickets.values()),
        }

    def assert_adds_up(self) -> None:
        """Windows, queue and counts are those of the tickets; the cells that are stored are those in memory."""
        built = self.built()
        self.partition.tick(self.now)
        view = self.view()
        assert {name: view[name] for name in built} == built
        self.keep(self.partition.ring(0, self.now))  # writes what time alone has moved
        stored = {
            key: windows.cell_of(msgspec.msgpack.decode(value, type=windows.CellRow)) for key, value in self._cells()
        }
        assert stored == {
            b"w" + msgspec.msgpack.encode((step, slot, key)): cell
            for step, by_slot in self.partition.windows.slots.items()
            for slot, cells in by_slot.items()
            for key, cell in cells.items()
        }

    def _cells(self) -> list[tuple[bytes, bytes]]:
        return [(key, value) for key, value in self.store.derived_items() if key.startswith(b"w")]

    def keep(self, changes: Changes) -> None:
        """What the partition wants written is written."""
        self.store.put(changes.tickets)
        self.store.settle(changes.tickets, changes.derived, Mark(), changes.cold)
        assert changes.cold <= changes.tickets.keys()
        for alert in changes.alerts:
            assert alert.topic == "sla-alerts"
            assert alert.value is not None
            self.alerts.append(json.loads(alert.value))
        for record in changes.records:
            if record.topic == "dead-letters":
                self.dead_records.append(record)
                self.dead.append({name: value.decode() for name, value in record.headers})
            else:
                assert record.topic == "ticket-ledger"
                assert record.key is not None
                assert record.value is not None
                self.ledger[record.key.decode()] = json.loads(record.value)


def _key(event: Mapping[str, Any]) -> str:
    return str(event["agent_id"] if event["type"] == "agent_status_changed" else event["ticket_id"])


def window_view(all_windows: Windows) -> dict[str, object]:
    return {"slots": filled(all_windows.slots), **{w.name: all_windows.sums(w) for w in windows.WINDOWS}}


def filled(slots: dict[int, dict[int, dict[windows.Key, windows.Cell]]]) -> dict[int, object]:
    """Without slots in which nothing is left."""
    return {step: {slot: cells for slot, cells in held.items() if cells} for step, held in slots.items()}


def queue_view(queue: Queue) -> dict[windows.Labels, tuple[object, ...]]:
    return {
        where: (
            line.open, line.unanswered, line.on_customer, line.on_hold, line.overdue, line.waiting,
            line.due, line.waits, line.oldest(),
        )
        for where, line in queue.lines.items()
    }  # fmt: skip


def event(kind: str, ticket_id: str, event_id: str, at: int, **fields: Any) -> Event:
    """An event as it is sent."""
    return {"type": kind, "ticket_id": ticket_id, "event_id": event_id, "occurred_at": format_instant(at), **fields}
