"""What many labels cost: python bench/boards.py [--teams N] [--tickets N] [--channels N] ...

A worker's partitions in this process, on core 1, filled with the tickets of a week: 200 teams x 4 priorities, so
that each of the 5 windows has every combination. They run as in the worker: time passes and boards go to a real
Redis every second, another process asks for /metrics, events come in by small chunks. The instant is laid so that
a quarter of an hour begins within the measurement: then slots of every size leave and enter windows.

How long the stream stood still is how late a task is that wants to wake every millisecond, with events alone, with
boards, and with scrapes beside them. The engine (Kafka, RocksDB) is not part of it.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import house as bench
import msgspec
import results
from partitions import Input, event
from services import RedisServer
from soak_record import percentile

from agents.app import Worker
from agents.boards import key
from agents.cli import COLLECT
from agents.engine import Connection, MemoryStore
from agents.engine.store import Mark
from agents.loop import run
from agents.partition import TicketPartition
from agents.redis import client
from agents.topics import Topics
from agents.web import serving
from config.settings import load_settings
from streams.events import tag_of
from streams.instants import DAY, MINUTE, SECOND
from streams.windows import WINDOWS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

PARTITIONS = 4
PRIORITIES = ("urgent", "high", "normal", "low")
CHANNELS = ("email", "chat", "phone")
QUARTER = 15 * MINUTE
YOUNGEST, OLDEST = 20 * SECOND, 7 * DAY  # ages of the tickets: as many in each octave
CHUNK = 500  # events of a chunk while the partitions are filled
FLOW_EVERY = 0.05  # seconds between the stream's chunks
PROBE_EVERY = 0.001  # seconds
SCRAPES, SCRAPE_EVERY = 20, 1.0  # how many, and seconds between them
CALM = 15.0  # seconds that each of the other phases is measured for

SCRAPER = """\
import json, sys, time, urllib.request
took = []
for _ in range(int(sys.argv[2])):
    began = time.monotonic()
    text = urllib.request.urlopen(sys.argv[1]).read()
    took.append(time.monotonic() - began)
    time.sleep(float(sys.argv[3]))
