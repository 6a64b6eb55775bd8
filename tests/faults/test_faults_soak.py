"""Half an hour under load with a million open tickets: memory and disk stay where they are, alarms are in time."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from processes import Installation
from redis.asyncio import Redis
from services import KafkaCluster, Security
from soak import Load, Raised, Size
from soak_record import MEGABYTE, Curve, Record, drawn, percentile
from waiting import eventually

from agents.boards import key as board_key
from streams.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from processes import Program
    from services import RedisServer

FULL = Size(tickets=1_000_000, duration=1800, rate=2000, limit=10, growth=0.05, late=1.0)
BRIEF = Size(tickets=20_000, duration=20, rate=500, limit=3, growth=0.25, late=3.0)
"""In the brief one caches are still filling in its second half, and the machine may be busy with other tests."""
REHEARSAL = "SLAWATCH_SOAK"
"""Makes the full one smaller: `SLAWATCH_SOAK=100000,180,2000` is 100,000 tickets, and 180 s at 2,000 events/s."""

PARTITIONS = 4
GRACE = SECOND
SAY_EVERY = 30.0  # seconds
SCRAPE_EVERY = 15.0  # seconds
KAFKA_GROWTH = 0.25  # peak of the last quarter over that of the second: logs are compacted now and then
STALL = 60.0  # seconds after which operations are told that the input stalls, and rightly
STATE_A_TICKET = 600  # bytes on disk
STATE_AT_LEAST = 100_000_000
SOON_DROPPED = {"retention.bytes": str(8 << 20), "segment.bytes": str(4 << 20)}
SOON_COMPACTED = {"segment.bytes": str(8 << 20), "min.cleanable.dirty.ratio": "0.1"}
"""Of each partition, so that Kafka does in half an hour what it does in weeks: drop old input, and compact."""
OFTEN_CHECKED = {"log.retention.check.interval.ms": "15000"}

WORKER = Path(__file__).parent.parent / "support/soak_worker.py"
PLOT = Path(__file__).parent.parent.parent / "docs/soak.svg"


@pytest.fixture
def cores() -> Iterator[set[int]]:
    """The worker's core; the test, broker and Redis have the others, where there are others."""
    given = os.sched_getaffinity(0)
    mine = given - {max(given)} or given
    os.sched_setaffinity(0, mine)
    yield given - mine or given
    os.sched_setaffinity(0, given)


@pytest.fixture
def own_kafka(cores: set[int]) -> Iterator[KafkaCluster]:
    """A broker of the test's own, whose disk is measured."""
    with KafkaCluster(security=Security(properties=OFTEN_CHECKED)) as cluster:
        yield cluster


@pytest.fixture
def size(full: bool) -> Size:
    if not full:
        return BRIEF
    given = os.environ.get(REHEARSAL)
    if not given:
        return FULL
    tickets, duration, rate = map(int, given.split(","))
    return replace(FULL, tickets=tickets, duration=duration, rate=rate)


@pytest.mark.alone
@pytest.mark.timeout(4800)
async def test_memory_and_disk_stay_and_alarms_are_in_time(
    own_kafka: KafkaCluster, redis_server: RedisServer, cores: set[int], size: Size, unique: str, tmp_path: Path,
    seed: int, full: bool, figures: Callable[..., None],
) -> None:  # fmt: skip
    house = Installation(own_kafka.bootstrap, unique, tmp_path, PARTITIONS, redis=redis_server.url)
    options = {"cores": sorted(cores), "retention": size.turnover, "windows": size.windows}
    house.program = (sys.executable, WORKER, json.dumps(options))
    policies = house.file("policies.yaml", size.policies)
    settings = {"policies": policies, "session_timeout": "10s" if full else "3s"}
    load, raised = Load(house, size, seed), Raised(GRACE)
    async with house, raised.reading(house):
        worker = await house.worker(**settings).ready()
        began = time.monotonic()
        await asyncio.to_thread(load.open_tickets)
        await house.caught_up(within=900)
        opened = time.monotonic() - began
        assert await worker.metric("sla_tickets_kept", kind="created") == size.tickets
        await keep_little(house)  # not before: what is dropped unread is lost
        say(f"{size.tickets:,} tickets opened and read in {opened:.0f} s")

        async with load.flowing():
            record = Record(worker.pid, tmp_path / worker.name, own_kafka.data(1))
            await watch(worker, record, raised, size)
            late = raised.lateness(record.begun, time.time())
            if size == FULL:
                PLOT.write_text(plot(record, raised))
            worker.kill()
            from_disk = await back(worker := house.worker(**settings))
            say(f"killed, and back from its local state: {from_disk}")
            worker.kill()
            shutil.rmtree(tmp_path / worker.name)
            from_nothing = await back(worker := house.worker(**settings))
            say(f"killed, and back from an empty disk: {from_nothing}")

        def as_it_must_be() -> bool:
            silent = load.overdue.keys() - raised.tickets.keys()
            assert not silent, f"{len(silent)} of {len(load.overdue)} without an alert, as {min(silent)}"
            # On a busy machine a reply may reach Kafka too late: its page is taken back.
            false = raised.tickets.keys() - load.overdue.keys()
            assert false == raised.corrected, f"alerts of tickets answered in time: {false ^ raised.corrected}"
            return True

        await house.caught_up(within=180)
        await eventually(as_it_must_be, 60, every=0.5, what="each breach is announced, nothing else")
        assert set(raised.tickets.values()) == {1}
        told = Counter((alert["target"], alert["kind"]) for alert in raised.others)
        blind = sum(recovery.in_time > STALL for recovery in (from_disk, from_nothing))
        assert told.keys() <= {("input", "raised"), ("input", "recovered")}, raised.others
        assert told["input", "raised"] == told["input", "recovered"] <= blind, raised.others
        assert len(late) > 0.5 * size.breaches
        assert not await house.records(house.topics.dead_letters)
        assert await worker.metric("sla_queue_tickets", state="open") == size.tickets

        async def short_ones_forgotten() -> bool:
            kept, arrived = [await worker.metric(name) for name in ("sla_tickets_kept", "sla_window_arrivals")]
            assert (kept, arrived) == (size.tickets, 0)
            return True

        await eventually(
            short_ones_forgotten, 2 * size.turnover + 60, every=1, what="done tickets are forgotten, windows empty"
        )
        assert raised.recovered == raised.tickets.keys() - raised.corrected
        async with Redis.from_url(redis_server.url) as redis:
            assert await redis.exists(*(board_key(house.app, number) for number in range(PARTITIONS))) == PARTITIONS

    last = record.samples[-1]
    p50, p99 = (percentile(late, share) for share in (50, 99))
    growth = record.memory_growth()
    state, kafka = (record.disk_growth(folder) for folder in ("state", "kafka"))
    figures(
        fault="soak",
        shown="memory and disk stay where they are, alarms are in time, each breach is announced once",
        open_tickets=f"{size.tickets:,}",
        load=f"{size.rate:,} events/s for {last.at / 60:.1f} min, one worker on one core",
        opened_in=f"{opened:.0f} s",
        cpu=f"{(last.cpu - record.samples[0].cpu) / last.at:.0%} of the core",
        memory=f"{last.memory / MEGABYTE:,.0f} MB, {growth:+.1%} over the second half",
        local_state=f"{last.state / MEGABYTE:,.0f} MB, {state:+.0%}",
        kafka=f"{last.kafka / MEGABYTE:,.0f} MB, {kafka:+.0%}",
        alerts=f"{len(late):,}, late p50 {p50:.2f} s, p99 {p99:.2f} s, max {max(late):.2f} s",
        killed_and_back_from_local_state=from_disk,
        killed_and_back_from_an_empty_disk=from_nothing,
        alerts_twice_on_the_topic=raised.repeated,
        corrected=len(raised.corrected),
    )
    assert growth <= size.growth
    assert last.state <= STATE_A_TICKET * size.tickets + STATE_AT_LEAST
    assert kafka <= KAFKA_GROWTH or not full
    assert p99 <= size.late


