"""What the subjects on a real Kafka share: an installation under a steady flow, many tickets open, and what it takes.

Broker, Redis, chat and the harness run on core 0; what is ours runs on core 1, on four partitions, with the settings
that it has by default otherwise. Needs `make install` and two cores.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import sys
import tempfile
import time
from contextlib import asynccontextmanager, contextmanager
from heapq import heappop, heappush
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/support"))

import aiohttp
from command_line import SLAWATCH
from kafka_io import Pace, now
from processes import Installation, cpu_seconds, memory_bytes
from services import KafkaCluster, RedisServer
from waiting import eventually

from streams.events import TOPIC_OF
from streams.instants import SECOND, format_instant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterator

    from processes import Program

HARNESS, ENGINE = 0, 1
"""The cores."""
PARTITIONS = 4
GRACE = SECOND
"""The default of SLAWATCH_GRACE."""
SESSION = 10.0
"""Seconds, the default of SLAWATCH_SESSION_TIMEOUT: after so long a killed worker is out of its group."""
SCRAPE_EVERY = 15.0
"""Seconds, Prometheus's own default."""
TEAMS = [f"team-{number}" for number in range(12)]
CHANNELS = ("email", "chat", "web")
PRIORITIES = ("high", "normal", "low")
URGENT = "urgent"
"""The priority of the tickets whose deadlines are to pass: a first response within `URGENT_LIMIT`."""
URGENT_LIMIT = 3600 * SECOND

POLICIES = """\
version: 1
policies:
  - name: urgent
    when: {{priority: [urgent]}}
    targets: {{first_response: {{limit: 1h}}, next_response: {{limit: 720h}}, resolution: {{limit: 720h}}}}
  - name: the rest
    targets:
      first_response: {{limit: {limit}}}
      next_response: {{limit: {limit}}}
      resolution: {{limit: {limit}}}
"""

_LOT = 20_000  # records written between two looks at their acknowledgement
_TURN = 0.01  # seconds between two portions of the flow
_LIFE = (("customer_replied", 2), ("agent_replied", 4), ("status_changed", 6))
"""What comes after the first reply to an open ticket, and after how many seconds."""


def policies(limit: str = "720h") -> str:
    """Three targets a ticket; only urgent ones fall due while anything is measured."""
    return POLICIES.format(limit=limit)


def say(text: str) -> None:
    """Progress, to standard error: figures alone go to standard output."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


@contextmanager
def servers() -> Iterator[tuple[KafkaCluster, RedisServer, Path]]:
    """Kafka, Redis and a folder, all of them gone afterwards. From here on this process keeps to its core."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it ends like Ctrl-C, so that they are stopped
    os.sched_setaffinity(0, {HARNESS})
    with KafkaCluster() as kafka, RedisServer() as redis, tempfile.TemporaryDirectory(prefix="slawatch-bench-") as root:
        yield kafka, redis, Path(root)


def installation(
    kafka: KafkaCluster, redis: RedisServer, folder: Path, name: str = "bench", partitions: int = PARTITIONS
) -> Installation:
    """Its processes run on core 1."""
    (folder / name).mkdir()
    house = Installation(
        kafka.bootstrap, name, folder / name, partitions, redis=redis.url, session_timeout=f"{SESSION:g}s"
    )
    house.program = ("taskset", "-c", str(ENGINE), SLAWATCH)
    return house


class Desk:
    """Writes the events of an installation whose number of open tickets stays the same.

    A ticket is created; much later, drawn at random of all open ones, it gets a reply, an answer of its customer, a
    further reply, and is resolved, all within six seconds. For each that is so drawn another is created.
    """

    def __init__(self, house: Installation, seed: int = 7) -> None:
        self.written = 0
        self.created: dict[str, int] = {}
        """Of the tickets created by the flow: when, in microseconds since the epoch."""
        self._events = house.events
        self._draw = random.Random(seed)
        self._open: list[int] = []
        self._next = 0
        self._create_next = True
        self._to_come: list[tuple[int, int, str, str]] = []  # when, order, type, ticket

    def open_tickets(self, count: int) -> None:
        """Creates so many tickets that stay open until they are drawn. Blocking."""
        for first in range(0, count, _LOT):
            for _ in range(first, min(first + _LOT, count)):
                self._create(now())
            self._events.flush()

    def arm(self, ticket: str, due: int) -> None:
        """Creates a ticket whose first response is due at this instant."""
        self._put("ticket_created", ticket, due - URGENT_LIMIT, self._attributes(URGENT))

    @asynccontextmanager
    async def flowing(self, rate: float) -> AsyncIterator[None]:
        """So many events a second while inside."""
        try:
            async with _beside(self._flow(rate)):
                yield
        finally:
            await asyncio.to_thread(self._events.flush)

    async def _flow(self, rate: float) -> None:
        pace = Pace(rate)
        while True:
            for _ in range(pace.owed()):
                self._one()
            await asyncio.sleep(_TURN)

    def _one(self) -> None:
        at = now()
        if self._to_come and self._to_come[0][0] <= at:
            _, _, kind, ticket = heappop(self._to_come)
            self._put(kind, ticket, at, _RESOLVED if kind == "status_changed" else self._reply())
        elif self._create_next:
            self._create_next = False
            self.created[self._create(at)] = at
        else:
            self._create_next = True
            self._take_up(at)

    def _take_up(self, at: int) -> None:
        """The first reply to an open ticket, and what follows it."""
        place = self._draw.randrange(len(self._open))
        self._open[place], self._open[-1] = self._open[-1], self._open[place]
        ticket = f"T{self._open.pop():08d}"
        self._put("agent_replied", ticket, at, self._reply())
        for kind, after in _LIFE:
            heappush(self._to_come, (at + after * SECOND, self.written, kind, ticket))

    def _create(self, at: int) -> str:
        ticket = f"T{self._next:08d}"
        self._open.append(self._next)
        self._next += 1
        self._put("ticket_created", ticket, at, self._attributes(self._draw.choice(PRIORITIES)))
        return ticket

    def _attributes(self, priority: str) -> str:
        draw = self._draw
        return (
            f'"priority":"{priority}","team":"{draw.choice(TEAMS)}","channel":"{draw.choice(CHANNELS)}",'
            f'"customer_id":"customer-{draw.randrange(100_000)}"'
        )

    def _reply(self) -> str:
        return f'"agent_id":"agent-{self._draw.randrange(200)}","handle_seconds":{self._draw.randrange(30, 600)}'

    def _put(self, kind: str, ticket: str, at: int, fields: str) -> None:
        self.written += 1
        if kind == "customer_replied":
            fields = ""
        event = (
            f'{{"event_id":"E{self.written}","type":"{kind}","ticket_id":"{ticket}",'
            f'"occurred_at":"{format_instant(at)}"{"," if fields else ""}{fields}}}'
        )
        self._events.put_raw(TOPIC_OF[kind], ticket.encode(), event.encode())


