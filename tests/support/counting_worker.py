"""The engine as a process of its own, with the counting owner: what the engine's tests start, stop and kill.

Takes one argument, JSON: bootstrap, prefix, partitions, data_dir, limit, session, grace, settle (seconds). Prints one
JSON object a line: what the observer is told, and once a second what is live.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import uvloop
from counting import Counting

from agents.engine import Connection, Engine, EngineConfig, Observer
from agents.errors import Refused
from streams.instants import SECOND


def say(event: str, **facts: Any) -> None:
    print(json.dumps({"event": event, "t": time.time(), **facts}), flush=True)


class Telling(Observer):
    def __init__(self) -> None:
        self.read = 0

    def chunk(self, partition: int, records: int, seconds: float) -> None:
        self.read += records

    def recovered(self, partition: int, replayed: int, tickets_on_disk: bool, seconds: float) -> None:
        say("recovered", partition=partition, replayed=replayed, known=tickets_on_disk, seconds=seconds)

    def revoked(self, partitions: frozenset[int]) -> None:
        say("revoked", partitions=sorted(partitions))

    def rebuilt(self, partition: int, reason: str) -> None:
        say("rebuilt", partition=partition, reason=reason)

    def foreign_write(self, partition: int, records: int) -> None:
        say("foreign", partition=partition, records=records)

    def input_lost(self, topic: str, partition: int, records: int) -> None:
        say("lost", topic=topic, partition=partition, records=records)

    def blind(self, since: int | None) -> None:
        say("blind", since=since)

    def skewed(self, skew: int | None) -> None:
        say("skewed", skew=skew)

    def holding(self, reason: str | None) -> None:
        say("holding", reason=reason)


def config_of(options: dict[str, Any]) -> EngineConfig:
    prefix = options["prefix"]
    return EngineConfig(
        connection=Connection(options["bootstrap"]),
        app=prefix,
        inputs=tuple(f"{prefix}-{name}" for name in ("created", "replied", "noise")),
        changelog=f"{prefix}-tickets-changelog",
        heartbeats=f"{prefix}-heartbeats",
        partitions=options["partitions"],
        data_dir=Path(options["data_dir"]) if options.get("data_dir") else None,
        session_timeout=int(options.get("session", 6) * SECOND),
        grace=int(options.get("grace", 0.5) * SECOND),
        settle=int(options.get("settle", 2) * SECOND),
        input_stall=int(options.get("input_stall", 60) * SECOND),
    )


async def serve(options: dict[str, Any]) -> None:
    observer = Telling()
    config = config_of(options)
    factory = partial(make, options["prefix"], int(options["limit"] * SECOND), config.grace)
    shift = int(options.get("clock_ahead", 0) * SECOND)
    engine = Engine(config, factory, observer, lambda: time.time_ns() // 1000 + shift)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    say("starting")
    await engine.start()
    say("started")
    while not stopped.is_set():
        lags = {number: round(engine.lag(number), 3) for number in engine.live}
        lag = max(lags.values(), default=0)
        say("live", partitions=sorted(engine.live), read=observer.read, lag=lag, skew=engine.skew)
        with suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), 0.25)
    sizes = {number: {str(k): v for k, v in engine.owner(number).sizes.items() if v} for number in engine.live}
    await engine.stop()
    say("stopped", sizes=sizes)


def make(prefix: str, limit: int, grace: int, _: int, store: Any) -> Counting:
    return Counting(prefix, limit, grace, store)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        uvloop.run(serve(json.loads(sys.argv[1])))
    except Refused as error:
        print(error, file=sys.stderr)
        sys.exit(3)
