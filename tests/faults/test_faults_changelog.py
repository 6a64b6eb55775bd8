"""Records in the changelog that no worker wrote: told, counted, never applied, and what they hid is found again."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections import Counter
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from fake_chat import FakeChat
from fault_past import POLICIES, Past, changelog_watched
from kafka_io import last_of_each
from processes import Installation
from waiting import eventually

from streams.events import TOPIC_OF

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Figures
    from services import RedisServer

BAD = 5
"""Records of the input that nobody can read."""


async def test_what_others_write_to_the_changelog_is_refused_and_written_over(
    kafka: str, unique: str, tmp_path: Path, seed: int, figures: Figures
) -> None:
    """A byte changed, a ticket deleted, a ticket invented: while the worker runs, then while it does not."""
    past, rng = Past(seed, 300), random.Random(seed)
    first, rest = past.parts(2)
    async with Installation(kafka, unique, tmp_path) as house:
        settings = {"policies": house.file("policies.yaml", POLICIES)}
        worker = await house.worker(**settings).ready()
        await _told(house, first)
        forged = await _forge(house, rng)
        await _told(house, rest)

        async def noticed() -> bool:
            return await worker.metric("sla_foreign_writes_total") == forged

        await eventually(noticed, 30, every=0.2)
        await past.shown_right(worker)
        assert await worker.stop() == 0
        await _complained(house, "another process wrote")

        forged = await _forge(house, rng)
        worker = await house.worker(**settings).ready()
        assert await worker.metric("sla_changelog_records_refused_total") == forged
        assert worker.output.count("was not written by a worker") == forged
        await past.shown_right(worker)
        assert await worker.metric("sla_events_total") == 0, "nothing was lost, so nothing needs to be read again"
        await past.assert_ledger(house)
        assert await worker.stop() == 0
        await _complained(house, "were not written by a worker")

        shutil.rmtree(tmp_path / "w1")
        worker = await house.worker(**settings).ready()
        assert await worker.metric("sla_changelog_records_refused_total") == 0, "they were written over"
        await past.shown_right(worker)
        assert await worker.stop() == 0
    figures(
        fault="changelog records tampered with, by another process",
        shown="none is applied; counted, logged with offset and key, told as an operations alert, written over",
        while_running=forged,
        while_no_worker_ran=forged,
    )


async def test_what_compaction_took_for_a_forged_record_comes_from_the_input_again(
    kafka: str, redis_server: RedisServer, unique: str, tmp_path: Path, seed: int, full: bool, figures: Figures
) -> None:
    """All that is left of the changelog is forged, the disk is empty, and the worker is killed in the middle."""
    past, rng = Past(seed, 2000 if full else 600), random.Random(seed)
    async with FakeChat() as chat, Installation(kafka, unique, tmp_path, redis=redis_server.url) as house:
        settings = {"policies": house.file("policies.yaml", POLICIES)}
        worker, notifier = house.worker(**settings), house.notifier(chat)
        await worker.ready()
        await notifier.ready()
        for number in range(BAD):
            house.events.put_raw(TOPIC_OF["ticket_created"], b"bad", b"no JSON %d" % number)
        await _told(house, past.events)
        await past.shown_right(worker)
        await house.delivered()
        assert await worker.stop() == 0
        said = _said(chat)
        assert said
        written = len(await house.alerts())

        ends = await _ends(house)
        forged = await _forge(house, rng)
        await _cut(house, ends)
        shutil.rmtree(tmp_path / "w1")
        async with changelog_watched(house) as appended:
            worker = house.worker(**settings)
            seen = await appended(forged + 1)  # the forged ones are written over before anything is read
            worker.kill()
        assert "is read again from its beginning" in worker.output
        shutil.rmtree(tmp_path / "w1")
        worker = await house.worker(**settings).ready()
        await house.caught_up()
        await past.shown_right(worker)
        await past.assert_ledger(house)
        await house.delivered()
        again = len(await house.alerts()) - written
        assert _said(chat) - said == Counter(), "a message came twice, or one that was never due"
        dead = len(await house.records(house.topics.dead_letters))
        assert dead % BAD == 0
        assert await worker.stop() == 0
    figures(
        fault="a forged changelog record whose predecessor is compacted away, on an empty disk, killed in the middle",
        shown="the partition's input is read again: ledger and windows the judge's, no message sent again",
        events=len(past.events),
        records_written_before_the_kill=seen,
        messages=sum(said.values()),
        alert_records_written_again=again,
        dead_letters=f"{dead} for {BAD} bad records",
    )


async def _told(house: Installation, events: list[dict[str, object]]) -> None:
    house.events.put(*events)
    await asyncio.to_thread(house.events.flush)
    await house.caught_up()


async def _forge(house: Installation, rng: random.Random) -> int:
    """Writes to each partition of the changelog; how many records."""
    last = await last_of_each(house.bootstrap, house.topics.changelog, house.partitions)
    producer = Producer({"bootstrap.servers": house.bootstrap})
    count = 0
    for number in range(house.partitions):
        records = sorted((r for r in last.values() if r.partition == number and r.value), key=lambda r: r.key)
        changed, deleted = rng.sample(records, 2)
        value = bytearray(changed.value)
        value[rng.randrange(len(value))] ^= 1
        for key, content, headers in (
            (changed.key, bytes(value), list(changed.headers)),
            (deleted.key, None, []),
            (b"invented-%d" % number, changed.value, list(changed.headers)),
        ):
            producer.produce(house.topics.changelog, content, key, number, headers=headers)
            count += 1
    assert producer.flush(30) == 0
    return count


async def _complained(house: Installation, words: str) -> None:
    """The operations were told."""
    told = [alert["message"] for _, alert in await house.alerts() if alert["target"] == "changelog"]
    assert any(words in message for message in told), told


async def _ends(house: Installation) -> dict[TopicPartition, int]:
    async with AIOKafkaConsumer(bootstrap_servers=house.bootstrap) as consumer:
        places = [TopicPartition(house.topics.changelog, number) for number in range(house.partitions)]
        return dict(await consumer.end_offsets(places))


async def _cut(house: Installation, ends: dict[TopicPartition, int]) -> None:
    """Drops the changelog up to these offsets."""
    topic = house.topics.changelog
    await asyncio.to_thread(_set_cleanup, house.bootstrap, topic, "compact,delete")
    admin = AIOKafkaAdminClient(bootstrap_servers=house.bootstrap)
    await admin.start()
    try:
        await admin.delete_records({place: RecordsToDelete(before_offset=end) for place, end in ends.items()})
    finally:
        await admin.close()
    await asyncio.to_thread(_set_cleanup, house.bootstrap, topic, "compact")


def _set_cleanup(bootstrap: str, topic: str, policy: str) -> None:
    entry = ConfigEntry("cleanup.policy", policy, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": bootstrap})
    (done,) = admin.incremental_alter_configs([resource]).values()
    done.result()


def _said(chat: FakeChat) -> Counter[tuple[str, str]]:
    """The messages about tickets."""
    bodies = [post.body for post in chat.posts]
    return Counter((body["alert_id"], body["kind"]) for body in bodies if body["level"] != "operations")
