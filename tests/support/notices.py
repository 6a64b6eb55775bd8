"""Alert records, and a lane with everything around it in memory, for tests of the notifier."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from prometheus_client import generate_latest

from agents.notifier.backoff import Backoff
from agents.notifier.claims import Claims, MemoryClaims
from agents.notifier.http import Result, Sender
from agents.notifier.lane import LEASE_MARGIN, Lane
from agents.notifier.limits import Pace
from agents.notifier.message import FINAL, Delivery, Message, read_alert
from agents.notifier.metrics import NotifierMetrics
from agents.notifier.progress import Job, Partition
from streams.instants import HOUR, SECOND, format_instant, parse_instant

START = parse_instant("2026-03-02T10:00:00Z")

QUICK = Backoff(first=0.02, cap=0.05, cap_unknown=0.05, patience=3, aside=0.1)
"""Failures are over soon."""


class Clock:
    """Stands still until it is moved; microseconds since the epoch."""

    def __init__(self, now: int = START) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def alert_record(number: int = 1, **fields: Any) -> dict[str, Any]:
    """A record of `sla-alerts`: a breach by 2 minutes of ticket T-<number>, decided at START."""
    record = {
        "alert_id": f"{number:024x}",
        "kind": "raised",
        "level": "breach",
        "threshold": None,
        "step": None,
        "ticket_id": f"T-{number}",
        "target": "first_response",
        "cycle": 0,
        "policy": "urgent",
        "priority": "urgent",
        "team": "billing",
        "channel": "chat",
        "started_at": format_instant(START - 1020 * SECOND),
        "deadline": format_instant(START - 120 * SECOND),
        "limit_seconds": 900.0,
        "elapsed_seconds": 1020.0,
        "decided_at": format_instant(START),
        "late": False,
    }
    return record | fields


def message(number: int = 1, destination: str = "desk", **fields: Any) -> Message:
    return Message(read_alert(msgspec.json.encode(alert_record(number, **fields))), destination)


class MemoryLog:
    """Keeps outcomes as `sla-deliveries` would, in memory."""

    def __init__(self, claims: Claims) -> None:
        self.deliveries: list[Delivery] = []
        self._claims = claims
        self._tasks: set[asyncio.Task[None]] = set()

    async def ahead(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)

    def put(self, delivery: Delivery, done: Callable[[], None]) -> None:
        async def write() -> None:
            self.deliveries.append(delivery)
            if delivery.state in FINAL:
                await self._claims.finish([(delivery.key, delivery.state)])
            done()

        task = asyncio.create_task(write())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def ends(self) -> list[tuple[str, str, bool]]:
        """Ticket number's alert id, state and repeat of every outcome, attempts that came to nothing left out."""
        return [(d.alert_id, d.state, d.repeat) for d in self.deliveries if d.state not in ("sending", "put_off")]


@dataclass
class Scripted:
    """A sender that answers as told, then with the last answer for ever."""

    results: list[Result]
    sent: list[tuple[str, bool]] = field(default_factory=list)

    async def send(self, message: Message, *, repeat: bool) -> Result:
        self.sent.append((message.alert.ticket, repeat))
        return self.results.pop(0) if len(self.results) > 1 else self.results[0]


@dataclass
class Rig:
    """A lane that runs, and what it works with."""

    lane: Lane
    claims: Claims
    outcomes: MemoryLog
    metrics: NotifierMetrics
    clock: Clock
    partition: Partition = field(default_factory=Partition)

    def put(self, one: Message, offset: int = 0) -> Job:
        job = Job(one, self.partition, offset)
        self.lane.put(job)
        return job

    def exposed(self) -> bytes:
        """The text that Prometheus would read."""
        return generate_latest(self.metrics.registry)

    def counted(self, name: str) -> float:
        """A counter of this lane, by its attribute in NotifierMetrics."""
        counter = getattr(self.metrics, name)
        return float(counter.labels(self.lane.name)._value.get())


@contextlib.asynccontextmanager
async def running_lane(
    sender: Sender,
    *,
    claims: Claims | None = None,
    backoff: Backoff = QUICK,
    pace: Pace | None = None,
    clock: Clock | None = None,
    timeout: int = SECOND,  # noqa: ASYNC109 - the lane's
    name: str = "desk",
    refill: Callable[[], Any] | None = None,
    outcomes: MemoryLog | None = None,
    margin: int = LEASE_MARGIN,
    **more: Any,
) -> AsyncIterator[Rig]:
    """A lane with claims in memory, already filled, unless others are given."""
    clock = clock or Clock()
    if claims is None:
        claims = MemoryClaims(clock)
        await claims.filled()
    outcomes, metrics = outcomes or MemoryLog(claims), NotifierMetrics()
    lane = Lane(
        name,
        sender,
        claims=claims,
        outcomes=outcomes,
        metrics=metrics,
        clock=clock,
        refill=refill or claims.filled,
        max_age=HOUR,
        timeout=timeout,
        margin=margin,
        pace=pace,
        backoff=backoff,
        rng=random.Random(1),
        **more,
    )
    task = asyncio.create_task(lane.run())
    try:
        yield Rig(lane, claims, outcomes, metrics, clock)
    finally:
        lane.stop()
        await asyncio.wait_for(task, 10)