async def keep_little(house: Installation) -> None:
    """Has the broker drop old records by their size, and compact early."""
    admin = AIOKafkaAdminClient(bootstrap_servers=house.bootstrap)
    await admin.start()
    try:
        for topic in house.topics.all:
            config = topic.configuration(1) | (SOON_COMPACTED if topic.retention is None else SOON_DROPPED)
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name, config)])
    finally:
        await admin.close()


async def watch(worker: Program, record: Record, raised: Raised, size: Size) -> None:
    """Samples for the whole duration, scrapes as Prometheus would, and says every half a minute how it goes."""
    said = scraped = 0.0
    while record.elapsed < size.duration:
        await asyncio.sleep(max(size.duration / 360, 0.25))
        sample = record.sample()
        if sample.at - scraped >= SCRAPE_EVERY:
            scraped = sample.at
            kept = await worker.metric("sla_tickets_kept")
        if sample.at - said >= SAY_EVERY:
            late = raised.lateness(record.begun + said, time.time())
            said = sample.at
            say(
                f"{sample.at:.0f} s: RSS {sample.memory / MEGABYTE:.0f} MB, state {sample.state / MEGABYTE:.0f} MB, "
                f"Kafka {sample.kafka / MEGABYTE:.0f} MB, {kept:,.0f} tickets, {len(late)} alerts, "
                f"late p50 {percentile(late, 50):.2f} p99 {percentile(late, 99):.2f} max {max(late, default=0):.2f} s"
            )


class Recovery(NamedTuple):
    """Seconds from the start of the process."""

    first_live: float
    all_live: float
    in_time: float
    """Input is read up to the present again."""

    def __str__(self) -> str:
        return f"first partition {self.first_live:.1f} s, all {self.all_live:.1f} s, in time {self.in_time:.1f} s"


async def back(worker: Program) -> Recovery:
    """Waits until a worker that was just started is where it was before."""
    began = time.monotonic()

    async def holding(partitions: int) -> bool:
        return await worker.metric("sla_partitions_live") >= partitions

    async def in_time() -> bool:
        lag = await worker.metric("sla_input_lag_seconds")
        return lag < 2 * PARTITIONS

    async def reached(what: Callable[[], Awaitable[bool]]) -> float:
        await eventually(what, 600, every=0.1, what="the worker is back")
        return time.monotonic() - began

    return Recovery(
        await reached(partial(holding, 1)), await reached(partial(holding, PARTITIONS)), await reached(in_time)
    )


def plot(record: Record, raised: Raised) -> str:
    """Memory, disk and lateness over the time of the run."""
    samples = record.samples
    late = [(at - record.begun, seconds) for at, seconds in raised.late if record.begun <= at]
    step = record.samples[-1].at / 180
    worst: dict[int, float] = {}
    for at, seconds in late:
        worst[int(at / step)] = max(seconds, worst.get(int(at / step), 0.0))
    return drawn(
        [
            Curve("worker's memory, MB", [(s.at, s.memory / MEGABYTE) for s in samples]),
            Curve("worker's local state, MB", [(s.at, s.state / MEGABYTE) for s in samples]),
            Curve("Kafka's logs, MB", [(s.at, s.kafka / MEGABYTE) for s in samples]),
            Curve("latest alert after deadline and grace, s", [(n * step, worst[n]) for n in sorted(worst)]),
        ]
    )


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)