print(json.dumps({"took": took, "bytes": len(text), "series": sum(not l.startswith(b"#") for l in text.splitlines())}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teams", type=int, default=200)
    parser.add_argument("--channels", type=int, default=1, choices=(1, 2, 3))
    parser.add_argument("--tickets", type=int, default=100_000)
    parser.add_argument("--rate", type=int, default=500, help="events a second")
    size = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it ends like Ctrl-C, so that Redis is stopped
    gc.set_threshold(*COLLECT)
    os.sched_setaffinity(0, {bench.HARNESS})
    with RedisServer() as redis:
        os.sched_setaffinity(0, {bench.ENGINE})
        results.write("boards", run(measured(redis.url, size)))


class Clock:
    """The wall clock, set so that a quarter of an hour begins so many seconds from the call of `begin`."""

    def __init__(self) -> None:
        self._ahead = 0

    def __call__(self) -> int:
        return time.time_ns() // 1000 + self._ahead

    def begin(self, seconds: float) -> None:
        """It never goes back."""
        self._ahead += -(self() + round(seconds * SECOND)) % QUARTER


class Held(Worker):
    """A worker that holds partitions without an engine."""

    held: list[TicketPartition]

    def partitions(self) -> Iterator[TicketPartition]:
        yield from self.held


async def measured(redis: str, size: argparse.Namespace) -> list[dict[str, object]]:
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "SLAWATCH_KAFKA": "127.0.0.1:1", "SLAWATCH_REDIS": redis, "SLAWATCH_METRICS_LISTEN": "127.0.0.1:0",
            "SLAWATCH_POLICIES": written(folder, bench.policies("4h")),
        }  # fmt: skip
        settings = load_settings(environment)
        worker = Held(settings, Connection("127.0.0.1:1"), Topics("", "bench"), None, clock)
        desk = Desk(worker, size, clock)
        desk.fill()
        clock.begin(2 * CALM + SCRAPES * SCRAPE_EVERY / 2)  # in the middle of the last phase
        desk.catch_up()
        phases: dict[str, Phase] = {}
        async with desk.flowing():
            async with watched() as phases["events alone"]:
                await asyncio.sleep(CALM)
            stop = asyncio.Event()
            publishing = asyncio.create_task(worker._publish(stop))
            async with watched() as phases["with boards"]:
                await asyncio.sleep(CALM)
            host = settings.metrics_listen.partition(":")[0]
            async with (
                serving(host, 0, worker.meters.registry, worker.problems, (), worker.gauges.text) as listening,
                watched() as phases["with boards and scrapes"],
            ):
                scraped = await scrape(f"http://{host}:{listening}/metrics")
            stop.set()
            await publishing
        async with client(settings) as connection:
            board = [len(await connection.get(key(settings.app, number)) or b"") for number in range(PARTITIONS)]
    load = {"teams": size.teams, "channels": size.channels, "tickets": size.tickets, "rate": size.rate}
    cells = sum(len(one.windows.sums(window)) for one in desk.partitions for window in WINDOWS)
    took = scraped["took"]
    found = [
        bench.row("series of a scrape", scraped["series"], "series", at_most=10_000, bytes=scraped["bytes"], **load),
        bench.row("scrape p50", 1000 * percentile(took, 50), "ms", **load),
        bench.row("scrape max", 1000 * max(took), "ms", at_most=100, **load),
        bench.row("cells of all windows", cells, "cells", **load),
        bench.row("boards, written every second", sum(board) / 1e6, "MB", **load),
    ]
    for name, phase in phases.items():
        target = {"at_most": 20} if name != "events alone" else {}
        longest = [round(1000 * one, 1) for one in sorted(phase.late)[-5:]]
        found.append(bench.row(f"share of the core, {name}", 100 * phase.cpu / phase.seconds, "%", **load))
        found.append(
            bench.row(f"longest stall, {name}", 1000 * max(phase.late), "ms", **target, longest=longest, **load)
        )
        found.append(bench.row(f"stalls, {name}, p99", 1000 * percentile(phase.late, 99), "ms", **load))
    return found


def written(folder: str, text: str) -> str:
    """The path of a policy file."""
    path = Path(folder, "policies.yaml")
    path.write_text(text)
    return str(path)


class Desk:
    """Fills partitions with a week, and goes on with events as they come."""

    def __init__(self, worker: Held, size: argparse.Namespace, clock: Clock) -> None:
        self._draw = random.Random(7)
        self._size = size
        self._clock = clock
        self._topics = {tag_of(event_type): topic for topic, event_type in worker.rules.inputs.items()}
        self._stores = [MemoryStore() for _ in range(PARTITIONS)]
        self.partitions = [
            TicketPartition(number, store, worker.rules, worker.meters, clock()).loaded()
            for number, store in enumerate(self._stores)
        ]
        worker.held = self.partitions
        self._open: list[str] = []
        self._number = 0
        self.longest = 0.0
        """Seconds that the owner of a partition took for a chunk of the flow, at the most."""

    def fill(self) -> None:
        """The tickets of a week, the younger ones closer together; those whose life is not over stay open."""
        now = self._clock()
        waiting: list[list[Input]] = [[] for _ in self.partitions]
        for place in range(self._size.tickets):
            age = YOUNGEST * (OLDEST / YOUNGEST) ** ((place + self._draw.random()) / self._size.tickets)
            for kind, ticket, at, fields in self._life(now - int(age)):
                if at <= now:
                    number, record = self._record(kind, ticket, at, fields)
                    waiting[number].append(record)
            for number, records in enumerate(waiting):
                if len(records) >= CHUNK:
                    self._apply(number, records)
                    waiting[number] = []
        for number, records in enumerate(waiting):
            self._apply(number, records)
        self.catch_up()

    def catch_up(self) -> None:
        """What is due by now is recognised."""
        now = self._clock()
        for number, partition in enumerate(self.partitions):
            while (wake := partition.wake_at()) is not None and wake + SECOND <= now:
                self._keep(number, partition.ring(now, now))

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """Events come in while inside: creations and replies."""

        async def flow() -> None:
            begun, done = time.monotonic(), 0
            while True:
                owed = int((time.monotonic() - begun) * self._size.rate) - done
                done += owed
                records: list[list[Input]] = [[] for _ in self.partitions]
                for _ in range(owed):
                    number, record = self._one()
                    records[number].append(record)
                for number, of_one in enumerate(records):
                    if of_one:
                        self._apply(number, of_one)
                        await asyncio.sleep(0)
                await asyncio.sleep(FLOW_EVERY)

        task = asyncio.create_task(flow())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _one(self) -> tuple[int, Input]:
        now = self._clock()
        if self._draw.random() < 0.5:
            kind, ticket, _, fields = next(self._life(now))
            self._open.append(ticket)
            return self._record(kind, ticket, now, fields)
        ticket = self._open.pop(self._draw.randrange(len(self._open))) if self._open else "T0"
        return self._record("agent_replied", ticket, now, {"agent_id": "a", "handle_seconds": 60.0})

    def _life(self, begun: int) -> Iterator[tuple[str, str, int, dict[str, object]]]:
        """Up to five events of a ticket, as a desk gets them: some late, some never answered."""
        draw, ticket = self._draw, f"T{self._number}"
        where = {
            "team": f"team-{self._number % self._size.teams}",
            "priority": PRIORITIES[self._number // self._size.teams % len(PRIORITIES)],
            "channel": draw.choice(CHANNELS[: self._size.channels]),
        }
        self._number += 1
        yield "ticket_created", ticket, begun, where
        at = begun
        for kind, mean in (
            ("agent_replied", 30), ("customer_replied", 60), ("agent_replied", 30), ("status_changed", 60),
        ):  # fmt: skip
            if draw.random() < 0.1:
                return
            at += int(draw.expovariate(1 / mean) * MINUTE)
            fields: dict[str, object] = {"status": "resolved"} if kind == "status_changed" else {}
            if kind == "agent_replied":
                fields = {"agent_id": f"agent-{draw.randrange(200)}", "handle_seconds": float(draw.randrange(30, 900))}
            yield kind, ticket, at, fields

    def _record(self, kind: str, ticket: str, at: int, fields: dict[str, object]) -> tuple[int, Input]:
        value = msgspec.json.encode(event(kind, ticket, f"{ticket}.{kind}.{at}", at, **fields))
        name = ticket.encode()
        return crc32(name) % PARTITIONS, Input(self._topics[kind], name, value)

    def _apply(self, number: int, records: list[Input]) -> None:
        began = time.perf_counter()
        changes = self.partitions[number].chunk(records, self._clock())
        self.longest = max(self.longest, time.perf_counter() - began)
        self._keep(number, changes)

    def _keep(self, number: int, changes) -> None:  # type: ignore[no-untyped-def]  # the engine's Changes
        self._stores[number].put(changes.tickets)
        self._stores[number].settle(changes.tickets, changes.derived, Mark(), ())


@dataclass
class Phase:
    """What was seen while something went on; all in seconds."""

    late: list[float] = field(default_factory=list)
    """Of each time that a task woke that wants to wake every millisecond: how late it was."""
    seconds: float = 0.0
    cpu: float = 0.0
    """Of this process, all threads."""


@asynccontextmanager
async def watched() -> AsyncIterator[Phase]:
    """Watches the loop while inside; the phase is whole afterwards."""
    phase = Phase()

    async def probe() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(PROBE_EVERY)
            phase.late.append(max(0.0, time.perf_counter() - began - PROBE_EVERY))

    task = asyncio.create_task(probe())
    began, used = time.monotonic(), time.process_time()
    try:
        yield phase
    finally:
        phase.seconds, phase.cpu = time.monotonic() - began, time.process_time() - used
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def scrape(url: str) -> dict[str, list[float]]:
    """Asks from another process on another core."""
    child = await asyncio.create_subprocess_exec(
        "taskset", "-c", str(bench.HARNESS), sys.executable, "-c", SCRAPER, url, str(SCRAPES), str(SCRAPE_EVERY),
        stdout=subprocess.PIPE,
    )  # fmt: skip
    output, _ = await child.communicate()
    found: dict[str, list[float]] = json.loads(output)
    return found


if __name__ == "__main__":
    main()
