"""Input that is repeated, disordered, read anew, or no input at all: it changes nothing, and nobody waits for it."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from confluent_kafka import Producer
from fault_site import Site
from judge_time import instant, text_of
from judging import plain
from kafka_io import created, now, replied
from processes import Installation, memory_bytes
from strategies import random_ticket

from agents.engine import Connection
from agents.engine.connection import admin_client
from streams.instants import HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Figures
    from services import RedisServer

MB = 1 << 20

POLICIES = """\
version: 1
policies:
  - name: quick
    targets:
      first_response: {limit: 3s}
"""


async def test_what_a_transaction_takes_back_never_was_and_its_marks_hold_nothing_up(
    kafka: str, unique: str, tmp_path: Path, figures: Figures
) -> None:
    """An aborted reply answers nothing. The marks that end a transaction lie in the log and are no records: alarms
    ring though the last one is never read."""
    async with Installation(kafka, unique, tmp_path, partitions=1, session_timeout="20s") as house:
        worker = await house.worker(policies=house.file("policies.yaml", POLICIES)).ready()
        desk = Producer({"bootstrap.servers": kafka, "transactional.id": unique})
        desk.init_transactions(30)

        def write(topic: str, *events: dict[str, object]) -> None:
            desk.begin_transaction()
            for event in events:
                desk.produce(house.prefix + topic, json.dumps(event), str(event["ticket_id"]), 0)

        begun = now()
        write("ticket-created", *(created(name, begun) for name in ("silent", "answered", "taken back")))
        desk.commit_transaction(30)
        write("agent-replied", replied("taken back", begun + SECOND))
        desk.flush(30)
        desk.abort_transaction(30)
        write("agent-replied", replied("answered", begun + SECOND))
        desk.commit_transaction(30)
        await house.alerted(["silent", "taken back"], within=30)
        await house.caught_up(within=30)
        alerts = [alert["ticket_id"] for _, alert in await house.alerts()]
        assert sorted(alerts) == ["silent", "taken back"]
        assert await worker.metric("sla_events_total", type="agent_replied") == 1
        assert await worker.stop() == 0
        assert "reply_count" not in (await house.ledger())["taken back"]

        worker = await house.worker(policies=house.file("policies.yaml", POLICIES)).ready()
        house.events.put(created("after", now()))
        house.events.flush()
        await house.alerted(["after"], within=30)
        assert await worker.stop() == 0
    figures(
        fault="transactions aborted on the input topics",
        shown="their records count for nothing, and the marks they leave hold no alarm up",
    )


PROMISES = """\
version: 1
calendars:
  shop:
    timezone: America/New_York
    weekly: {mon: &day ["06:00-22:00"], tue: *day, wed: *day, thu: *day, fri: *day, sat: *day, sun: *day}
policies:
  - name: urgent
    when: {priority: [urgent]}
    targets:
      first_response: {limit: 15m}
      next_response: {limit: 30m}
      resolution: {limit: 2h, calendar: shop}
  - name: main
    targets:
      first_response: {limit: 1h, calendar: shop}
      next_response: {limit: 1h}
      resolution: {limit: 8h, after_reopen: first}
      follow_up: {limit: 4h, calendar: shop}
      acceptance: {limit: 30m}
      team_answer: {limit: 1h}
      complaint_resolution: {limit: 4h}
"""
LONGEST = 20 * HOUR
"""Of a ticket's history: younger than alert_max_age, and all of it in the windows of a day."""


