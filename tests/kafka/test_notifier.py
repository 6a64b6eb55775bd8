"""The notifier on a real Kafka and a real Redis: from `sla-alerts` to the chat, whatever happens in between."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from fake_chat import FakeChat, answers, hangs
from notices import QUICK, alert_record
from prometheus_client import generate_latest
from redis.asyncio import Redis
from services import RedisServer, free_ports
from waiting import eventually

from agents.engine import Connection, wall_clock
from agents.notifier.claims import Claims, MemoryClaims
from agents.notifier.claims_redis import RedisClaims
from agents.notifier.http import open_session
from agents.notifier.message import Delivery
from agents.notifier.notifier import Endpoint, Notifier
from agents.notifier.senders.webhook import WebhookSender
from agents.topics import Topics
from agents.web import serving
from config.routes import Route, Routing
from streams.instants import HOUR, SECOND, format_instant

PARTITIONS = 3


@dataclass
class Site:
    """Topics of its own, a fake chat with a channel for each destination, and notifiers as asked for."""

    bootstrap: str
    prefix: str
    admin: AIOKafkaAdminClient
    chat: FakeChat
    producer: AIOKafkaProducer
    running: dict[Notifier, "asyncio.Task[None]"] = field(default_factory=dict)
    _stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    @property
    def topics(self) -> Topics:
        return Topics(self.prefix)

    async def claims(self, redis_url: str) -> Claims:
        if not redis_url:
            return MemoryClaims(wall_clock)
        redis = Redis.from_url(redis_url, socket_timeout=1, socket_connect_timeout=1)
        await self._stack.enter_async_context(redis)
        return RedisClaims(redis, self.prefix)

    async def start(self, claims: Claims, *destinations: str, **more: Any) -> Notifier:
        """A notifier in this process that sends every alert to each destination."""
        session = await self._stack.enter_async_context(open_session())
        timeout = more.pop("timeout", SECOND)
        notifier = Notifier(
            connection=Connection(self.bootstrap),
            topics=self.topics,
            group=f"{self.prefix}-notifier",
            routes=Routing({}, (Route({}, (), destinations),)),
            endpoints=[
                Endpoint(name, WebhookSender(session, self.chat.url(f"/{name}"), {}, timeout, wall_clock), timeout)
                for name in destinations
            ],
            claims=claims,
            clock=wall_clock,
            max_age=HOUR,
            session_timeout=6 * SECOND,
            backoff=QUICK,
            **more,
        )
        self.running[notifier] = asyncio.create_task(notifier.run())
        return notifier

    async def stop(self, notifier: Notifier) -> None:
        notifier.stop()
        await asyncio.wait_for(self.running.pop(notifier), 20)

    async def alert(self, number: int, **fields: Any) -> None:
        now = wall_clock()
        record = alert_record(number, deadline=format_instant(now - SECOND), decided_at=format_instant(now), **fields)
        await self.producer.send_and_wait(
            self.topics.alerts, msgspec.json.encode(record), record["ticket_id"].encode(), number % PARTITIONS
        )

    async def deliveries(self) -> list[Delivery]:
        return [msgspec.json.decode(value, type=Delivery) for value in await self._values(self.topics.deliveries)]

    async def left(self) -> int:
        """Alerts that are not committed as done."""
        committed = await self.admin.list_consumer_group_offsets(f"{self.prefix}-notifier")
        partitions = [TopicPartition(self.topics.alerts, number) for number in range(PARTITIONS)]
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap)
        await consumer.start()
        try:
            ends = await consumer.end_offsets(partitions)
        finally:
            await consumer.stop()
        return sum(ends[tp] - (committed[tp].offset if tp in committed else 0) for tp in partitions)

    async def _values(self, topic: str) -> list[bytes]:
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        try:
            values: list[bytes] = []
            ends = await consumer.end_offsets(consumer.assignment())
            while any([await consumer.position(tp) < end for tp, end in ends.items()]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    values.extend(record.value for record in records)
            return values
        finally:
            await consumer.stop()

    async def close(self) -> None:
        for notifier in list(self.running):
            await self.stop(notifier)
        await self._stack.aclose()


@pytest.fixture
async def site(kafka: str, unique: str) -> AsyncIterator[Site]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await Topics(unique).create(Connection(kafka), PARTITIONS, None)
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer, FakeChat() as chat:
        house = Site(kafka, unique, admin, chat, producer)
        try:
            yield house
        finally:
            await house.close()
            await admin.close()


@pytest.fixture(params=["redis", "memory"])
def claims_at(request: pytest.FixtureRequest) -> str:
    """Where claims are kept: a Redis URL, or nothing for memory."""
    return str(request.getfixturevalue("redis_url")) if request.param == "redis" else ""


def bodies(site: Site, channel: str) -> list[str]:
    return [post.body["ticket_id"] for post in site.chat.to(f"/{channel}")]


async def all_committed(site: Site) -> bool:
    return await site.left() == 0


async def test_every_alert_arrives_once_and_a_restart_repeats_none(site: Site, claims_at: str) -> None:
    first = await site.start(await site.claims(claims_at), "desk", "boss")
    for number in range(30):
        await site.alert(number)
    await eventually(lambda: len(site.chat.posts) == 60, timeout=30)
    await eventually(lambda: all_committed(site), timeout=15)
    await eventually(lambda: not first.problems, what="it is ready")
    await site.stop(first)

    second = await site.start(await site.claims(claims_at), "desk", "boss")
    await site.alert(30)
    await eventually(lambda: len(site.chat.posts) == 62, timeout=30)
    for channel in ("desk", "boss"):
        assert Counter(bodies(site, channel)) == Counter(f"T-{number}" for number in range(31))
    assert not any("repeat" in post.body for post in site.chat.posts)
    await site.stop(second)
    ends = Counter((d.alert_id, d.destination) for d in await site.deliveries() if d.state == "sent")
    assert len(ends) == 62
    assert set(ends.values()) == {1}


async def test_a_destination_down_for_long_holds_back_no_other_and_gets_all_in_order(
    site: Site, redis_url: str
) -> None:
    site.chat.always("/down", answers(500))
    notifier = await site.start(await site.claims(redis_url), "down", "desk", lane_limit=5)
    for number in range(40):
        await site.alert(number, ticket_id=f"T-{number % PARTITIONS}", alert_id=f"{number:024x}")
        await eventually(lambda number=number: len(bodies(site, "desk")) == number + 1, timeout=30)
    assert await site.left() == 40
    assert b'sla_notifier_behind{destination="down"} 1.0' in generate_latest(notifier.metrics.registry)
    site.chat.heal("/down")
    taken = len(site.chat.to("/down"))
    await eventually(lambda: all_committed(site), timeout=30)
    arrived = [int(post.body["alert_id"], 16) for post in site.chat.to("/down")[taken:]]
    assert sorted(set(arrived)) == list(range(40))
    for partition in range(PARTITIONS):
        assert [number for number in dict.fromkeys(arrived) if number % PARTITIONS == partition] == list(
            range(partition, 40, PARTITIONS)
        )
    assert len(bodies(site, "desk")) == 40
    assert not any("repeat" in post.body for post in site.chat.posts)


async def test_a_flushed_redis_repeats_nothing(site: Site, redis_server: RedisServer) -> None:
    site.chat.always("/down", answers(500))
    first = await site.start(await site.claims(redis_server.url), "down", "desk")
    for number in range(20):
        await site.alert(number)
    await eventually(lambda: len(bodies(site, "desk")) == 20, timeout=30)
    await asyncio.to_thread(redis_server.flush)
    await site.alert(20)
    await eventually(lambda: len(bodies(site, "desk")) == 21, timeout=30)
    await site.stop(first)
    assert await site.left() == 21  # held by the destination that is down: all of them are read again

    await asyncio.to_thread(redis_server.flush)
    site.chat.heal("/down")
    await site.start(await site.claims(redis_server.url), "down", "desk")
    await eventually(lambda: all_committed(site), timeout=30)
    assert Counter(bodies(site, "desk")) == Counter(f"T-{number}" for number in range(21))
    assert set(bodies(site, "down")) == {f"T-{number}" for number in range(21)}
    assert not any("repeat" in post.body for post in site.chat.posts)


async def test_while_redis_is_away_alerts_wait_and_then_all_arrive_once(site: Site, redis_server: RedisServer) -> None:
    notifier = await site.start(await site.claims(redis_server.url), "desk")
    await site.alert(0)
    await eventually(lambda: len(site.chat.posts) == 1, timeout=30)
    await asyncio.to_thread(redis_server.kill)
    for number in range(1, 10):
        await site.alert(number)
    await eventually(lambda: "claims" in notifier.problems, timeout=20)
    assert len(site.chat.posts) == 1
    await asyncio.to_thread(redis_server.start)
    await eventually(lambda: len(site.chat.posts) == 10, timeout=30)
    await eventually(lambda: not notifier.problems, timeout=20)
    assert Counter(bodies(site, "desk")) == Counter(f"T-{number}" for number in range(10))


async def test_notifiers_come_and_go_and_nothing_is_sent_twice(site: Site, redis_url: str) -> None:
    first = await site.start(await site.claims(redis_url), "desk")
    await site.alert(0)
    await eventually(lambda: len(site.chat.posts) == 1, timeout=30)
    second = await site.start(await site.claims(redis_url), "desk")
    for number in range(1, 60):
        await site.alert(number)
    await eventually(lambda: not second.problems, timeout=30)
    for number in range(60, 120):
        await site.alert(number)
    await site.stop(first)
    for number in range(120, 150):
        await site.alert(number)
    await eventually(lambda: len(site.chat.posts) >= 150, timeout=40)
    await eventually(lambda: all_committed(site), timeout=20)
    assert Counter(bodies(site, "desk")) == Counter(f"T-{number}" for number in range(150))
    assert not any("repeat" in post.body for post in site.chat.posts)


async def test_metrics_and_health_are_served(site: Site, redis_url: str, promtool: Path) -> None:
    notifier = await site.start(await site.claims(redis_url), "desk", "hung")
    async with (
        serving("127.0.0.1", 0, notifier.metrics.registry, lambda: notifier.problems) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as web,
    ):

        async def status(path: str) -> int:
            async with web.get(path) as response:
                return response.status

        assert await status("/healthz") == 200
        await eventually(lambda: status("/readyz"), what="answers")

        async def ready() -> bool:
            return await status("/readyz") == 200

        await eventually(ready, timeout=30)
        await site.alert(1)
        await eventually(lambda: len(site.chat.posts) == 2, timeout=30)
        async with web.get("/metrics") as response:
            text = await response.text()
    assert 'sla_notifier_sent_total{destination="desk"} 1.0' in text
    checked = await asyncio.to_thread(
        subprocess.run, [promtool, "check", "metrics"], input=text, capture_output=True, text=True
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


# The command, as a process of its own


@contextlib.contextmanager
def command(site: Site, folder: Path, redis_url: str) -> Iterator[Callable[[], "subprocess.Popen[bytes]"]]:
    """Starts `slawatch notifier` processes, and ends what is left of them."""
    routing = folder / "routing.yaml"
    routing.write_text(
        "version: 1\n"
        f"destinations: {{desk: {{kind: webhook, url: '{site.chat.url('/desk')}', timeout: 5s}}}}\n"
        "routes: [{to: [desk]}]\n"
    )
    started: list[subprocess.Popen[bytes]] = []

    def start() -> "subprocess.Popen[bytes]":
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SLAWATCH_")}
        environment |= {
            "SLAWATCH_KAFKA": site.bootstrap,
            "SLAWATCH_TOPIC_PREFIX": site.prefix,
            "SLAWATCH_APP": site.prefix,
            "SLAWATCH_REDIS": redis_url,
            "SLAWATCH_ROUTING": str(routing),
            "SLAWATCH_NOTIFIER_LISTEN": f"127.0.0.1:{free_ports(1)[0]}",
            "SLAWATCH_SESSION_TIMEOUT": "6s",
        }
        program = [sys.executable, "-c", "from agents.cli import main; main()", "notifier"]
        started.append(subprocess.Popen(program, env=environment, start_new_session=True))
        return started[-1]

    try:
        yield start
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
            process.wait()


async def test_killed_between_sending_and_recording_one_message_repeats_and_says_so(
    site: Site, claims_at: str, tmp_path: Path
) -> None:
    with command(site, tmp_path, claims_at) as start:
        process = start()
        await site.alert(0)
        await eventually(lambda: len(site.chat.posts) == 1, timeout=40)
        await eventually(lambda: all_committed(site), timeout=20)
        site.chat.once("/desk", hangs)
        for number in range(1, 6):
            await site.alert(number)
        await eventually(lambda: len(site.chat.posts) == 2, timeout=20)
        process.kill()
        start()
        await eventually(lambda: all_committed(site), timeout=60)
    counts = Counter(bodies(site, "desk"))
    (twice,) = [ticket for ticket, count in counts.items() if count == 2]
    assert counts.total() == 7
    assert [(post.body["ticket_id"], post.body["repeat"]) for post in site.chat.posts if "repeat" in post.body] == [
        (twice, True)
    ]
    sent = {delivery.alert_id: delivery.repeat for delivery in await site.deliveries() if delivery.state == "sent"}
    assert sorted(sent.values()) == [False] * 5 + [True]


async def test_sigterm_ends_clean_after_the_send_under_way(site: Site, redis_url: str, tmp_path: Path) -> None:
    async def slowly(writer: asyncio.StreamWriter) -> None:
        await finish.wait()
        await answers(200, "ok")(writer)

    finish = asyncio.Event()
    site.chat.once("/desk", slowly)
    with command(site, tmp_path, redis_url) as start:
        process = start()
        await site.alert(0)
        await eventually(lambda: len(site.chat.posts) == 1, timeout=40)
        process.send_signal(signal.SIGTERM)
        finish.set()
        assert await asyncio.to_thread(process.wait, 20) == 0
    assert [delivery.state for delivery in await site.deliveries()] == ["sending", "sent"]
    assert await site.left() == 0


async def test_a_kafka_that_can_be_read_and_takes_no_records_is_not_enough_to_be_ready(site: Site) -> None:
    """As where one of three brokers is left, and leads all that is read."""

    async def bytes_taken(most: int) -> None:
        change = ConfigResource(
            ConfigResourceType.TOPIC,
            site.topics.heartbeats,
            {"max.message.bytes": str(most), "message.timestamp.type": "LogAppendTime"},
        )
        await site.admin.alter_configs([change])

    notifier = await site.start(await site.claims(""), "desk")
    await eventually(lambda: not notifier.problems, timeout=30, what="it is ready")
    await bytes_taken(1)
    await eventually(lambda: "takes no records" in notifier.problems.get("kafka", ""), timeout=30, what="it is not")
    await bytes_taken(1_000_000)
    await eventually(lambda: not notifier.problems, timeout=30, what="it is ready again")