_RESOLVED = '"status":"resolved"'


async def opened(house: Installation, desk: Desk, worker: Program, count: int) -> float:
    """Opens so many tickets, and waits until the worker has read them all; seconds."""
    began = time.monotonic()
    await asyncio.to_thread(desk.open_tickets, count)
    await house.caught_up(within=900)
    seconds = time.monotonic() - began
    kept = figure(await page(worker), "sla_tickets_kept")
    assert kept == count, f"{kept} tickets are kept, not {count}"
    say(f"{count:,} tickets opened and read in {seconds:.0f} s, RSS {memory(worker)} MB")
    return seconds


async def page(worker: Program) -> str:
    """What /metrics says; empty while nobody listens."""
    assert worker.running, worker.output[-3000:]
    try:
        async with aiohttp.request("GET", f"http://127.0.0.1:{worker.port}/metrics") as response:
            return await response.text()
    except aiohttp.ClientConnectionError:
        return ""


def figure(text: str, name: str) -> float:
    """The sum of a metric's samples, without the cost of parsing them all; 0 where there is none."""
    found = re.findall(rf"^{name}(?:{{[^\n]*}})? (\S+)$", text, re.MULTILINE)
    return sum(map(float, found))


@asynccontextmanager
async def _beside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Work that goes on while inside."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def scraping(worker: Program) -> AsyncIterator[list[float]]:
    """Asks for /metrics as Prometheus does, while inside; gives the seconds that each answer took."""
    took: list[float] = []

    async def scrape() -> None:
        while True:
            began = time.monotonic()
            await page(worker)
            took.append(time.monotonic() - began)
            await asyncio.sleep(SCRAPE_EVERY)

    async with _beside(scrape()):
        yield took


class Wait(NamedTuple):
    """When a question was asked (time.time()) and how many seconds its answer took."""

    at: float
    seconds: float


@asynccontextmanager
async def asking(worker: Program) -> AsyncIterator[list[Wait]]:
    """Asks for /healthz a hundred times a second, while inside: what the worker's event loop does at once when it
    turns. So the longest answer is how long the loop stood still, and with it the stream."""
    waits: list[Wait] = []

    async def ask() -> None:
        async with aiohttp.ClientSession() as session:
            while True:
                at, began = time.time(), time.monotonic()
                async with session.get(f"http://127.0.0.1:{worker.port}/healthz") as response:
                    await response.read()
                waits.append(Wait(at, time.monotonic() - began))
                await asyncio.sleep(0.01)

    async with _beside(ask()):
        yield waits


def cpu(worker: Program) -> float:
    """CPU seconds of a process so far, to ten milliseconds."""
    return cpu_seconds(worker.pid)


def memory(worker: Program, kind: str = "VmRSS") -> int:
    """MB (a million bytes) that a process holds now, or with `VmHWM` held at the most."""
    return memory_bytes(worker.pid, kind) // 1_000_000


async def reached(worker: Program, name: str, value: float, within: float = 600.0) -> float:
    """Waits until a metric is so high; seconds."""
    began = time.monotonic()

    async def high() -> bool:
        found = figure(await page(worker), name)
        assert found >= value, f"{name} is {found}"
        return True

    await eventually(high, within, every=0.05, what=f"{name} reaches {value:g}")
    return time.monotonic() - began


def row(what: str, value: float, unit: str, **more: object) -> dict[str, object]:
    """A figure as the subjects write it. `at_most` or `at_least`: its target."""
    print(f"{what:62} {value:12,.2f} {unit:22} " + "  ".join(f"{name} {said}" for name, said in more.items()))
    return {"what": what, "value": round(value, 3), "unit": unit, **more}
