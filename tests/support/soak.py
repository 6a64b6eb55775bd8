"""The soak's load: many tickets that stay open, and a steady flow over them whose breaches are known beforehand."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from kafka_io import Pace, event, now

from streams.instants import DAY, SECOND, format_duration, parse_instant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from processes import Installation

TEAMS = [f"team-{number}" for number in range(12)]
CHANNELS = ("email", "chat", "web")
PRIORITIES = ("high", "normal", "low")
SHORT = "urgent"
"""The priority of tickets with a short promise; the others' deadlines lie a month ahead."""

CREATED_SHARE = 0.1
"""Of the flow's events, those that create a short ticket; each has three events, the rest are of the open tickets."""
BREACHING_SHARE = 0.08
"""Of the short tickets, those that are answered late or not at all."""

WHOLE_LOT = 20_000  # records written between two looks at their acknowledgement
TURN = 0.05  # seconds between two portions of the flow


@dataclass(frozen=True)
class Size:
    """How large a soak is: events a second, durations in seconds."""

    tickets: int
    duration: int
    rate: int
    limit: int
    """The short promise."""
    growth: float
    """By how much memory may grow over the second half: a share."""
    late: float
    """How late 99 of 100 alerts are at most, in seconds."""

    @property
    def turnover(self) -> float:
        """Seconds after which as much is forgotten as is created: windows and retention are as long."""
        return self.duration / 6

    @property
    def breaches(self) -> float:
        """About how many short tickets are answered late."""
        return self.rate * self.duration * CREATED_SHARE * BREACHING_SHARE

    @property
    def windows(self) -> dict[str, tuple[float, float]]:
        """Length and step of each window: as many slots as time allows, the longest of the turnover's length."""
        unit = max(1, round(self.turnover / 5 / 0.6)) * 0.6  # its sixth is a whole number of milliseconds
        return {
            "5m": (unit, unit / 6),
            "1h": (2 * unit, unit / 3),
            "8h": (3 * unit, unit / 3),
            "24h": (4 * unit, unit),
            "7d": (5 * unit, unit),
        }

    @property
    def policies(self) -> str:
        far = format_duration(30 * DAY)
        return f"""\
version: 1
policies:
  - name: short
    when: {{priority: [{SHORT}]}}
    targets: {{first_response: {{limit: {self.limit}s}}}}
  - name: long
    targets: {{first_response: {{limit: {far}}}, next_response: {{limit: {far}}}, resolution: {{limit: {far}}}}}
"""


