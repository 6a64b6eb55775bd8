"""Kafka absent, topics missing, unfit or raised: said in one line, waited for or refused, and no ticket split."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from command_line import SLAWATCH, environment, slawatch
from fake_chat import FakeChat
from kafka_io import EventWriter, created, event, now, replied
from processes import Installation, Program, appetite
from services import KafkaCluster
from topic_records import list_topics, read_records
from waiting import eventually

from streams.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from aiokafka import ConsumerRecord
    from conftest import Figures

NOTICED = 15.0  # seconds within which a raised number of partitions must end a worker
SPIN = 0.05  # of a core: what a process that only waits may use
POLICIES = """\
version: 1
policies:
  - name: all
    targets:
      first_response: {limit: 4s}
"""


@pytest.fixture
async def admin(kafka: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await client.start()
    yield client
    await client.close()


async def _refused(program: Program, *words: str, within: float = 30) -> None:
    assert await program.gone(within) == 3
    missing = [word for word in words if word not in program.output]
    assert not missing, (missing, program.output)


async def _raise(admin: AIOKafkaAdminClient, topics: list[str], count: int) -> None:
    await admin.create_partitions({topic: NewPartitions(count) for topic in topics})

    async def known() -> bool:
        described = await admin.describe_topics()
        counts = {topic["topic"]: len(topic["partitions"]) for topic in described}
        return all(counts[topic] == count for topic in topics)

    await eventually(known, 20)


async def _saved(kafka: str, topics: list[str], partitions: int, file: Path) -> list[ConsumerRecord]:
    """What a console consumer writes of the topics: their values, one a line."""
    records = await read_records(kafka, topics, partitions)
    file.write_bytes(b"".join(record.value + b"\n" for record in records))  # noqa: ASYNC240 - a few kilobytes
    return records


async def _messages(chat: FakeChat, level: str) -> list[dict[str, Any]]:
    return [post.body for post in chat.to("/desk") if post.body["level"] == level]


# Partitions that are raised


async def test_partitions_of_one_topic_raised_under_work(
    kafka: str, unique: str, tmp_path: Path, admin: AIOKafkaAdminClient, figures: Figures
) -> None:
    """Workers end within seconds with what to do, operations hear of it once; and what they are told to do helps.

    Replies that were sent after the raise lie where their tickets are not: that must break no verdict.
    """
    async with FakeChat() as chat, Installation(kafka, unique, tmp_path, partitions=4) as house:
        policies = house.file("policies.yaml", POLICIES)
        workers = [house.worker(name, policies=policies) for name in ("w1", "w2")]
        await house.shared(*workers)
        await house.notifier(chat).ready()
        begun = now()
        answered = [f"answered-{number}" for number in range(40)]
        silent = [f"silent-{number}" for number in range(40)]
        house.events.put(*(created(name, begun) for name in answered + silent))
        house.events.flush()
        await house.caught_up()

        topic = house.topics.name("agent-replied")
        await _raise(admin, [topic], 8)
        raised = time.monotonic()
        late_writer = EventWriter(kafka, house.prefix)  # knows the new number at once
        late_writer.put(*(replied(name, begun + SECOND) for name in answered))
        late_writer.flush()
        for worker in workers:
            await _refused(
                worker,
                f"topic {topic} has 8 partitions, 4 are configured",
                "Where partitions were raised",
                within=NOTICED,
            )
        noticed = time.monotonic() - raised
        await eventually(lambda: _messages(chat, "operations"), 10)
        again = house.worker("w1", policies=policies)
        await _refused(again, f"topic {topic} has 8 partitions, not 4", "Where partitions were raised")

        # The remedy for a topic raised by mistake: its events saved, made anew with the old number, sent again.
        saved = tmp_path / "saved.jsonl"
        assert len(await _saved(kafka, [topic], 8, saved)) == len(answered)
        await admin.delete_topics([topic])
        await eventually(lambda: _gone(kafka, topic), 20)
        assert slawatch("topics", "create", **house.settings()).returncode == 0
        assert slawatch("send", str(saved), **house.settings()).returncode == 0
        for name in ("w1", "w2"):
            house.worker(name, policies=policies)
        await house.alerted(silent, within=60)
        await house.caught_up()
        await house.delivered()
        alerts = [alert for _, alert in await house.alerts() if alert["level"] != "operations"]
        assert sorted(alert["ticket_id"] for alert in alerts) == sorted(silent), "each once, and none that was answered"
        ledger = await house.ledger()
        assert all(_verdict(ledger[name]) == "met" for name in answered)
        told = await _messages(chat, "operations")
        assert {message["target"] for message in told} == {"partitions"}
        assert len(told) <= 2, "one, or two where workers noticed in two minutes"
    figures(
        fault="partitions of one topic raised live from 4 to 8",
        noticed=f"{noticed:.1f} s",
        operations_told=len(told),
        tickets=len(answered + silent),
        shown="workers end with 3 and what to do; after it every verdict is right, no alert false or twice",
    )


async def _gone(kafka: str, topic: str) -> bool:
    return topic not in await list_topics(kafka)


def _verdict(record: dict[str, Any]) -> str:
    return next(clock["verdict"] for clock in record["clocks"] if clock["target"] == "first_response")


async def test_all_partitions_raised_and_the_setting_with_them(
    kafka: str, unique: str, tmp_path: Path, admin: AIOKafkaAdminClient, figures: Figures
) -> None:
    """The counts agree then, and only the keys of what is kept tell. What is said to be done is done, and helps.

    The agents' statuses are kept under a mark that their producers do not know.
    """
    async with Installation(kafka, unique, tmp_path, partitions=4) as house:
        policies = house.file("policies.yaml", POLICIES)
        worker = await house.worker(policies=policies).ready()
        begun = now()
        tickets = [f"ticket-{number}" for number in range(60)]
        house.events.put(*(created(name, begun) for name in tickets))
        house.events.put(*(replied(name, begun + SECOND) for name in tickets[:30]))
        for number in range(40):
            agent = f"agent-{number}"
            status = event("agent_status_changed", agent, now(), agent_id=agent, status="online")
            del status["ticket_id"]
            house.events.put_raw("agent-status-changed", agent.encode(), _json(status))
        house.events.flush()
        await house.alerted(tickets[30:], within=30)
        await house.caught_up()

        await _raise(admin, [topic.name for topic in house.topics.all], 8)
        await _refused(worker, "has 8 partitions, 4 are configured", within=NOTICED)
        sly = house.worker(policies=policies, partitions="8")
        await _refused(sly, "the partitions were raised from 4 to 8", "a new SLAWATCH_APP", house.topics.changelog)
        checked = slawatch("topics", "check", **house.settings(partitions="8"))
        assert (checked.returncode, "raised from 4 to 8" in checked.stderr) == (3, True)
        assert len(await house.alerts()) == 31, "a breach each, and one for operations: no more after the raise"
        saved = tmp_path / "saved.jsonl"
        events = await _saved(kafka, list(house.topics.inputs), 8, saved)

    async with Installation(kafka, f"{unique}-new", tmp_path, partitions=8) as anew:
        assert slawatch("send", str(saved), **anew.settings()).returncode == 0
        policies = anew.file("policies.yaml", POLICIES)
        await eventually(lambda: now() > begun + 15 * SECOND, 20)
        await anew.worker(policies=policies, alert_max_age="10s").ready()
        await anew.caught_up()
        await eventually(lambda: _judged(anew, set(tickets)), 30)
        assert await anew.alerts() == [], "what is older than SLAWATCH_ALERT_MAX_AGE was told by the old installation"
        ledger = await anew.ledger()
        assert [_verdict(ledger[name]) for name in tickets] == ["met"] * 30 + ["breached"] * 30
        anew.events.put(created("fresh", now()))
        anew.events.flush()
        await anew.alerted(["fresh"], within=30)
        assert [alert["ticket_id"] for _, alert in await anew.alerts()] == ["fresh"]
    figures(
        fault="partitions of all topics raised from 4 to 8, and SLAWATCH_PARTITIONS with them",
        events_replayed=len(events),
        shown="refused with 3 by the keys of the kept tickets; the new installation beside it has every verdict",
    )


async def _judged(house: Installation, tickets: set[str]) -> bool:
    ledger = await house.ledger()
    return set(ledger) == tickets and all(_verdict(record) != "open" for record in ledger.values())


async def test_topics_raised_before_the_first_start(
    kafka: str, unique: str, tmp_path: Path, admin: AIOKafkaAdminClient
) -> None:
    """Nothing is kept yet: then the events that are to be read tell."""
    async with Installation(kafka, unique, tmp_path, partitions=4) as house:
        house.events.put(*(created(f"ticket-{number}", now()) for number in range(40)))
        house.events.flush()
        await _raise(admin, [topic.name for topic in house.topics.all], 8)
        await _refused(house.worker(partitions="8"), "the partitions were raised from 4 to 8", "the event topics")


def _json(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode()


async def test_another_partitioner_is_warned_of_and_no_reason_to_stand_still(
    kafka: str, unique: str, tmp_path: Path
) -> None:
    async with Installation(kafka, unique, tmp_path, partitions=4) as house:
        topic = house.topics.name("ticket-created")
        async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
            for number in range(60):
                key = b"ticket-%d" % number
                value = _json(created(key.decode(), now()))
                await producer.send(topic, value, key, partition=zlib.crc32(key) % 4)
        worker = await house.worker().ready()
        assert worker.output.count("lie where the murmur2 partitioner does not put them") == 1
        await house.caught_up()
        checked = slawatch("topics", "check", **house.settings())
        assert (checked.returncode, f"keys looked at in {house.topics.changelog} lie" in checked.stderr) == (0, True)


# Kafka that is not there, and topics that are not as they must be


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaCluster]:
    """One broker to be killed and stopped; each test leaves it running."""
    with KafkaCluster() as cluster:
        yield cluster


async def test_programs_started_before_kafka(
    broker: KafkaCluster, unique: str, tmp_path: Path, full: bool, figures: Figures
) -> None:
    """Absent, they say so in one line, are not ready, hardly use a processor, and do their work once it is there."""
    async with FakeChat() as chat, Installation(broker.bootstrap, unique, tmp_path) as house:
        broker.kill(1)
        worker = house.worker(policies=house.file("policies.yaml", POLICIES))
        notifier = house.notifier(chat)
        programs = [worker, notifier]
        await eventually(lambda: all("does not answer; waiting for it" in each.output for each in programs), 30)
        used = await appetite(programs, 60 if full else 8)
        for program in programs:
            assert await program.get("/healthz") == (200, '{"status": "ok"}')
            assert (await program.get("/readyz"))[0] == 503
            assert program.output.count("does not answer") == 1
            assert len(program.output.splitlines()) <= 2, program.output
        assert max(used) < SPIN, used

        await asyncio.to_thread(broker.start, 1)
        up = time.monotonic()
        for program in programs:
            await program.ready(60)
        ready = time.monotonic() - up
        house.events.put(created("silent", now()))
        house.events.flush()
        await eventually(lambda: _messages(chat, "breach"), 30)
    figures(
        fault="Kafka absent at the start of worker and notifier",
        cpu_worker=f"{used[0]:.1%} of a core",
        cpu_notifier=f"{used[1]:.1%} of a core",
        ready_after=f"{ready:.1f} s",
        shown="one line, /healthz green and /readyz red, retries up to 15 s apart; then all works",
    )


async def test_a_kafka_that_takes_connections_and_says_nothing(
    broker: KafkaCluster, unique: str, tmp_path: Path
) -> None:
    """A frozen broker counts as absent, and soon."""
    async with FakeChat() as chat, Installation(broker.bootstrap, unique, tmp_path) as house:
        os.kill(broker.pid(1), signal.SIGSTOP)
        try:
            programs = [house.worker(), house.notifier(chat)]
            await eventually(lambda: all("does not answer; waiting for it" in each.output for each in programs), 30)
            assert all([(await program.get("/readyz"))[0] == 503 for program in programs])
        finally:
            os.kill(broker.pid(1), signal.SIGCONT)
        for program in programs:
            await program.ready(60)


def test_commands_without_kafka_end_with_70_and_one_line(broker: KafkaCluster, tmp_path: Path) -> None:
    """What a person waits for does not wait for long; `topics` is part of an installation's start, and waits."""
    broker.kill(1)
    file = tmp_path / "events.jsonl"
    file.write_bytes(_json(created("T-1", now())) + b"\n")
    for command in (["send", str(file)], ["dead-letters", "list"], ["dead-letters", "requeue", "--all"]):
        done = slawatch(*command, kafka=broker.bootstrap)
        assert done.returncode == 70, done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert broker.bootstrap in done.stderr
    for what in ("create", "check"):
        with subprocess.Popen(
            [SLAWATCH, "topics", what], env=environment(kafka=broker.bootstrap), stderr=subprocess.PIPE, text=True
        ) as waiting:
            assert waiting.stderr is not None
            assert "does not answer; waiting for it" in waiting.stderr.readline()
            waiting.terminate()
    broker.start(1)