def histories(rng: Random, tickets: int) -> list[dict[str, Any]]:
    """Events of so many tickets of the last hours as they arrive: in any order, each up to three times, and now and
    then with another content under the same id."""
    end = now() - 10 * MINUTE
    sent = []
    for number in range(tickets):
        events = [plain(event) for event in random_ticket(rng, f"T{number}")]
        creations = {event["event_id"] for event in events if event["type"] == "ticket_created"}
        # A creation stays one: else the ledger tells of a ticket that, by what came later, was never created.
        events = [e for e in events if e["event_id"] not in creations or e["type"] == "ticket_created"]
        if not events:
            continue
        instants = [instant(event["occurred_at"]) for event in events]
        first, span = min(instants), max(max(instants) - min(instants), 1)
        length = min(span, LONGEST - HOUR)
        begun = end - length - rng.randrange(LONGEST - length)
        for event, at in zip(events, instants, strict=True):
            moved = {
                "event_id": f"{event['ticket_id']}.{event['event_id']}",
                "occurred_at": text_of(begun + (at - first) * length // span),
            }
            sent += [{**event, **moved}] * rng.choice((1, 1, 2, 3))
    rng.shuffle(sent)
    return sent


async def read_anew(house: Installation) -> None:
    """Commits, as the group whose workers are away, the beginning of every input topic."""
    places = [TopicPartition(topic, number) for topic in house.topics.inputs for number in range(house.partitions)]
    async with AIOKafkaConsumer(
        bootstrap_servers=house.bootstrap, group_id=house.app, enable_auto_commit=False
    ) as consumer:
        consumer.assign(places)
        await consumer.commit(dict.fromkeys(places, 0))


@pytest.mark.alone  # deadlines come while it is judged
async def test_repeats_disorder_and_the_whole_input_read_again_change_nothing(
    kafka: str,
    redis_server: RedisServer,
    unique: str,
    tmp_path: Path,
    seed: int,
    full: bool,
    figures: Figures,
) -> None:
    """First as a backlog in disorder; then again from its beginning on top of the state it made, and once more with
    the workers' disks emptied. The ledger and the gauges are the judge's each time, and nothing is said twice."""
    events = histories(Random(seed), 3_000 if full else 300)
    site = Site(kafka, redis_server, tmp_path, unique, seed, workers=2)
    site.policies = PROMISES
    async with site:

        async def away() -> None:
            for name in site.workers:
                site.hold(name)
            assert set(await asyncio.gather(*map(site.terminate, site.workers))) == {0}

        async def back() -> float:
            began = time.monotonic()
            for name in site.workers:
                await site.start(name)
            await site.settled(within=120)
            return time.monotonic() - began

        await away()
        site.events.put(*events)
        await asyncio.to_thread(site.events.flush, 60)
        seconds = [await back()]
        report = await site.verdict()
        assert report.twice_on_topic == 0
        for emptied in (False, True):
            await away()
            await read_anew(site.house)
            if emptied:
                for name in site.workers:
                    shutil.rmtree(tmp_path / name)
            site.fault("replay", "emptied disks" if emptied else "the same disks")
            seconds.append(await back())
            again = await site.verdict()
            # A deadline may have come meanwhile; what was said before is not even on the topic a second time.
            assert (again.twice_on_topic, again.repeats) == (0, 0)
        assert await site.metric("sla_events_total") == len(events), "all of it was read again"
        assert await site.metric("sla_events_total", outcome="applied") == 0, "all of it was known"
        figures(
            fault="repeats, disorder, and the whole input read again from offset 0",
            shown="state, ledger and gauges are the judge's each time; no message is sent again",
            tickets=report.tickets,
            events=report.events,
            breaches=report.breaches,
            messages_sent_again=0,
            seconds_from_start_to_settled=", ".join(f"{one:.0f}" for one in seconds),
        )


def rubbish(rng: Random, count: int) -> Iterator[tuple[bytes | None, bytes | None]]:
    """Keys and values of records that no one can use, most of them small, every twentieth about as big as may be."""
    good = json.dumps(replied("T", now()))
    for _ in range(count):
        if rng.random() < 0.05:
            big = rng.choice(
                (b"[" * 60_000, b'{"a":' * 12_000, b'"' + b"x" * (MB * 9 // 10), rng.randbytes(MB * 9 // 10))
            )
            yield rng.choice((b"T", None)), big
            continue
        cut = rng.randrange(len(good))
        yield rng.choice(
            (
                (b"T", rng.randbytes(rng.randrange(200))),
                (b"T", good[:cut].encode()),
                (rng.randbytes(8), good.encode()),
                (None, good.encode()),
                (b"T", None),
                (b"T", good.replace("Z", "").encode()),
                (b"T", good.replace(good[cut], "\ud800").encode(errors="surrogatepass")),
            )
        )


def memory(pid: int, what: str) -> int:
    """Megabytes of a process: VmRSS now, or VmHWM at the most."""
    return memory_bytes(pid, what) // 2**20


async def test_records_of_rubbish_cost_no_memory_and_what_is_good_between_them_counts(
    kafka: str, unique: str, tmp_path: Path, seed: int, full: bool, figures: Figures
) -> None:
    """Thousands of bad records; among them some of 8 MB, and batches that a compression makes small: of 40 MB."""
    rng, rounds, each = Random(seed), 4, 5_000 if full else 750
    async with Installation(kafka, unique, tmp_path, partitions=1, session_timeout="20s") as house:
        worker = await house.worker().ready()
        topic = f"{house.prefix}agent-replied"
        async with admin_client(Connection(kafka)) as admin:
            allowed = ConfigResource(ConfigResourceType.TOPIC, topic, {"max.message.bytes": str(16 * MB)})
            await admin.alter_configs([allowed])
        packing = [
            Producer({"bootstrap.servers": kafka, "message.max.bytes": 128 * MB, "compression.type": name})
            for name in ("none", "gzip", "zstd", "lz4")
        ]
        house.events.put(created("T", now()))
        resident, bad, good = [], 0, 0
        for _ in range(rounds):
            for key, value in rubbish(rng, each):
                headers = [("topic", b"\xff"), ("x", None), ("", rng.randbytes(20))]
                packing[0].produce(topic, value, key, 0, headers=headers)
                packing[0].poll(0)
                bad += 1
                if bad % 50 == 0:
                    event = {**replied("T", now()), "event_id": "first"}
                    twice = json.dumps(event).replace("{", f'{{"event_id": "other-{bad}", ', 1)
                    packing[0].produce(topic, twice.replace("first", f"good-{bad}"), b"T", 0, headers=headers)
                    good += 1
            for producer in packing:
                producer.produce(topic, bytes(8 * MB if producer is packing[0] else 40 * MB), b"T", 0)
                bad += 1
            for producer in packing:
                assert producer.flush(60) == 0
            house.events.flush()
            await house.caught_up(within=120)
            resident.append(memory(worker.pid, "VmRSS"))
        assert await worker.metric("sla_dead_letters_total") == bad
        assert await worker.metric("sla_events_total", type="agent_replied") == good
        assert min(resident[2:]) - resident[0] < 48, f"MB after each round: {resident}"
        peak = memory(worker.pid, "VmHWM")
        assert await worker.stop() == 0
        assert (await house.ledger())["T"]["reply_count"] == good
    figures(
        fault="records of rubbish, of 8 MB, and compressed 40 MB of zeros",
        shown="each is a dead letter with its reason, the partition moves on, memory stays flat, good records count",
        bad_records=bad,
        good_records=good,
        resident_after_each_part=", ".join(f"{one} MB" for one in resident),
        resident_at_most=f"{peak} MB",
    )