class Load:
    """Writes events; `overdue` are the tickets that are to be announced, with the deadline that each missed."""

    def __init__(self, house: Installation, size: Size, seed: int) -> None:
        self.overdue: dict[str, int] = {}
        self.short = 0
        """Short tickets created."""
        self.written = 0
        self._events = house.events
        self._size = size
        self._draw = random.Random(seed)
        self._unanswered: dict[str, int] = {}
        self._to_come: list[tuple[int, int, str, str]] = []  # when, order, type, ticket

    def open_tickets(self) -> None:
        """Creates the tickets that stay open. Blocking."""
        for first in range(0, self._size.tickets, WHOLE_LOT):
            for number in range(first, min(first + WHOLE_LOT, self._size.tickets)):
                self._put(self._creation(f"open-{number}", now(), self._draw.choice(PRIORITIES)))
            self._events.flush()

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """The flow, while inside; afterwards every short ticket is at its end, and every deadline past."""
        stop = asyncio.Event()
        flow = asyncio.create_task(self._flow(stop))
        try:
            yield
        finally:
            stop.set()
            await flow

    async def _flow(self, stop: asyncio.Event) -> None:
        pace = Pace(self._size.rate)
        while not stop.is_set() or self._to_come:
            for _ in range(pace.owed()):
                at = now()
                if self._to_come and self._to_come[0][0] <= at:
                    _, _, kind, ticket = heappop(self._to_come)
                    self._put(self._later(kind, ticket, at))
                elif stop.is_set():
                    continue
                elif self._draw.random() < CREATED_SHARE / (1 - 2 * CREATED_SHARE):
                    self._put(self._short_ticket(at))
                else:
                    self._put(self._to_an_open_one(at))
            await asyncio.sleep(TURN)
        self._events.flush()
        self.overdue |= self._unanswered

    def _put(self, one: dict[str, Any]) -> None:
        self._events.put(one)
        self.written += 1

    def _creation(self, ticket: str, at: int, priority: str) -> dict[str, Any]:
        draw = self._draw
        return event(
            "ticket_created", ticket, at, priority=priority, team=draw.choice(TEAMS), channel=draw.choice(CHANNELS),
            customer_id=f"customer-{draw.randrange(100_000)}",
        )  # fmt: skip

    def _short_ticket(self, at: int) -> dict[str, Any]:
        """One is answered well before its deadline, or well after it, or resolved after it without an answer."""
        draw, limit = self._draw, self._size.limit * SECOND
        ticket = f"short-{self.short}"
        self.short += 1
        self._unanswered[ticket] = at + limit
        breaching = draw.random() < BREACHING_SHARE
        answered = at + round(limit * (draw.uniform(1.5, 2) if breaching else draw.uniform(0.1, 0.6)))
        heappush(self._to_come, (answered, self.written, "agent_replied", ticket))
        heappush(self._to_come, (answered + limit // 4, self.written, "status_changed", ticket))
        return self._creation(ticket, at, SHORT)

    def _later(self, kind: str, ticket: str, at: int) -> dict[str, Any]:
        if kind == "status_changed":
            return event(kind, ticket, at, status="resolved")
        # Judged by when it is written: this process may be late itself.
        deadline = self._unanswered.pop(ticket)
        if at > deadline:
            self.overdue[ticket] = deadline
        return self._reply(ticket, at)

    def _reply(self, ticket: str, at: int) -> dict[str, Any]:
        agent = self._draw.randrange(200)
        handled = float(self._draw.randrange(30, 600))
        return event("agent_replied", ticket, at, agent_id=f"agent-{agent}", handle_seconds=handled)

    def _to_an_open_one(self, at: int) -> dict[str, Any]:
        ticket = f"open-{self._draw.randrange(self._size.tickets)}"
        chance = self._draw.random()
        if chance < 0.4:
            return event("customer_replied", ticket, at)
        if chance < 0.8:
            return self._reply(ticket, at)
        return event("ticket_updated", ticket, at, team=self._draw.choice(TEAMS))


class Raised:
    """What comes in on sla-alerts while the run goes on."""

    def __init__(self, grace: int) -> None:
        self._grace = grace
        self.late: list[tuple[float, float]] = []
        """Of each record: seconds since the epoch at which the broker appended it, seconds after deadline and grace."""
        self.tickets: Counter[str] = Counter()
        """How many different breaches of each ticket were raised."""
        self.corrected: set[str] = set()
        """Tickets whose breach was taken back."""
        self.recovered: set[str] = set()
        """Tickets of which it was told that their breach was answered."""
        self.records: Counter[str] = Counter()
        """Records of each alert id: more than one where a kill came between the alert and its ticket's write."""
        self.others: list[dict[str, Any]] = []
        """What is no breach."""

    @asynccontextmanager
    async def reading(self, house: Installation) -> AsyncIterator[None]:
        """Reads while inside."""
        async with AIOKafkaConsumer(bootstrap_servers=house.bootstrap, auto_offset_reset="earliest") as consumer:
            consumer.assign([TopicPartition(house.topics.alerts, number) for number in range(house.partitions)])
            task = asyncio.create_task(self._read(consumer))
            try:
                yield
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        async for record in consumer:
            alert = msgspec.json.decode(record.value)
            if alert["level"] != "breach":
                self.others.append(alert)
            elif alert["kind"] == "corrected":
                self.corrected.add(alert["ticket_id"])
            elif alert["kind"] == "recovered":
                self.recovered.add(alert["ticket_id"])
            else:
                self._count(alert, record.timestamp / 1000)

    def _count(self, alert: dict[str, Any], at: float) -> None:
        self.records[alert["alert_id"]] += 1
        if self.records[alert["alert_id"]] == 1:
            self.tickets[alert["ticket_id"]] += 1
            self.late.append((at, at - (parse_instant(alert["deadline"]) + self._grace) / SECOND))

    @property
    def repeated(self) -> int:
        """Alerts with more than one record."""
        return sum(count > 1 for count in self.records.values())

    def lateness(self, since: float, until: float) -> list[float]:
        """Of what was appended between two instants (seconds since the epoch)."""
        return [late for at, late in self.late if since <= at < until]