async def test_unfit_topics_are_refused_by_whoever_needs_them(
    kafka: str, unique: str, tmp_path: Path, admin: AIOKafkaAdminClient
) -> None:
    """Missing, with a wrong number of partitions, or kept in the wrong way: exit code 3, the topic and the remedy."""
    file = tmp_path / "events.jsonl"
    file.write_bytes(_json(created("T-1", now())) + b"\n")
    async with FakeChat() as chat:
        house = Installation(kafka, unique, tmp_path)  # not entered: its topics are missing
        await _refused(house.worker(), f"topic {house.topics.changelog} does not exist", "slawatch topics create")
        await _refused(house.notifier(chat), f"topic {house.topics.alerts} does not exist", "slawatch topics create")
        for command in (["send", str(file)], ["dead-letters", "list"]):
            done = slawatch(*command, **house.settings())
            assert (done.returncode, "slawatch topics create" in done.stderr) == (3, True), done.stderr

        await admin.create_topics(
            [
                NewTopic(house.topics.deliveries, 3, 1, topic_configs={"cleanup.policy": "delete"}),
                NewTopic(house.topics.changelog, 3, 1, topic_configs={"cleanup.policy": "delete"}),
                NewTopic(house.topics.inputs[0], 2, 1),
            ]
        )
        async with house:  # creates the others
            kept = "has cleanup.policy=delete, it must be compact"
            await _refused(
                house.worker("w2"),
                f"topic {house.topics.changelog} {kept}",
                f"topic {house.topics.inputs[0]} has 2 partitions, not 3",
            )
            await _refused(house.notifier(chat), f"topic {house.topics.deliveries} {kept}")
            done = slawatch("send", str(file), **house.settings())
            assert (done.returncode, f"{house.topics.inputs[0]} 2" in done.stderr) == (3, True), done.stderr
